//! gRPC through the layers on both sides: real tonic servers, channels and streams on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which end the test at the line that failed"
)]

mod builders;
mod chain;
mod channels;
mod clients;
mod guide;
mod inbound;
mod retries;
mod rig;
mod swapped;

/// The guide's own code.
mod printed {
    use crate::rig::{Stock, StockClient, StockServer};

    include!("printed.rs");

    pub(crate) async fn served(kest: &Kest, stock: Stock, incoming: TcpIncoming) -> Result<(), BoxError> {
        serve(kest, stock, incoming).await
    }

    pub(crate) fn plain(kest: &Kest, endpoint: &Endpoint) -> StockClient<Carry<Channel>> {
        client(kest, endpoint).unwrap()
    }

    pub(crate) fn streaming(kest: &Kest, endpoint: &Endpoint) -> StockClient<Streaming> {
        streaming_client(kest, endpoint).unwrap()
    }

    pub(crate) fn of_hyper(kest: &Kest, listed: &str) -> Carry<Client<HttpConnector, Full<Bytes>>> {
        hyper_client(kest, listed).unwrap()
    }

    pub(crate) fn why(status: &Status) -> Option<&CarryError> {
        not_sent(status)
    }
}
