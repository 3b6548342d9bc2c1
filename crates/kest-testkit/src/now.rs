//! Takes the result of what waits for nothing, so that tests need no runtime for it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::fail::fail;

/// The output of a future that is ready at once, as everything is that a kit asks of itself.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => fail("something that is ready at once was not"),
    }
}
