// What makes pages quicker. Nothing needs it: every page says and does the same without.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const told = document.getElementById("told");
  let hush = 0;

  const tell = (text) => {
    told.textContent = text;
    clearTimeout(hush);
    hush = setTimeout(() => { told.textContent = ""; }, 2000);
  };

  // --- copying

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Browsers have the clipboard where nobody can listen; elsewhere there is the old way.
      const field = document.createElement("textarea");
      field.value = button.dataset.copy;
      field.className = "unseen";
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      button.focus();
      if (!done) return tell("It could not be copied: mark it and copy it yourself");
    }
    tell("Copied");
    const use = button.querySelector("use");
    use.setAttribute("href", "#i-check");
    button.classList.add("done");
    setTimeout(() => { use.setAttribute("href", "#i-copy"); button.classList.remove("done"); }, 1500);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });

  // --- the client whose command is shown

  const remembered = () => { try { return localStorage.getItem("client"); } catch { return null; } };
  const remember = (client) => { try { localStorage.setItem("client", client); } catch { /* then not */ } };

  const choose = (box) => {
    const chosen = box.querySelector("input:checked");
    for (const radio of all("input", box)) {
      document.getElementById(radio.dataset.shows).hidden = radio !== chosen;
    }
  };

  // --- looking through a long table

  const search = (box, field) => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of all("tbody tr", box)) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    return shown;
  };

  const searched = (box) => {
    const tools = document.createElement("div");
    const field = document.createElement("input");
    const count = document.createElement("p");
    tools.className = "tools";
    const form = document.createElement("form");
    field.type = "search";
    field.placeholder = "Find in this table";
    field.setAttribute("aria-label", `Find in ${box.querySelector("caption").textContent}`);
    count.className = "quiet";
    count.setAttribute("role", "status");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.append(field);
    tools.append(form, count);
    box.before(tools);
    const rows = all("tbody tr", box).length;
    field.addEventListener("input", () => {
      const shown = search(box, field);
      count.textContent = field.value ? `${shown} of ${rows}` : "";
    });
  };

  // --- what is still being found out

  let waited = 0;
  const wait = async () => {
    if (!document.querySelector("[data-waiting]") || waited > 40) return;
    waited += 1;
    await new Promise((done) => setTimeout(done, Math.min(1000 * 1.2 ** waited, 10000)));
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page.getElementById("main");
      if (main && !main.querySelector("[data-waiting]")) {
        document.getElementById("main").replaceWith(document.adoptNode(main));
        begin();
        return tell("This page is now complete");
      }
    } catch { /* the next time, perhaps */ }
    wait();
  };

  // --- keys

  let at = -1;
  const go = (step) => {
    const rows = all("[data-row]").filter((row) => !row.hidden);
    if (!rows.length) return;
    at = Math.min(Math.max(at + step, 0), rows.length - 1);
    for (const row of all(".at")) row.classList.remove("at");
    rows[at].classList.add("at");
    const link = rows[at].querySelector("a");
    (link || rows[at]).focus();
    rows[at].scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "/") {
      const field = document.querySelector("input[type=search]");
      if (!field) return;
      field.focus();
      field.select();
    } else return;
    event.preventDefault();
  });

  const begin = () => {
    at = -1;
    for (const button of all(".copy")) button.hidden = false;
    for (const box of all("[data-clients]")) {
      if (!box.querySelector(".clients")) continue;
      const known = all("input", box).find((radio) => radio.value === remembered());
      if (known) known.checked = true;
      box.classList.add("chosen");
      box.addEventListener("change", (event) => { remember(event.target.value); choose(box); });
      choose(box);
    }
    for (const box of all("[data-searched]")) searched(box);
  };

  begin();
  wait();
})();
