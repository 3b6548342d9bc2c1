//! Admits within a time that the caller keeps, since this crate knows no timer.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::admission::Admission;
use crate::admit_error::AdmitError;
use crate::admit_options::AdmitOptions;
use crate::admitter::Admitter;
use crate::arrival::Arrival;
use crate::operation::Operation;
use crate::policy::Authorize;
use crate::refusal::Step;
use crate::trust::Origin;

impl Admitter {
    /// [`admit`](Self::admit) until `deadline` is over, such as a timer of `Limits::admission_wait`.
    ///
    /// # Errors
    ///
    /// [`AdmitError`], `TookTooLong` among them.
    pub async fn admit_by(
        &self,
        arrival: &Arrival,
        operation: &Operation,
        policy: &dyn Authorize,
        options: AdmitOptions,
        deadline: impl Future<Output = ()> + Send,
    ) -> Result<Admission, AdmitError> {
        self.admit_at(Step::Operation, arrival, operation, policy, options, deadline).await
    }

    /// [`originate`](Self::originate) until `deadline` is over.
    ///
    /// # Errors
    ///
    /// [`AdmitError`], `TookTooLong` among them.
    pub async fn originate_by(
        &self,
        origin: Origin,
        operation: &Operation,
        policy: &dyn Authorize,
        deadline: impl Future<Output = ()> + Send,
    ) -> Result<Admission, AdmitError> {
        let (arrival, options) = self.beginning(origin);
        self.admit_at(Step::Originate, &arrival, operation, policy, options, deadline).await
    }
}

/// What `work` gives, or `None` where `deadline` was over before; `work` is dropped then.
pub(crate) async fn before<Given>(
    deadline: impl Future<Output = ()> + Send,
    work: impl Future<Output = Given> + Send,
) -> Option<Given> {
    let (mut deadline, mut work) = (pin!(deadline), pin!(work));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(given) => Poll::Ready(Some(given)),
        Poll::Pending => deadline.as_mut().poll(context).map(|()| None),
    })
    .await
}
