//! The keys that are live, and which of them is used when.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kest_core::signature::{Ed25519Signer, WorkloadId};
use kest_identity::{SpiffeId, TrustDomain};
use kest_workload::protocol::AUTHORITY_PATH;
use serde_json::json;

use super::file::{Stored, StoredTokenKey};
use super::root::Root;
use super::{KeysError, file};
use crate::store::LiveKey;

/// The keys of an authority, as its file had them.
#[derive(Debug)]
pub(crate) struct KeySet {
    authority: String,
    domain: TrustDomain,
    identity: SpiffeId,
    server_names: Vec<String>,
    longest_life: u64,
    roots: Vec<Arc<Root>>,
    token_keys: Vec<Arc<TokenKey>>,
}

/// A key that signs tokens and bundles.
#[derive(Debug)]
pub(crate) struct TokenKey {
    pub(crate) signer: Ed25519Signer,
    used_from: u64,
}

impl KeySet {
    pub(super) fn read(stored: &Stored) -> Result<Self, KeysError> {
        let domain = TrustDomain::parse(&stored.trust_domain).map_err(|_cause| KeysError::Malformed)?;
        let identity = SpiffeId::parse(&format!("spiffe://{domain}{AUTHORITY_PATH}"));
        let identity = identity.map_err(|_cause| KeysError::Malformed)?;
        let roots = stored.roots.iter().map(|root| Root::read(root, &domain).map(Arc::new));
        let token_keys = stored.token_keys.iter().map(|key| TokenKey::read(key).map(Arc::new));
        let set = Self {
            authority: stored.authority.clone(),
            identity,
            server_names: stored.server_names.clone(),
            longest_life: stored.longest_life,
            roots: roots.collect::<Result<_, _>>()?,
            token_keys: token_keys.collect::<Result<_, _>>()?,
            domain,
        };
        if set.roots.is_empty() || set.token_keys.is_empty() { Err(KeysError::Malformed) } else { Ok(set) }
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// What the authority itself is called in its certificates.
    pub(crate) fn identity(&self) -> &SpiffeId {
        &self.identity
    }

    pub(crate) fn server_names(&self) -> &[String] {
        &self.server_names
    }

    /// Milliseconds that no certificate outlives.
    pub(crate) fn longest_life(&self) -> u64 {
        self.longest_life
    }

    /// The root that issues at `now`.
    pub(crate) fn issuing(&self, now: u64) -> Option<&Arc<Root>> {
        used(&self.roots, now, |root| root.used_from())
    }

    /// The key that signs at `now`.
    pub(crate) fn signing(&self, now: u64) -> Option<&Arc<TokenKey>> {
        used(&self.token_keys, now, |key| key.used_from)
    }

    /// The roots that leaves may end in at `now`, or soon.
    pub(crate) fn live_roots(&self, now: u64) -> &[Arc<Root>] {
        live(&self.roots, now, self.longest_life, |root| root.used_from())
    }

    fn live_token_keys(&self, now: u64) -> &[Arc<TokenKey>] {
        live(&self.token_keys, now, self.longest_life, |key| key.used_from)
    }

    /// The public keys that the bundle has at `now`.
    pub(crate) fn published(&self, now: u64) -> Vec<LiveKey> {
        let roots = self.live_roots(now).iter().map(|root| root_jwk(root));
        let token_keys = self.live_token_keys(now);
        roots.chain(token_keys.iter().map(|key| key.public_jwk())).collect()
    }
}

/// A key of an authority as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyState {
    /// What it is for.
    pub kind: KeyKind,
    /// The `kid` of a key of tokens; of a root, the beginning of the SHA-256 of its public key, which its certificate's common
    /// name has too.
    pub name: String,
    /// When it begins to sign, in milliseconds since 1970.
    pub used_from: u64,
    /// The last second of a root's certificate, since 1970.
    pub not_after: Option<u64>,
    /// Whether it is the one of its kind that signs now.
    pub signs: bool,
}

/// What a key of an authority is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// Certificates.
    Root,
    /// Tokens and bundles.
    Token,
}

impl KeySet {
    /// All that are published at `now`.
    pub(super) fn states(&self, now: u64) -> Vec<KeyState> {
        let issuing = self.issuing(now).map(|root| root.name());
        let roots = self.live_roots(now).iter().map(|root| KeyState {
            kind: KeyKind::Root,
            name: root.name(),
            used_from: root.used_from(),
            not_after: Some(root.not_after()),
            signs: issuing.as_ref() == Some(&root.name()),
        });
        let signing = self.signing(now).map(|key| key.signer.key_id().clone());
        let token_keys = self.live_token_keys(now).iter().map(|key| KeyState {
            kind: KeyKind::Token,
            name: key.signer.key_id().as_str().to_owned(),
            used_from: key.used_from,
            not_after: None,
            signs: signing.as_ref() == Some(key.signer.key_id()),
        });
        roots.chain(token_keys).collect()
    }
}

impl TokenKey {
    /// A new key, as its file keeps it.
    pub(super) fn make(
        identity: &WorkloadId,
        used_from: u64,
        random: &dyn kest_core::Random,
    ) -> Result<StoredTokenKey, KeysError> {
        let signer = Ed25519Signer::generate(identity.clone(), random)?;
        let jwk = signer.to_private_jwk().map_err(|_cause| KeysError::Malformed)?;
        Ok(StoredTokenKey { jwk: file::Secret::new(jwk), used_from })
    }

    fn read(stored: &StoredTokenKey) -> Result<Self, KeysError> {
        let signer = Ed25519Signer::from_jwk(stored.jwk.reveal()).map_err(|_cause| KeysError::Malformed)?;
        Ok(Self { signer, used_from: stored.used_from })
    }

    fn public_jwk(&self) -> LiveKey {
        let id = self.signer.key_id().as_str().to_owned();
        let x = URL_SAFE_NO_PAD.encode(self.signer.public_key().as_bytes());
        let jwk =
            json!({"alg": "EdDSA", "crv": "Ed25519", "kid": id, "kty": "OKP", "use": "jwt-svid", "x": x});
        LiveKey { id, jwk: jwk.to_string() }
    }
}

/// Forgets the keys that are no longer published at `now`, and says whether another one may come.
pub(super) fn make_room<T>(
    keys: &mut Vec<T>,
    now: u64,
    longest_life: u64,
    used_from: fn(&T) -> u64,
) -> Result<(), KeysError> {
    let over = keys.len().saturating_sub(live(keys, now, longest_life, used_from).len());
    keys.drain(..over);
    if keys.len() < MOST_LIVE { Ok(()) } else { Err(KeysError::NotOver) }
}

/// SPIFFE X.509-SVID section 6.2: `x5c` with one certificate, and no `kid`.
fn root_jwk(root: &Root) -> LiveKey {
    let x5c = [STANDARD.encode(root.certificate())];
    let mut jwk = json!({"kty": "EC", "crv": "P-256", "use": "x509-svid", "x5c": x5c});
    // RFC 7518 section 6.2.1: the point without its first byte, in halves.
    if let (Some(members), Some((x, y))) = (jwk.as_object_mut(), root.point()) {
        members.insert("x".to_owned(), URL_SAFE_NO_PAD.encode(x).into());
        members.insert("y".to_owned(), URL_SAFE_NO_PAD.encode(y).into());
    }
    LiveKey { id: root.name(), jwk: jwk.to_string() }
}

/// The newest that is in use; the oldest where the clock stands before all of them.
fn used<T>(keys: &[T], now: u64, used_from: fn(&T) -> u64) -> Option<&T> {
    keys.iter().rev().find(|key| used_from(key) <= now).or(keys.first())
}

/// All but those whose successor has been in use for so long that all they signed is over.
fn live<T>(keys: &[T], now: u64, longest_life: u64, used_from: fn(&T) -> u64) -> &[T] {
    let kept = longest_life.saturating_add((longest_life / 4).min(MOST_MARGIN));
    let is_over = |next: &T| used_from(next).saturating_add(kept) <= now;
    let over = keys.iter().skip(1).take_while(|next| is_over(next)).count();
    keys.get(over..).unwrap_or_default()
}

/// At once: one that signs, and one before or after it.
const MOST_LIVE: usize = 2;

/// For clocks, and for those who have an older bundle.
const MOST_MARGIN: u64 = 3600 * 1000;
