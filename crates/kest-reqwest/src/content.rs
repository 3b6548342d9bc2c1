//! Reads the body of reqwest's request, so that its hop proof covers it.

use bytes::Bytes;
use kest_baggage::Ambience;
use kest_baggage::carry::{Content, ContentError, Streams, WholeBody};
use kest_core::Limits;
use reqwest::Body;

/// The body of a request that is about to be sent, and what was read of it.
pub(crate) struct Sending<'request> {
    body: &'request mut Option<Body>,
    read: Bytes,
}

impl<'request> Sending<'request> {
    pub(crate) fn new(body: &'request mut Option<Body>) -> Self {
        Self { body, read: Bytes::new() }
    }
}

impl Content for Sending<'_> {
    async fn read(
        &mut self,
        streams: Streams,
        limits: &Limits,
        ambience: &Ambience,
    ) -> Result<Option<&[u8]>, ContentError> {
        let streamed = self.body.as_ref().is_some_and(|body| body.as_bytes().is_none());
        if !streamed {
            return Ok(Some(self.body.as_ref().and_then(Body::as_bytes).unwrap_or_default()));
        }
        if streams == Streams::DangerousUncovered {
            return Ok(None);
        }
        let stream = self.body.take().unwrap_or_default();
        let whole = WholeBody::read(ambience.clone().wrap(stream), limits).await?;
        self.read = whole.bytes().clone();
        // Plain bytes can be sent again after a redirect; reqwest has no such form for what has trailers.
        *self.body = Some(match whole.trailers() {
            None => Body::from(self.read.clone()),
            Some(_) => Body::wrap(whole),
        });
        Ok(Some(&self.read))
    }
}
