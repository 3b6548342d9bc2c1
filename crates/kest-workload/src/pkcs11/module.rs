//! The library of a token: loaded once for the process, and let go of when its token is away.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};

use super::Pkcs11Error;

/// One for each library that the program names. PKCS #11 knows one application in a process, so all share it.
static MODULES: LazyLock<Mutex<HashMap<PathBuf, Arc<Module>>>> = LazyLock::new(Mutex::default);

/// A library that is initialised. Its sessions hold it.
pub(super) struct Module {
    pub(super) library: Pkcs11,
    owner: Owner,
}

/// Who initialised a library, and so may end it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Us,
    AnotherPartOfTheProgram,
}

impl Module {
    /// The library at `path`, initialised.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, Pkcs11Error> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(path) {
            return Ok(Arc::clone(module));
        }
        let library = Pkcs11::new(path).map_err(|cause| Pkcs11Error::Module(cause.into()))?;
        let owner = match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) => Owner::Us,
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Owner::AnotherPartOfTheProgram,
            Err(cause) => return Err(Pkcs11Error::Module(cause.into())),
        };
        let module = Arc::new(Self { library, owner });
        modules.insert(path.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// Ends the library at `path` where no session of ours uses it, so that the next [`load`](Self::load) begins anew.
    ///
    /// Many libraries look for their tokens at no other time: to them a token that went away once is away for good.
    pub(super) fn let_go(path: &Path) {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        // Clones are made under this lock alone, so a count of one stays one.
        let is_idle = modules
            .get(path)
            .is_some_and(|module| module.owner == Owner::Us && Arc::strong_count(module) == 1);
        if is_idle
            && let Some(module) = modules.remove(path).and_then(Arc::into_inner)
            && let Err(cause) = module.library.finalize()
        {
            tracing::warn!(%cause, "pkcs11 module does not end");
        }
    }
}
