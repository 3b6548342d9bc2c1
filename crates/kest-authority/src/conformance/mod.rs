//! What every [`Store`](crate::Store) must do, as cases that any store can be run through.
//!
//! Each case takes an empty store, and ends the test that runs it where the store does something else. [`all`] runs them all.
//!
//! ```
//! use kest_authority::{MemoryStore, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::all(async || MemoryStore::new()).await;
//! # }
//! ```

mod all;
mod enrolments;
mod renewals;
mod said;
mod support;

pub use all::all;
pub use enrolments::{
    expired_ticket_is_refused, guessed_ticket_is_refused, key_of_another_workload_is_refused,
    living_identity_keeps_its_place, next_enrolment_makes_earlier_epochs_void,
    place_is_given_away_by_present_key_alone, ticket_used_twice_at_once_begins_one_epoch,
    ticket_used_twice_is_an_alarm,
};
pub use renewals::{
    ended_keys_are_taken_out, expired_identity_is_not_renewed, key_that_was_replaced_does_not_come_back,
    keys_of_an_identity_are_bounded, next_key_ends_those_before, old_epoch_is_not_renewed,
    renewal_is_asked_for_twice, retired_keys_end_before_they_leave, revoked_identity_is_not_renewed,
};
pub use said::{
    authorities_publish_beside_each_other, sequence_rises_with_what_the_bundle_says,
    tickets_are_listed_and_forgotten, workload_is_told_as_it_is,
};
