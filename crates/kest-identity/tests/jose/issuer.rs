//! The issuer whose tokens are compared: its name, its keys, and what it publishes of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::Pair;
use crate::random::Random;

pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "https://orders.example/";
pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const LEEWAY: u64 = 5;
/// Of the key of kind `oct`, which no issuer should publish.
pub(crate) const SHARED_SECRET: &[u8] = b"a shared secret of thirty-two b.";

/// The kid of the only key for ES384, which a token need not name for that reason.
pub(crate) const ONLY_P384: &str = "ec-384";

/// A key that signs, under the id that it is published by.
pub(crate) struct SigningKey {
    pub(crate) id: &'static str,
    pub(crate) pair: Pair,
}

pub(crate) struct Issuer {
    /// Those that tokens should be signed by.
    pub(crate) good: Vec<SigningKey>,
    /// Those that are published in a way that they should not be.
    pub(crate) poor: Vec<SigningKey>,
    /// The key set as it is published, but for its end, because others add to it.
    published: Vec<String>,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let mut issuer = Self { good: Vec::new(), poor: Vec::new(), published: Vec::new() };
        let rsa = [Pair::rsa(), Pair::rsa()];
        let p256 = [Pair::p256(), Pair::p256(), Pair::p256()];
        let ed25519 = [Pair::ed25519(1), Pair::ed25519(2), Pair::ed25519(3)];
        issuer.good("rsa-1", &rsa[0], r#""use":"sig""#);
        issuer.good("rsa-2", &rsa[1], "");
        issuer.good("ec-1", &p256[0], r#""alg":"ES256","use":"sig""#);
        issuer.good("ec-2", &p256[1], r#""key_ops":["verify"]"#);
        issuer.good(ONLY_P384, &Pair::p384(), "");
        issuer.good("ed-1", &ed25519[0], "");
        issuer.good("ed-2", &ed25519[1], r#""alg":"EdDSA","use":"sig","key_ops":["verify"]"#);
        issuer.spelled_oddly(&rsa, &p256, &ed25519);
        issuer.for_something_else(&rsa, &p256, &ed25519);
        issuer.with_shared_ids(&rsa, &p256);
        issuer
    }

    /// A good key: those that sign fast twice as often.
    pub(crate) fn any(&self, random: &mut Random) -> &SigningKey {
        let slow = self.good.iter().filter(|key| matches!(key.pair, Pair::Rsa(_) | Pair::P384(_)));
        let fast = self.good.iter().filter(|key| !matches!(key.pair, Pair::Rsa(_) | Pair::P384(_)));
        let keys: Vec<_> = if random.chance(18) { slow.collect() } else { fast.collect() };
        random.pick(&keys)
    }

    pub(crate) fn key_set(&self, more: &[String]) -> String {
        format!(r#"{{"keys":[{}]}}"#, [self.published.as_slice(), more].concat().join(","))
    }

    fn good(&mut self, id: &'static str, pair: &Pair, more: &str) {
        self.publish(id, pair, more);
        self.good.push(SigningKey { id, pair: pair.clone() });
    }

    fn poor(&mut self, id: &'static str, pair: &Pair, more: &str) {
        self.publish(id, pair, more);
        self.poor.push(SigningKey { id, pair: pair.clone() });
    }

    fn publish(&mut self, id: &str, pair: &Pair, more: &str) {
        let comma = if more.is_empty() { "" } else { "," };
        self.published.push(format!(r#"{{"kid":"{id}",{}{comma}{more}}}"#, pair.numbers()));
    }

    fn spelled_oddly(&mut self, rsa: &[Pair; 2], p256: &[Pair; 3], ed25519: &[Pair; 3]) {
        let long = |number: &[u8]| URL_SAFE_NO_PAD.encode([&[0], number].concat());
        let [modulus, _] = rsa[1].public();
        self.respelled("rsa-leading-zero", &rsa[1], &modulus, &long(&modulus));
        let [x, _] = p256[2].public();
        self.respelled("ec-long-x", &p256[2], &x, &long(&x));
        let [x, _] = ed25519[2].public();
        let encoded = URL_SAFE_NO_PAD.encode(&x);
        self.respelled("ed-padded-x", &ed25519[2], &x, &format!("{encoded}="));
        self.poor("ed-member-twice", &ed25519[2], r#""kty":"OKP""#);
        self.poor("rsa-exponent-one", &rsa[0].with_exponent_one(), "");
        self.poor("ed-neutral", &Pair::NeutralPoint, "");
        self.poor("", &ed25519[2], "");
    }

    fn for_something_else(&mut self, rsa: &[Pair; 2], p256: &[Pair; 3], ed25519: &[Pair; 3]) {
        self.poor("rsa-enc", &rsa[1], r#""use":"enc""#);
        self.poor("rsa-enc-alg", &rsa[1], r#""use":"enc","alg":"RS256""#);
        self.poor("rsa-oaep", &rsa[1], r#""alg":"RSA-OAEP-256""#);
        self.poor("rsa-ps256", &rsa[1], r#""alg":"PS256""#);
        self.poor("ec-enc", &p256[2], r#""use":"enc","alg":"ES256""#);
        self.poor("ec-es384", &p256[2], r#""alg":"ES384""#);
        self.poor("ec-derive", &p256[2], r#""key_ops":["deriveKey"]"#);
        self.poor("ec-derive-too", &p256[2], r#""key_ops":["verify","deriveKey"]"#);
        self.poor("ec-sign-too", &p256[2], r#""key_ops":["sign","verify"]"#);
        self.poor("ec-verify-twice", &p256[2], r#""key_ops":["verify","verify"]"#);
        self.poor("ec-no-operation", &p256[2], r#""key_ops":[]"#);
        self.poor("ed-use-case", &ed25519[2], r#""use":"SIG""#);
        self.poor("ed-private", &ed25519[2], r#""d":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM""#);
    }

    fn with_shared_ids(&mut self, rsa: &[Pair; 2], p256: &[Pair; 3]) {
        self.poor("of-one-type", &p256[1], "");
        self.poor("of-one-type", &p256[2], "");
        self.poor("of-two-types", &rsa[1], "");
        self.poor("of-two-types", &p256[2], "");
        self.poor("of-two-algorithms", &rsa[1], r#""alg":"RS256""#);
        self.poor("of-two-algorithms", &rsa[1], r#""alg":"RS384""#);
        self.poor("of-one-key", &p256[2], "");
        self.poor("of-one-key", &p256[2], r#""alg":"ES256","use":"sig""#);
        let secret = URL_SAFE_NO_PAD.encode(SHARED_SECRET);
        self.published.push(format!(r#"{{"kid":"oct","kty":"oct","k":"{secret}"}}"#));
        self.published.push(r#"{"kid":"lwe","kty":"LWE","n":"AQAB"}"#.into());
    }

    fn respelled(&mut self, id: &'static str, pair: &Pair, number: &[u8], spelling: &str) {
        let usual = URL_SAFE_NO_PAD.encode(number);
        let numbers = pair.numbers().replace(&usual, spelling);
        self.published.push(format!(r#"{{"kid":"{id}",{numbers}}}"#));
        self.poor.push(SigningKey { id, pair: pair.clone() });
    }
}
