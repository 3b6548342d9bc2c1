//! The document as a value: typed for engines in this process, canonical JSON for everybody else.

use std::sync::{Arc, OnceLock};

use kest_core::PassportBinding;
use kest_core::entry::PolicyTier;
#[cfg(any(feature = "cedar", feature = "rego"))]
use kest_core::{IdentitySource, Share};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::schema::{Form, Member, Presence, Record, example, record};

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

// Members are sorted, so that plain JSON is already canonical (RFC 8785) while names are ASCII.
record! {
    /// Everything that a policy may look at, the same for every engine.
    pub(crate) struct Document {
        /// The verified lineage: lists with one element for each entry, parents first.
        pub(crate) chain: Arc<Chain> = Form::Record(Chain::SCHEMA), None;
        /// What surrounds the operation.
        pub(crate) environment: Environment = Form::Record(Environment::SCHEMA), None;
        /// The same as `subject.workload`, where the specification has it.
        pub(crate) identity: Arc<str> = Form::Text(Presence::Always), Some(r#""spiffe://example.org/ledger""#);
        /// What the operation acts on.
        pub(crate) object: Object = Form::Record(Object::SCHEMA), None;
        /// Who asks, on whose behalf, with which data.
        pub(crate) subject: Subject = Form::Record(Subject::SCHEMA), None;
        /// The same as `subject.trust_score`, where the specification has it.
        pub(crate) trust_score: u8 = Form::Integer(Presence::Always), Some("60");
    }
}

record! {
    /// The verified lineage: what has been done before, by whom, on what, on whose behalf.
    #[derive(Default)]
    pub struct Chain {
        /// What was done.
        pub operations: Vec<Arc<str>> = Form::Strings, Some(r#"["enter_invoice", "validate_invoice"]"#);
        /// The workload that did it and signed the entry.
        pub principals: Vec<Arc<str>> =
            Form::Strings, Some(r#"["spiffe://example.org/intake", "spiffe://example.org/validation"]"#);
        /// What it was done to; null where the entry does not say.
        pub resources: Vec<Option<Arc<str>>> = Form::StringsOrNulls, Some(r#"["invoice-7", "invoice-7"]"#);
        /// On whose behalf; null where the entry does not say.
        pub users: Vec<Option<Arc<str>>> = Form::StringsOrNulls, Some(r#"["bob", null]"#);
    }
}

record! {
    /// What surrounds the operation.
    pub struct Environment {
        /// Policies of higher tiers that the deployment leaves out for this operation.
        pub active_deviations: Vec<Arc<str>> = Form::Strings, Some(r#"["acme/office_hours"]"#);
        /// What the service says about what surrounds the operation; absent when it says nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) declared: Option<Arc<RawValue>> = Form::Free("Declared"), Some(r#"{"region": "eu"}"#);
        /// What ties the lineage to this request: `signature` or `peer`; `none` where a copy of the passport would do as well, and
        /// at a root. With `none` entries may have been cut off the end of the lineage.
        #[serde(default = "unbound")]
        pub hop_proof: Arc<str> = Form::Text(Presence::Always), Some(r#""signature""#);
        /// Whether the operation starts a lineage.
        pub is_root: bool = Form::Boolean, Some("false");
        /// The operation that asks.
        pub operation: Arc<str> = Form::Text(Presence::Always), Some(r#""approve_invoice""#);
        /// Hash of the entry that the lineage ends in, 0 at a root; absent unless the deployment asks for it, since it is
        /// unique to each request and makes remembered decisions useless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub parent_hash: Option<Arc<str>> = Form::Text(Presence::OrAbsent), None;
        /// The policies of the tier that is evaluated.
        pub policy_names: Arc<[Arc<str>]> = Form::Strings, Some(r#"["kest/clark_wilson", "kest/trust_threshold"]"#);
        /// That tier: enterprise, platform, application or function.
        pub policy_tier: Arc<str> = Form::Text(Presence::Always), Some(r#""function""#);
        /// Where the operation's own data comes from, such as `user_input`; null when it does not say.
        pub source_type: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""third_party_api""#);
        /// About how many seconds ago the operation before this one was signed, the oldest of several, rounded up in steps
        /// that grow, so that decisions can be remembered; absent at a root.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tip_age_seconds: Option<u64> = Form::Integer(Presence::OrAbsent), Some("1");
    }
}

record! {
    /// What the operation acts on.
    pub struct Object {
        /// What the service says about it, empty when it says nothing.
        pub(crate) attributes: Arc<RawValue> = Form::Attributes, Some(ATTRIBUTES);
        /// What the lineage has done with this very object; empty where it has no id.
        #[serde(default)]
        pub history: Arc<History> = Form::Record(History::SCHEMA), None;
        /// What it is called; null when it is not.
        pub id: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""invoice-7""#);
    }
}

/// A document that does not say what ties the lineage to the request is not of one that is tied.
fn unbound() -> Arc<str> {
    PassportBinding::Unbound.as_str().into()
}

/// What the library of policies reads.
const ATTRIBUTES: &str = r#"{
    "access": "write", "certified_operations": ["approve_invoice"], "conflicts": ["invoice-8"], "domain": "low",
    "forbidden_taints": ["llm"], "high_sources": ["spiffe://example.org/payroll"], "high_taints": ["salaries"],
    "integrity": 60, "level": 1, "min_trust": 40, "required_operations": ["validate_invoice"],
    "required_scopes": ["invoice:approve"], "separation_of_duty": true
}"#;

record! {
    /// The part of the lineage that acted on this very object: entries whose signed resource id is the object's.
    ///
    /// The lists of the chain tell what was done and to what, but not, to every language, what was done to what: that
    /// *something* was validated says nothing about this invoice.
    #[derive(Default, PartialEq, Eq)]
    pub struct History {
        /// What was done to it.
        pub operations: Vec<Arc<str>> = Form::Strings, Some(r#"["enter_invoice", "validate_invoice"]"#);
        /// The workloads that did it and signed.
        pub principals: Vec<Arc<str>> =
            Form::Strings, Some(r#"["spiffe://example.org/intake", "spiffe://example.org/validation"]"#);
        /// On whose behalf, where the entries say.
        pub users: Vec<Arc<str>> = Form::Strings, Some(r#"["bob"]"#);
    }
}

record! {
    /// Who asks, on whose behalf, with which data.
    pub struct Subject {
        /// The program that acts for the user.
        pub agent: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""assistant""#);
        /// Claims of the caller's own token that the service keeps; absent when the token has none of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub(crate) claims: Option<Arc<RawValue>> = Form::Free("Claims"), Some(r#"{"plan": "gold"}"#);
        /// How user, agent and task are known: jwt, lineage, anonymous or unverified.
        pub identity_source: Arc<str> = Form::Text(Presence::Always), Some(r#""jwt""#);
        /// Who vouches for them.
        pub issuer: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""https://login.example.org""#);
        /// The caller's roles, sorted.
        pub roles: Arc<[Arc<str>]> = Form::Strings, Some(r#"["accountant", "clearance:2"]"#);
        /// The scopes that the caller was granted, sorted.
        pub scopes: Arc<[Arc<str>]> = Form::Strings, Some(r#"["invoice:approve", "invoice:read"]"#);
        /// The taints of the data, sorted, before any sanitizer.
        pub taints: Vec<Arc<str>> = Form::Strings, Some(r#"["partner_data"]"#);
        /// The task or scope as it is signed into entries.
        pub task: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""close-the-month""#);
        /// The tenant that the issuer speaks for; null when it is not known.
        pub tenant: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""acme""#);
        /// How far the data can be trusted, 0 to 100, before any sanitizer.
        pub trust_score: u8 = Form::Integer(Presence::Always), Some("60");
        /// The user on whose behalf.
        pub user: Option<Arc<str>> = Form::Text(Presence::OrNull), Some(r#""ada""#);
        /// The service that would do it and sign the entry.
        pub workload: Arc<str> = Form::Text(Presence::Always), Some(r#""spiffe://example.org/ledger""#);
    }
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

impl Environment {
    /// What the service says about what surrounds the operation: a JSON object in canonical form. `None` where it says nothing.
    #[must_use]
    pub fn declared(&self) -> Option<&str> {
        self.declared.as_deref().map(RawValue::get)
    }
}

impl Subject {
    /// The claims of the caller's own token that the service keeps: a JSON object in canonical form. `None` where the token has
    /// none of them.
    #[must_use]
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref().map(RawValue::get)
    }
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
    /// The environment that a service declares, or the claims that it keeps, are not a JSON object.
    #[error("environment or claims are not an object")]
    Declared,
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
        let declared = [document.environment.declared(), document.subject.claims()];
        if !declared.into_iter().flatten().all(|object| object.starts_with('{')) {
            return Err(InputError::Declared);
        }
        let mut canonical = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut canonical, &document)
            .map_err(|cause| InputError::Malformed(cause.into()))?;
        let canonical = String::from_utf8(canonical).map_err(|cause| InputError::Malformed(cause.into()))?;
        if canonical.len() > limit {
            return Err(InputError::TooLong(canonical.len()));
        }
        Ok(Self(Arc::new(Parts { document, canonical: canonical.into(), digest: OnceLock::new() })))
    }

    /// The members of a document: what each is called, its form and what it means.
    #[must_use]
    pub fn members() -> &'static [Member] {
        Document::SCHEMA.members
    }

    /// A document to try policies with: an operation in the middle of a lineage, with something in every member but
    /// `environment.parent_hash`, that every policy of the library allows.
    ///
    /// # Errors
    ///
    /// [`InputError`] where `limits` are too small for it.
    pub fn example(limits: &kest_core::Limits) -> Result<Self, InputError> {
        let document = example(Self::members()).map_err(|cause| InputError::Malformed(cause.into()))?;
        Self::from_json(document.to_string().as_bytes(), limits)
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

/// Room for most documents, so that none is moved while it grows.
const USUAL_BYTES: usize = 2048;

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
