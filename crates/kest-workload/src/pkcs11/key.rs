//! The signing key that stays in its token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kest_core::signature::{
    KeyId, PublicKey, Signature, SignatureCheck, SignerError, SigningKey, WorkloadId,
};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::token::Token;
use super::{Pkcs11Error, Pkcs11Settings};

/// An Ed25519 key that stays in its token, and signs for one workload (`CKM_EDDSA`). Clones share its sessions.
///
/// ```no_run
/// use kest_core::signature::{ReplaceableSigner, Sign, WorkloadId};
/// use kest_workload::pkcs11::{KeyName, PinSource, Pkcs11Key, Pkcs11Settings, TokenName};
///
/// # struct Kest;
/// # impl Kest { fn builder(signer: impl Sign + 'static) -> Self { Self } }
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Pkcs11Settings::new(
///     "/usr/lib/softhsm/libsofthsm2.so",
///     TokenName::Label("cart".to_owned()),
///     KeyName::Label("entries".to_owned()),
///     PinSource::File("/run/secrets/token-pin".into()),
/// );
/// let key = Pkcs11Key::load(WorkloadId::new("spiffe://example.org/cart")?, settings).await?;
/// let signer = ReplaceableSigner::new(key);
/// // The front door of `kest`, as with any other signer; `signer` goes over to the next key with `replace`.
/// let kest = Kest::builder(signer.clone());
/// # Ok(())
/// # }
/// ```
///
/// All who verify have to trust [`public_key`](SigningKey::public_key) under [`key_id`](SigningKey::key_id), its thumbprint
/// (RFC 7638), before the first entry is signed.
///
/// The key is refused at the start unless it is an Ed25519 key that may not be extracted, and its two halves belong together.
/// Every signature is verified before an entry counts as signed. A token that is away means that nothing is signed; once it is
/// back, the next signature finds it, logs in, and makes sure that the key is the same.
///
/// # Limits
///
/// PKCS #11 knows one login for a process: where another part of the program is logged in at the same token, the PIN is not
/// asked for, and as long as it uses the library, a library that looks for tokens only when it is initialised (`SoftHSM` does)
/// does not find one that was away. So do other keys of the same library. A call that hangs in the library keeps its session and its thread; when all do, every signature is refused.
#[derive(Clone)]
pub struct Pkcs11Key(Arc<Held>);

struct Held {
    workload: WorkloadId,
    key_id: KeyId,
    public: PublicKey,
    token: Token,
    /// All who sign or wait for it.
    places: Semaphore,
    /// Those who sign.
    sessions: Arc<Semaphore>,
    time_limit: Duration,
}

impl Pkcs11Key {
    /// Finds the key that `settings` name, and has it sign once.
    ///
    /// # Errors
    ///
    /// [`Pkcs11Error`] by what is wrong with module, token, PIN or key, or when the time limit is over.
    pub async fn load(workload: WorkloadId, settings: Pkcs11Settings) -> Result<Self, Pkcs11Error> {
        let Pkcs11Settings { sessions, waiting, time_limit, .. } = settings;
        let opening = tokio::task::spawn_blocking(move || Token::open(settings));
        let opened = timeout(time_limit, opening).await.map_err(|_elapsed| Pkcs11Error::TimedOut)?;
        let (token, public) = opened.map_err(|_cause| Pkcs11Error::Abandoned)??;
        let key_id = KeyId::new(public.thumbprint()).map_err(|_cause| Pkcs11Error::KeyWeak)?;
        Ok(Self(Arc::new(Held {
            workload,
            key_id,
            public,
            token,
            places: Semaphore::new(sessions.saturating_add(waiting)),
            sessions: Arc::new(Semaphore::new(sessions)),
            time_limit,
        })))
    }

    async fn ask(&self, message: &[u8]) -> Result<Signature, Pkcs11Error> {
        let _place = self.0.places.try_acquire().map_err(|_full| Pkcs11Error::Busy)?;
        let session = Arc::clone(&self.0.sessions).acquire_owned().await;
        let session = session.map_err(|_closed| Pkcs11Error::Abandoned)?;
        let (held, message) = (Arc::clone(&self.0), message.to_vec());
        let signing = tokio::task::spawn_blocking(move || {
            // Kept until the token has answered, also when no request waits for it any more.
            let _session = session;
            held.token.sign(&held.public, &message)
        });
        signing.await.map_err(|_cause| Pkcs11Error::Abandoned)?
    }
}

#[async_trait]
impl SigningKey for Pkcs11Key {
    fn workload(&self) -> &WorkloadId {
        &self.0.workload
    }

    fn key_id(&self) -> &KeyId {
        &self.0.key_id
    }

    fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    fn signature_check(&self) -> SignatureCheck {
        SignatureCheck::Verify
    }

    async fn sign(&self, signing_input: &[u8]) -> Result<Signature, SignerError> {
        let asked = timeout(self.0.time_limit, self.ask(signing_input)).await;
        asked.unwrap_or(Err(Pkcs11Error::TimedOut)).map_err(SignerError::new)
    }
}

impl fmt::Debug for Pkcs11Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Pkcs11Key");
        shown.field("workload", &self.0.workload).field("key_id", &self.0.key_id).finish_non_exhaustive()
    }
}
