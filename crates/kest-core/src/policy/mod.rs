//! May it happen: the question, the seam that answers it, the permit that proves a yes.

mod authorize;
mod closure;
mod request;

pub use authorize::{Authorize, AuthorizeError, Decision, Denial, NothingAsked, Permit, authorize};
pub use closure::{
    AllOf, AllowAll, DeploymentOnly, PolicyFn, all_of, dangerous_allow_all, deployment_only, policy_fn,
};
pub(crate) use request::Memo;
pub use request::PolicyRequest;
