//! `kest view`: who is answered, with what, and how it begins and ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use kest_core::entry::EntryHash;
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
        let next = || self.said.recv_timeout(Duration::from_secs(120)).ok();
        std::iter::from_fn(next)
            .find(|line| line.contains(what))
            .unwrap_or_else(|| panic!("not said: {what}"))
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
    for none in ["/?operation=lea", "/?user=alice", "/?max_trust=0", "/?until=1973-03-04", "/?trace=00"] {
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

/// A record that no service wrote, as a line of this writer.
fn line(writer: &str, seq: usize, record: &str) -> String {
    let prev = "0".repeat(64);
    format!(
        "{{\"at\":{},\"prev\":\"{prev}\",\"record\":{record},\"seq\":{seq},\"v\":1,\"writer\":\"{writer}\"}}\n",
        1_800_000_000_000 + seq
    )
}

/// An entry with a made-up signature, and the record of it.
fn unsigned(parent: Option<&str>, labels: &str, padding: usize) -> (String, String) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let parents: Vec<String> = parent.map(|it| EntryHash::of(it).to_hex()).into_iter().collect();
    let payload = format!(
        "{{\"operation\":\"made up\",\"trust_score\":40,\"taints\":[],\"parent_ids\":{parents:?},\"labels\":{labels},\"more\":\"{}\"}}",
        "x".repeat(padding)
    );
    let entry = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(payload));
    let record = format!("{{\"carried\":{{\"entry\":\"{entry}\"}}}}");
    (entry, record)
}

const WRITER: &str = "01900000-0000-7000-8000-000000000000";
const LATER: &str = "01900000-0000-7000-8000-000000000001";

/// Failure: the file of a parent was deleted in order, and its child was taken for a log that cannot be read.
#[test]
fn lineage_whose_beginning_was_deleted_is_drawn_without_it() {
    let (_directory, folder, _last) = log("view-deleted");
    // A label that is no text hides nothing else.
    let (root, record) = unsigned(None, r#"{"trace_id":"t","odd":1}"#, 0);
    let first = folder.join(format!("{WRITER}.000001.jsonl"));
    std::fs::write(&first, line(WRITER, 0, &record)).unwrap();
    let (leaf, record) = unsigned(Some(&root), r#"{"trace_id":"t","odd":{}}"#, 0);
    std::fs::write(folder.join(format!("{LATER}.000001.jsonl")), line(LATER, 1, &record)).unwrap();
    let viewer = Viewer::over(&folder);
    let asked = format!("entry={}", EntryHash::of(&leaf).to_hex());
    assert!(viewer.get(&format!("/records?{asked}")).contains("2 entries, the oldest first"));
    // Carried, and without an end of which the log knows.
    assert!(viewer.get("/?operation=made+up").contains("no end recorded here"));
    std::fs::remove_file(first).unwrap();
    let drawn = viewer.get(&format!("/lineage?{asked}"));
    assert!(drawn.starts_with("HTTP/1.1 200 ") && drawn.contains("data-digest="), "{drawn}");
    let records = viewer.get(&format!("/records?{asked}"));
    assert!(records.contains("1 entry") && records.contains(" not in the log"), "{records}");
}

/// Failure: a lineage that is longer than a passport may be was shown in part, and the rest was called lost.
#[test]
fn what_is_left_out_of_a_long_lineage_is_not_called_lost() {
    let (_directory, folder, _last) = log("view-shortened");
    let (mut lines, mut tip) = (String::new(), None::<String>);
    for seq in 0..160 {
        let (entry, record) = unsigned(tip.as_deref(), r#"{"trace_id":"t"}"#, 24 * 1024);
        lines.push_str(&line(WRITER, seq, &record));
        tip = Some(entry);
    }
    std::fs::write(folder.join(format!("{WRITER}.000001.jsonl")), lines).unwrap();
    let viewer = Viewer::over(&folder);
    let entry = format!("/records?entry={}", EntryHash::of(&tip.unwrap()).to_hex());
    for path in [entry.as_str(), "/records?trace=t"] {
        let records = viewer.get(path);
        assert!(records.contains("Older entries are left out"), "{path}: {records}");
        assert!(!records.contains("not in the log"), "{path}: {records}");
    }
}

/// Attack: a number of a page that no list has, up to the largest that there is.
#[test]
fn page_that_is_not_there_is_the_last_one() {
    let (_directory, folder, _last) = log("view-pages");
    let refused = (0..120).map(|seq| line(WRITER, seq, r#"{"refused":{"kind":"denied","step":"policy"}}"#));
    std::fs::write(folder.join(format!("{WRITER}.000001.jsonl")), refused.collect::<String>()).unwrap();
    let viewer = Viewer::over(&folder);
    for page in ["99", "18446744073709551615"] {
        assert!(viewer.get(&format!("/refusals?page={page}")).contains("Page 3 of 3"), "{page}");
        assert!(viewer.get(&format!("/?page={page}")).contains("1 lineage,"), "{page}");
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
    // Opening it waits for a writer, and no writer comes.
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
    let (_directory, folder, last) = log("view-live");
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
    let began = Instant::now();
    let looks = std::iter::from_fn(|| Some(viewer.get("/")));
    let mut looks = looks.take_while(|_| began.elapsed() < Duration::from_secs(120));
    let list = looks.find(|list| list.contains("late")).unwrap();
    assert!(list.contains("root"), "{list}");
    assert_ne!(viewer.get("/changes"), before);
    // What is still in the list was deleted: that is said, and the page goes on.
    let gone = viewer.get(&format!("/lineage?entry={}", last.entry().hash().to_hex()));
    assert!(gone.starts_with("HTTP/1.1 404 "), "{gone}");
}

/// Attack: something with the name of a file of the log that is not one, by which all that is older is never read.
#[test]
fn file_that_cannot_be_read_hides_no_other() {
    let (_directory, folder, last) = log("view-unreadable");
    for number in 1..3 {
        std::fs::create_dir(folder.join(format!("ffffffff-0000-7000-8000-000000000000.00000{number}.jsonl")))
            .unwrap();
    }
    let viewer = Viewer::over(&folder);
    let list = viewer.get("/");
    assert!(list.contains("1 lineage,") && list.contains("Not all of the log can be read"), "{list}");
    assert!(list.contains("2 files, such as file 2 of writer ffffffff-"), "{list}");
    assert!(!list.contains("Still reading"), "{list}");
    let trace = last.entry().labels().trace_id().unwrap();
    assert!(viewer.get(&format!("/records?trace={trace}")).contains("2 entries, the oldest first"));
}

/// Failure: the list links to a trace that no address can say, and the page is not there.
#[test]
fn lineage_whose_trace_is_blank_is_found_by_its_entry() {
    let (_directory, folder, _last) = log("view-blank");
    let labels = ["", "\u{a0}", " blanks "].map(|trace| format!("{{\"trace_id\":\"{trace}\"}}"));
    let lines =
        labels.iter().enumerate().map(|(seq, labels)| line(WRITER, seq, &unsigned(None, labels, 0).1));
    std::fs::write(folder.join(format!("{WRITER}.000001.jsonl")), lines.collect::<String>()).unwrap();
    let viewer = Viewer::over(&folder);
    let list = viewer.get("/?operation=made+up");
    let links = list.split("href=\"").filter(|it| it.starts_with("/lineage?"));
    let links: Vec<&str> = links.filter_map(|it| it.split('"').next()).collect();
    assert_eq!(links.len(), 3, "{list}");
    for link in links {
        assert!(viewer.get(link).starts_with("HTTP/1.1 200 "), "{link}");
    }
}
