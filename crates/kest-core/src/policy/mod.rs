//! May it happen: the question, the seam that answers it, the permit that proves a yes.

mod authorize;
mod closure;
mod inquiry;

pub use authorize::{Authorize, AuthorizeError, Decision, Denial, Permit, authorize};
pub use closure::{AllOf, AllowAll, PolicyFn, all_of, dangerous_allow_all, policy_fn};
pub use inquiry::Inquiry;
