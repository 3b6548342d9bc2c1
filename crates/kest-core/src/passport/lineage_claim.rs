//! Compares what an entry says about its caller with what its parents say.

use crate::entry::{Identity, IdentitySource, Labels};

/// An entry says `lineage` and its parents do not bear it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FalseLineage {
    /// There is no parent to have it from.
    #[error("a root has no identity from the lineage")]
    AtRoot,
    /// A parent named no caller, or one that was not verified.
    #[error("a parent has no identity that could be handed on")]
    NothingToInherit,
    /// User, agent, task, issuer or tenant are not those of every parent.
    #[error("identity is not the parents'")]
    Differs,
}

/// Protocol section 2: under the source `lineage`, user, agent, task, issuer and tenant are those of every parent, of
/// which each has them from a token or from its own parents. Other sources claim nothing about the parents.
pub(crate) fn check<'it>(
    own: &'it Labels,
    parents: impl IntoIterator<Item = &'it Labels>,
) -> Result<(), FalseLineage> {
    match own.source() {
        Some(IdentitySource::Lineage) => follows(own, parents),
        Some(IdentitySource::Jwt | IdentitySource::Anonymous | IdentitySource::Unverified) | None => Ok(()),
    }
}

/// Whether what `own` says about the caller is what every parent says.
pub(crate) fn follows<'it>(
    own: &'it Labels,
    parents: impl IntoIterator<Item = &'it Labels>,
) -> Result<(), FalseLineage> {
    let mut parents = parents.into_iter().peekable();
    if parents.peek().is_none() {
        return Err(FalseLineage::AtRoot);
    }
    for parent in parents {
        if !can_be_inherited(parent) {
            return Err(FalseLineage::NothingToInherit);
        }
        if said(own) != said(parent) {
            return Err(FalseLineage::Differs);
        }
    }
    Ok(())
}

/// Without a source, as the first implementation signs it, a readable identity counts; the strict dialect has refused
/// such an entry before.
fn can_be_inherited(parent: &Labels) -> bool {
    match parent.source() {
        Some(IdentitySource::Jwt | IdentitySource::Lineage) => true,
        Some(IdentitySource::Anonymous | IdentitySource::Unverified) => false,
        None => parent.identity_source().is_none() && parent.identity().is_some(),
    }
}

type Said<'labels> = ([Option<&'labels str>; 3], Option<&'labels str>, Option<&'labels str>);

/// What stands about the caller; an identity without members says what none says.
fn said(labels: &Labels) -> Said<'_> {
    let names = labels.identity().map_or([None; 3], |it: &Identity| [it.user(), it.agent(), it.task()]);
    (names, labels.issuer(), labels.tenant())
}
