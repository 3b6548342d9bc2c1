//! Tests of services that use Kest: time, keys, callers and lineages that a test owns, and the attacks that a router must
//! stand.
//!
//! ```
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt as _, Full};
//! use kest_core::{Admission, FromLineage, Operation, policy::policy_fn};
//! use kest_testkit::{Tamper, TestCaller, TestKest, attacks};
//! use kest_tower::{HopProof, OperationLayer};
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! /// What a service does once it may.
//! fn reserve(admission: &Admission) -> String {
//!     format!("{} has it", admission.caller().user().unwrap_or("a stranger"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let kit = TestKest::new(["gateway", "cart"]);
//!
//! // A handler, called directly.
//! let admission = kit.admission("reserve").caller(TestCaller::user("bob")).admit();
//! assert_eq!(reserve(&admission), "bob has it");
//!
//! // The service around it, with the kit's keys, clock and signer.
//! let known = policy_fn("known_user", |asked| asked.user().is_some())?;
//! let operation = OperationLayer::new(kit.admitter("cart").build(), Operation::from_static("reserve"), known);
//! let app = ServiceBuilder::new()
//!     .layer(kit.inbound().identity(FromLineage).hop_proof(HopProof::for_authority("cart.internal")).build())
//!     .layer(operation)
//!     .service(service_fn(async |request: Request<_>| {
//!         let told = request.extensions().get::<Admission>().map(reserve).unwrap_or_default();
//!         Ok::<_, Infallible>(Response::new(told))
//!     }));
//!
//! // One request: alice comes through the gateway and the cart, which signs it.
//! let lineage = kit.lineage().caller(TestCaller::user("alice")).hops(2);
//! let sent = || lineage.send(Request::post("http://cart.internal/").body("").unwrap()).map(Full::<Bytes>::from);
//! let answer = app.clone().oneshot(sent()).await?;
//! assert_eq!(answer.into_body().collect().await?.to_bytes(), "alice has it");
//! assert_eq!(kit.signed().last().map(|entry| entry.operation().to_owned()).as_deref(), Some("reserve"));
//!
//! // The same after an attacker had it, and the next day.
//! let mut cut = sent();
//! cut.headers_mut().insert("baggage", lineage.tampered(Tamper::EntryCutOut));
//! assert_eq!(app.clone().oneshot(cut).await?.status(), 401);
//! let kept = sent();
//! kit.clock().advance(Duration::from_secs(86_400));
//! assert_eq!(app.clone().oneshot(kept).await?.status(), 401);
//!
//! // And everything else that the threats of Kest list.
//! attacks(&kit).hop_proof("cart.internal").against(app, Request::post("/").body("")?).await;
//! # Ok(())
//! # }
//! ```
//!
//! With the crate `kest` a service is built of the same parts:
//! `Kest::builder(kit.signer("cart")).trust(kit.keys()).clock(kit.clock())`.
//!
//! | you test | take |
//! | --- | --- |
//! | a handler | [`TestKest::admission`], [`TestCaller`] |
//! | a policy | [`TestKest::lineage`] with origins and taints, [`RecordingPolicy`] where it is asked |
//! | a router | [`attacks`]; [`TestLineage::send`], [`TestLineage::baggage`] and [`TestToken::bearer`] for requests of your own |
//! | an edge | [`TestIssuer`], [`DpopKey`] |
//! | outages | [`FailingPassports`], [`FailingReplays`], [`failing_signer`], [`TestIssuer::go_down`] |
//! | anything else that is forged | [`Forge`], [`Tamper`], [`header`], [`tokens`] |
//!
//! # Limits and caveats
//!
//! Keys are made of names and known to everyone: nothing that is signed with them may be trusted outside of a test. The kit
//! panics where a test cannot go on, with the line that asked. All is the same in each run, but for the keys of
//! [`TokenKey::rsa`] and [`TokenKey::p256`]. Only [`TestIssuer`] and [`TestServer`] use the network, on loopback, and need
//! tokio.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod admission;
mod attacks;
mod caller;
mod clock;
mod dpop;
mod fail;
mod forge;
pub mod header;
mod hop;
mod issuer;
mod kit;
mod lineage;
mod now;
mod policy;
mod random;
mod signer;
mod stores;
mod tamper;
pub mod tokens;
pub mod workload;

pub use admission::TestAdmission;
pub use attacks::{Attacks, Outcome, Report, Requests, attacks};
pub use caller::TestCaller;
pub use clock::{RuntimeClock, TestClock};
pub use dpop::{DpopKey, TestProof};
pub use forge::Forge;
pub use issuer::{HttpAnswer, Length, TestIssuer, TestServer, TestToken, key_set};
pub use kit::TestKest;
pub use lineage::TestLineage;
pub use policy::{AskedPolicy, PolicyAnswer, RecordingPolicy};
pub use random::{FixedRandom, NoRandom, SeededRandom};
pub use signer::{SignedEntries, SignedEntry, SignerFault, TestSigner, failing_signer};
pub use stores::{FailingPassports, FailingReplays, ReplayFault, StoreFault};
pub use tamper::Tamper;
pub use tokens::TokenKey;
