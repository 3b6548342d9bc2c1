//! PostgreSQL is killed, paused, and its answers are lost, while operations run.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kest_audit::{Durability, State};
use kest_core::entry::EntryHash;
use kest_servers::postgres::PostgresServer;
use kest_sql::Postgres;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::rig::{PATIENCE, Place, Recorded, Service, signer, verify};

/// A server that is away is not waited for.
const WAIT: Duration = Duration::from_secs(2);

const WRITERS: usize = 4;

/// Operations that go on until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    ran: watch::Receiver<u64>,
    refused: watch::Receiver<u64>,
    tasks: JoinSet<HashSet<EntryHash>>,
}

impl Load {
    fn on(services: &[Service]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told_ran, ran) = watch::channel(0);
        let (told_refused, refused) = watch::channel(0);
        let mut tasks = JoinSet::new();
        for service in services.iter().cycle().take(2 * services.len()) {
            let service = service.clone();
            let (stop, told_ran, told_refused) = (Arc::clone(&stop), told_ran.clone(), told_refused.clone());
            tasks.spawn(async move {
                let mut ran = HashSet::new();
                while !stop.load(Ordering::SeqCst) {
                    match service.try_operate().await {
                        Ok(admission) => {
                            ran.insert(admission.entry().hash());
                            told_ran.send_modify(|count| *count += 1);
                        }
                        Err(_refused) => told_refused.send_modify(|count| *count += 1),
                    }
                }
                ran
            });
        }
        Self { stop, ran, refused, tasks }
    }

    async fn more_run(&mut self, more: u64) {
        let now = *self.ran.borrow();
        self.ran.wait_for(|count| *count >= now + more).await.unwrap();
    }

    async fn more_refused(&mut self, more: u64) {
        let now = *self.refused.borrow();
        self.refused.wait_for(|count| *count >= now + more).await.unwrap();
    }

    async fn end(self) -> HashSet<EntryHash> {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

/// Attack: the database of the log is taken away while operations run: killed, and stopped where it stands.
#[tokio::test(flavor = "multi_thread")]
async fn no_operation_runs_without_its_row_while_postgres_is_killed_and_paused() {
    let mut place = Place::postgres_within(WAIT).await;
    let mut services = Vec::new();
    for _writer in 0..WRITERS {
        let recorder = place.recorder(Durability::Required).segment_bytes(64 * 1024);
        services.push(Service::of(recorder.open().await.unwrap()));
    }
    let mut load = Load::on(&services);
    load.more_run(200).await;
    place.server().kill().await;
    load.more_refused(20).await;
    place.server().restart().await;
    load.more_run(200).await;
    place.server().pause().await;
    load.more_refused(10).await;
    place.server().resume().await;
    load.more_run(200).await;
    // Back before any of them was refused: each batch goes on where it was.
    place.server().restart().await;
    load.more_run(200).await;
    let ran = load.end().await;
    for service in &services {
        service.log.close().await.unwrap();
    }
    let report = place.verify(None);
    assert!(report.holds(), "{:?}", report.faults);
    let recorded = Recorded::of(&place.log());
    let unrecorded = ran.difference(&recorded.signed).count();
    assert_eq!(unrecorded, 0, "of {} that ran", ran.len());
    // What was recorded and refused says so, or its end is counted as lost.
    let silent = recorded.signed.difference(&ran).filter(|hash| !recorded.not_run.contains(hash)).count();
    assert!(u64::try_from(silent).unwrap() <= recorded.lost_finished, "{silent} {}", recorded.lost_finished);
    assert_eq!(recorded.lost_signed, 0, "what is required is refused and not lost");
    assert!(recorded.not_run.is_disjoint(&ran));
}

/// Attack: the database is away, so that what runs under best effort leaves no trace, and no trace of that.
#[tokio::test(flavor = "multi_thread")]
async fn each_operation_that_ran_unrecorded_while_postgres_was_away_is_counted() {
    let mut place = Place::postgres_within(WAIT).await;
    let service = Service::of(place.recorder(Durability::BestEffort).open().await.unwrap());
    let mut ran = HashSet::new();
    for _operation in 0..50 {
        ran.insert(service.operate().await);
    }
    // A record of the owner's is written behind them.
    service.log.in_force(None, None).await.unwrap();
    place.server().kill().await;
    for _operation in 0..30 {
        ran.insert(service.operate().await);
    }
    service.log.in_force(None, None).await.unwrap_err();
    place.server().restart().await;
    while service.log.in_force(None, None).await.is_err() {}
    for _operation in 0..20 {
        ran.insert(service.operate().await);
    }
    service.log.close().await.unwrap();
    let report = place.verify(None);
    assert!(report.holds(), "{:?}", report.faults);
    let recorded = Recorded::of(&place.log());
    let unrecorded = ran.difference(&recorded.signed).count();
    assert_eq!(u64::try_from(unrecorded).unwrap(), recorded.lost_signed);
    assert_eq!((ran.len(), unrecorded), (100, 30));
}

/// Between a service and its database: loses the answer to a batch, once it is told to.
struct Between {
    address: std::net::SocketAddr,
    lose: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    /// Connections whose client is gone, and whose server has not seen that.
    left: Left,
}

type Left = Arc<Mutex<Vec<(OwnedReadHalf, OwnedWriteHalf)>>>;

impl Between {
    async fn of(server: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (lose, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let left = Left::default();
        let (losing, losses, leaving) = (Arc::clone(&lose), Arc::clone(&lost), Arc::clone(&left));
        tokio::spawn(async move {
            while let Ok((client, _address)) = listener.accept().await {
                let upstream = TcpStream::connect(server).await.unwrap();
                let (losing, losses) = (Arc::clone(&losing), Arc::clone(&losses));
                tokio::spawn(pass(client, upstream, losing, losses, Arc::clone(&leaving)));
            }
        });
        Self { address, lose, lost, left }
    }
}

/// Passes on what is said, up to the answer that is to be lost: it is heard to its end, so that the transaction has happened.
async fn pass(client: TcpStream, server: TcpStream, lose: Arc<AtomicBool>, lost: Arc<AtomicU64>, left: Left) {
    let (mut client_says, mut to_client) = client.into_split();
    let (mut server_says, mut to_server) = server.into_split();
    let asked = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = client_says.read(&mut buffer).await {
            if to_server.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    let answered = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = server_says.read(&mut buffer).await {
            // `INSERT 0 n` is the answer to a batch.
            let batch = buffer[..count].windows(9).any(|it| it == b"INSERT 0 ");
            if batch && lose.swap(false, Ordering::SeqCst) {
                lost.fetch_add(1, Ordering::SeqCst);
                return true;
            }
            if to_client.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
        false
    };
    let losing = tokio::select! { () = asked => false, losing = answered => losing };
    if losing {
        left.lock().unwrap().push((server_says, to_server));
    }
}

/// Attack: the answer to a commit is lost, so that a record is there twice, or its writer goes on with a gap.
#[tokio::test(flavor = "multi_thread")]
async fn batch_whose_answer_was_lost_is_found_out_and_is_there_once() {
    let server = PostgresServer::start().await;
    let address = server.url().rsplit_once('@').unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    let between = Between::of(address).await;
    let url = server.url().replace(&address.to_string(), &between.address.to_string());
    let place = Postgres::builder(url).timeout(PATIENCE).build().unwrap();
    let service = Service::patient(place.recorder(signer(), Durability::Required)).await;
    let mut ran = HashSet::new();
    for operation in 0..30 {
        between.lose.store(operation % 3 == 1, Ordering::SeqCst);
        ran.insert(service.operate().await);
    }
    assert_eq!(between.lost.load(Ordering::SeqCst), 10);
    between.lose.store(false, Ordering::SeqCst);
    // The server sees at last that the others are gone, and their locks with them: the writer has one all the same.
    between.left.lock().unwrap().clear();
    let others = "SELECT count(*) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND usename = 'audit' AND pid <> pg_backend_pid()";
    while server.execute(others).await != "1" {}
    ran.insert(service.operate().await);
    assert_eq!(verify(&place.log().unwrap(), None).writers[0].state, State::Live);
    service.log.close().await.unwrap();
    let log = place.log().unwrap();
    let report = verify(&log, None);
    assert!(report.holds(), "{:?}", report.faults);
    assert_eq!(report.writers.len(), 1, "the same writer goes on");
    assert_eq!(Recorded::of(&log).signed, ran);
}
