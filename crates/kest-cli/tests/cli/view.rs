//! `kest view`: who is answered, with what, and how it begins and ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kest_core::policy::dangerous_allow_all;
use kest_core::trust::Origin;
use kest_core::{Admitter, Operation};

use crate::audit::{log, write};
use crate::support::kest;

/// The page over a log, until it is dropped.
pub(crate) struct Viewer {
    child: Child,
    pub(crate) address: String,
    said: mpsc::Receiver<String>,
}

impl Viewer {
    /// Starts it over this folder; its keys lie beside it. All that is there is read.
    pub(crate) fn over(folder: &Path) -> Self {
        let keys = folder.parent().unwrap().join("bundle.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_kest"))
            .args(["view", "--listen", "127.0.0.1:0", "--log"])
            .arg(folder)
            .arg("--keys")
            .arg(keys)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut told).unwrap();
        let address = told.trim().strip_prefix("listening on ").unwrap().to_owned();
        let (say, said) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let viewer = Self { child, address, said };
        viewer.hear("all of the log is read");
        viewer
    }

    /// Waits until it says this on standard error.
    fn hear(&self, what: &str) -> String {
        self.said.iter().find(|line| line.contains(what)).unwrap()
    }

    /// The whole answer to a request.
    pub(crate) fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[track_caller]
fn check_refused(viewer: &Viewer, request: &str, status: u16) {
    let answer = viewer.ask(request);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(head.split(' ').nth(1), Some(status.to_string().as_str()), "{request}{answer}");
    assert_eq!(body, "", "{request}");
    assert!(!head.contains("access-control"), "{head}");
}

/// Attack: DNS rebinding. A page of another site has its own name lead to this machine, and would read the log by it.
#[test]
fn page_of_a_rebound_name_learns_nothing() {
    let (_directory, folder, _last) = log("view-rebinding");
    let viewer = Viewer::over(&folder);
    let port = viewer.address.rsplit_once(':').unwrap().1;
    for host in [format!("evil.example:{port}"), "evil.example".to_owned(), "127.0.0.1".to_owned()] {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        check_refused(&viewer, &request, 421);
    }
    check_refused(&viewer, "GET / HTTP/1.0\r\n\r\n", 421);
    let host = format!("localhost:{port}");
    let answer = viewer.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// Attack: another site's page asks by a form, by a script, or by loading the page into itself.
#[test]
fn other_sites_and_other_methods_are_refused() {
    let (_directory, folder, _last) = log("view-methods");
    let viewer = Viewer::over(&folder);
    let tail = format!("host: {}\r\nconnection: close\r\n", viewer.address);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "PATCH", "ODD"] {
        let request = format!("{method} / HTTP/1.1\r\n{tail}origin: http://evil.example\r\n\r\n");
        check_refused(&viewer, &request, 405);
    }
    let scripts = "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: script\r\n\r\n";
    check_refused(&viewer, &format!("GET /view.js HTTP/1.1\r\n{tail}{scripts}"), 403);
    let post = format!("POST / HTTP/1.1\r\n{tail}content-length: 1000000\r\n\r\nx");
    check_refused(&viewer, &post, 405);
}

#[test]
fn every_answer_forbids_what_it_does_not_need() {
    let (_directory, folder, last) = log("view-headers");
    let viewer = Viewer::over(&folder);
    let lineage = format!("/lineage?entry={}", last.entry().hash().to_hex());
    for path in ["/", "/refusals", "/log", "/view.js", "/changes", "/nothing", "/?min_trust=x", &lineage] {
        let answer = viewer.get(path);
        let head = answer.split_once("\r\n\r\n").unwrap().0;
        for line in [
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
            "content-security-policy: default-src 'none'; ",
        ] {
            assert!(head.contains(line), "{path}: {line}: {head}");
        }
        assert!(!head.contains("unsafe") && !head.contains("access-control"), "{head}");
        assert!(head.contains("frame-ancestors 'none'"), "{head}");
    }
}

#[test]
fn lists_and_lineages_are_found_by_what_is_asked() {
    let (_directory, folder, last) = log("view-search");
    let viewer = Viewer::over(&folder);
    let trace = last.entry().labels().trace_id().unwrap().to_owned();
    let hash = last.entry().hash().to_hex();
    let found = |path: &str, what: &str| {
        let answer = viewer.get(path);
        assert!(answer.contains(what), "{path}: {what}: {answer}");
    };
    found("/", "root");
    found("/?operation=leaf&taint=raw&min_trust=1&since=2020-01-01T00:00", "1 lineage that fit");
    for none in ["/?operation=lea", "/?user=alice", "/?max_trust=0", "/?until=1", "/?trace=00"] {
        found(none, "No lineage fits.");
    }
    found("/?refused=on", "location: /refusals?refused=on");
    found("/refusals", "1 refusal,");
    found("/refusals?operation=pay", "1 refusal that fit");
    found("/refusals?operation=leaf", "No refusal fits.");
    found("/?min_trust=ten", "min_trust is not understood");
    found(&format!("/records?trace={trace}"), "2 entries, the oldest first");
    found(&format!("/lineage?trace={trace}"), "data-digest=");
    found(&format!("/lineage?entry={hash}"), "Entries and their ends");
    for none in
        ["/lineage", "/lineage?trace=1", "/lineage?entry=x", "/lineage?entry=&trace=", "/records?trace=x"]
    {
        let answer = viewer.get(none);
        assert!(answer.starts_with("HTTP/1.1 404 "), "{none}: {answer}");
    }
}

/// Attack: a request whose address is as long as memory.
#[test]
fn address_without_end_is_refused_before_it_is_held() {
    let (_directory, folder, _last) = log("view-long");
    let viewer = Viewer::over(&folder);
    let mut stream = TcpStream::connect(&viewer.address).unwrap();
    stream.write_all(b"GET /?user=").unwrap();
    let mut sent = 0;
    // Whichever comes first: the system says that the other side is gone, or all of it was sent.
    while sent < 64 * 1024 * 1024 && stream.write_all(&[b'x'; 64 * 1024]).is_ok() {
        sent += 64 * 1024;
    }
    assert!(sent < 64 * 1024 * 1024, "{sent}");
    assert!(viewer.get("/").starts_with("HTTP/1.1 200 "));
}

/// Attack: a client that sent half a head, and others that say nothing, hold the end up.
#[cfg(unix)]
#[test]
fn signals_end_it_whatever_clients_do() {
    let (_directory, folder, _last) = log("view-end");
    for signal in ["-INT", "-TERM"] {
        let mut viewer = Viewer::over(&folder);
        let mut half = TcpStream::connect(&viewer.address).unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nho").unwrap();
        let _idle = TcpStream::connect(&viewer.address).unwrap();
        assert!(viewer.get("/").starts_with("HTTP/1.1 200 "));
        let (id, told) = (viewer.child.id().to_string(), Instant::now());
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(viewer.child.wait().unwrap().code(), Some(0), "{signal}");
        // A head may take thirty seconds, and is not waited for.
        assert!(told.elapsed() < Duration::from_secs(15), "{signal}: {:?}", told.elapsed());
    }
}

/// Attack: clients ask for pages that take without end, and hang up: the work goes on, piles up, and holds the end up.
#[cfg(target_os = "linux")]
#[test]
fn pages_of_clients_that_went_away_are_few_and_hold_no_end_up() {
    let (_directory, folder, last) = log("view-hung-up");
    let mut viewer = Viewer::over(&folder);
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&file).unwrap();
    // Opening it waits for a writer, and there is none.
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let path = format!("/lineage?entry={}", last.entry().hash().to_hex());
    for _client in 0..40 {
        let mut stream = TcpStream::connect(&viewer.address).unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", viewer.address).as_bytes())
            .unwrap();
        check_refused(&viewer, &format!("HEAD / HTTP/1.0\r\nhost: {}\r\n\r\n", viewer.address), 405);
    }
    let id = viewer.child.id().to_string();
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap().count();
    assert!((5..=10).contains(&threads), "{threads}");
    let told = Instant::now();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ended = std::iter::from_fn(|| Some(viewer.child.try_wait().unwrap()));
    let ended = ended.take_while(|_| told.elapsed() < Duration::from_secs(15)).find_map(|ended| ended);
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[test]
fn it_says_why_it_does_not_listen() {
    let (directory, folder, _last) = log("view-listen");
    let viewer = Viewer::over(&folder);
    let (folder, keys) = (folder.to_str().unwrap(), directory.join("bundle.json"));
    let keys = keys.to_str().unwrap();
    let run = |listen: &str| kest(["view", "--log", folder, "--keys", keys, "--listen", listen], b"");
    let used = run(&viewer.address);
    assert_eq!((used.code, used.text()), (Some(2), ""));
    assert!(used.stderr.contains(&format!("address is in use: {}", viewer.address)), "{}", used.stderr);
    // Attack: a page that asks for no password is put where other machines reach it, without a word.
    for beyond in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8088"] {
        let refused = run(beyond);
        assert_eq!(refused.code, Some(2), "{beyond}");
        assert!(refused.stderr.contains("--dangerous-beyond-this-machine"), "{}", refused.stderr);
    }
    let none = kest(["view", "--log", "/no/such/log", "--keys", keys], b"");
    assert_eq!(none.code, Some(2));
}

/// A file that is deleted meanwhile, lines that are no records, and a writer that comes: the page goes on.
#[test]
fn what_comes_is_shown_and_what_is_wrong_is_counted() {
    let (_directory, folder, _last) = log("view-live");
    let first = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut file = std::fs::OpenOptions::new().append(true).open(&first).unwrap();
    file.write_all(b"no record\n{}\n").unwrap();
    let viewer = Viewer::over(&folder);
    assert!(viewer.get("/log").contains("2 lines are no records."));
    let before = viewer.get("/changes");
    std::fs::remove_file(&first).unwrap();
    write(&folder, async |service: Admitter| {
        let operation = Operation::named("late").unwrap();
        drop(service.originate(Origin::system(), &operation, &dangerous_allow_all()).await.unwrap());
    });
    let list = std::iter::from_fn(|| Some(viewer.get("/"))).find(|list| list.contains("late")).unwrap();
    assert!(list.contains("root"), "{list}");
    assert_ne!(viewer.get("/changes"), before);
}
