//! The bytes of an outgoing request that its hop proof covers, and how a stream becomes bytes.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use kest_core::{BoxError, Limits};

use crate::ambience::Ambience;

/// The body of a request that is about to be sent, as the client that sends it holds it.
pub trait Content: Send {
    /// All of its bytes, none for an empty body; `None` where they go uncovered, which only
    /// [`Streams::DangerousUncovered`] allows.
    ///
    /// A stream is read to its end, within `limits` and as part of `ambience`, and what was read is sent in its place.
    fn read(
        &mut self,
        streams: Streams,
        limits: &Limits,
        ambience: &Ambience,
    ) -> impl Future<Output = Result<Option<&[u8]>, ContentError>> + Send;
}

/// What becomes of bodies whose bytes are not at hand when their request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Streams {
    /// They are read to their end first, within `Limits::signed_body_bytes` and `Limits::signed_body_wait`.
    Read,
    /// They are sent as they come, and their hop proof says nothing about them.
    ///
    /// What is given up: the bytes of a stream can be exchanged on the way, and a service that demands hop proofs refuses
    /// them.
    DangerousUncovered,
}

/// A body of which all is at hand: its bytes, and its trailers, which no hop proof covers.
#[derive(Debug, Clone, Default)]
pub struct WholeBody {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
}

impl WholeBody {
    /// Reads `body` to its end, within `limits`.
    ///
    /// # Errors
    ///
    /// [`ContentError`] when it is too long, takes too long or breaks off.
    pub async fn read<B>(body: B, limits: &Limits) -> Result<Self, ContentError>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let most = limits.signed_body_bytes;
        if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
            return Err(ContentError::TooLong(most));
        }
        let reading = read_to_end(body, most);
        let read = tokio::time::timeout(limits.signed_body_wait, reading).await;
        read.unwrap_or(Err(ContentError::TooSlow))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What follows them.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }
}

async fn read_to_end<B>(body: B, most: usize) -> Result<WholeBody, ContentError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut bytes = BytesMut::new();
    let mut trailers = None;
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|cause| ContentError::BrokenOff(cause.into()))?;
        match frame.into_data() {
            Ok(mut data) => {
                let length = data.remaining();
                if length > most.saturating_sub(bytes.len()) {
                    return Err(ContentError::TooLong(most));
                }
                bytes.extend_from_slice(&data.copy_to_bytes(length));
            }
            Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
        }
    }
    Ok(WholeBody { bytes: bytes.freeze(), trailers })
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // usize is at most 64 bits wide on all that this compiles for.
        u64::try_from(self.bytes.len()).map_or_else(|_| SizeHint::default(), SizeHint::with_exact)
    }
}

/// The bytes of a body cannot be covered by a hop proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// A stream is longer than [`Limits::signed_body_bytes`].
    #[error("streamed body is over the limit for signed requests: {0} bytes")]
    TooLong(usize),
    /// A stream did not end within [`Limits::signed_body_wait`].
    #[error("streamed body did not end in time to be signed")]
    TooSlow,
    /// A stream failed.
    #[error("streamed body broke off")]
    BrokenOff(#[source] BoxError),
    /// A body of a type that cannot be made of bytes again once it was read.
    #[error("body is of a type that cannot be made of its bytes again")]
    OfAnotherType,
}

impl ContentError {
    /// A stable name for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "too_long",
            Self::TooSlow => "too_slow",
            Self::BrokenOff(_) => "broken_off",
            Self::OfAnotherType => "of_another_type",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames that are there at once, and whether the stream ends after them.
    struct Frames(Vec<Frame<Bytes>>, bool);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match (self.0.is_empty(), self.1) {
                (false, _) => Poll::Ready(Some(Ok(self.0.remove(0)))),
                (true, true) => Poll::Ready(None),
                (true, false) => Poll::Pending,
            }
        }
    }

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text.as_bytes()))
    }

    fn limits(bytes: usize) -> Limits {
        let mut limits = Limits::default();
        limits.signed_body_bytes = bytes;
        limits
    }

    #[tokio::test]
    async fn stream_becomes_its_bytes_and_keeps_its_trailers() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", http::HeaderValue::from_static("7"));
        let frames = vec![data("ab"), data(""), data("cd"), Frame::trailers(trailers.clone())];
        let whole = WholeBody::read(Frames(frames, true), &limits(4)).await.unwrap();
        assert_eq!((&whole.bytes()[..], whole.trailers()), (&b"abcd"[..], Some(&trailers)));
        assert_eq!(whole.size_hint().exact(), Some(4));
        let again = WholeBody::read(whole, &limits(4)).await.unwrap();
        assert_eq!((&again.bytes()[..], again.trailers()), (&b"abcd"[..], Some(&trailers)));
    }

    #[tokio::test(start_paused = true)]
    async fn stream_that_is_long_or_does_not_end_is_given_up() {
        let long = WholeBody::read(Frames(vec![data("ab"), data("cde")], false), &limits(4)).await;
        assert!(matches!(long, Err(ContentError::TooLong(4))));
        let said = WholeBody::read(WholeBody { bytes: "abcde".into(), trailers: None }, &limits(4)).await;
        assert!(matches!(said, Err(ContentError::TooLong(4))));
        let endless = WholeBody::read(Frames(vec![data("ab")], false), &limits(4)).await;
        assert!(matches!(endless, Err(ContentError::TooSlow)));
    }
}
