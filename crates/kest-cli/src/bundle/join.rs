//! Joins public keys into one trust bundle, and writes it whole.

use std::io;
use std::path::{Path, PathBuf};

use kest_core::file::read_regular_file;
use kest_core::signature::{Bundle, BundleError, KeyRing, KeyRingError};

use super::compare;
use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::input::{InputError, Source};
use crate::keygen::PUBLIC_SUFFIX;
use crate::keys::{self, BUNDLE_BYTES, warn_of_skipped};
use crate::output::{self, Output};
use crate::whole::{self, Readers};

/// Joins the files and writes the JWK Set, once all of it stands; or says how it compares.
pub(crate) async fn run(arguments: &arguments::Bundle) -> Result<Answer, Failure> {
    let joined = join(&arguments.places)?;
    if let Some(old) = &arguments.diff {
        return compare::diff(&keys::load(old).await?, &joined);
    }
    let present = arguments.out.as_deref().and_then(present_in);
    let json = joined.to_json(present.as_ref())?;
    if arguments.check {
        return compare::check(arguments.out.as_deref(), present.as_ref(), &joined);
    }
    match &arguments.out {
        Some(path) => {
            whole::write(path, &json, Readers::Everybody)?;
            output::say(&format!("wrote {}", path.display()));
        }
        None => {
            let mut output = Output::open();
            output.line(&json)?;
            output.flush()?;
        }
    }
    Ok(Answer::Yes)
}

/// The keys do not make a trust bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// A directory has no file that could be meant.
    #[error("{} holds no file *{PUBLIC_SUFFIX}", .0.display())]
    NoFiles(PathBuf),
    /// One of the files holds a private key.
    #[error("{} holds a private key: give the public half, {}", .path.display(), .public.display())]
    Private {
        path: PathBuf,
        /// Where `kest keygen` put it.
        public: PathBuf,
    },
    /// One of the files cannot be part of one.
    #[error("{} is not acceptable", .path.display())]
    File {
        path: PathBuf,
        #[source]
        cause: BundleError,
    },
    /// A file contradicts those before it.
    #[error("{} contradicts the files before it", .path.display())]
    Contradiction {
        path: PathBuf,
        #[source]
        cause: KeyRingError,
    },
    /// Nothing could be verified with it.
    #[error("no file holds a key that can sign entries")]
    Empty,
    /// What loads bundles would refuse it.
    #[error("bundle is longer than {BUNDLE_BYTES} bytes")]
    TooLong,
    /// What was joined is not read again.
    #[error("bundle is not acceptable")]
    Unread(#[source] BundleError),
    /// The bundle has no JSON form.
    #[error("cannot write the bundle as json")]
    Json(#[source] serde_json::Error),
}

/// What the files make together.
pub(super) struct Joined {
    pub(super) ring: KeyRing,
    /// The highest sequence among them.
    sequence: Option<u64>,
}

impl Joined {
    /// The text of the bundle that follows `present`, which counts on where one of them counts.
    pub(super) fn to_json(&self, present: Option<&Bundle>) -> Result<String, JoinError> {
        let json = Bundle::to_json_numbered(&self.ring, self.sequence_after(present)?);
        let json = json.map_err(JoinError::Json)?;
        if json.len() < BUNDLE_BYTES { Ok(json) } else { Err(JoinError::TooLong) }
    }

    fn sequence_after(&self, present: Option<&Bundle>) -> Result<Option<u64>, JoinError> {
        let counted = present.and_then(Bundle::sequence);
        match present {
            Some(present) if counted.is_some() && self.is_in(present)? => Ok(counted),
            _ => Ok(self.sequence.max(counted).map(|sequence| sequence.saturating_add(1))),
        }
    }

    /// Whether `bundle` trusts the same keys for the same time.
    pub(super) fn is_in(&self, bundle: &Bundle) -> Result<bool, JoinError> {
        let text = |ring| Bundle::to_json(ring).map_err(JoinError::Json);
        Ok(text(&self.ring)? == text(bundle.ring())?)
    }
}

/// The bundle that lies in the file already; none if something else or nothing does.
fn present_in(path: &Path) -> Option<Bundle> {
    let limit = u64::try_from(BUNDLE_BYTES).ok()?;
    Bundle::from_json(&read_regular_file(path, limit).ok()?).ok()
}

fn join(places: &[PathBuf]) -> Result<Joined, Failure> {
    let mut joined = Joined { ring: KeyRing::new(), sequence: None };
    for path in find(places)? {
        let text = Source::File(path.clone()).read(BUNDLE_BYTES)?;
        let bundle = match Bundle::from_json(&text) {
            Err(BundleError::Private) => {
                let public = public_half(&path);
                return Err(JoinError::Private { path, public }.into());
            }
            read => read.map_err(|cause| JoinError::File { path: path.clone(), cause })?,
        };
        warn_of_skipped(&bundle, &path.display());
        joined.sequence = joined.sequence.max(bundle.sequence());
        for (workload, key_id, key) in bundle.ring().keys() {
            let (workload, id, key) = (workload.clone(), key_id.clone(), key.clone());
            match bundle.ring().not_after(key_id) {
                None => joined.ring.trust(workload, id, key),
                Some(end) => joined.ring.trust_until(workload, id, key, end),
            }
            .map_err(|cause| JoinError::Contradiction { path: path.clone(), cause })?;
        }
    }
    if joined.ring.keys().next().is_none() {
        return Err(JoinError::Empty.into());
    }
    Ok(joined)
}

/// The files that `places` name: a directory stands for the public keys directly in it, in order of name.
fn find(places: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for place in places {
        if place.is_dir() {
            let public = public_keys_in(place)?;
            if public.is_empty() {
                return Err(JoinError::NoFiles(place.clone()).into());
            }
            files.extend(public);
        } else {
            files.push(place.clone());
        }
    }
    Ok(files)
}

fn public_keys_in(directory: &Path) -> Result<Vec<PathBuf>, InputError> {
    let unreadable = |cause| Source::File(directory.to_owned()).unreadable(cause);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.as_os_str().as_encoded_bytes().ends_with(PUBLIC_SUFFIX.as_bytes()) {
            continue;
        }
        // A pipe would be waited for, and it was not named.
        let refused = |cause| Source::File(path.clone()).unreadable(cause);
        if !path.metadata().map_err(refused)?.is_file() {
            return Err(refused(io::Error::other("not a file")));
        }
        found.push(path);
    }
    found.sort();
    Ok(found)
}

/// The file beside a private key that `kest keygen` wrote its public half into.
fn public_half(private: &Path) -> PathBuf {
    let name = private.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".key.jwk").unwrap_or("NAME");
    private.with_file_name(format!("{stem}{PUBLIC_SUFFIX}"))
}
