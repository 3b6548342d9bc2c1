//! How far the check of one body is: shared by the body that the handler reads and the layers that wait for the verdict.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use kest_core::BoxError;
use kest_signature::{BodyCheck as Digests, ExpectedBody, Fault};

/// A body of any kind, as the layers know it.
pub(crate) type AnyBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// What the proof says about a body, and how much of it may be held until that is known to be true.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) body: ExpectedBody,
    pub(crate) limit: usize,
}

/// Why a body does not reach its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    /// It is not the one that was signed.
    #[error("body is not the one that was signed")]
    Differs(Fault),
    /// It ended before its end.
    #[error("body could not be read")]
    Unreadable,
    /// It has trailers, which no digest covers.
    #[error("body has trailers that are not signed")]
    Trailers,
    /// It is longer than what is held.
    #[error("body is over the limit")]
    TooLong,
}

/// How far the check is.
pub(crate) enum Progress {
    /// All of it is read before any of it is handed on.
    Gathering { body: AnyBody, digests: Digests, held: BytesMut, limit: usize },
    /// Data are handed on as they come; the end is an error where they were not the ones that were signed.
    /// The last piece is kept back until all was judged: a reader that counts bytes and never asks for the end must not have it.
    Streaming { body: AnyBody, digests: Digests, last: Bytes },
    /// It is the one that was signed.
    Whole(Bytes),
    /// Nothing of it is handed on any more.
    Refused(BodyFault),
    /// All of it was handed on.
    Done,
}

impl Progress {
    pub(crate) fn new(body: AnyBody, expected: &Expected) -> Self {
        if expected.body == ExpectedBody::Empty && body.size_hint().lower() > 0 {
            return Self::Refused(BodyFault::Differs(Fault::BodyUnsigned));
        }
        let digests = expected.body.check();
        Self::Gathering { body, digests, held: BytesMut::new(), limit: expected.limit }
    }

    /// Hands data on as they come from now on, unless some were held already.
    pub(crate) fn stream(&mut self) {
        let untouched = matches!(self, Self::Gathering { held, .. } if held.is_empty());
        if untouched && let Self::Gathering { body, digests, .. } = std::mem::replace(self, Self::Done) {
            *self = Self::Streaming { body, digests, last: Bytes::new() };
        }
    }

    /// Reads until it is known whether the body is the one that was signed. What streams is not waited for.
    pub(crate) fn poll_verdict(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        while let Self::Gathering { body, digests, held, limit } = self {
            let room = limit.saturating_sub(held.len());
            // What says itself that it is too long is not read.
            if body.size_hint().lower() > u64::try_from(room).unwrap_or(u64::MAX) {
                *self = Self::Refused(BodyFault::TooLong);
                break;
            }
            match ready!(body.as_mut().poll_frame(context)) {
                Some(frame) => match take(frame, digests) {
                    Ok(data) if data.len() > room => {
                        *self = Self::Refused(BodyFault::TooLong);
                    }
                    Ok(data) => held.extend_from_slice(&data),
                    Err(fault) => *self = Self::Refused(fault),
                },
                None => self.judge(),
            }
        }
        Poll::Ready(self.fault().map_or(Ok(()), Err))
    }

    fn fault(&self) -> Option<BodyFault> {
        if let Self::Refused(fault) = self { Some(*fault) } else { None }
    }

    /// The next piece that the handler may have.
    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        if let Err(fault) = ready!(self.poll_verdict(context)) {
            return Poll::Ready(Some(Err(fault)));
        }
        match self {
            Self::Streaming { body, digests, last } => loop {
                match ready!(body.as_mut().poll_frame(context)) {
                    Some(frame) => match take(frame, digests) {
                        Ok(data) if data.is_empty() => {}
                        Ok(data) => {
                            let before = std::mem::replace(last, data);
                            if !before.is_empty() {
                                break Poll::Ready(Some(Ok(before)));
                            }
                        }
                        Err(fault) => break self.refuse(fault),
                    },
                    None => {
                        let last = std::mem::take(last);
                        self.judge();
                        let end = Some(last).filter(|last| !last.is_empty()).map(Ok);
                        break Poll::Ready(self.fault().map_or(end, |fault| Some(Err(fault))));
                    }
                }
            },
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Done;
                Poll::Ready(Some(bytes).filter(|bytes| !bytes.is_empty()).map(Ok))
            }
            Self::Gathering { .. } | Self::Refused(_) | Self::Done => Poll::Ready(None),
        }
    }

    pub(crate) fn is_end(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Gathering { .. } | Self::Streaming { .. } | Self::Refused(_) => false,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Gathering { body, held, .. } => {
                let read = u64::try_from(held.len()).unwrap_or(u64::MAX);
                let rest = body.size_hint();
                let mut hint = SizeHint::new();
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper.saturating_add(read));
                }
                hint.set_lower(rest.lower().saturating_add(read));
                hint
            }
            // A piece that is kept back is no part of what is left to read.
            Self::Streaming { .. } => SizeHint::new(),
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Self::Refused(_) => SizeHint::new(),
            Self::Done => SizeHint::with_exact(0),
        }
    }

    fn refuse(&mut self, fault: BodyFault) -> Poll<Option<Result<Bytes, BodyFault>>> {
        *self = Self::Refused(fault);
        Poll::Ready(Some(Err(fault)))
    }

    /// All of the body was read.
    fn judge(&mut self) {
        let (digests, whole) = match std::mem::replace(self, Self::Done) {
            Self::Gathering { digests, held, .. } => (digests, Some(held)),
            Self::Streaming { digests, .. } => (digests, None),
            Self::Whole(_) | Self::Refused(_) | Self::Done => return,
        };
        *self = match digests.finish() {
            Ok(()) => whole.map_or(Self::Done, |held| Self::Whole(held.freeze())),
            Err(fault) => Self::Refused(BodyFault::Differs(fault)),
        };
    }
}

/// The data of a frame, once they are part of the digest.
fn take(frame: Result<Frame<Bytes>, BoxError>, digests: &mut Digests) -> Result<Bytes, BodyFault> {
    let frame = frame.map_err(|_cause| BodyFault::Unreadable)?;
    match frame.into_data() {
        Ok(data) => digests.update(&data).map(|()| data).map_err(BodyFault::Differs),
        Err(frame) => match frame.into_trailers() {
            Ok(trailers) if !trailers.is_empty() => Err(BodyFault::Trailers),
            Ok(_) | Err(_) => Ok(Bytes::new()),
        },
    }
}
