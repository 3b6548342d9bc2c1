//! What the layers on a route wait for before its handler runs: the verdict about the body, found in the extensions.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Extensions;
use http_body::SizeHint;
use kest_core::refusal::Step;

use super::progress::{BodyFault, Progress};
use crate::answer::Rejection;
use crate::rejection::RejectionKind;

/// The check of one request's body, shared by the body itself and by what stands in the extensions.
#[derive(Clone)]
pub(crate) struct BodyCheck {
    progress: Arc<Mutex<Progress>>,
    wait: Duration,
}

impl BodyCheck {
    pub(crate) fn new(progress: Progress, wait: Duration) -> Self {
        Self { progress: Arc::new(Mutex::new(progress)), wait }
    }

    /// The check that a layer further out began, if there is one.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().cloned()
    }

    /// Lets the handler have data as they come.
    fn stream(&self) {
        self.progress().stream();
    }

    /// Reads the body, within its limits of length and time. What streams is not waited for.
    pub(crate) async fn verdict(&self, step: Step) -> Result<(), Rejection> {
        let judged = poll_fn(|context| self.progress().poll_verdict(context));
        match tokio::time::timeout(self.wait, judged).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => Err(rejection(step, fault)),
            Err(_elapsed) => Err(Rejection::new(step, RejectionKind::TookTooLong)),
        }
    }

    pub(super) fn poll_piece(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let mut progress = self.progress();
        let streams = matches!(*progress, Progress::Streaming { .. });
        let piece = progress.poll_piece(context);
        if let (true, Poll::Ready(Some(Err(fault)))) = (streams, &piece) {
            // The handler runs already, so that no answer of ours says it.
            rejection(Step::Inbound, *fault).report(None, None);
        }
        piece
    }

    pub(super) fn is_end(&self) -> bool {
        self.progress().is_end()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.progress().size_hint()
    }

    /// One who panicked while it was held left a body that ends in an error, or a whole state.
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the handler gets a body that is expected to be a certain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BodyHandling {
    /// When all of it was compared.
    #[default]
    Whole,
    /// As it comes.
    Stream,
}

impl BodyHandling {
    /// Tells the check of a request with these extensions, if it has one.
    pub(crate) fn apply(self, extensions: &Extensions) {
        if self == Self::Stream
            && let Some(check) = BodyCheck::of(extensions)
        {
            check.stream();
        }
    }
}

impl fmt::Debug for BodyCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BodyCheck(..)")
    }
}

fn rejection(step: Step, fault: BodyFault) -> Rejection {
    let (kind, cause) = match fault {
        BodyFault::TooLong => (RejectionKind::BodyTooLarge, None),
        BodyFault::Differs(fault) => (RejectionKind::ProofInvalid, Some(fault.as_str())),
        BodyFault::Unreadable => (RejectionKind::ProofInvalid, Some("body_unreadable")),
        BodyFault::Trailers => (RejectionKind::ProofInvalid, Some("body_trailers")),
    };
    Rejection::new(step, kind).because(cause)
}
