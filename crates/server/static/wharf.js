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

  // The same page as it is now, or nothing where it cannot be had.
  const again = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      return answer.ok ? page.getElementById("main") : null;
    } catch { return null; }
  };

  // Puts it in the place of what is shown; the focus stays on the link that has it.
  const show = (main, text) => {
    const focus = document.activeElement.getAttribute("href");
    document.getElementById("main").replaceWith(document.adoptNode(main));
    begin();
    if (focus) all("main a").find((link) => link.getAttribute("href") === focus)?.focus();
    tell(text);
  };

  let waited = 0;
  const wait = async () => {
    if (!document.querySelector("[data-waiting]") || waited > 40) return;
    waited += 1;
    await new Promise((done) => setTimeout(done, Math.min(1000 * 1.2 ** waited, 10000)));
    const main = await again();
    if (main && !main.querySelector("[data-waiting]")) return show(main, "This page is now complete");
    wait();
  };

  // --- what comes while somebody looks

  const LIVE_MS = 5000;
  const rows = (root) => all("[data-row]", root).map((row) => all("a, code", row).map((part) => part.textContent).join(" ")).join("\n");

  const live = async () => {
    const list = document.querySelector("[data-live]");
    if (!list) return;
    const is_busy = () => document.hidden || document.activeElement.matches("input, textarea, select");
    if (!is_busy()) {
      const main = await again();
      if (main && rows(main) !== rows(document) && !is_busy()) show(main, "Something came: this page is up to date");
    }
    setTimeout(live, LIVE_MS);
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

  const KEYS = [["j", "the next row"], ["k", "the row before"], ["/", "look for something"], ["Enter", "open"], ["?", "these keys"]];

  const keys = () => {
    const box = document.createElement("dialog");
    const title = document.createElement("h2");
    const list = document.createElement("dl");
    const close = document.createElement("button");
    title.textContent = "Keys";
    title.id = "keys";
    box.setAttribute("aria-labelledby", "keys");
    list.className = "pairs";
    for (const [key, does] of KEYS) {
      const pair = document.createElement("div");
      const name = document.createElement("dt");
      const what = document.createElement("dd");
      const cap = document.createElement("kbd");
      cap.textContent = key;
      name.append(cap);
      what.textContent = does;
      pair.append(name, what);
      list.append(pair);
    }
    close.textContent = "Close";
    close.className = "button";
    close.addEventListener("click", () => box.close());
    box.append(title, list, close);
    box.addEventListener("close", () => box.remove());
    document.body.append(box);
    box.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "/") {
      const field = document.querySelector("input[type=search]");
      if (!field) return;
      field.focus();
      field.select();
    } else if (event.key === "?") keys();
    else return;
    event.preventDefault();
  });

  const dropping = (form) => {
    const files = form.querySelector("input[type=file]");
    const sent = form.querySelector("progress");
    const note = form.querySelector("[data-drop-note]");
    note.hidden = false;
    document.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
    document.addEventListener("dragleave", () => form.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      form.classList.remove("over");
      if (event.dataTransfer.files.length) files.files = event.dataTransfer.files;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.upload.addEventListener("progress", (step) => { sent.max = step.total; sent.value = step.loaded; });
      request.addEventListener("load", () => {
        if (request.status < 400) { location.href = request.responseURL; return; }
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        const why = page.querySelector(".lead");
        failed(why ? why.textContent : "It was not pushed.");
      });
      request.addEventListener("error", () => failed("The registry cannot be reached. Nothing was pushed."));
      const button = form.querySelector("button");
      const failed = (why) => { sent.hidden = true; button.disabled = false; note.textContent = why; tell(why); };
      sent.hidden = false;
      button.disabled = true;
      request.send(new FormData(form));
    });
  };

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
    for (const form of all("[data-drop]")) dropping(form);
  };

  begin();
  wait();
  setTimeout(live, LIVE_MS);
})();
