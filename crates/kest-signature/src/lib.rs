//! Signed HTTP requests (RFC 9421), and the proof that binds a passport to one of them.
//!
//! A passport alone is a bearer token: a copy of the header is as good as the header. With a hop proof it is worth nothing
//! without the key that signed its tip, on another request, at another service, later, or twice.
//!
//! ```
//! use http::{HeaderMap, Method, Uri};
//! use kest_core::signature::{KeyRing, Sign as _};
//! use kest_core::{Limits, OsRandom, SystemClock};
//! use kest_signature::hop::{self, HopSettings};
//! use kest_signature::{ContentDigest, DigestAlgorithm, RequestHead};
//! # use std::sync::Arc;
//! # use kest_core::policy::dangerous_allow_all;
//! # use kest_core::signature::{Ed25519Signer, WorkloadId};
//! # use kest_core::trust::Origin;
//! # use kest_core::{Admitter, Operation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let gateway = WorkloadId::new("spiffe://example.org/gateway")?;
//! # let signer = Arc::new(Ed25519Signer::generate(gateway, &OsRandom)?);
//! # let mut ring = KeyRing::new();
//! # ring.trust_signer(signer.as_ref())?;
//! # let started = Admitter::builder(signer.clone()).build();
//! # let job = started.originate(Origin::system(), &Operation::named("nightly")?, &dangerous_allow_all()).await?;
//! # let passport = job.passport();
//! // The gateway sends an order. It signs last, below retries, with the key that signed the tip of its passport.
//! let (method, uri) = (Method::POST, Uri::from_static("https://cart.example/orders?express"));
//! let mut headers = HeaderMap::new();
//! let body = ContentDigest::of(DigestAlgorithm::Sha256, b"two apples");
//! let (tips, key) = (passport.tips(), signer.current());
//! hop::sign(&RequestHead::of(&method, &uri), &mut headers, &tips, Some(&body), &*key, &SystemClock, &OsRandom).await?;
//!
//! // The cart has verified the passport, and proves now that its last signer made this very request.
//! let settings = HopSettings::builder().authority("cart.example").build()?;
//! let head = RequestHead::of(&method, &uri);
//! let read = hop::read(&head, &headers, &Limits::default())?.ok_or("no proof")?;
//! let proved = read.verify(passport, &ring, &settings).await?;
//! assert_eq!(proved.workload().as_str(), "spiffe://example.org/gateway");
//!
//! // Before anything acts on the body, it is compared with what was signed.
//! let mut check = proved.body().check();
//! check.update(b"two ")?;
//! check.update(b"apples")?;
//! check.finish()?;
//!
//! // The same request again is refused: its nonce was used.
//! let again = hop::read(&head, &headers, &Limits::default())?.ok_or("no proof")?;
//! assert_eq!(again.verify(passport, &ring, &settings).await.unwrap_err().kind(), "proof_replayed");
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! A signature covers method, authority, path, query, token and body. Other headers are not covered: a proxy may add
//! and change them, and so may an attacker on the way where there is no TLS. It says nothing of the answer.
//! A scheme is not signed either, since a server behind a proxy that ends TLS cannot know it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authority;
pub mod base;
mod digest;
mod fault;
mod fields;
mod head;
pub mod hop;
mod once;
mod parameters;
mod plain;
mod profile;
mod request;
mod sign_error;
mod unique;

pub use authority::Authority;
pub use base::SignatureInput;
pub use digest::{BodyCheck, CONTENT_DIGEST, ContentDigest, DigestAlgorithm, DigestHasher, ExpectedBody};
pub use fault::Fault;
pub use head::RequestHead;
pub use request::{
    RequestKeys, RequestKeysError, RequestSignatureError, RequestSigner, RequestVerifier,
    RequestVerifierBuilder, SharedKey, ShortSeed, SignedRequest,
};
#[cfg(feature = "tower")]
pub use request::{
    RequestRefused, RequestSignature, RequestSignatureLayer, ResponseFuture, SignRequest, SignRequestLayer,
    SignedBody, SignedBodyError,
};
pub use sign_error::SignError;
