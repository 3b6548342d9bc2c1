//! The document as a value: typed for engines in this process, canonical JSON for everybody else.

use std::sync::{Arc, OnceLock};

use kest_core::entry::PolicyTier;
#[cfg(any(feature = "cedar", feature = "rego"))]
use kest_core::{IdentitySource, Share};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// Everything that a policy may look at, the same for every engine; it never contains a token.
///
/// Two inputs are equal exactly when their canonical forms are, and remembered decisions are found by the digest of
/// that form: whatever callers differ in, if a policy can see it, keeps their decisions apart.
#[derive(Debug, Clone)]
pub struct Input(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    document: Document,
    canonical: Box<str>,
    digest: OnceLock<[u8; 32]>,
}

/// The members, sorted, so that plain JSON is already canonical (RFC 8785) while names are ASCII.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) chain: Arc<Chain>,
    pub(crate) environment: Environment,
    pub(crate) identity: Arc<str>,
    pub(crate) object: Object,
    pub(crate) subject: Subject,
    pub(crate) trust_score: u8,
}

/// The verified lineage: one element an entry in each list, parents before children.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Chain {
    /// What was done.
    pub operations: Vec<Arc<str>>,
    /// Which workload did it and signed.
    pub principals: Vec<Arc<str>>,
    /// What it acted on, where that is signed.
    pub resources: Vec<Option<Arc<str>>>,
    /// On whose behalf, where that is signed.
    pub users: Vec<Option<Arc<str>>>,
}

/// What surrounds the operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Environment {
    /// The policies of higher tiers that were left out for this operation.
    pub active_deviations: Vec<Arc<str>>,
    /// Whether the operation starts a lineage.
    pub is_root: bool,
    /// The operation that asks.
    pub operation: Arc<str>,
    /// The hash of the tip, `0` at a root. Unique to each request, hence only there when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_hash: Option<Arc<str>>,
    /// The policies of the tier that are evaluated.
    pub policy_names: Arc<[Arc<str>]>,
    /// The tier: `enterprise`, `platform`, `application` or `function`.
    pub policy_tier: Arc<str>,
    /// Where the operation's own data comes from, when it says so.
    pub source_type: Option<Arc<str>>,
    /// About how many seconds ago the oldest tip was signed, rounded up in steps that grow; absent at a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tip_age_seconds: Option<u64>,
}

/// What the operation acts on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Object {
    pub(crate) attributes: Arc<RawValue>,
    /// What the lineage has done with this very object; nothing where it has no id.
    #[serde(default)]
    pub history: Arc<History>,
    /// What it is called.
    pub id: Option<Arc<str>>,
}

/// The entries of the lineage whose signed resource is the object that the operation acts on, parents before children.
///
/// The lists of the chain tell what was done and to what, but not, to every language, what was done to what: that
/// *something* was validated says nothing about this invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct History {
    /// What was done to it.
    pub operations: Vec<Arc<str>>,
    /// Which workloads did it and signed.
    pub principals: Vec<Arc<str>>,
    /// On whose behalf, where that is signed.
    pub users: Vec<Arc<str>>,
}

impl Object {
    /// Its attributes: a JSON object in canonical form, `{}` when there is nothing to say.
    #[must_use]
    pub fn attributes(&self) -> &str {
        self.attributes.get()
    }

    /// Its name in Cedar, where `*` means no resource, so that no id may be `*`.
    #[cfg(any(feature = "cedar", feature = "cedar-agent"))]
    pub(crate) fn cedar_id(&self) -> Result<&str, kest_core::entry::ResourceError> {
        match self.id.as_deref() {
            Some("*") => Err(kest_core::entry::ResourceError::Star),
            id => Ok(id.unwrap_or("*")),
        }
    }
}

/// Who asks, on whose behalf, with which data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Subject {
    /// The program that acts.
    pub agent: Option<Arc<str>>,
    /// How the identity was established: `jwt`, `lineage`, `anonymous`, `unverified`.
    pub identity_source: Arc<str>,
    /// Who vouches for the names.
    pub issuer: Option<Arc<str>>,
    /// The caller's roles, sorted.
    pub roles: Arc<[Arc<str>]>,
    /// The scopes that were granted, sorted.
    pub scopes: Arc<[Arc<str>]>,
    /// The taints of the data, sorted, before any sanitizer.
    pub taints: Vec<Arc<str>>,
    /// The task or scope as signed into entries.
    pub task: Option<Arc<str>>,
    /// The tenant that the issuer speaks for.
    pub tenant: Option<Arc<str>>,
    /// How far the data can be trusted, 0 to 100, before any sanitizer.
    pub trust_score: u8,
    /// The user on whose behalf.
    pub user: Option<Arc<str>>,
    /// The workload that would do it: this service.
    pub workload: Arc<str>,
}

/// An input document cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It is longer than `Limits::policy_input_bytes`.
    #[error("policy input is {0} bytes, over the limit")]
    TooLong(usize),
    /// The attributes of the resource are not a JSON object.
    #[error("resource attributes are not an object")]
    Attributes,
    /// A trust score is over 100.
    #[error("trust score is over 100")]
    TrustScore,
    /// It is no document of this shape.
    #[error("policy input does not have the members it must have")]
    Malformed(#[source] kest_core::BoxError),
}

impl Input {
    pub(crate) fn new(document: Document, limit: usize) -> Result<Self, InputError> {
        if document.trust_score > 100 || document.subject.trust_score > 100 {
            return Err(InputError::TrustScore);
        }
        if !document.object.attributes().starts_with('{') {
            return Err(InputError::Attributes);
        }
        let canonical =
            serde_json::to_string(&document).map_err(|cause| InputError::Malformed(cause.into()))?;
        if canonical.len() > limit {
            return Err(InputError::TooLong(canonical.len()));
        }
        Ok(Self(Arc::new(Parts { document, canonical: canonical.into(), digest: OnceLock::new() })))
    }

    /// Reads a document from JSON, which need not be canonical.
    ///
    /// # Errors
    ///
    /// [`InputError`] when it is too long, not I-JSON, or not of this shape; members that are not known are refused.
    pub fn from_json(json: &[u8], limits: &kest_core::Limits) -> Result<Self, InputError> {
        if json.len() > limits.policy_input_bytes {
            return Err(InputError::TooLong(json.len()));
        }
        let canonical = kest_core::canonicalize(json, limits.json_depth)
            .map_err(|cause| InputError::Malformed(cause.into()))?;
        let document: Document =
            serde_json::from_slice(&canonical).map_err(|cause| InputError::Malformed(cause.into()))?;
        Self::new(document, limits.policy_input_bytes)
    }

    /// The canonical form: RFC 8785.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.0.canonical
    }

    /// The SHA-256 of the canonical form.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        self.0.digest.get_or_init(|| Sha256::digest(self.0.canonical.as_bytes()).into())
    }

    /// Who asks.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.0.document.subject
    }

    /// On whose account it is evaluated: the user's where one is known, else what is not known of any.
    #[cfg(any(feature = "cedar", feature = "rego"))]
    pub(crate) fn share(&self) -> Share {
        let Subject { issuer, user, agent, .. } = self.subject();
        let name = user.as_deref().or(agent.as_deref()).filter(|_| is_verified(self.subject()));
        name.map_or(Share::UNKNOWN, |name| Share::of_user(issuer.as_deref().unwrap_or_default(), name))
    }

    /// What it acts on.
    #[must_use]
    pub fn object(&self) -> &Object {
        &self.0.document.object
    }

    /// What surrounds the operation.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.0.document.environment
    }

    /// The verified lineage.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.0.document.chain
    }
}

impl PartialEq for Input {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Input {}

/// Whether the names were not free to choose.
#[cfg(any(feature = "cedar", feature = "rego"))]
fn is_verified(subject: &Subject) -> bool {
    [IdentitySource::Jwt, IdentitySource::Lineage]
        .into_iter()
        .any(|source| source.as_str() == &*subject.identity_source)
}

/// The tier's wire spelling as the document carries it.
pub(crate) fn tier_name(tier: PolicyTier) -> Arc<str> {
    tier.as_str().into()
}
