//! The vectors of RFC 9421 (appendices B.2 and B.4) and RFC 9530 (appendix B), for the algorithms and parts that are kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Uri};
use kest_core::signature::{Ed25519Signer, KeyId, Signature, SigningKey as _, WorkloadId};
use kest_signature::{
    Authority, ContentDigest, DigestAlgorithm, Fault, RequestHead, SharedKey, SignatureInput,
};

/// B.2, `test-request`. The target is what a server sees.
fn test_request() -> HeaderMap {
    headers(&[
        ("host", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        (
            "content-digest",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        ("content-length", "18"),
    ])
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn base_of(input: &str, method: &Method, uri: &str, headers: &HeaderMap) -> Result<String, Fault> {
    let uri: Uri = uri.parse().unwrap();
    let authority = Authority::parse(headers.get("host").unwrap().to_str().unwrap())?;
    SignatureInput::parse(input)?.base(&RequestHead::of(method, &uri), headers, &authority)
}

fn test_base(input: &str) -> String {
    base_of(input, &Method::POST, "/foo?param=Value&Pet=dog", &test_request()).unwrap()
}

/// B.1.4, `test-key-ed25519`.
fn ed25519() -> Ed25519Signer {
    let private = STANDARD.decode("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=").unwrap();
    let id = KeyId::new("test-key-ed25519").unwrap();
    let seed = private.try_into().unwrap();
    let key = Ed25519Signer::from_seed(WorkloadId::new("test").unwrap(), id, &seed).unwrap();
    let public = STANDARD.encode(key.public_key().as_bytes());
    assert_eq!(public, "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=");
    key
}

fn bytes64(text: &str) -> Signature {
    Signature::from_bytes(STANDARD.decode(text).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn b_2_6_ed25519_is_signed_and_verified() {
    let input = r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let base = test_base(input);
    let expected = format!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\
         \"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": {input}"
    );
    assert_eq!(base, expected);
    let published =
        bytes64("wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==");
    assert!(ed25519().public_key().verifies(base.as_bytes(), &published));
    assert_eq!(ed25519().sign(base.as_bytes()).await.unwrap(), published);
}

#[test]
fn b_2_5_hmac_sha256_is_signed_and_verified() {
    let input = r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let base = test_base(input);
    let expected = format!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n\
         \"@signature-params\": {input}"
    );
    assert_eq!(base, expected);
    let seed = STANDARD
        .decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
        .unwrap();
    let id = KeyId::new("test-shared-secret").unwrap();
    let key = SharedKey::new(WorkloadId::new("test").unwrap(), id, &seed).unwrap();
    let published = STANDARD.decode("pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=").unwrap();
    assert!(key.verifies(base.as_bytes(), &published));
    assert_eq!(key.sign(base.as_bytes()).unwrap().as_slice(), published);
    assert!(!key.verifies(base.as_bytes(), &published[..31]), "a part of a signature does not do");
    assert!(!key.verifies(&base.as_bytes()[1..], &published));
}

/// B.2.1 and B.2.3 are signed with algorithms that are not kept; what they sign is.
#[test]
fn b_2_1_and_b_2_3_have_these_bases() {
    let minimal = r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#;
    assert_eq!(test_base(minimal), format!("\"@signature-params\": {minimal}"));
    let full = r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#;
    let expected = format!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n\
         \"@authority\": example.com\n\"content-type\": application/json\n\"content-digest\": \
         sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n\
         \"content-length\": 18\n\"@signature-params\": {full}"
    );
    assert_eq!(test_base(full), expected);
}

/// B.2.2 and B.2.4 cover a parameter of the query and the status of an answer: they are no requests of ours.
#[test]
fn b_2_2_and_b_2_4_cover_what_is_not_kept() {
    for (input, fault) in [
        (
            r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473"#,
            Fault::ComponentParameter,
        ),
        (
            r#"("@status" "content-type" "content-digest" "content-length");created=1618884473"#,
            Fault::ComponentExtra,
        ),
    ] {
        assert_eq!(SignatureInput::parse(input).unwrap_err(), fault);
    }
}

/// B.4: what a proxy may do to a request, and what it may not.
#[test]
fn b_4_transformations_that_keep_what_was_signed_hold() {
    let input = r#"("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#;
    let published =
        bytes64("ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==");
    let holds = |method: Method, uri: &str, lines: &[(&'static str, &'static str)]| {
        let base = base_of(input, &method, uri, &headers(lines)).unwrap();
        ed25519().public_key().verifies(base.as_bytes(), &published)
    };
    let (host, json, any) = (("host", "example.org"), ("accept", "application/json"), ("accept", "*/*"));
    let target = "/demo?name1=Value1&Name2=value2";
    let kept = [host, ("date", "Fri, 15 Jul 2022 14:24:55 GMT"), json, any];
    assert!(holds(Method::GET, target, &kept));
    assert!(holds(Method::GET, "/demo?name1=Value1&Name2=value2&param=added", &[host, json, any]));
    assert!(holds(Method::GET, target, &[("accept-language", "en-US,en;q=0.5"), json, host, any]));
    assert!(holds(Method::GET, target, &[host, ("referer", "x"), ("accept", " application/json, */* ")]));
    assert!(!holds(Method::POST, target, &kept));
    assert!(!holds(Method::GET, target, &[host, any, json]));
    assert!(!holds(Method::GET, target, &[("host", "example.com"), json, any]));
}

/// Section 2.1: blanks around values go, empty values stay, lines are joined.
#[test]
fn headers_are_spelled_as_section_2_1_has_them() {
    let lines = headers(&[
        ("host", "www.example.com"),
        ("x-ows-header", "Leading and trailing whitespace.   "),
        ("cache-control", "max-age=60"),
        ("cache-control", "   must-revalidate"),
        ("x-empty-header", ""),
    ]);
    let input = r#"("x-ows-header" "cache-control" "x-empty-header" "@query")"#;
    let base = base_of(input, &Method::GET, "/", &lines).unwrap();
    let expected = format!(
        "\"x-ows-header\": Leading and trailing whitespace.\n\"cache-control\": max-age=60, must-revalidate\n\
         \"x-empty-header\": \n\"@query\": ?\n\"@signature-params\": {input}"
    );
    assert_eq!(base, expected);
    assert_eq!(base_of(r#"("x-absent")"#, &Method::GET, "/", &lines), Err(Fault::HeaderMissing));
}

/// Section 2.2.7: the query is not decoded and not put in order.
#[test]
fn queries_are_spelled_as_they_travel() {
    for (uri, query) in [
        ("/path?param=value&foo=bar&baz=bat%2Dman", "?param=value&foo=bar&baz=bat%2Dman"),
        ("/path?queryString", "?queryString"),
        ("/path?", "?"),
        ("/path", "?"),
        ("https://example.com?a", "?a"),
    ] {
        let base = base_of(r#"("@query")"#, &Method::GET, uri, &test_request()).unwrap();
        assert!(base.starts_with(&format!("\"@query\": {query}\n")), "{base}");
    }
    for (uri, path) in [("https://example.com", "/"), ("/a%2Fb//c;d=e", "/a%2Fb//c;d=e"), ("*", "*")] {
        let base = base_of(r#"("@path")"#, &Method::GET, uri, &test_request()).unwrap();
        assert!(base.starts_with(&format!("\"@path\": {path}\n")), "{base}");
    }
}

/// What is parsed is signed in its canonical spelling: section 2.5.
#[test]
fn parameters_are_spelled_canonically() {
    let odd = "(  \"@method\"   \"@path\" );created=0001;  x=\"a\\\"b\";y;z=?1;d=1.50";
    let input = SignatureInput::parse(odd).unwrap();
    assert_eq!(input.to_string(), r#"("@method" "@path");created=1;x="a\"b";y;z;d=1.5"#);
    for wrong in ["", "()", "(),()", "\"@method\"", "(\"@method\"", "(\"@method\" 1)", "(\"a\nb\")"] {
        assert_eq!(SignatureInput::parse(wrong).is_ok(), wrong == "()", "{wrong}");
    }
}

/// RFC 9530 appendix B, and RFC 9421 B.2.
#[test]
fn digests_are_those_of_the_specifications() {
    for (algorithm, body, digest) in [
        (
            DigestAlgorithm::Sha256,
            "{\"hello\": \"world\"}\n",
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        ),
        (DigestAlgorithm::Sha256, "", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        (
            DigestAlgorithm::Sha512,
            "{\"hello\": \"world\"}\n",
            "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:",
        ),
        (
            DigestAlgorithm::Sha512,
            "{\"hello\": \"world\"}",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
    ] {
        assert_eq!(ContentDigest::of(algorithm, body.as_bytes()).to_string(), digest);
        let read = read_digest(&[digest]).unwrap().unwrap();
        assert!(read.is_of(body.as_bytes()) && !read.is_of(b"{\"hello\": \"moon\"}"));
    }
}

fn read_digest(lines: &[&str]) -> Result<Option<ContentDigest>, Fault> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("content-digest", HeaderValue::from_str(line).unwrap());
    }
    ContentDigest::read(&headers)
}

#[test]
fn digests_are_read_strictly_and_all_that_are_kept_must_hold() {
    let empty256 = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let empty512 = ContentDigest::of(DigestAlgorithm::Sha512, b"").to_string();
    assert_eq!(read_digest(&[]), Ok(None));
    let both = read_digest(&[empty256, &empty512]).unwrap().unwrap();
    assert!(
        both.is_of(b"")
            && both == read_digest(&[&format!("{empty256}, {empty512}, md5=:AA==:")]).unwrap().unwrap()
    );
    let other512 = ContentDigest::of(DigestAlgorithm::Sha512, b"x").to_string();
    assert!(!read_digest(&[empty256, &other512]).unwrap().unwrap().is_of(b""));
    for wrong in [
        "",
        "sha-256",
        "sha-256=\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"",
        "sha-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==:",
        "sha-256=()",
        "md5=:AAAAAAAAAAAAAAAAAAAAAA==:",
        "SHA-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    ] {
        assert_eq!(read_digest(&[wrong]), Err(Fault::Digest), "{wrong}");
    }
    assert_eq!(read_digest(&[empty256, empty256]), Err(Fault::Digest));
}
