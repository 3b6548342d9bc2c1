//! Refuses signed labels that contradict themselves: what the strict dialect asks of one entry alone.

use serde::{Deserialize, Serialize};

use super::{FormError, Identity, IdentitySource, Labels, TraceId};
use crate::canonical::{canonicalize, is_written_as};
use crate::limits::Limits;
use crate::signature::WorkloadId;
use crate::trust::Origin;

/// Protocol section 2: every label that has one form has it, names are not empty, and the source of an identity is
/// one that can say what is said.
pub(super) fn check(labels: &Labels, workload: &WorkloadId, limits: &Limits) -> Result<(), FormError> {
    if !labels.are_texts() {
        return Err(FormError::Labels);
    }
    if labels.trace_id().and_then(TraceId::parse).is_none() {
        return Err(FormError::Labels);
    }
    check_names(labels)?;
    check_source(labels)?;
    check_sanitizer(labels, workload)?;
    if labels.origin().is_some_and(|origin| Origin::new(origin).is_err()) {
        return Err(FormError::Labels);
    }
    let attributes = labels.resource_attributes();
    if attributes.is_some_and(|attributes| !is_canonical_object(attributes, limits)) {
        return Err(FormError::Labels);
    }
    Ok(())
}

/// The identity has exactly its three members in canonical form, and nothing is called by an empty name.
fn check_names(labels: &Labels) -> Result<(), FormError> {
    if let Some(label) = labels.identity_label()
        && !labels.identity().is_some_and(|identity| is_written_as(identity, label.as_bytes()))
    {
        let empty = Identity::has_empty_name(label);
        return Err(if empty { FormError::EmptyName } else { FormError::Labels });
    }
    let names = [labels.issuer(), labels.tenant(), labels.resource_id()];
    if names.into_iter().flatten().any(str::is_empty) { Err(FormError::EmptyName) } else { Ok(()) }
}

/// Names need a source, and the source decides which there may be.
fn check_source(labels: &Labels) -> Result<(), FormError> {
    let named = labels.identity().is_some_and(|identity| !identity.names_none());
    let anything = named || labels.issuer().is_some() || labels.tenant().is_some();
    let Some(source) = labels.identity_source() else {
        return if anything { Err(FormError::IdentitySource) } else { Ok(()) };
    };
    match IdentitySource::from_wire(source).ok_or(FormError::IdentitySource)? {
        // A user name means nothing without who vouches for it.
        IdentitySource::Jwt if labels.issuer().is_none() => Err(FormError::Identity),
        IdentitySource::Anonymous if anything => Err(FormError::Identity),
        // What a lineage gives is compared with the parents.
        IdentitySource::Jwt
        | IdentitySource::Anonymous
        | IdentitySource::Lineage
        | IdentitySource::Unverified => Ok(()),
    }
}

/// The label must say why, and may speak for the signing workload only.
fn check_sanitizer(labels: &Labels, workload: &WorkloadId) -> Result<(), FormError> {
    let Some(label) = labels.sanitizer() else {
        return Ok(());
    };
    let declared: Declared<'_> = serde_json::from_str(label).map_err(|_cause| FormError::Labels)?;
    if !is_written_as(&declared, label.as_bytes()) || declared.reason.trim().is_empty() {
        return Err(FormError::Labels);
    }
    if declared.by == workload.as_str() { Ok(()) } else { Err(FormError::ForeignSanitizer) }
}

/// The value of `kest.sanitizer`; sorted, so that plain JSON is already canonical.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declared<'label> {
    #[serde(borrow)]
    pub(crate) by: std::borrow::Cow<'label, str>,
    #[serde(borrow)]
    pub(crate) reason: std::borrow::Cow<'label, str>,
}

fn is_canonical_object(text: &str, limits: &Limits) -> bool {
    text.starts_with('{')
        && canonicalize(text.as_bytes(), limits.json_depth)
            .is_ok_and(|canonical| canonical == text.as_bytes())
}
