//! Digests of bodies: the header `Content-Digest` of RFC 9530, whole or piece by piece.

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{Dictionary, KeyRef, ListEntry, Parser};
use sha2::{Digest as _, Sha256, Sha512};

use crate::Fault;

/// The header that says what the body's digest is.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// An algorithm of RFC 9530 section 5 that is not broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// `sha-256`.
    #[default]
    Sha256,
    /// `sha-512`.
    Sha512,
}

/// What a body must be: one digest of it, or two.
///
/// ```
/// use kest_signature::{ContentDigest, DigestAlgorithm};
///
/// let digest = ContentDigest::of(DigestAlgorithm::Sha256, b"{\"hello\": \"world\"}");
/// assert_eq!(digest.to_string(), "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
/// assert!(digest.is_of(b"{\"hello\": \"world\"}") && !digest.is_of(b"{\"hello\": \"you\"}"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ContentDigest {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

impl ContentDigest {
    /// The digest of all of `body`.
    #[must_use]
    pub fn of(algorithm: DigestAlgorithm, body: &[u8]) -> Self {
        let mut hasher = DigestHasher::new(algorithm);
        hasher.update(body);
        hasher.finish()
    }

    /// Reads `Content-Digest`; `None` where it is not among `headers`. Algorithms that are not kept are passed over, such as
    /// the broken ones of section 5; of those that are, each has to hold.
    ///
    /// # Errors
    ///
    /// [`Fault::Digest`] when it is malformed, or has no algorithm that is kept.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let mut lines = headers.get_all(CONTENT_DIGEST).iter().peekable();
        if lines.peek().is_none() {
            return Ok(None);
        }
        let mut members = Dictionary::new();
        for line in lines {
            let of_line: Dictionary = Parser::new(line.as_bytes()).parse().map_err(|_cause| Fault::Digest)?;
            for (algorithm, value) in of_line {
                // Two readers could take two different ones of them.
                if members.insert(algorithm, value).is_some() {
                    return Err(Fault::Digest);
                }
            }
        }
        let digest = Self { sha256: bytes(&members, SHA_256)?, sha512: bytes(&members, SHA_512)? };
        let kept = digest.sha256.is_some() || digest.sha512.is_some();
        if kept { Ok(Some(digest)) } else { Err(Fault::Digest) }
    }

    /// The header's value.
    #[must_use]
    pub fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.to_string()).ok()
    }

    /// Whether it is the digest of `body`.
    #[must_use]
    pub fn is_of(&self, body: &[u8]) -> bool {
        let mut check = ExpectedBody::Digest(self.clone()).check();
        check.update(body).and_then(|()| check.finish()).is_ok()
    }
}

impl std::fmt::Display for ContentDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut members = sfv::DictSerializer::new();
        if let Some(digest) = &self.sha256 {
            let _parameters = members.bare_item(SHA_256, digest.as_slice());
        }
        if let Some(digest) = &self.sha512 {
            let _parameters = members.bare_item(SHA_512, digest.as_slice());
        }
        formatter.write_str(&members.finish().unwrap_or_default())
    }
}

impl std::fmt::Debug for ContentDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ContentDigest(..)")
    }
}

/// Takes a body in pieces and gives its digest.
#[derive(Debug)]
pub struct DigestHasher(Hasher);

#[derive(Debug)]
enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl DigestHasher {
    /// Nothing was taken yet.
    #[must_use]
    pub fn new(algorithm: DigestAlgorithm) -> Self {
        Self(match algorithm {
            DigestAlgorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            DigestAlgorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        })
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            Hasher::Sha256(hasher) => hasher.update(piece),
            Hasher::Sha512(hasher) => hasher.update(piece),
        }
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> ContentDigest {
        match self.0 {
            Hasher::Sha256(hasher) => ContentDigest { sha256: Some(hasher.finalize().into()), sha512: None },
            Hasher::Sha512(hasher) => ContentDigest { sha256: None, sha512: Some(hasher.finalize().into()) },
        }
    }
}

/// What a signed request says about its body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a body is signed or there must be none")]
pub enum ExpectedBody {
    /// The body has this digest.
    Digest(ContentDigest),
    /// No digest was signed: there must be no body.
    Empty,
}

impl ExpectedBody {
    /// Begins to check a body.
    pub fn check(&self) -> BodyCheck {
        let (sha256, sha512) = match self {
            Self::Digest(digest) => (digest.sha256, digest.sha512),
            Self::Empty => (None, None),
        };
        BodyCheck {
            sha256: sha256.map(|expected| (Sha256::new(), expected)),
            sha512: sha512.map(|expected| (Sha512::new(), expected)),
        }
    }
}

/// Takes a body in pieces and says at its end whether it is the one that was signed.
#[derive(Debug)]
#[must_use = "a body that is not checked to its end is not checked"]
pub struct BodyCheck {
    sha256: Option<(Sha256, [u8; 32])>,
    sha512: Option<(Sha512, [u8; 64])>,
}

impl BodyCheck {
    /// Takes the next piece.
    ///
    /// # Errors
    ///
    /// [`Fault::BodyUnsigned`] for the first byte of a body of which no digest was signed.
    pub fn update(&mut self, piece: &[u8]) -> Result<(), Fault> {
        if self.sha256.is_none() && self.sha512.is_none() && !piece.is_empty() {
            return Err(Fault::BodyUnsigned);
        }
        if let Some((hasher, _)) = &mut self.sha256 {
            hasher.update(piece);
        }
        if let Some((hasher, _)) = &mut self.sha512 {
            hasher.update(piece);
        }
        Ok(())
    }

    /// Judges the body, which has ended.
    ///
    /// # Errors
    ///
    /// [`Fault::BodyDiffers`] when it is not the one that was signed.
    pub fn finish(self) -> Result<(), Fault> {
        // Digests travel in the open, so that there is nothing to learn from the time that comparing takes.
        let same256 = self.sha256.is_none_or(|(hasher, expected)| hasher.finalize().as_slice() == expected);
        let same512 = self.sha512.is_none_or(|(hasher, expected)| hasher.finalize().as_slice() == expected);
        if same256 && same512 { Ok(()) } else { Err(Fault::BodyDiffers) }
    }
}

/// The digest of one algorithm, if it is there.
fn bytes<const LENGTH: usize>(
    members: &Dictionary,
    algorithm: &KeyRef,
) -> Result<Option<[u8; LENGTH]>, Fault> {
    match members.get(algorithm) {
        None => Ok(None),
        Some(ListEntry::Item(item)) => {
            let bytes = item.bare_item.as_byte_sequence().ok_or(Fault::Digest)?;
            bytes.try_into().map(Some).map_err(|_cause| Fault::Digest)
        }
        Some(ListEntry::InnerList(_)) => Err(Fault::Digest),
    }
}

const SHA_256: &KeyRef = sfv::key_ref("sha-256");
const SHA_512: &KeyRef = sfv::key_ref("sha-512");
