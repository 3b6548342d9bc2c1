//! Reads the configuration file: TOML, nothing unknown, every problem with its line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kest_core::Clock;
use kest_core::entry::{PolicyName, PolicyTier};
use serde::Deserialize;
use toml::Spanned;

use super::deviation::{ApprovedDeviation, DeviationProblem, Written};
use crate::load::{LoadError, LoadErrors, Problem, Source};

/// The deployment's part of policy, read from a TOML file.
///
/// ```
/// use kest_core::SystemClock;
/// use kest_policy::{Configuration, Source};
///
/// let text = r#"
///     policy_files = ["policies"]                     # files or folders, from where this file is
///     enterprise_policies = ["kest/required_user_and_scope"]
///     platform_policies = ["kest/trust_threshold"]
///     app_policies = []
///     cache_ttl_seconds = 2.5                         # otherwise KEST_POLICY_CACHE_TTL, otherwise 5
///
///     [[deviations]]
///     policy = "kest/trust_threshold"
///     tier = "platform"
///     operation = "process_refund"
///     reason = "refunds act on cleared transactions"
///     approver = "security-team@example.com"
///     expires = 2999-01-31T00:00:00Z
/// "#;
/// let configuration = Configuration::read(&Source::text("kest.toml", text), &SystemClock)?;
/// assert_eq!(configuration.deviations().len(), 1);
/// # Ok::<(), kest_policy::LoadErrors>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    source_name: String,
    enterprise: Vec<PolicyName>,
    platform: Vec<PolicyName>,
    application: Vec<PolicyName>,
    files: Vec<PathBuf>,
    deviations: Vec<ApprovedDeviation>,
    parent_hash: bool,
    cache_ttl: Option<Duration>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    policy_files: Vec<PathBuf>,
    #[serde(default)]
    enterprise_policies: Vec<Spanned<String>>,
    #[serde(default)]
    platform_policies: Vec<Spanned<String>>,
    #[serde(default)]
    app_policies: Vec<Spanned<String>>,
    #[serde(default)]
    deviations: Vec<Spanned<Written>>,
    #[serde(default)]
    input: InputTable,
    cache_ttl_seconds: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
struct Files {
    #[serde(default)]
    policy_files: Vec<PathBuf>,
}

/// The table `[input]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputTable {
    #[serde(default)]
    parent_hash: bool,
}

impl Configuration {
    /// Reads `source`.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with every problem: no TOML, an unknown member, a malformed or repeated name, an
    /// deviation that is incomplete, expired, or from a policy that its tier does not have.
    pub fn read(source: &Source, clock: &dyn Clock) -> Result<Self, LoadErrors> {
        let document: Document = toml::from_str(source.as_str()).map_err(|cause| syntax(source, &cause))?;
        let mut errors = Vec::new();
        let mut tier = |names: &[Spanned<String>]| names_of(source, names, &mut errors);
        let mut configuration = Self {
            source_name: source.name().to_owned(),
            enterprise: tier(&document.enterprise_policies),
            platform: tier(&document.platform_policies),
            application: tier(&document.app_policies),
            files: document.policy_files.iter().map(|file| beside(source, file)).collect(),
            deviations: Vec::new(),
            parent_hash: document.input.parent_hash,
            cache_ttl: None,
        };
        if let Some(seconds) = &document.cache_ttl_seconds {
            match crate::cache::ttl_of_seconds(*seconds.get_ref()) {
                Some(ttl) => configuration.cache_ttl = Some(ttl),
                None => errors.push(at(source, seconds, Problem::CacheTtl)),
            }
        }
        for written in &document.deviations {
            if let Err(wrong) = configuration.exempt(written.get_ref(), clock.unix_millis()) {
                let policy = written.get_ref().name().into();
                errors.push(at(source, written, Problem::Deviation { policy, wrong }));
            }
        }
        LoadErrors::unless_none(errors, configuration)
    }

    /// The files and folders that `source` names; everything else is left to [`read`](Self::read).
    pub(crate) fn files_of(source: &Source) -> Result<Vec<PathBuf>, LoadErrors> {
        let files: Files = toml::from_str(source.as_str()).map_err(|cause| syntax(source, &cause))?;
        Ok(files.policy_files.iter().map(|file| beside(source, file)).collect())
    }

    fn exempt(&mut self, written: &Written, unix_millis: u64) -> Result<(), DeviationProblem> {
        let deviation = written.read(unix_millis)?;
        if !self.tier(deviation.tier()).contains(deviation.policy()) {
            return Err(DeviationProblem::NotInTier);
        }
        if self.deviations.iter().any(|other| other.is_same_as(&deviation)) {
            return Err(DeviationProblem::Twice);
        }
        self.deviations.push(deviation);
        Ok(())
    }

    /// The policies that the deployment puts into `tier`, in order of evaluation; none for the function tier.
    #[must_use]
    pub fn tier(&self, tier: PolicyTier) -> &[PolicyName] {
        match tier {
            PolicyTier::Enterprise => &self.enterprise,
            PolicyTier::Platform => &self.platform,
            PolicyTier::Application => &self.application,
            PolicyTier::Function | _ => &[],
        }
    }

    /// The deviations.
    #[must_use]
    pub fn deviations(&self) -> &[ApprovedDeviation] {
        &self.deviations
    }

    /// The files and folders that policies are read from.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether the input has the member `environment.parent_hash`, which makes it unique to each request.
    #[must_use]
    pub fn parent_hash(&self) -> bool {
        self.parent_hash
    }

    /// How long decisions are remembered, where it says so.
    #[must_use]
    pub fn cache_ttl(&self) -> Option<Duration> {
        self.cache_ttl
    }

    /// What problems with it are reported under.
    pub(crate) fn source_name(&self) -> &str {
        &self.source_name
    }
}

/// The names of one tier; each stands there once.
fn names_of(source: &Source, names: &[Spanned<String>], errors: &mut Vec<LoadError>) -> Vec<PolicyName> {
    let mut read: Vec<PolicyName> = Vec::with_capacity(names.len());
    for name in names {
        match PolicyName::new(name.get_ref().as_str()) {
            Ok(policy) if read.contains(&policy) => errors.push(at(source, name, Problem::Twice(policy))),
            Ok(policy) => read.push(policy),
            Err(_cause) => errors.push(at(source, name, Problem::Name)),
        }
    }
    read
}

fn at<T>(source: &Source, written: &Spanned<T>, problem: Problem) -> LoadError {
    LoadError::new(source.name(), problem).at_line(source.line_of(written.span().start))
}

fn syntax(source: &Source, cause: &toml::de::Error) -> LoadError {
    let line = cause.span().map(|span| source.line_of(span.start));
    // The message alone: the error's own form is several lines of drawing.
    let error = LoadError::new(source.name(), Problem::Syntax(cause.message().into()));
    match line {
        Some(line) => error.at_line(line),
        None => error,
    }
}

/// A relative path counts from where the configuration is, not from where the process was started.
fn beside(source: &Source, file: &Path) -> PathBuf {
    Path::new(source.name()).parent().map_or_else(|| file.to_owned(), |folder| folder.join(file))
}
