//! The body of a signed request: read and compared before the handler runs, or as it is read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use kest_core::BoxError;
use pin_project_lite::pin_project;

use crate::Fault;
use crate::digest::{BodyCheck, ExpectedBody};

pin_project! {
    /// A body of which every byte that a handler sees was signed, or whose stream ends with an error.
    ///
    /// Trailers are not signed and do not pass.
    #[derive(Debug)]
    pub struct SignedBody<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = Projection]
    #[derive(Debug)]
    enum State<B> {
        Checked { bytes: Option<Bytes> },
        Streaming {
            #[pin]
            inner: B,
            check: Option<BodyCheck>,
            // The last piece is kept back until all of the body was judged: a reader that counts bytes and never polls for
            // the end must not have it either.
            held: Option<Bytes>,
        },
    }
}

impl<B> SignedBody<B> {
    pub(super) fn checked(bytes: Bytes) -> Self {
        Self { state: State::Checked { bytes: (!bytes.is_empty()).then_some(bytes) } }
    }

    pub(super) fn streaming(inner: B, expected: &ExpectedBody) -> Self {
        Self { state: State::Streaming { inner, check: Some(expected.check()), held: None } }
    }
}

impl<B> Body for SignedBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = SignedBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SignedBodyError>>> {
        match self.project().state.project() {
            Projection::Checked { bytes } => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Projection::Streaming { mut inner, check, held } => loop {
                // A stream that was judged has ended.
                let Some(judge) = check else { return Poll::Ready(None) };
                let next = match ready!(inner.as_mut().poll_frame(context)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(mut data) => Ok(Some(data.copy_to_bytes(data.remaining()))),
                        Err(_trailers) => continue,
                    },
                    Some(Err(cause)) => Err(SignedBodyError::Broken(cause.into())),
                    None => Ok(None),
                };
                let last = match next {
                    Ok(Some(piece)) => match judge.update(&piece) {
                        Ok(()) => match held.replace(piece) {
                            Some(earlier) if !earlier.is_empty() => {
                                return Poll::Ready(Some(Ok(Frame::data(earlier))));
                            }
                            Some(_) | None => continue,
                        },
                        Err(fault) => Err(SignedBodyError::Fault(fault)),
                    },
                    Ok(None) => match check.take().map(BodyCheck::finish) {
                        Some(Ok(())) | None => Ok(held.take()),
                        Some(Err(fault)) => Err(SignedBodyError::Fault(fault)),
                    },
                    Err(broken) => Err(broken),
                };
                *check = None;
                let last = last.map(|last| last.filter(|piece| !piece.is_empty()).map(Frame::data));
                return Poll::Ready(last.transpose());
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Checked { bytes } => bytes.is_none(),
            State::Streaming { check, .. } => check.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Checked { bytes } => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            State::Streaming { .. } => SizeHint::default(),
        }
    }
}

/// A body does not reach the handler whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignedBodyError {
    /// It is not the one that was signed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It could not be read.
    #[error("body could not be read")]
    Broken(#[source] BoxError),
}

/// All of `body` within `limit`, compared with what was signed.
pub(super) async fn read_checked<B>(body: B, expected: &ExpectedBody, limit: usize) -> Result<Bytes, Fault>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let bytes = read_all(body, limit).await?;
    let mut check = expected.check();
    check.update(&bytes)?;
    check.finish()?;
    Ok(bytes)
}

/// All of `body` within `limit`; its trailers are left out.
pub(super) async fn read_all<B: Body>(body: B, limit: usize) -> Result<Bytes, Fault> {
    // What says that it is too long is not read at all.
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(Fault::BodyTooLarge);
    }
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(mut data) = frame.map_err(|_cause| Fault::BodyBroken)?.into_data() else { continue };
        if whole.len().saturating_add(data.remaining()) > limit {
            return Err(Fault::BodyTooLarge);
        }
        while data.has_remaining() {
            whole.extend_from_slice(data.chunk());
            data.advance(data.chunk().len());
        }
    }
    Ok(whole.freeze())
}
