//! Collects what a set of policies is made from, and makes the first one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use kest_core::entry::{NameError, PolicyName};
use kest_core::{Clock, Limits, SystemClock};
use tokio::sync::watch as notice;

use super::gather::{compile, digest, fingerprint, read_all};
use super::set::Set;
use super::{Notice, Parts, Policies};
use crate::cache::{Decisions, ttl_from};
use crate::closure::Closures;
use crate::configuration::Configuration;
use crate::engine::Engine;
use crate::input::Input;
use crate::load::{LoadError, LoadErrors, Problem, Source};

/// Builds [`Policies`].
#[derive(Debug)]
#[must_use]
pub struct PoliciesBuilder {
    plan: Plan,
    closures: Closures,
    cache_ttl: Option<Duration>,
}

/// What every load reads again.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    configuration: Option<Place>,
    files: Vec<PathBuf>,
    texts: Vec<Source>,
    engines: Vec<Arc<dyn Engine>>,
    pub(super) limits: Limits,
    pub(super) clock: Arc<dyn Clock>,
}

/// Where the configuration comes from.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Text(Source),
}

impl Default for PoliciesBuilder {
    fn default() -> Self {
        let plan = Plan {
            configuration: None,
            files: Vec::new(),
            texts: Vec::new(),
            engines: Vec::new(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        };
        Self { plan, closures: Closures::default(), cache_ttl: None }
    }
}

impl PoliciesBuilder {
    /// Reads tiers, deviations and more policy files from this TOML file; see [`Configuration`].
    pub fn configuration_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.plan.configuration = Some(Place::File(path.into()));
        self
    }

    /// Reads the configuration from this text.
    pub fn configuration(mut self, source: Source) -> Self {
        self.plan.configuration = Some(Place::Text(source));
        self
    }

    /// Reads policies from a file, or from the files directly in a folder: `.cedar`, `.cedarschema`, `.rego`.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.plan.files.push(path.as_ref().to_owned());
        self
    }

    /// Takes policies from a text; the extension of its name says the language.
    pub fn text(mut self, source: Source) -> Self {
        self.plan.texts.push(source);
        self
    }

    /// Asks this engine too: a sidecar, or one of your own.
    pub fn engine(mut self, engine: impl Engine + 'static) -> Self {
        self.plan.engines.push(Arc::new(engine));
        self
    }

    /// Adds a policy that is plain Rust; it must decide by the input alone.
    ///
    /// # Errors
    ///
    /// [`NameError`] when `name` is empty or longer than 256 bytes.
    pub fn closure(
        mut self,
        name: impl Into<Arc<str>>,
        allows: impl Fn(&Input) -> bool + Send + Sync + 'static,
    ) -> Result<Self, NameError> {
        self.closures = self.closures.with(name, allows)?;
        Ok(self)
    }

    /// Remembers decisions for this long; zero turns the cache off. Whatever configuration and environment say.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = Some(ttl);
        self
    }

    /// Keeps these bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.plan.limits = limits;
        self
    }

    /// Reads this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.plan.clock = clock;
        self
    }

    /// Reads every file and compiles every policy. This blocks: do it at start.
    ///
    /// Decisions are remembered for as long as the code says, else the configuration, else the variable
    /// `KEST_POLICY_CACHE_TTL` (seconds, 0 turns the cache off), else 5 seconds. The time does not change at a reload.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with everything that is wrong.
    pub fn build(self) -> Result<Policies, LoadErrors> {
        self.build_with_environment(process_environment)
    }

    /// As [`build`](Self::build), with another environment than the process's.
    ///
    /// # Errors
    ///
    /// [`LoadErrors`] with everything that is wrong.
    pub fn build_with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Policies, LoadErrors> {
        if !self.closures.names().is_empty() {
            self.plan.engines.push(Arc::new(self.closures));
        }
        let set = self.plan.load(1)?;
        let ttl = match self.cache_ttl.or(set.configuration.cache_ttl()) {
            Some(ttl) => ttl,
            None => ttl_from(environment)
                .map_err(|cause| LoadError::new("environment", Problem::Variable(cause)))?,
        };
        let decisions = Decisions::new(ttl, &self.plan.limits, Arc::clone(&self.plan.clock));
        let (notices, _) = notice::channel(Notice { generation: 1, ..Notice::default() });
        Ok(Policies(Arc::new(Parts {
            plan: self.plan,
            current: ArcSwap::from_pointee(set),
            decisions,
            loading: Mutex::default(),
            in_use: Mutex::default(),
            notices,
        })))
    }
}

/// The variables of this process.
fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Plan {
    /// Makes a set from what the files say now.
    pub(super) fn load(&self, generation: u64) -> Result<Set, LoadErrors> {
        let (configuration, sources) = self.gather()?;
        let all = || configuration.iter().chain(&sources);
        let (fingerprint, digest) = (fingerprint(all()), digest(all()));
        let configuration = match &configuration {
            Some(source) => Configuration::read(source, self.clock.as_ref())?,
            None => Configuration::default(),
        };
        let mut engines = compile(&sources, &self.limits)?;
        engines.extend(self.engines.iter().cloned());
        let mut errors = Vec::new();
        let mut set = Set::join(generation, &engines, configuration, fingerprint, &mut errors);
        set.digest = digest;
        LoadErrors::unless_none(errors, set)
    }

    /// The digest of what the files say now.
    pub(super) fn fingerprint(&self) -> Result<[u8; 32], LoadErrors> {
        let (configuration, sources) = self.gather()?;
        Ok(fingerprint(configuration.iter().chain(&sources)))
    }

    /// Reads the configuration and every source that it or the code names.
    fn gather(&self) -> Result<(Option<Source>, Vec<Source>), LoadErrors> {
        let configuration = match &self.configuration {
            None => None,
            Some(Place::Text(source)) => Some(source.clone()),
            Some(Place::File(path)) => Some(Source::read(path, &self.limits)?),
        };
        let mut files = self.files.clone();
        if let Some(source) = &configuration {
            files.extend(Configuration::files_of(source)?);
        }
        let mut sources = self.texts.clone();
        sources.extend(read_all(&files, &self.limits)?);
        Ok((configuration, sources))
    }

    /// Whether a policy of this name would still be there.
    pub(super) fn missing<'it>(
        set: &'it Set,
        in_use: impl IntoIterator<Item = &'it PolicyName>,
    ) -> Vec<LoadError> {
        let gone = in_use.into_iter().filter(|name| set.known(name).is_none());
        gone.map(|name| LoadError::new(name.as_str(), Problem::InUse(name.clone()))).collect()
    }
}
