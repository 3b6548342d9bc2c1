//! The identity of a service: enrolled with an authority, renewed while it runs, and proved over mutual TLS.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use kest_workload::{OwnPath, Workload, with_peers};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! // With the ticket in `KEST_TICKET` the first time, and from the folder from then on.
//! let me = Workload::enrol("/var/lib/cart/identity")
//!     .authority("https://authority.internal:8443")
//!     .ticket_from_env()
//!     .start()
//!     .await?;
//! // Kest::builder(me.signer()).trust(me.bundle()) .. kest.client(me.client()): all of them rotate by themselves.
//! let app = Router::new()
//!     .route("/executors/{workload}/task", get(|OwnPath(executor): OwnPath| async move { executor.to_string() }));
//! let tcp = tokio::net::TcpListener::bind("0.0.0.0:8443").await?;
//! axum::serve(me.listener(tcp), with_peers(app)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Workload`] is the identity of this process: [signer](Workload::signer), [keys of others](Workload::bundle),
//!   [listener](Workload::listener), [client](Workload::client), [tokens](Workload::token), [readiness](Workload::readiness).
//! - [`WorkloadListener`] takes mutual TLS 1.3, and [`with_peers`] puts a [`PeerIdentity`] into each request. [`OwnPath`] guards paths.
//! - [`OwnCertificate`] and [`PeerTrust`] are what TLS goes by, for those who have their certificates from elsewhere.
//! - [`protocol`] is what a service and its authority say to each other; `kest-authority` is the other side.
//!
//! # What is renewed when
//!
//! A certificate at two thirds of its life, with a new key, and at the tries after that with longer pauses while the authority is
//! away; in the last tenth of the life [`WorkloadHealth::is_ready`] says no. An entry key after a day: the next one is in the bundle
//! for a sixth of the certificate's life before it signs. The bundle every five minutes. All of this goes by the wall clock, which is
//! looked at every second, so that sleep and a clock that is moved change nothing.
//!
//! A certificate that has ended proves nothing: then a ticket that was not used, or a token, is shown again
//! ([`Enrol::ticket_file`], [`Enrol::oidc_token_file`]), and the identity begins its next epoch.
//!
//! # Limits and caveats
//!
//! - A ticket is used up when it was asked with, also where its answer was lost: the service needs another one.
//! - Every workload of the trust domain can answer a client that does not say who is to: [`Workload::client_to`] says it.
//! - A connection that stands outlives its certificate and a root that was taken out, but not its epoch.
//! - One process for each folder; on file systems without locks that is not noticed. Modes of files are judged on Unix alone.
//! - Key files of other issuers are not read yet.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod certificate;
mod detect;
mod document;
mod enrol;
mod epochs;
mod evidence;
mod first_contact;
mod folder;
mod follow;
mod keys;
mod link;
mod listener;
#[cfg(feature = "axum")]
mod own_path;
mod peer;
#[cfg(feature = "pkcs11")]
#[cfg_attr(docsrs, doc(cfg(feature = "pkcs11")))]
pub mod pkcs11;
mod proof;
pub mod protocol;
mod renew;
#[cfg(feature = "axum")]
mod serve;
mod settings;
#[cfg(feature = "spiffe")]
#[cfg_attr(docsrs, doc(cfg(feature = "spiffe")))]
pub mod spiffe;
mod stored;
mod stream;
pub mod telemetry;
mod ticket;
mod tls;
mod trust;
mod workload;

pub use builder::{Enrol, StartError};
pub use certificate::{OwnCertificate, OwnCertificateError};
pub use detect::DetectError;
pub use document::DocumentError;
pub use enrol::EnrolError;
pub use epochs::Epochs;
pub use evidence::EvidenceError;
pub use folder::FolderError;
pub use keys::KeyError;
pub use link::AskError;
pub use listener::WorkloadListener;
#[cfg(feature = "axum")]
pub use own_path::{NotOwnPath, OwnPath};
pub use peer::{PeerError, PeerIdentity};
#[cfg(feature = "axum")]
pub use serve::{Peered, PeeredFuture, WithPeers, with_peers};
pub use stream::PeerStream;
pub use tls::TlsError;
pub use trust::{PeerTrust, RootsError};
pub use workload::{Workload, WorkloadHealth};
