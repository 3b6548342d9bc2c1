//! reqwest middleware that carries a Kest passport to listed destinations, and nowhere else.
//!
//! ```no_run
//! use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = CarryPassport::to([Destination::origin("https://stock.internal")?])
//!     .without_lineage(WithoutLineage::Refuse)
//!     .client(reqwest::Client::builder())?;
//! // Inside a handler behind an `OperationLayer`, this call carries the handler's lineage:
//! let call = client.get("https://stock.internal/items").send();
//! # drop(call);
//! # Ok(())
//! # }
//! ```
//!
//! # Limits and caveats
//!
//! The middleware comes with its client, because a redirect happens below every middleware: the client follows none, and
//! the middleware those of the same origin. It is the innermost one, whatever else is added: the passport is put on the
//! request last, checked, signed for this one request, and sent. Nothing of the inbound request but the passport is ever put on an outgoing one.
//! Proxies of the environment (`HTTP_PROXY` and the like) are not used, because one reads every passport that is sent
//! over plain http; a proxy that the client's builder was given stays. Work that a handler spawns has no ambience: capture it with [`kest_baggage::Ambience`], build the request in the
//! handler, or give it its admission with `RequestBuilder::with_extension(admission)`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod carry;
mod content;
mod innermost;
mod network;
mod redirect;

pub use builder::{ClientBuilder, ReqwestBuilder};
pub use carry::{CarryPassport, Carrying, ClientError};
pub use kest_baggage::carry::{
    CarryError, ContentError, Destination, DestinationError, HopSigning, Origination, Sent, Streams,
    WithoutLineage,
};
pub use kest_baggage::telemetry::{OUTGOING, describe_metrics};
