//! May it happen: the question, the seam that answers it, the permit that proves a yes.

mod authorize;
mod closure;
mod inquiry;

pub use authorize::{Authorize, AuthorizeError, Decision, Denial, NothingAsked, Permit, authorize};
pub use closure::{
    AllOf, AllowAll, DeploymentOnly, PolicyFn, all_of, dangerous_allow_all, deployment_only, policy_fn,
};
pub use inquiry::Inquiry;
pub(crate) use inquiry::Memo;
