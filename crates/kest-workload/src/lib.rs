//! The identity of a service: enrolled with an authority, renewed while it runs, and proved over mutual TLS.
//!
//! [`protocol`] is what a service and its authority say to each other.
//!
//! ```
//! use kest_workload::protocol::Epoch;
//!
//! assert!(Epoch::FIRST < Epoch::FIRST.next());
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod certificate;
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
pub use document::DocumentError;
pub use enrol::EnrolError;
pub use epochs::Epochs;
pub use evidence::EvidenceError;
pub use folder::FolderError;
pub use keys::KeyError;
pub use link::AskError;
pub use listener::WorkloadListener;
pub use peer::{PeerError, PeerIdentity};
#[cfg(feature = "axum")]
pub use serve::{Peered, PeeredFuture, WithPeers, with_peers};
pub use stream::PeerStream;
pub use tls::TlsError;
pub use trust::{PeerTrust, RootsError};
pub use workload::{Workload, WorkloadHealth};
