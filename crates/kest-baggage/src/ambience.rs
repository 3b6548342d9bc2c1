//! Keeps what the running code works for on its thread, where no tracing setup can exchange it.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use kest_core::{Admission, Arrival};

/// What the running code works for: an admitted operation, a request that arrived, or nothing.
///
/// Take it with [`capture`](Self::capture) where it is right, and enter it again where the work goes on: in a task, a
/// thread, a stream that another task polls.
///
/// ```
/// use kest_baggage::{Ambience, current_user};
///
/// # fn example(seen: std::sync::mpsc::Sender<Option<String>>) {
/// let ambience = Ambience::capture();
/// tokio::spawn(ambience.wrap(async { /* runs as part of the same operation, in another task */ }));
///
/// let ambience = Ambience::capture();
/// std::thread::spawn(move || ambience.scope(|| seen.send(current_user())));
/// # }
/// ```
///
/// It is kept beside OpenTelemetry's context, not in it: a span that is entered, a parent that is named, a level that is
/// switched off exchange that context, and never this.
///
/// An ambience that was captured outside of every request holds nothing. Entering it changes nothing, so that a lineage
/// is never replaced by none.
#[derive(Clone, Default)]
pub struct Ambience(Option<LineageContext>);

#[derive(Clone)]
pub(crate) enum LineageContext {
    Arrived(Arrival),
    Admitted(Admission),
}

impl LineageContext {
    pub(crate) fn current() -> Option<Self> {
        // A thread that is ending has lost its stack: then nothing is current.
        STACK.try_with(|stack| stack.borrow().current().cloned()).ok().flatten()
    }

    pub(crate) fn arrival(&self) -> &Arrival {
        match self {
            Self::Arrived(arrival) => arrival,
            Self::Admitted(admission) => admission.arrival(),
        }
    }
}

impl Ambience {
    /// What the running code works for.
    #[must_use]
    pub fn capture() -> Self {
        Self(LineageContext::current())
    }

    /// Runs `work` with this around it; whatever else is attached meanwhile ends with it.
    pub fn scope<Made>(&self, work: impl FnOnce() -> Made) -> Made {
        let _scope = Scope(push(self.0.clone()));
        work()
    }

    /// Attaches it to this thread until the guard is dropped.
    ///
    /// For code between two points of one function. A guard that lives across an `.await` shows the lineage to whatever
    /// else the thread runs meanwhile: use [`wrap`](Self::wrap) for futures, and [`scope`](Self::scope) in a `poll`.
    #[must_use = "it is attached only as long as the guard lives"]
    pub fn attach(&self) -> AmbienceGuard {
        AmbienceGuard { place: push(self.0.clone()), stays_on_its_thread: PhantomData }
    }
}

impl Ambience {
    /// The operation that it holds, where an audit log waits to hear how that ends.
    #[must_use]
    pub fn audited(&self) -> Option<&Admission> {
        self.admission().filter(|admission| admission.is_audited())
    }

    /// The operation that it holds.
    #[must_use]
    pub fn admission(&self) -> Option<&Admission> {
        match self.0.as_ref()? {
            LineageContext::Admitted(admission) => Some(admission),
            LineageContext::Arrived(_) => None,
        }
    }

    /// Runs `work` in [`scope`](Self::scope), and within the span of the operation: for what is polled by those who know no span, such as
    /// a server that streams a body.
    pub(crate) fn scope_within_span<Made>(&self, work: impl FnOnce() -> Made) -> Made {
        match &self.0 {
            Some(LineageContext::Admitted(admission)) => admission.span().in_scope(|| self.scope(work)),
            Some(LineageContext::Arrived(_)) | None => self.scope(work),
        }
    }

    pub(crate) fn context(&self) -> Option<&LineageContext> {
        self.0.as_ref()
    }
}

impl From<Admission> for Ambience {
    fn from(admission: Admission) -> Self {
        Self(Some(LineageContext::Admitted(admission)))
    }
}

impl From<Arrival> for Ambience {
    /// A request in which no operation was admitted yet.
    fn from(arrival: Arrival) -> Self {
        Self(Some(LineageContext::Arrived(arrival)))
    }
}

impl fmt::Debug for Ambience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A lineage is a credential: its entries stay out of debug output.
        let kind = match &self.0 {
            None => "nothing",
            Some(LineageContext::Arrived(_)) => "arrived",
            Some(LineageContext::Admitted(_)) => "admitted",
        };
        formatter.debug_tuple("Ambience").field(&format_args!("{kind}")).finish()
    }
}

/// Detaches an [`Ambience`] when it is dropped, in whatever order guards are dropped.
#[derive(Debug)]
pub struct AmbienceGuard {
    place: u64,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Drop for AmbienceGuard {
    fn drop(&mut self) {
        let removed = STACK.try_with(|stack| stack.borrow_mut().remove(self.place));
        // Only now, since dropping the last of an admission may run code that asks what is current.
        drop(removed);
    }
}

/// Detaches what a scope attached, and everything that was attached inside of it.
struct Scope(u64);

impl Drop for Scope {
    fn drop(&mut self) {
        // One by one, each after the stack is let go of: dropping the last of an admission may run code that asks what is
        // current.
        while let Ok(Some(removed)) = STACK.try_with(|stack| stack.borrow_mut().pop_from(self.0)) {
            drop(removed);
        }
    }
}

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { next: 0, attached: Vec::new() }) };
}

fn push(context: Option<LineageContext>) -> u64 {
    STACK.try_with(|stack| stack.borrow_mut().push(context)).unwrap_or_default()
}

/// What is attached to one thread; the last one counts.
struct Stack {
    next: u64,
    /// In the order of their places.
    attached: Vec<(u64, LineageContext)>,
}

impl Stack {
    fn current(&self) -> Option<&LineageContext> {
        self.attached.last().map(|(_, context)| context)
    }

    fn push(&mut self, context: Option<LineageContext>) -> u64 {
        let place = self.next;
        self.next += 1;
        self.attached.extend(context.map(|context| (place, context)));
        place
    }

    fn remove(&mut self, place: u64) -> Option<LineageContext> {
        let index = self.attached.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(self.attached.remove(index).1)
    }

    /// The last of what was attached at `place` or later.
    fn pop_from(&mut self, place: u64) -> Option<LineageContext> {
        self.attached.pop_if(|(other, _)| *other >= place).map(|(_, context)| context)
    }
}

#[cfg(test)]
#[path = "tests/ambience.rs"]
mod tests;
