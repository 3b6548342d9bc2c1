//! `kest bundle`: joins public keys into one trust bundle.

use std::io;
use std::path::{Path, PathBuf};

use kest_core::signature::{Bundle, BundleError, KeyRing, KeyRingError};

use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::input::{InputError, Source};
use crate::keygen::PUBLIC_SUFFIX;
use crate::keys::{BUNDLE_BYTES, warn_of_skipped};
use crate::output::{self, Output};
use crate::whole;

/// Joins the files and writes the JWK Set, once all of it stands.
pub(crate) fn run(arguments: &arguments::Bundle) -> Result<Answer, Failure> {
    let json = join(&arguments.places)?;
    match &arguments.out {
        Some(path) => {
            whole::write(path, &json)?;
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
    /// The bundle has no JSON form.
    #[error("cannot write the bundle as json")]
    Json(#[source] serde_json::Error),
}

fn join(places: &[PathBuf]) -> Result<String, Failure> {
    let mut ring = KeyRing::new();
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
        for (workload, key_id, key) in bundle.ring().keys() {
            ring.trust(workload.clone(), key_id.clone(), key.clone())
                .map_err(|cause| JoinError::Contradiction { path: path.clone(), cause })?;
        }
    }
    if ring.keys().next().is_none() {
        return Err(JoinError::Empty.into());
    }
    let json = Bundle::to_json(&ring).map_err(JoinError::Json)?;
    if json.len() < BUNDLE_BYTES { Ok(json) } else { Err(JoinError::TooLong.into()) }
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
        // A pipe would be waited for, and nobody named it.
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
