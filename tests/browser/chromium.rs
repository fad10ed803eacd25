//! Debian's Chromium, driven by its own driver over HTTP ([WebDriver](https://www.w3.org/TR/webdriver2/)), and axe-core as PyPI
//! has it: `cargo xtask test` installs all of it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wharf_testkit::http::Client;
use wharf_testkit::server::{PASSWORD, Server, wait_for};

/// Keys that stand for no text (WebDriver, "Keyboard actions").
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Width of what is seen, in pixels.
    pub(crate) width: u32,
    /// `light` or `dark`.
    pub(crate) scheme: &'static str,
}

/// Those in which every page is looked at: a phone and a desk, by day and by night.
pub(crate) const LOOKS: [Look; 4] = [
    Look { width: 1440, scheme: "light" },
    Look { width: 1440, scheme: "dark" },
    Look { width: 360, scheme: "light" },
    Look { width: 360, scheme: "dark" },
];

/// A browser in front of a server. Closed when dropped.
pub(crate) struct Browser {
    driver: Client,
    session: String,
    process: Child,
    base: String,
    axe: String,
}

impl Browser {
    pub(crate) fn open(server: &Server) -> Browser {
        let (process, port) = driver();
        let driver = Client { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), authorization: None };
        // In a container nobody may make the sandbox that Chromium asks for.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"];
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "ALL" }, "timeouts": { "script": 60_000 },
        });
        let mut browser = Browser {
            driver,
            session: "/session".to_owned(),
            process,
            base: format!("http://{}", server.address),
            axe: axe(),
        };
        let made = browser.send("POST", "", json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", made["sessionId"].as_str().expect("a session"));
        let clipboard =
            json!({ "origin": browser.base, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        browser.devtools("Browser.grantPermissions", clipboard);
        browser.look(LOOKS[0]);
        browser
    }

    /// A command to the driver; what it answers.
    #[track_caller]
    fn send(&self, method: &str, command: &str, body: Value) -> Value {
        let request = self.driver.request(method, &format!("{}{command}", self.session));
        let request = if body.is_null() {
            request
        } else {
            request.header("Content-Type", "application/json").body(body.to_string())
        };
        let answer = request.send();
        let mut told = answer.json();
        assert_eq!(answer.status, 200, "{command}: {told:#}");
        told["value"].take()
    }

    #[track_caller]
    fn devtools(&self, command: &str, parameters: Value) {
        self.send("POST", "/goog/cdp/execute", json!({ "cmd": command, "params": parameters }));
    }

    /// As it is seen from now on.
    pub(crate) fn look(&self, look: Look) {
        self.size(look.width, 900);
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": look.scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media);
    }

    fn size(&self, width: u32, height: u64) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// Opens a page, and waits until it is all there.
    #[track_caller]
    pub(crate) fn go(&self, path: &str) {
        self.send("POST", "/url", json!({ "url": format!("{}{path}", self.base) }));
    }

    /// Where it is.
    pub(crate) fn path(&self) -> String {
        let url = self.send("GET", "/url", Value::Null);
        let url = url.as_str().expect("an address");
        url.strip_prefix(&self.base).expect("a page of the registry").to_owned()
    }

    /// Signs in as the administrator, by the form.
    pub(crate) fn sign_in(&self) {
        self.go("/-/sign-in");
        self.press("admin");
        self.press(TAB);
        self.press(PASSWORD);
        self.press(ENTER);
        self.arrive("/");
    }

    /// Presses keys, as on a keyboard: whatever has the focus gets them.
    #[track_caller]
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|way| json!({ "type": way, "value": key.to_string() })));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>() });
        self.send("POST", "/actions", json!({ "actions": [keyboard] }));
    }

    /// Presses Tab until what has the focus reads so.
    #[track_caller]
    pub(crate) fn tab_to(&self, text: &str) {
        let mut seen = Vec::new();
        for _ in 0..150 {
            self.press(TAB);
            let focus = self.focus();
            if focus.contains(text) {
                return;
            }
            seen.push(focus);
        }
        panic!("Tab leads nowhere to {text:?}: {seen:#?}");
    }

    /// What has the focus, as it is read out.
    pub(crate) fn focus(&self) -> String {
        let script = "const at = document.activeElement; return (at.ariaLabel || at.innerText || at.value || at.name || '').trim()";
        self.ask(script).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until it is at this path, whatever is asked there.
    #[track_caller]
    pub(crate) fn arrive(&self, path: &str) {
        wait_for(path, || {
            let here = self.path();
            (here.split('?').next() == Some(path)).then_some(())
        });
        // The address is there before the page is.
        wait_for("the page", || (self.ask("return document.readyState") == json!("complete")).then_some(()));
    }

    /// What a script returns.
    #[track_caller]
    pub(crate) fn ask(&self, script: &str) -> Value {
        self.send("POST", "/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// What a script hands to `done`.
    #[track_caller]
    fn ask_for(&self, script: &str) -> Value {
        let script = format!("const done = arguments[0]; {script}");
        self.send("POST", "/execute/async", json!({ "script": script, "args": [] }))
    }

    /// The text of what a page tells.
    pub(crate) fn text(&self) -> String {
        self.ask("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// What is in the clipboard.
    pub(crate) fn clipboard(&self) -> String {
        let text = self.ask_for("navigator.clipboard.readText().then(done, (error) => done(`${error}`))");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What the console says since it was asked last, reports of the content security policy among it.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.send("POST", "/se/log", json!({ "type": "browser" }));
        entries
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| format!("{}: {}", entry["level"], entry["message"]))
            .collect()
    }

    /// What was asked of others for this page.
    pub(crate) fn asked_elsewhere(&self) -> Vec<String> {
        let asked = self.ask("return performance.getEntriesByType('resource').map((one) => one.name)");
        texts(&asked).filter(|name| !name.starts_with(&self.base)).map(str::to_owned).collect()
    }

    /// Where links of the content and of the head of the page lead.
    pub(crate) fn links(&self) -> Vec<String> {
        let all = "[...document.querySelectorAll('main a[href], header a[href]')]";
        texts(&self.ask(&format!("return {all}.map((one) => one.getAttribute('href'))"))).map(str::to_owned).collect()
    }

    /// By how many pixels the page is wider than what is seen.
    pub(crate) fn overhang(&self) -> i64 {
        let script = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
        self.ask(script).as_i64().unwrap_or(i64::MAX)
    }

    /// What keeps somebody out, by axe-core's rules for WCAG 2.2 AA and its best practices.
    pub(crate) fn barriers(&self) -> Vec<String> {
        self.ask(&self.axe);
        let found = self.ask_for(
            "const tell = (found) => found.nodes.map((node) => `${found.id}: ${node.target}: ${node.failureSummary}`);
             axe.run(document, { resultTypes: ['violations'] })
                .then((all) => done(all.violations.flatMap(tell)), (error) => done([`${error}`]))",
        );
        texts(&found).map(str::to_owned).collect()
    }

    /// Keeps a picture of the whole page, or of the first 8,000 pixels of it.
    pub(crate) fn picture(&self, name: &str, look: Look) {
        let height = self.ask("return document.documentElement.scrollHeight").as_u64().unwrap_or_default();
        self.size(look.width, height.clamp(900, 8_000));
        let taken = self.send("GET", "/screenshot", Value::Null);
        let folder = target().join("screenshots");
        fs::create_dir_all(&folder).expect("a folder for pictures");
        let file = folder.join(format!("{name}-{}-{}.png", look.width, look.scheme));
        fs::write(file, STANDARD.decode(taken.as_str().unwrap_or_default()).expect("base64")).expect("a picture");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver closes the browser; without it that would go on.
        let _ = self.driver.request("DELETE", &self.session).try_send();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Chromium's driver, on a port of its own.
fn driver() -> (Child, u16) {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().expect("chromedriver is installed: cargo xtask test does that");
    // The pipe stays with the process: where nobody could read it the driver would end.
    let mut said = BufReader::new(process.stdout.as_mut().expect("a pipe")).lines().map_while(Result::ok);
    let port = said.find_map(|line| line.trim_end_matches('.').rsplit_once("successfully on port ")?.1.parse().ok());
    (process, port.expect("it says on which port it listens"))
}

fn target() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(own, PathBuf::from)
}

/// axe-core, in one file.
fn axe() -> String {
    let packages = fs::read_dir(target().join("axe/lib")).expect("axe-core is installed: cargo xtask test does that");
    let versions = packages.map(|entry| entry.expect("a folder").path());
    let mut files = versions.map(|folder| folder.join("site-packages/axe_playwright_python/axe.min.js"));
    fs::read_to_string(files.find(|file| file.exists()).expect("axe-core")).expect("text")
}
