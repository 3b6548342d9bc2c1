//! The path of an address: its normal form is its own, and stands for what a router's single decoding gives a handler.

#![no_main]

use kest_core::NormalPath;
use kest_core::entry::Resource;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("a path that was taken is text").into_owned()
}

fuzz_target!(|input: &[u8]| {
    let Ok(path) = std::str::from_utf8(input) else { return };
    let Ok(normal) = NormalPath::parse(path) else { return };
    assert_eq!(NormalPath::parse(normal.as_str()).as_ref(), Ok(&normal));
    assert!(normal.as_str().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'));
    if !path.is_empty() {
        assert_eq!(decoded(path), decoded(normal.as_str()));
    }
    let segments: Vec<String> = normal.as_str().split('/').skip(1).map(decoded).collect();
    assert!(segments.iter().all(|it| !matches!(it.as_str(), "." | "..") && !it.contains(['/', '\\', '\0'])));

    let Ok(resource) = Resource::from_path(path) else { return };
    let id = resource.id().expect("a path is an id");
    assert_eq!(Resource::from_path(id).as_ref(), Ok(&resource));
    if path.starts_with('/') {
        assert_eq!(Resource::new(path), resource);
    }
    if id != "/" {
        let named = segments.iter().filter(|segment| !segment.is_empty());
        assert_eq!(Resource::from_segments(named).as_ref(), Ok(&resource));
    }
});
