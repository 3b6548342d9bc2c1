//! The body that services inside of an inbound layer are given.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use kest_core::BoxError;
use pin_project_lite::pin_project;

use super::check::BodyCheck;
use super::progress::{Expected, Progress};

pin_project! {
    /// The body of a request inside of an [`InboundLayer`](crate::InboundLayer): the body that came, or, where a
    /// [hop proof](crate::HopProof) says what it must be, nothing but that.
    ///
    /// Layers on the route ([`OperationLayer`](crate::OperationLayer), [`GuardLayer`](crate::GuardLayer), [`public`](crate::public)) wait
    /// until all of it was read and compared, so that no handler runs with a body that was swapped. Where none of them is, and on a
    /// route with [`streaming_body`](crate::OperationLayer::streaming_body), reading it ends in an error.
    ///
    /// Any service that takes any body takes this one: axum's, tonic's, one of your own that is generic over `Body`.
    #[derive(Debug)]
    pub struct Checked<B> {
        #[pin]
        body: Source<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum Source<B> {
        AsItCame { #[pin] body: B },
        Whole { bytes: Bytes },
        Shared { check: BodyCheck },
    }
}

impl<B> Checked<B> {
    /// A body of which nothing is expected.
    pub(crate) fn as_it_came(body: B) -> Self {
        Self { body: Source::AsItCame { body } }
    }
}

impl<B> Checked<B>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Expects this of the body from now on. The check is for those who wait for its verdict; without one there is no body and
    /// none is expected.
    pub(crate) fn expect(self, expected: &Expected, wait: std::time::Duration) -> (Self, Option<BodyCheck>) {
        if expected.body == kest_signature::ExpectedBody::Empty && self.is_end_stream() {
            return (Self { body: Source::Whole { bytes: Bytes::new() } }, None);
        }
        let check = BodyCheck::new(Progress::new(Box::pin(self), expected), wait);
        (Self { body: Source::Shared { check: check.clone() } }, Some(check))
    }
}

/// A body in one piece, of which nothing is expected.
impl<B> From<Bytes> for Checked<B> {
    fn from(bytes: Bytes) -> Self {
        Self { body: Source::Whole { bytes } }
    }
}

impl<B> Body for Checked<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(match self.project().body.project() {
            Projection::AsItCame { body } => match ready!(body.poll_frame(context)) {
                Some(Ok(frame)) => Some(Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))),
                Some(Err(cause)) => Some(Err(cause.into())),
                None => None,
            },
            Projection::Whole { bytes } => Some(std::mem::take(bytes))
                .filter(|bytes| !bytes.is_empty())
                .map(|bytes| Ok(Frame::data(bytes))),
            Projection::Shared { check } => match ready!(check.poll_piece(context)) {
                Some(Ok(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Err(fault)) => Some(Err(fault.into())),
                None => None,
            },
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Source::AsItCame { body } => body.is_end_stream(),
            Source::Whole { bytes } => bytes.is_empty(),
            Source::Shared { check } => check.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Source::AsItCame { body } => body.size_hint(),
            Source::Whole { bytes } => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Source::Shared { check } => check.size_hint(),
        }
    }
}
