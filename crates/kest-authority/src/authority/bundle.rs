//! The trust bundle: whom services believe, in one document with a number that never goes back.

use std::sync::Arc;

use kest_workload::protocol::Revocation;
use serde_json::{Map, Value, json};

use super::Authority;
use crate::error::Trouble;
use crate::jws;
use crate::keys::KeySet;
use crate::store::{EntryKeyRecord, State, Workload};

/// The trust bundle at one moment: SPIFFE Trust Domain and Bundle section 4.1, and the same signed.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedBundle {
    sequence: u64,
    key_id: String,
    json: String,
    jws: String,
    token_keys: String,
}

impl SignedBundle {
    /// The `typ` of its JWS.
    pub const TYPE: &str = "kest-bundle+jws";

    /// Its number, `spiffe_sequence`.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The JWK Set: roots, keys of tokens, entry keys and revocations.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The same as the payload of a compact JWS of the authority's present key of tokens.
    #[must_use]
    pub fn jws(&self) -> &str {
        &self.jws
    }

    /// The keys of tokens alone, as a JWK Set for those who read no bundles.
    #[must_use]
    pub fn token_keys(&self) -> &str {
        &self.token_keys
    }

    /// An entity tag (RFC 9110 section 8.8.3) of one of its forms.
    #[must_use]
    pub fn etag(&self, form: &str) -> String {
        let key: String = self.key_id.chars().take(8).collect();
        format!("\"{}-{key}-{form}\"", self.sequence)
    }
}

impl Authority {
    /// The trust bundle now. It is made again only if its number, or the key that signs it, is another one.
    ///
    /// # Errors
    ///
    /// [`Trouble`] when the store does not say, or it cannot be signed.
    pub async fn bundle(&self) -> Result<Arc<SignedBundle>, Trouble> {
        let set = self.0.keys.current();
        let key = set.signing(self.now()).ok_or_else(|| Trouble::Issue("no key of tokens".into()))?;
        let key_id = key.signer.key_id().as_str();
        let sequence = self.0.store.sequence().await?;
        if let Some(known) = &*self.0.bundle.load()
            && (known.sequence, known.key_id.as_str()) == (sequence, key_id)
        {
            return Ok(Arc::clone(known));
        }
        let state = self.0.store.state().await?;
        let revocations = revocations(&state);
        let json = document(&state, &revocations)?;
        let bundle = Arc::new(SignedBundle {
            sequence: state.sequence,
            key_id: key_id.to_owned(),
            jws: jws::sign(key, SignedBundle::TYPE, json.as_bytes()).await?,
            token_keys: token_keys(&state)?,
            json,
        });
        self.remember(&bundle, &revocations, &set);
        Ok(bundle)
    }

    /// Of two that were made at once the newer one stays.
    fn remember(&self, bundle: &Arc<SignedBundle>, revocations: &[Revocation], set: &KeySet) {
        let is_older = |known: &Option<Arc<SignedBundle>>| {
            known.as_ref().is_some_and(|known| known.sequence > bundle.sequence)
        };
        let before =
            self.0.bundle.rcu(|known| if is_older(known) { known.clone() } else { Some(Arc::clone(bundle)) });
        if !is_older(&before) {
            self.0.own.trust.epochs().revoked(revocations);
        }
        tracing::debug!(target: "kest.authority", sequence = bundle.sequence, domain = %set.domain(), "bundle made");
    }
}

fn document(state: &State, revocations: &[Revocation]) -> Result<String, Trouble> {
    let mut keys = live_keys(state)?;
    for workload in state.workloads.iter().filter(|workload| workload.void < Some(workload.epoch)) {
        keys.extend(workload.entry_keys.iter().map(|key| entry_jwk(workload, key)));
    }
    let document = json!({
        "keys": keys,
        "spiffe_sequence": state.sequence,
        "spiffe_refresh_hint": REFRESH_SECONDS,
        "revocations": revocations,
    });
    Ok(document.to_string())
}

fn token_keys(state: &State) -> Result<String, Trouble> {
    let mut keys = live_keys(state)?;
    keys.retain(|key| key.get("use").is_some_and(|purpose| purpose == "jwt-svid"));
    for key in &mut keys {
        if let Some(members) = key.as_object_mut() {
            // RFC 7517 section 4.2: what readers of plain key sets look for.
            members.insert("use".to_owned(), Value::from("sig"));
        }
    }
    Ok(json!({"keys": keys}).to_string())
}

fn live_keys(state: &State) -> Result<Vec<Value>, Trouble> {
    let read = |jwk: &str| serde_json::from_str(jwk).map_err(|cause| Trouble::Issue(cause.into()));
    state.keys.iter().map(|(_authority, key)| read(&key.jwk)).collect()
}

/// As [`kest_core::signature::Bundle`] reads it.
fn entry_jwk(workload: &Workload, record: &EntryKeyRecord) -> Value {
    let key = &record.key;
    let mut jwk = Map::new();
    for (member, value) in [
        ("kty", key.kty.as_str()),
        ("crv", &key.crv),
        ("x", &key.x),
        ("kid", &key.kid),
        ("principal", workload.identity.as_str()),
    ] {
        jwk.insert(member.to_owned(), Value::from(value));
    }
    if let Some(until) = record.until {
        jwk.insert("not_after".to_owned(), Value::from(until / 1000));
    }
    Value::Object(jwk)
}

fn revocations(state: &State) -> Vec<Revocation> {
    let void = |workload: &Workload| {
        let epoch = workload.void?;
        Some(Revocation { identity: workload.identity.as_str().to_owned(), epoch })
    };
    state.workloads.iter().filter_map(void).collect()
}

/// What services are told to look again after: `spiffe_refresh_hint`, in seconds.
const REFRESH_SECONDS: u64 = 300;
