//! Where the agent is, and the stream of what it says.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use spiffe::transport::Endpoint;
use spiffe::{WorkloadApiClient, X509Context};

use super::AgentFault;
use super::builder::SpiffeStartError;

/// Where an agent is: a socket of this machine.
#[derive(Debug, Clone)]
pub(super) struct Agent(Endpoint);

impl Agent {
    /// SPIFFE Workload Endpoint section 4: `unix:///path` or `tcp://127.0.0.1:port`.
    pub(super) fn parse(address: &str) -> Result<Self, SpiffeStartError> {
        let endpoint = Endpoint::parse(address).map_err(|cause| SpiffeStartError::Address(cause.into()))?;
        // Without TLS private keys are read by all who see the packets.
        if matches!(&endpoint, Endpoint::Tcp { host, .. } if !host.is_loopback()) {
            return Err(SpiffeStartError::NotLocal);
        }
        Ok(Self(endpoint))
    }

    /// Asks, and gets a stream whose first answer is what holds now.
    pub(super) async fn ask(&self) -> Result<Answers, AgentFault> {
        let client = WorkloadApiClient::connect(self.0.clone()).await.map_err(AgentFault::of)?;
        let stream = client.stream_x509_contexts().await.map_err(AgentFault::of)?;
        Ok(Answers { stream: Box::pin(stream), _client: client })
    }
}

/// What an agent says, one answer after the other.
pub(super) struct Answers {
    stream: Pin<Box<dyn Stream<Item = Result<X509Context, spiffe::WorkloadApiError>> + Send>>,
    /// The connection ends with its client.
    _client: WorkloadApiClient,
}

impl Answers {
    /// The next answer, or none once the stream has ended.
    pub(super) async fn next(&mut self) -> Option<Result<X509Context, AgentFault>> {
        let answer = poll_fn(|context| self.stream.as_mut().poll_next(context)).await?;
        Some(answer.map_err(AgentFault::of))
    }
}
