//! What an authority remembers, and the seam behind which it does: each change is one transaction, also between authorities.

use std::fmt;

use async_trait::async_trait;
use kest_core::BoxError;
use kest_identity::SpiffeId;
use kest_workload::protocol::{EntryKey, Epoch};

/// The memory of an authority, or of several that share it.
///
/// Times are milliseconds since 1970, given by the caller: a store reads no clock. Each method is one transaction; of two that
/// contend, one comes after the other. Every change of what the bundle says raises [`State::sequence`] by one or more.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Keeps a ticket.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it was not kept, or that is not known.
    async fn add_ticket(&self, ticket: &NewTicket) -> Result<(), StoreError>;

    /// Uses the ticket up, where there is one, and begins the next epoch of its identity with its first entry key; all of it
    /// or nothing. The entry keys of earlier epochs are gone, and the earlier epochs void.
    ///
    /// Judged in this order: the ticket is there, unused and not over; the identity is free, or its place was given away; the
    /// name of the key is new. A second use of a ticket changes nothing but the count of its uses, also after its end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it did not happen, or that is not known.
    async fn enrol(&self, enrolment: &Enrolment) -> Result<Enrolled, StoreError>;

    /// Takes a next entry key, where there is one, if the epoch is the identity's present one and is not void. The keys before
    /// it are trusted until `Renewal::earlier_keys_until`, if they do not end earlier; those whose end has passed are taken out.
    /// The newest key again is no change, so that a renewal can be asked for twice. Where nothing was taken in or out,
    /// [`State::sequence`] stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it did not happen, or that is not known.
    async fn renew(&self, renewal: &Renewal) -> Result<Renewed, StoreError>;

    /// Makes all epochs of an identity void up to its present one, and forgets its entry keys.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it did not happen, or that is not known.
    async fn revoke(&self, identity: &SpiffeId, at: u64) -> Result<Revoked, StoreError>;

    /// Ends the keys of identities that are not alive at `at`: each counts until [`Workload::alive_until`], if it does not end
    /// earlier. Takes out all keys that ended before `ended_before`. Answers how many keys it changed, of both kinds.
    ///
    /// A key is ended before it is taken out, so that those who follow the bundle see why it leaves.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it did not happen, or that is not known.
    async fn retire(&self, at: u64, ended_before: u64) -> Result<u64, StoreError>;

    /// Replaces the keys that one authority publishes. A key of another authority stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it did not happen, or that is not known.
    async fn publish(&self, authority: &str, keys: &[LiveKey], at: u64) -> Result<(), StoreError>;

    /// The number of the present state, for those who have it already.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not say.
    async fn sequence(&self) -> Result<u64, StoreError>;

    /// All that the bundle is made of, at one moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not say.
    async fn state(&self) -> Result<State, StoreError>;

    /// One workload.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not say.
    async fn workload(&self, identity: &SpiffeId) -> Result<Option<Workload>, StoreError>;

    /// Tickets that were not used and are not over at `at`, and those that were used twice; at most `limit`, the newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store does not say.
    async fn tickets(&self, at: u64, limit: u32) -> Result<Vec<Ticket>, StoreError>;

    /// Forgets tickets that were over before `before`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it did not happen, or that is not known.
    async fn forget_tickets(&self, before: u64) -> Result<u64, StoreError>;
}

/// A ticket as it is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// SHA-256 of the ticket, in hex; the ticket itself is kept nowhere.
    pub hash: String,
    /// The one identity that it is for.
    pub identity: SpiffeId,
    /// When it was given out.
    pub created: u64,
    /// When it is over.
    pub expires: u64,
    /// Whether it takes the place of an identity that is alive, without the proof of its present key.
    pub place: Place,
}

/// What an enrolment does to an identity that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// It is refused.
    Free,
    /// It succeeds it: the operator said so, or the present key did.
    Taken,
}

/// An enrolment whose proofs hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// What gives the right to the identity.
    pub evidence: Evidence,
    /// The first entry key.
    pub entry_key: EntryKeyRecord,
    /// The entry key that signed `current_proof`, where one did and its signature holds: it counts if it is a key of the
    /// identity's present epoch.
    pub current_key: Option<EntryKey>,
    /// Until when the certificate of this enrolment lives at most: until then the identity is alive.
    pub alive_until: u64,
    /// Now.
    pub at: u64,
}

/// What gives the right to an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// A ticket, which says whose it is: its SHA-256, in hex.
    Ticket(String),
    /// A token of an issuer that is trusted, which was given this identity.
    Token(SpiffeId),
}

/// Entry keys that an identity has at once at most, those included that end soon: as many as a
/// [`KeyRing`](kest_core::signature::KeyRing) trusts.
pub const MOST_ENTRY_KEYS: usize = 4;

/// What came of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enrolled {
    /// The identity has this epoch now.
    Begun {
        /// Who.
        identity: SpiffeId,
        /// Which enrolment.
        epoch: Epoch,
    },
    /// There is no such ticket.
    NoTicket,
    /// It was over.
    TicketExpired {
        /// Whose it was.
        identity: SpiffeId,
    },
    /// It was used before.
    TicketUsed(Alarm),
    /// The identity is alive, and neither the operator nor its present key gave its place away. A ticket stays unused.
    Alive {
        /// Who.
        identity: SpiffeId,
    },
    /// Another workload, or another epoch, has or had a key of that name.
    KeyTaken,
}

/// A second use of a ticket: one of the two users stole it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Whose ticket it was.
    pub identity: SpiffeId,
    /// When it was used first.
    pub first_used: u64,
    /// How often it was used, this time included.
    pub uses: u32,
}

/// A renewal whose proofs hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The identity of the certificate of the connection.
    pub identity: SpiffeId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The next entry key, where it changes.
    pub entry_key: Option<EntryKeyRecord>,
    /// Until when keys before it count.
    pub earlier_keys_until: u64,
    /// Until when the certificate of this renewal lives at most.
    pub alive_until: u64,
    /// Now.
    pub at: u64,
}

/// What came of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewed {
    /// It counts.
    Renewed,
    /// There is no such identity.
    Unknown,
    /// The epoch is void: revoked, or another one has begun.
    Void,
    /// The identity is not alive any more: its last certificate is over.
    NotAlive,
    /// Another workload, or another epoch, has or had a key of that name, or this one replaced it before.
    KeyTaken,
    /// The identity has [`MOST_ENTRY_KEYS`] that have not ended.
    TooManyKeys,
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoked {
    /// All epochs up to this one are void.
    UpTo(Epoch),
    /// There is no such identity.
    Unknown,
}

/// A public entry key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryKeyRecord {
    /// The key.
    pub key: EntryKey,
    /// When it began to count.
    pub since: u64,
    /// Until when it counts; for good where nothing says so.
    pub until: Option<u64>,
}

/// A public key of an authority, as the bundle has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveKey {
    /// Its name among the keys of the authority.
    pub id: String,
    /// The JWK: `use` is `x509-svid` with `x5c` for a root, `jwt-svid` for a key of tokens.
    pub jwk: String,
}

/// All that the bundle is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Its number; it never goes back.
    pub sequence: u64,
    /// The keys of all authorities that share the store, by authority.
    pub keys: Vec<(String, LiveKey)>,
    /// All workloads, revoked ones too.
    pub workloads: Vec<Workload>,
}

/// An identity that was enrolled once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Who.
    pub identity: SpiffeId,
    /// Its present epoch.
    pub epoch: Epoch,
    /// The last epoch that is void; all but the present one, or that too.
    pub void: Option<Epoch>,
    /// When the present epoch began.
    pub enrolled: u64,
    /// When it was renewed last.
    pub renewed: u64,
    /// Until when it is alive, unless it is revoked: the latest of its enrolment and renewals.
    pub alive_until: u64,
    /// Its entry keys.
    pub entry_keys: Vec<EntryKeyRecord>,
}

/// A ticket as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What was given out.
    pub ticket: NewTicket,
    /// What became of it.
    pub state: TicketState,
}

/// What became of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TicketState {
    /// Nothing yet.
    Unused,
    /// It was used.
    Used {
        /// When first.
        first: u64,
        /// How often.
        uses: u32,
    },
}

/// The store did not do it, or does not say.
#[derive(Debug, thiserror::Error)]
#[error("store of the authority is out of reach")]
pub struct StoreError(#[source] BoxError);

impl StoreError {
    /// Wraps the store's own cause.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}
