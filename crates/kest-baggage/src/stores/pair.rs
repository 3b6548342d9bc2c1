//! The one store or the two in which claims lie: every question to them is bounded, timed and counted here.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use kest_core::{Clock, Limits, Share};

use crate::store::{ClaimCheck, PassportStore, PassportStoreError};
use crate::telemetry::{self, Question};

/// The stores, in the order in which they are asked.
#[derive(Clone, Copy)]
pub(crate) struct StorePair<'stores> {
    pub(crate) first: &'stores dyn PassportStore,
    pub(crate) second: Option<&'stores dyn PassportStore>,
    pub(crate) clock: &'stores dyn Clock,
}

/// Which of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhichStore {
    First,
    Second,
}

/// A store did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Failed(PassportStoreError),
    Slow,
}

impl Unanswered {
    pub(crate) fn may_retry(&self) -> bool {
        match self {
            Self::Failed(cause) => cause.may_retry(),
            Self::Slow => true,
        }
    }
}

impl<'stores> StorePair<'stores> {
    /// Keeps `passport` under `claim` in one of the stores.
    pub(crate) async fn put(
        &self,
        which: WhichStore,
        share: Option<Share>,
        (claim, passport): (&ClaimCheck, Bytes),
        limits: &Limits,
    ) -> Result<(), Unanswered> {
        let (store, time_to_live) = (self.store(which), limits.claim_check_ttl);
        let put = async {
            match share {
                Some(share) => store.put_for(share, claim, passport, time_to_live).await,
                None => store.put(claim, passport, time_to_live).await,
            }
        };
        self.ask(Question::Put, which, put, |()| "kept", limits.passport_store_wait).await
    }

    /// What lies under `claim`, and where; `None` only when every store said that it knows nothing.
    pub(crate) async fn find(
        &self,
        claim: &ClaimCheck,
        limits: &Limits,
    ) -> Result<Option<(Bytes, WhichStore)>, Unanswered> {
        let first = self.get(WhichStore::First, claim, limits).await;
        let known = match &first {
            Ok(value) => value.is_some(),
            Err(Unanswered::Failed(cause)) => cause.is_unusable(),
            Err(Unanswered::Slow) => false,
        };
        if known || self.second.is_none() {
            return Ok(first?.map(|value| (value, WhichStore::First)));
        }
        match self.get(WhichStore::Second, claim, limits).await? {
            Some(value) => Ok(Some((value, WhichStore::Second))),
            // It may lie in the first, which did not answer: not the same as a claim that no one knows.
            None => first.map(|_nothing| None),
        }
    }

    async fn get(
        &self,
        which: WhichStore,
        claim: &ClaimCheck,
        limits: &Limits,
    ) -> Result<Option<Bytes>, Unanswered> {
        let get = self.store(which).get(claim);
        let outcome = |found: &Option<Bytes>| if found.is_some() { "hit" } else { "miss" };
        self.ask(Question::Get, which, get, outcome, limits.passport_store_wait).await
    }

    /// Ends `claim` in the store where it was found, and says whether it was still there.
    pub(crate) async fn remove(
        &self,
        which: WhichStore,
        claim: &ClaimCheck,
        limits: &Limits,
    ) -> Result<bool, Unanswered> {
        let remove = self.store(which).remove(claim);
        let outcome = |ended: &bool| if *ended { "ended" } else { "miss" };
        self.ask(Question::Remove, which, remove, outcome, limits.passport_store_wait).await
    }

    fn store(&self, which: WhichStore) -> &'stores dyn PassportStore {
        match which {
            WhichStore::First => self.first,
            WhichStore::Second => self.second.unwrap_or(self.first),
        }
    }

    async fn ask<Answer>(
        &self,
        question: Question,
        which: WhichStore,
        asking: impl Future<Output = Result<Answer, PassportStoreError>>,
        outcome: impl FnOnce(&Answer) -> &'static str,
        wait: Duration,
    ) -> Result<Answer, Unanswered> {
        let began = self.clock.now();
        let answer = match tokio::time::timeout(wait, asking).await {
            Ok(answer) => answer.map_err(Unanswered::Failed),
            Err(_elapsed) => Err(Unanswered::Slow),
        };
        let took = self.clock.now().duration_since(began).unwrap_or(Duration::ZERO);
        let outcome = match &answer {
            Ok(answer) => outcome(answer),
            Err(Unanswered::Failed(cause)) if cause.may_retry() => "unavailable",
            Err(Unanswered::Failed(cause)) if cause.is_unusable() => "unusable",
            Err(Unanswered::Failed(cause)) if cause.is_share_full() => "share_full",
            Err(Unanswered::Failed(_)) => "full",
            Err(Unanswered::Slow) => "slow",
        };
        telemetry::store_asked(question, which, outcome, took);
        answer
    }
}
