//! Endpoints that are taken and endpoints that are refused, by the reason.

use super::*;

fn verdict(read: &Result<Endpoint, Error>) -> &'static str {
    match read {
        Ok(_) => "taken",
        Err(Error::Malformed(_)) => "malformed",
        Err(Error::Scheme) => "scheme",
        Err(Error::Credentials) => "credentials",
        Err(Error::PlainHttp) => "plain http",
        Err(Error::PrivateAddress) => "private_address",
    }
}

#[test]
fn plain_http_stays_on_the_machine() {
    for text in [
        "http://127.0.0.1:9/k",
        "http://127.9.9.9/k",
        "http://127.1/k",
        "http://2130706433/k",
        "http://0x7f000001/k",
        "http://0177.0.0.1/k",
        "http://127.0.0.1./k",
        "http://[::1]/k",
        "http://[::ffff:127.0.0.1]/k",
        "http://[::ffff:7f00:1]/k",
        "http://localhost:1/k",
        "http://localhost./k",
        "http://LocalHost/k",
        "https://issuer.example/k",
    ] {
        assert_eq!(verdict(&Endpoint::parse(text)), "taken", "{text}");
    }
    for text in [
        "http://issuer.example/k",
        "http://10.0.0.1/k",
        "http://127.0.0.1.example/k",
        "http://localhost.example/k",
        "http://a.localhost/k",
        "http://localhost../k",
        "http://[::2]/k",
        "http://[::127.0.0.1]/k",
        "http://[64:ff9b::127.0.0.1]/k",
        "http://0.0.0.0/k",
        "http://128.0.0.1/k",
    ] {
        assert_eq!(verdict(&Endpoint::parse(text)), "plain http", "{text}");
        assert_eq!(verdict(&Endpoint::dangerous_plain_http(text)), "taken", "{text}");
    }
}

#[test]
fn texts_that_are_no_endpoint_are_refused() {
    for (text, expected) in [
        ("/k", "malformed"),
        ("127.0.0.1", "malformed"),
        ("https://", "malformed"),
        ("https://issuer.example /k", "malformed"),
        ("https://issuer.exa\nmple/k", "malformed"),
        (" https://issuer.example/k", "malformed"),
        ("https:\\\\issuer.example\\k", "malformed"),
        ("https://issuer.example\\@evil.example/", "malformed"),
        ("file:///etc/k", "scheme"),
        ("unix:///run/opa.sock", "scheme"),
        ("ftp://issuer.example/", "scheme"),
        ("https://u:p@issuer.example/", "credentials"),
        ("https://u@issuer.example/", "credentials"),
        ("http://127.0.0.1@evil.example/", "credentials"),
    ] {
        assert_eq!(verdict(&Endpoint::dangerous_plain_http(text)), expected, "{text}");
    }
}

#[test]
fn published_endpoint_may_be_another_host_but_no_downgrade_and_no_way_inward() {
    let remote = Endpoint::parse("https://issuer.example/").unwrap();
    let local = Endpoint::parse("http://127.0.0.1:9/").unwrap();
    let secure_local = Endpoint::parse("https://localhost/").unwrap();
    for (text, by, expected) in [
        ("https://issuer.example/k", &remote, "taken"),
        ("https://keys.example/k", &remote, "taken"),
        ("https://10.0.0.7/k", &remote, "taken"),
        ("http://issuer.example/k", &remote, "plain http"),
        ("http://127.0.0.1/k", &remote, "plain http"),
        ("http://127.0.0.1/k", &secure_local, "plain http"),
        ("http://127.0.0.1/k", &local, "taken"),
        ("http://localhost./k", &local, "taken"),
        ("http://issuer.example/k", &local, "plain http"),
        ("https://127.0.0.1/k", &remote, "private_address"),
        ("https://127.1/k", &remote, "private_address"),
        ("https://localhost/k", &remote, "private_address"),
        ("https://localhost./k", &remote, "private_address"),
        ("https://[::1]/k", &remote, "private_address"),
        ("https://[::ffff:127.0.0.1]/k", &remote, "private_address"),
        ("https://[64:ff9b::7f00:1]/k", &remote, "private_address"),
        ("https://[2002:7f00:1::]/k", &remote, "private_address"),
        ("https://169.254.169.254/k", &remote, "private_address"),
        ("https://169.254.169.254/k", &local, "private_address"),
        ("https://0xa9fea9fe/k", &remote, "private_address"),
        ("https://[fe80::1]/k", &remote, "private_address"),
        ("https://[::ffff:169.254.169.254]/k", &remote, "private_address"),
        ("https://[64:ff9b::169.254.169.254]/k", &local, "private_address"),
        ("https://[fd00:ec2::254]/k", &remote, "private_address"),
        ("https://100.100.100.200/k", &remote, "private_address"),
        ("https://0.0.0.0/k", &remote, "private_address"),
        ("https://[::]/k", &remote, "private_address"),
        ("https://224.0.0.1/k", &remote, "private_address"),
        ("https://u:p@keys.example/k", &remote, "credentials"),
        ("file:///etc/k", &remote, "scheme"),
        ("/k", &remote, "malformed"),
    ] {
        assert_eq!(verdict(&by.published(text)), expected, "{text} of {by:?}");
    }
    let lax = Endpoint::dangerous_plain_http("https://issuer.example/").unwrap();
    assert_eq!(verdict(&lax.published("http://issuer.example/k")), "plain http", "even then no downgrade");
    let plain = Endpoint::dangerous_plain_http("http://issuer.example/").unwrap();
    assert_eq!(verdict(&plain.published("http://keys.example/k")), "taken");
    let segment = Endpoint::parse("https://169.254.1.1/").unwrap();
    assert_eq!(verdict(&segment.published("https://169.254.1.1/k")), "taken", "it is there itself");
    assert_eq!(verdict(&segment.published("https://169.254.1.1:8443/k")), "private_address");
}

#[test]
fn segments_that_try_to_leave_the_base_are_taken_literally() {
    for base in ["http://localhost:1", "http://localhost:1/", "http://localhost:1/behind"] {
        let endpoint = Endpoint::parse(base).unwrap();
        for (segment, encoded) in [
            ("%2e%2e", "%252e%252e"),
            ("a?b", "a%3Fb"),
            ("a#b", "a%23b"),
            ("%2f", "%252f"),
            ("a b", "a%20b"),
            ("..\\..", "..%5C.."),
            ("\r\n", "%0D%0A"),
            ("\u{e9}", "%C3%A9"),
            ("@evil:80", "%40evil%3A80"),
            (";x", "%3Bx"),
            ("...", "..."),
        ] {
            let below = endpoint.below(&["v1", segment]).unwrap();
            assert_eq!(below.as_str(), format!("{}/v1/{encoded}", base.trim_end_matches('/')));
        }
    }
}

#[test]
fn dots_and_nothing_are_no_segments() {
    let base = Endpoint::parse("http://localhost").unwrap();
    for segment in ["", ".", ".."] {
        assert_eq!(base.below(&["v1", segment, "x"]), None, "{segment:?}");
    }
}

#[test]
fn debug_hides_the_query() {
    let endpoint = Endpoint::parse("https://issuer.example/k?key=secret").unwrap();
    let shown = format!("{endpoint:?}");
    assert!(shown.contains("issuer.example") && !shown.contains("secret"), "{shown}");
}
