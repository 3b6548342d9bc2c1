//! The same against the authority of `kest-authority`: no stand-in has a part in it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kest_authority::{Authority, AuthorityKeys, MemoryStore, Place};
use kest_core::signature::Sign as _;
use kest_core::{Clock, OsRandom};
use kest_identity::{SpiffeId, TrustDomain};
use kest_testkit::TestClock;
use kest_workload::protocol::Epoch;
use kest_workload::{AskError, Enrol, EnrolError, StartError, Workload};
use tokio::net::TcpListener;

use crate::enrolment::{place, who_is};

struct Real {
    authority: Authority,
    clock: TestClock,
    enrolment: SocketAddr,
    _keys: tempfile::TempDir,
}

impl Real {
    async fn start() -> Self {
        let (keys_at, clock) = (tempfile::tempdir().unwrap(), TestClock::default());
        let folder = keys_at.path().join("authority");
        let domain = TrustDomain::parse("example.org").unwrap();
        let names = ["authority.internal".to_owned()];
        let keys = AuthorityKeys::init(&folder, &domain, names, &clock, &OsRandom).unwrap();
        let enrolments = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let workloads = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let enrolment = enrolments.local_addr().unwrap();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let authority = Authority::builder(keys, Arc::new(MemoryStore::new()))
            .workload_url(format!("https://{}", workloads.local_addr().unwrap()))
            .clock(shared)
            .start()
            .await
            .unwrap();
        let (one, other) = (authority.clone(), authority.clone());
        tokio::spawn(async move { one.serve_enrolments(enrolments, std::future::pending()).await });
        tokio::spawn(async move { other.serve_workloads(workloads, std::future::pending()).await });
        Self { authority, clock, enrolment, _keys: keys_at }
    }

    async fn ticket(&self, name: &str, place: Place) -> String {
        let id = SpiffeId::parse(&format!("spiffe://example.org/{name}")).unwrap();
        let ticket = self.authority.give_ticket(&id, Authority::TICKET_LIFE, place).await.unwrap();
        ticket.reveal().to_string()
    }

    fn of(&self, folder: &Path) -> Enrol {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let enrol = Workload::enrol(folder).authority(format!("https://{}", self.enrolment)).clock(clock);
        enrol.look_at_clock_every(Duration::from_millis(5))
    }
}

async fn after(real: &Real, workload: &Workload, seconds: u64) {
    let change = workload.next_change();
    real.clock.advance(Duration::from_secs(seconds));
    change.await;
}

#[tokio::test]
async fn service_is_enrolled_renewed_and_known_to_others() {
    let (real, cart_at, stock_at) = (Real::start().await, place(), place());
    let stock =
        real.of(&stock_at.folder).ticket(real.ticket("stock", Place::Free).await).start().await.unwrap();
    let cart = real.of(&cart_at.folder).ticket(real.ticket("cart", Place::Free).await);
    let cart = cart.rotate_entry_key_every(Duration::from_secs(60)).start().await.unwrap();
    assert_eq!(who_is(&cart, &stock).await.unwrap(), "spiffe://example.org/cart");
    assert!(cart.bundle().current().unwrap().knows(stock.signer().workload()));
    let first = cart.signer().current().key_id().clone();
    after(&real, &cart, 2400).await;
    let health = cart.readiness();
    assert_eq!((health.last_error, health.seconds_left), (None, 3600), "{health:?}");
    assert_eq!(who_is(&cart, &stock).await.unwrap(), "spiffe://example.org/cart");
    after(&real, &cart, 600).await;
    assert_ne!(*cart.signer().current().key_id(), first);
    let token = cart.token("https://stock.internal", None).await;
    assert!(token.is_ok(), "{token:?}");
}

/// Attack: a ticket that was used already.
#[tokio::test]
async fn stolen_ticket_gives_no_second_identity_and_the_first_goes_on() {
    let (real, at, thief_at) = (Real::start().await, place(), place());
    let ticket = real.ticket("cart", Place::Free).await;
    let cart = real.of(&at.folder).ticket(ticket.clone()).start().await.unwrap();
    let thief = real.of(&thief_at.folder).ticket(ticket).start().await;
    let is_refused = matches!(thief, Err(StartError::Enrol(EnrolError::Asked(AskError::Refused))));
    assert!(is_refused, "{thief:?}");
    after(&real, &cart, 2400).await;
    assert_eq!(cart.readiness().last_error, None);
}

/// Attack: the one that was replaced goes on beside its successor.
#[tokio::test]
async fn replaced_workload_is_refused_everywhere_once_its_successor_speaks() {
    let (real, old_at, new_at, stock_at) = (Real::start().await, place(), place(), place());
    let stock =
        real.of(&stock_at.folder).ticket(real.ticket("stock", Place::Free).await).start().await.unwrap();
    let old = real.of(&old_at.folder).ticket(real.ticket("cart", Place::Free).await).start().await.unwrap();
    assert!(who_is(&old, &stock).await.is_ok());
    let new = real.of(&new_at.folder).ticket(real.ticket("cart", Place::Taken).await).start().await.unwrap();
    assert_eq!(new.readiness().epoch, Epoch::new(2));
    assert!(who_is(&new, &stock).await.is_ok());
    assert!(who_is(&old, &stock).await.is_err());
    after(&real, &old, 2400).await;
    assert!(old.readiness().last_error.is_some());
}

#[tokio::test]
async fn service_is_back_after_an_outage_longer_than_its_certificate_with_a_new_ticket() {
    let (real, at) = (Real::start().await, place());
    let cart = real.of(&at.folder).ticket(real.ticket("cart", Place::Free).await).start().await.unwrap();
    cart.stop().await;
    real.clock.advance(Duration::from_secs(7200));
    let cart = real.of(&at.folder).ticket(real.ticket("cart", Place::Free).await).start().await.unwrap();
    assert_eq!((cart.readiness().epoch, cart.readiness().seconds_left), (Epoch::new(2), 3600));
}
