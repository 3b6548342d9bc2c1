//! The runner of all cases.

use crate::store::Store;

use super::{enrolments, renewals, said};

/// Runs every case on a store of its own: `make` gives an empty one each time.
///
/// # Panics
///
/// Where a store does something else than a case asks for.
pub async fn all<S: Store>(make: impl AsyncFn() -> S) {
    enrolments::guessed_ticket_is_refused(&make().await).await;
    enrolments::expired_ticket_is_refused(&make().await).await;
    enrolments::ticket_used_twice_is_an_alarm(&make().await).await;
    enrolments::ticket_used_twice_at_once_begins_one_epoch(&make().await).await;
    enrolments::living_identity_keeps_its_place(&make().await).await;
    enrolments::place_is_given_away_by_present_key_alone(&make().await).await;
    enrolments::key_of_another_workload_is_refused(&make().await).await;
    enrolments::next_enrolment_makes_earlier_epochs_void(&make().await).await;
    renewals::old_epoch_is_not_renewed(&make().await).await;
    renewals::revoked_identity_is_not_renewed(&make().await).await;
    renewals::expired_identity_is_not_renewed(&make().await).await;
    renewals::next_key_ends_those_before(&make().await).await;
    renewals::renewal_is_asked_for_twice(&make().await).await;
    renewals::key_that_was_replaced_does_not_come_back(&make().await).await;
    renewals::keys_of_an_identity_are_bounded(&make().await).await;
    renewals::ended_keys_are_taken_out(&make().await).await;
    renewals::retired_keys_end_before_they_leave(&make().await).await;
    said::sequence_rises_with_what_the_bundle_says(&make().await).await;
    said::authorities_publish_beside_each_other(&make().await).await;
    said::tickets_are_listed_and_forgotten(&make().await).await;
    said::workload_is_told_as_it_is(&make().await).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[tokio::test]
    async fn memory_is_a_store() {
        all(async || MemoryStore::new()).await;
    }
}
