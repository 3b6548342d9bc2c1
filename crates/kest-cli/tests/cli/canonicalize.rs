//! `kest canonicalize`: exact bytes out, or none.

use crate::support::{directory, file, kest};

#[track_caller]
fn check_refused(text: &[u8]) {
    let run = kest(["canonicalize"], text);
    assert_eq!((run.code, run.text()), (Some(1), ""));
    assert!(run.stderr.starts_with("kest: no canonical form"), "{}", run.stderr);
}

#[test]
fn canonical_bytes_come_without_a_line_end() {
    let text = "{ \"b\": [1.0, \"\\u00e9\"],\n \"a\": 1e2 }\n";
    let run = kest(["canonicalize", "-"], text.as_bytes());
    assert_eq!((run.code, run.text()), (Some(0), "{\"a\":100,\"b\":[1,\"é\"]}"));
    let path = file(&directory("canonical_bytes"), "text.json", text);
    assert_eq!(kest(["canonicalize", &path], b"").stdout, run.stdout);
}

#[test]
fn text_that_is_no_i_json_is_refused() {
    check_refused(b"");
    check_refused(br#"{"a":1,"a":2}"#);
    check_refused(b"9007199254740993");
    check_refused(br#""\ud800""#);
    check_refused(b"\"\xff\"");
    check_refused(b"[1] 2");
    check_refused("[".repeat(100_000).as_bytes());
}

#[test]
fn text_over_the_bound_is_no_answer() {
    let run = kest(["canonicalize"], &vec![b' '; 8 * 1024 * 1024 + 1]);
    assert_eq!((run.code, run.text()), (Some(2), ""));
    assert!(run.stderr.contains("longer than 8388608 bytes"), "{}", run.stderr);
}

/// The longest texts of the smallest values, in an address space that a hundred times their length would not fit into.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_bounded_for_texts_of_the_smallest_values() {
    let directory = directory("canonical_memory");
    for (name, value) in [("lists", "[],"), ("objects", r#"{"":0},"#), ("numbers", "0,"), ("pairs", "[[]],")]
    {
        let mut text = value.repeat((8 * 1024 * 1024 - 4) / value.len());
        text.pop();
        let path = file(&directory, name, format!("[{text}]"));
        let run = std::process::Command::new("sh")
            .args([
                "-c",
                "ulimit -v 800000 && exec \"$0\" canonicalize \"$1\"",
                env!("CARGO_BIN_EXE_kest"),
                &path,
            ])
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.stdout.len(), text.len() + 2, "{name}");
    }
}

#[test]
fn missing_file_is_no_answer() {
    let missing = directory("missing_file").join("none\u{1b}.json");
    let run = kest(["canonicalize", missing.to_str().unwrap()], b"");
    assert_eq!((run.code, run.text()), (Some(2), ""));
    assert!(run.stderr.contains(r"none\u{1b}.json"), "{}", run.stderr);
}

#[test]
fn usage_is_told_from_answers() {
    assert_eq!(kest(["canonicalize", "--pretty"], b"").code, Some(2));
    assert_eq!(kest::<&str>([], b"").code, Some(2));
    assert_eq!(kest(["--version"], b"").code, Some(0));
    assert_eq!(kest(["verify", "--help"], b"").code, Some(0));
}
