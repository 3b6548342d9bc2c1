//! `kest keygen`: makes a key and writes its two files, or neither.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_core::OsRandom;
use kest_core::signature::{Ed25519Signer, KeyId, WorkloadId};
use serde::Serialize;

use crate::arguments;
use crate::failure::{Answer, Failure};
use crate::fresh::{self, Fresh, FreshError, Readers, make_directory};
use crate::output;

/// Makes a key for the workload.
pub(crate) fn run(arguments: &arguments::Keygen) -> Result<Answer, Failure> {
    let stem = file_stem(&arguments.workload)?;
    let signer =
        Ed25519Signer::generate(arguments.workload.clone(), &OsRandom).map_err(KeygenError::Random)?;
    let private = signer.to_private_jwk().map_err(KeygenError::Json)?;
    let public = serde_json::to_string(&PublicJwk::of(&signer)).map_err(KeygenError::Json)?;
    let pair = Pair::beside(&arguments.out, stem, signer.key_id());
    pair.check_absent()?;
    make_directory(&arguments.out)?;
    pair.write(&private, &public)?;
    output::say(&format!("wrote {} (private)", pair.private.display()));
    output::say(&format!("wrote {} (public)", pair.public.display()));
    Ok(Answer::Yes)
}

/// No key was made and no file was left behind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeygenError {
    /// The last part of the workload's id is no file name.
    #[error("workload has no last part that could name a file")]
    Name,
    /// No unpredictable bytes can be had.
    #[error("cannot make a key")]
    Random(#[source] kest_core::RandomError),
    /// The key has no JSON form.
    #[error("cannot write the key as json")]
    Json(#[source] serde_json::Error),
    /// A file or the directory cannot be written.
    #[error(transparent)]
    File(#[from] FreshError),
}

/// How the name of a file with a public key ends.
pub(crate) const PUBLIC_SUFFIX: &str = ".pub.jwk";

/// Characters of the key's id in a file name: 48 bits of its thumbprint.
const KEY_ID_CHARACTERS: usize = 8;

/// What follows the last `/`, if it names a file in a directory and nothing else.
fn file_stem(workload: &WorkloadId) -> Result<&str, KeygenError> {
    let name = workload.as_str();
    let stem = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let names_a_file = !matches!(stem, "" | "." | "..") && !stem.contains(['\0', '/', '\\']);
    if names_a_file { Ok(stem) } else { Err(KeygenError::Name) }
}

/// The two files of a key.
struct Pair {
    private: PathBuf,
    public: PathBuf,
}

impl Pair {
    /// The key's id tells the next key of a workload from this one, and workloads whose ids end alike from each other.
    fn beside(directory: &Path, stem: &str, key_id: &KeyId) -> Self {
        let id: String = key_id.as_str().chars().take(KEY_ID_CHARACTERS).collect();
        Self {
            private: directory.join(format!("{stem}.{id}.key.jwk")),
            public: directory.join(format!("{stem}.{id}{PUBLIC_SUFFIX}")),
        }
    }

    fn check_absent(&self) -> Result<(), FreshError> {
        fresh::check_absent(&self.private)?;
        fresh::check_absent(&self.public)
    }

    fn write(&self, private: &str, public: &str) -> Result<(), FreshError> {
        let key = Fresh::create(&self.private, Readers::Owner)?;
        let jwk = Fresh::create(&self.public, Readers::Everybody)?;
        key.fill(private)?;
        jwk.fill(public)?;
        key.keep();
        jwk.keep();
        Ok(())
    }
}

/// A public JWK (RFC 8037 section 2) that a trust bundle takes as it is.
#[derive(Serialize)]
struct PublicJwk<'signer> {
    kty: &'static str,
    crv: &'static str,
    x: String,
    kid: &'signer str,
    principal: &'signer str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

impl<'signer> PublicJwk<'signer> {
    fn of(signer: &'signer Ed25519Signer) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            x: URL_SAFE_NO_PAD.encode(signer.public_key().as_bytes()),
            kid: signer.key_id().as_str(),
            principal: signer.workload().as_str(),
            alg: "EdDSA",
            usage: "sig",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(workload: &str) -> Option<String> {
        file_stem(&WorkloadId::new(workload).unwrap()).ok().map(str::to_owned)
    }

    #[test]
    fn only_a_plain_last_part_names_files() {
        assert_eq!(stem("spiffe://example.org/ns/shop/sa/cart").as_deref(), Some("cart"));
        assert_eq!(stem("cart").as_deref(), Some("cart"));
        for workload in ["a/", "/", "a/.", "a/..", "..", r"a/..\b"] {
            assert_eq!(stem(workload), None, "{workload}");
        }
    }

    #[test]
    fn neither_file_is_overwritten_and_nothing_new_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let pair = Pair::beside(directory.path(), "cart", &KeyId::new("0123456789").unwrap());
        let path = |name: &str| directory.path().join(name);
        assert_eq!(pair.private, path("cart.01234567.key.jwk"));
        assert_eq!(pair.public, path("cart.01234567.pub.jwk"));
        for existing in [&pair.private, &pair.public] {
            std::fs::write(existing, "mine").unwrap();
            assert!(matches!(pair.check_absent(), Err(FreshError::Exists(_))));
            assert!(matches!(pair.write("private", "public"), Err(FreshError::Exists(_))));
            assert_eq!(std::fs::read(existing).unwrap(), b"mine");
            std::fs::remove_file(existing).unwrap();
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }

    #[cfg(unix)]
    #[test]
    fn dangling_link_is_not_written_through() {
        let directory = tempfile::tempdir().unwrap();
        let pair = Pair::beside(directory.path(), "cart", &KeyId::new("k").unwrap());
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &pair.private).unwrap();
        assert!(matches!(pair.check_absent(), Err(FreshError::Exists(_))));
        assert!(matches!(pair.write("private", "public"), Err(FreshError::Exists(_))));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
