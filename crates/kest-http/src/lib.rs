//! One bounded question to a server over HTTP: the answer comes from where it was asked for, or not at all.
//!
//! Services ask servers that they depend on for their safety: an issuer for its keys, a policy engine for a
//! verdict, a file server for a trust bundle. All of them are asked by the same rule, which is this crate:
//!
//! - an [`Endpoint`] is https, or http on this machine; [`Endpoint::dangerous_plain_http`] says otherwise aloud;
//! - `localhost` is this machine and is never looked up;
//! - no redirect is followed, no proxy of the environment is used, nothing is asked twice;
//! - an answer has status 200, no content coding, a bounded number of bytes, and comes in bounded time;
//! - where an endpoint was named by others ([`Endpoint::published`]), the address that is connected to is
//!   judged too, so that a name that is looked up anew cannot lead to a private address ([`Reach`]).
//!
//! ```
//! use std::time::Duration;
//!
//! use kest_http::{Endpoint, HttpClient};
//!
//! # async fn fetch() -> Result<(), Box<dyn std::error::Error>> {
//! let client = HttpClient::builder(Duration::from_secs(5)).build()?;
//! let keys = Endpoint::parse("https://issuer.example/jwks.json")?;
//! let answer = client.get(&keys).accept("application/jwk-set+json").limit(64 * 1024).send().await?;
//! println!("{} bytes", answer.body().len());
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! Plain http on this machine is as safe as the machine: any process on it may listen on a port that is free. A name
//! that the configuration gives may lead anywhere, also into a private network, because many servers live there;
//! https then proves that the right one answers. Content types are the caller's to judge.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod client;
mod coding;
mod endpoint;
mod error;
mod lookup;
mod origin;
mod request;
mod tls;

pub use address::Reach;
pub use client::{Connections, HttpClient, HttpClientBuilder, HttpClientError};
pub use coding::Coding;
pub use endpoint::{Endpoint, EndpointError};
pub use error::HttpError;
pub use lookup::Lookup;
pub use origin::{Origin, OriginError};
pub use request::{HttpRequest, HttpResponse};
pub use tls::ClientTls;

/// The error of a part that is not ours.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
