//! The body of a request whose proof says what it must be: checked before the handler runs, or while it streams.

mod check;
mod checked;
mod progress;
mod waiting;

pub(crate) use check::{BodyCheck, BodyHandling};
pub use checked::Checked;
pub(crate) use progress::Expected;
pub use waiting::GuardFuture;
