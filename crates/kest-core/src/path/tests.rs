//! Spellings of one path, and paths that have none.

use super::*;

fn normal(path: &str) -> Result<String, PathError> {
    NormalPath::parse(path).map(|path| path.as_str().to_owned())
}

#[test]
fn spellings_of_one_path_are_one() {
    for (normal_form, spellings) in [
        (
            "/docs/secret",
            &["/docs/%73ecret", "/docs/%73%65%63%72%65%74", "/%64ocs/secret", "/docs/secre%74"][..],
        ),
        ("/a-b_c.d~e", &["/a%2db%5fc%2Ed%7Ee"]),
        ("/a:b@c;d=e,f+g!h$i&j'k(l)m*n", &["/a%3Ab%40c%3bd%3De%2cf%2bg%21h%24i%26j%27k%28l%29m%2An"]),
        ("/caf%C3%A9", &["/caf\u{e9}", "/caf%c3%a9", "/ca%66%C3%a9"]),
        ("/%22%3C%3E%5B%5D%5E%60%7B%7C%7D%20", &["/\"<>[]^`{|} ", "/%22%3c%3e%5b%5d%5e%60%7b%7c%7d%20"]),
        ("/a%25b%3Fc%23d", &["/a%25b%3fc%23d"]),
        // Decoded once, as a handler does it: the percent sign is part of the name.
        ("/docs/%2573ecret", &["/docs/%25%37%33ecret"]),
        ("/", &[""]),
        ("/a//b/", &["/%61//b/"]),
        ("/.../..a/a../.a", &["/%2e../.%2ea/a%2e./%2ea"]),
    ] {
        assert_eq!(normal(normal_form).as_deref(), Ok(normal_form));
        for spelling in spellings {
            assert_eq!(normal(spelling).as_deref(), Ok(normal_form), "{spelling}");
        }
    }
}

#[test]
fn what_readers_may_take_for_two_things_is_refused() {
    for (path, error) in [
        ("docs", PathError::Relative),
        ("*", PathError::Relative),
        ("%2Fdocs", PathError::Relative),
        ("/%", PathError::Escape),
        ("/%7", PathError::Escape),
        ("/%zz", PathError::Escape),
        ("/%+7", PathError::Escape),
        ("/% 73", PathError::Escape),
        ("/%u0073", PathError::Escape),
        ("/%C0%AE", PathError::Escape),
        ("/%ff", PathError::Escape),
        ("/%ED%A0%80", PathError::Escape),
        ("/%00", PathError::Character),
        ("/a%0Ab", PathError::Character),
        ("/a%7f", PathError::Character),
        ("/a\tb", PathError::Character),
        ("/a?b", PathError::Character),
        ("/a#b", PathError::Character),
        ("/a%2fb", PathError::Separator),
        ("/a%2Fb", PathError::Separator),
        ("/a\\b", PathError::Separator),
        ("/a%5cb", PathError::Separator),
        ("/.", PathError::DotSegment),
        ("/a/../b", PathError::DotSegment),
        ("/a/%2e%2E/b", PathError::DotSegment),
        ("/a/.%2e", PathError::DotSegment),
        ("/a/%2e/b", PathError::DotSegment),
        ("/a/..;x=1/b", PathError::DotSegment),
        ("/a/%2e%3bx/b", PathError::DotSegment),
    ] {
        assert_eq!(normal(path), Err(error), "{path}");
    }
}

#[test]
fn names_do_not_depend_on_empty_segments() {
    let name =
        |path: &str| NormalPath::parse(path).and_then(|it| it.without_empty_segments().map(str::to_owned));
    assert_eq!(name("/docs/").as_deref(), Ok("/docs"));
    assert_eq!(name("/").as_deref(), Ok("/"));
    for path in ["//", "//docs", "/docs//", "/a//b"] {
        assert_eq!(name(path), Err(PathError::EmptySegment), "{path}");
    }
}

#[test]
fn decoded_segments_and_the_path_that_they_came_from_are_one() {
    let of = |segments: &[&str]| NormalPath::of_segments(segments).map(|path| path.as_str().to_owned());
    assert_eq!(of(&["docs", "50% caf\u{e9}?"]), normal("/docs/50%25%20caf%C3%A9%3F"));
    assert_eq!(of(&["docs", "%73ecret"]).as_deref(), Ok("/docs/%2573ecret"));
    for (segment, error) in [
        ("", PathError::EmptySegment),
        ("..", PathError::DotSegment),
        ("a/b", PathError::Separator),
        ("a\\b", PathError::Separator),
        ("a\0", PathError::Character),
    ] {
        assert_eq!(of(&["docs", segment]), Err(error), "{segment:?}");
    }
    assert_eq!(of(&[]), Err(PathError::EmptySegment));
}

#[test]
fn refusals_have_stable_names() {
    for (path, kind) in [
        ("docs", "path_relative"),
        ("/%zz", "path_escape"),
        ("/a?b", "path_character"),
        ("/a%2Fb", "path_separator"),
        ("/a/..", "path_dot_segment"),
    ] {
        assert_eq!(NormalPath::parse(path).map_err(PathError::kind), Err(kind), "{path}");
    }
    let doubled = NormalPath::parse("//docs").unwrap();
    assert_eq!(doubled.without_empty_segments().map_err(PathError::kind), Err("path_empty_segment"));
}
