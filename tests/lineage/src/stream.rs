//! An answer that is still at work while it is written, as a stream of events or tokens is.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;

/// An answer that does `work` when it is read, and then says what came of it.
pub fn streaming(work: impl Future<Output = String> + Send + 'static) -> Response {
    Response::new(Body::new(AtWork(Some(Box::pin(work)))))
}

struct AtWork(Option<Pin<Box<dyn Future<Output = String> + Send>>>);

impl http_body::Body for AtWork {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(work) = &mut self.0 else { return Poll::Ready(None) };
        let text = ready!(work.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}
