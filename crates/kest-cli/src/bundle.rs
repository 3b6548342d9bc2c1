//! `kest bundle`: joins public keys into one trust bundle.

use std::path::PathBuf;

use kest_core::signature::{Bundle, BundleError, KeyRing, KeyRingError};

use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::keys::{BUNDLE_BYTES, warn_of_skipped};
use crate::output::{self, Output};

/// Joins the files and writes the JWK Set.
pub(crate) fn run(arguments: &arguments::Bundle) -> Result<Answer, Failure> {
    let mut ring = KeyRing::new();
    for path in &arguments.files {
        let text = Source::File(path.clone()).read(BUNDLE_BYTES)?;
        let bundle =
            Bundle::from_json(&text).map_err(|cause| JoinError::File { path: path.clone(), cause })?;
        warn_of_skipped(&bundle, &path.display());
        for (workload, key_id, key) in bundle.ring().keys() {
            ring.trust(workload.clone(), key_id.clone(), key.clone())
                .map_err(|cause| JoinError::Contradiction { path: path.clone(), cause })?;
        }
    }
    if ring.keys().next().is_none() {
        output::say("the bundle has no key: nothing can be verified with it");
    }
    let json = Bundle::to_json(&ring).map_err(JoinError::Json)?;
    let mut output = Output::open();
    output.line(&json)?;
    output.flush()?;
    Ok(Answer::Yes)
}

/// The keys do not make a trust bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
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
    /// The bundle has no JSON form.
    #[error("cannot write the bundle as json")]
    Json(#[source] serde_json::Error),
}
