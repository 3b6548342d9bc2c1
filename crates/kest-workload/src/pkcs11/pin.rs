//! Where the PIN of a token comes from, and which one is not tried again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use kest_core::signature::read_private_file;
use zeroize::Zeroizing;

use super::Pkcs11Error;

/// Where the PIN of a token is, read anew whenever the token has to be logged into.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinSource {
    /// In a file that others cannot read; a line end behind it is left out.
    File(PathBuf),
    /// In the variable of this name. Other processes of the same user can see variables: a file is better.
    Variable(String),
}

impl PinSource {
    fn read(&self) -> Result<Zeroizing<String>, Pkcs11Error> {
        let text = match self {
            Self::File(path) => read_private_file(path, MOST_BYTES + 1).map_err(Pkcs11Error::PinFile)?,
            Self::Variable(name) => {
                Zeroizing::new(std::env::var(name).map_err(|_cause| Pkcs11Error::PinVariable)?)
            }
        };
        let pin = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        if pin.is_empty() || pin.len() > MOST_BYTES { Err(Pkcs11Error::PinLength) } else { Ok(pin) }
    }
}

/// PKCS #11 names no bound; tokens take 8 to 255.
const MOST_BYTES: usize = 1024;

/// The PIN of one token, and the last one that it refused.
pub(super) struct Pin {
    source: PinSource,
    refused: Mutex<Option<Zeroizing<String>>>,
}

impl Pin {
    pub(super) fn new(source: PinSource) -> Self {
        Self { source, refused: Mutex::default() }
    }

    /// Logs in by `login`, one thread at a time: of a wrong PIN the token hears once.
    ///
    /// # Errors
    ///
    /// [`Pkcs11Error::PinRefused`] without a login where the PIN is the one that was refused before.
    pub(super) fn log_in(
        &self,
        login: impl FnOnce(&str) -> Result<(), Pkcs11Error>,
    ) -> Result<(), Pkcs11Error> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let pin = self.source.read()?;
        if refused.as_ref() == Some(&pin) {
            return Err(Pkcs11Error::PinRefused);
        }
        let outcome = login(&pin);
        *refused = matches!(outcome, Err(Pkcs11Error::PinRefused)).then_some(pin);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Attack: a wrong PIN, so that each request is one more try until the token locks itself.
    #[test]
    fn refused_pin_is_tried_once_and_another_one_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        let write = |pin: &str| {
            let mut options = std::fs::OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create(true).truncate(true), 0o600);
            std::io::Write::write_all(&mut options.open(&path).unwrap(), pin.as_bytes()).unwrap();
        };
        let (pin, tries) = (Pin::new(PinSource::File(path.clone())), Cell::new(0));
        let login = |pin: &str| {
            tries.set(tries.get() + 1);
            if pin == "right" { Ok(()) } else { Err(Pkcs11Error::PinRefused) }
        };
        write("wrong\n");
        for _ in 0..10 {
            assert!(matches!(pin.log_in(login), Err(Pkcs11Error::PinRefused)));
        }
        assert_eq!(tries.get(), 1);
        write("right\n");
        pin.log_in(login).unwrap();
        pin.log_in(login).unwrap();
        assert_eq!(tries.get(), 3);
    }

    #[test]
    fn pin_that_is_empty_absent_or_endless_is_refused() {
        let absent = PinSource::Variable("KEST_TEST_NO_SUCH_PIN".to_owned()).read();
        assert!(matches!(absent, Err(Pkcs11Error::PinVariable)));
        let missing = PinSource::File("/nonexistent/pin".into()).read();
        assert!(matches!(missing, Err(Pkcs11Error::PinFile(_))));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let empty = PinSource::File(file.path().into());
        assert!(matches!(empty.read(), Err(Pkcs11Error::PinLength)));
        std::io::Write::write_all(&mut file, "1".repeat(MOST_BYTES + 1).as_bytes()).unwrap();
        assert!(matches!(empty.read(), Err(Pkcs11Error::PinLength)));
    }
}
