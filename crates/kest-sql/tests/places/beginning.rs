//! Writers that begin at the same time in a database without an audit log.

use std::sync::Arc;

use kest_audit::{Durability, State};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::rig::{Place, Recorded};

const WRITERS: usize = 8;
/// Files, each of which is new.
const ROUNDS: usize = 8;

/// Failure: a service does not start because another one does; or a writer is cleared away as a dead one while it begins.
#[tokio::test(flavor = "multi_thread")]
async fn writers_that_begin_at_once_in_a_new_database_all_write() {
    let mut places: Vec<Place> = (0..ROUNDS).map(|_round| Place::sqlite()).collect();
    places.push(Place::postgres().await);
    for place in places {
        let place = Arc::new(place);
        let all_are_there = Arc::new(Barrier::new(WRITERS));
        let mut tasks = JoinSet::new();
        for _writer in 0..WRITERS {
            let (place, all_are_there) = (Arc::clone(&place), Arc::clone(&all_are_there));
            tasks.spawn(async move {
                all_are_there.wait().await;
                let service = place.begin(Durability::Required, u64::MAX).await;
                service.operate().await;
                service
            });
        }
        let services = tasks.join_all().await;
        let report = place.verify(None);
        assert!(report.holds(), "{:?}", report.faults);
        let states: Vec<State> = report.writers.iter().map(|writer| writer.state).collect();
        assert_eq!(states, [State::Live; WRITERS]);
        assert_eq!(Recorded::of(&place.log()).signed.len(), WRITERS);
        for service in services {
            service.log.close().await.unwrap();
        }
    }
}
