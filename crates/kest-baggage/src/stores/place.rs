//! The value that a service is configured with: where its claims lie, and whether they are sealed.

use std::fmt;
use std::sync::Arc;

use kest_core::{Clock, Limits, SystemClock};

use super::{Fallback, StorePair};
use crate::packed::PackedPassport;
use crate::restore::{RestoreError, Restored, restore_from};
use crate::seal::{Sealing, Usage};
use crate::store::PassportStore;

/// Where claims are kept, and how. Cloning it is cheap; writer and reader of a service share one.
///
/// A store alone is the plainest form: what lies there is the JSON array, which any other implementation can read and
/// a writer of the store can exchange. With [`sealed`](Self::sealed) only holders of the key can do either.
///
/// ```
/// # use std::sync::Arc;
/// # use kest_baggage::{Audience, PassportStores, InMemoryPassports, Fallback, Sealing, SealingKey, Tiers};
/// # use kest_core::{Limits, OsRandom, signature::KeyId};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let limits = Limits::default();
/// # let store = Arc::new(InMemoryPassports::new(&limits));
/// # let spare = Arc::new(InMemoryPassports::new(&limits));
/// # let jwk = SealingKey::generate(KeyId::new("2026-01")?, &OsRandom)?.to_jwk()?;
/// let plain = Tiers::auto().store(store.clone());
///
/// let sealing = Sealing::new(SealingKey::from_jwk(&jwk)?, Audience::new("shop")?);
/// let claims = PassportStores::sealed(store, sealing).fallback(Fallback::Second(spare));
/// let sealed = Tiers::auto().store(claims.clone());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct PassportStores {
    store: Arc<dyn PassportStore>,
    fallback: Fallback,
    sealing: Option<Arc<Sealing>>,
    clock: Option<Arc<dyn Clock>>,
}

impl PassportStores {
    /// Keeps passports in `store` as they are.
    pub fn plain(store: Arc<dyn PassportStore>) -> Self {
        Self { store, fallback: Fallback::default(), sealing: None, clock: None }
    }

    /// Keeps passports in `store` sealed, and refuses any that are not.
    pub fn sealed(store: Arc<dyn PassportStore>, sealing: Sealing) -> Self {
        Self { sealing: Some(Arc::new(sealing)), ..Self::plain(store) }
    }

    /// Says what happens when the store is away, slow or full; [`Fallback::Refuse`] otherwise.
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// Reads `clock` to tell when a seal is over; the operating system's otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Reads `clock` to tell when a seal is over, unless [another](Self::clock) was named: how a service gives its own to
    /// stores that it is given.
    pub fn default_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock.get_or_insert(clock);
        self
    }

    /// Opens `packed` as [`restore`](crate::restore()) does, and redeems claim checks here.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; a passport that cannot be opened is never an empty one.
    pub async fn restore(&self, packed: PackedPassport, limits: &Limits) -> Result<Restored, RestoreError> {
        restore_from(packed, Some(self.place()), limits).await
    }

    /// Whether each call must pack a claim of its own.
    pub(crate) fn is_single_use(&self) -> bool {
        self.sealing.as_ref().is_some_and(|sealing| sealing.usage() == Usage::Once)
    }

    /// Whether both keep every claim in the same way at the same places.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        fn same<T: ?Sized>(one: Option<&Arc<T>>, two: Option<&Arc<T>>) -> bool {
            match (one, two) {
                (None, None) => true,
                (Some(one), Some(two)) => Arc::ptr_eq(one, two),
                (Some(_), None) | (None, Some(_)) => false,
            }
        }
        Arc::ptr_eq(&self.store, &other.store)
            && same(self.fallback.store(), other.fallback.store())
            && same(self.sealing.as_ref(), other.sealing.as_ref())
            && same(self.clock.as_ref(), other.clock.as_ref())
    }

    pub(crate) fn place(&self) -> Place<'_> {
        let clock = self.clock.as_deref().unwrap_or(&SystemClock);
        let second = self.fallback.store().map(AsRef::as_ref);
        let stores = StorePair { first: self.store.as_ref(), second, clock };
        Place { stores, sealing: self.sealing.as_deref() }
    }
}

impl<Store: PassportStore + 'static> From<Store> for PassportStores {
    fn from(store: Store) -> Self {
        Self::plain(Arc::new(store))
    }
}

impl<Store: PassportStore + 'static> From<Arc<Store>> for PassportStores {
    fn from(store: Arc<Store>) -> Self {
        Self::plain(store)
    }
}

impl From<Arc<dyn PassportStore>> for PassportStores {
    fn from(store: Arc<dyn PassportStore>) -> Self {
        Self::plain(store)
    }
}

impl fmt::Debug for PassportStores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PassportStores")
            .field("store", &self.store)
            .field("fallback", &self.fallback)
            .field("sealing", &self.sealing)
            .finish_non_exhaustive()
    }
}

/// What one request borrows of [`PassportStores`], or of a store alone.
#[derive(Clone, Copy)]
pub(crate) struct Place<'claims> {
    pub(crate) stores: StorePair<'claims>,
    pub(crate) sealing: Option<&'claims Sealing>,
}

impl<'claims> Place<'claims> {
    /// A store alone, plain.
    pub(crate) fn plain(first: &'claims dyn PassportStore) -> Self {
        Self { stores: StorePair { first, second: None, clock: &SystemClock }, sealing: None }
    }
}

#[cfg(test)]
#[path = "../tests/claims.rs"]
mod tests;
