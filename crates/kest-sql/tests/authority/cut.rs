//! The connection to PostgreSQL breaks at any point of a change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kest_authority::{Enrolled, Store as _, TicketState};
use kest_sql::StoreFault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Database, NOW, by_ticket, fault, id, postgres, ticket};

/// Between an authority and its database: ends a connection at one of the things that are said on it.
struct Between {
    address: SocketAddr,
    cut: Arc<Cut>,
}

#[derive(Default)]
struct Cut {
    /// So much is passed on before; below zero all of it.
    left: AtomicI64,
    /// Whether the one that is not passed on is the answer to it.
    answers: std::sync::atomic::AtomicBool,
    cuts: AtomicU64,
}

impl Between {
    async fn of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(Cut { left: AtomicI64::new(-1), ..Cut::default() });
        let cutting = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _address)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&cutting)));
            }
        });
        Self { address, cut }
    }

    /// From now on, so many things that the authority says are passed on, and the next one, or the answer to it, is not.
    fn cut_after(&self, count: i64, answers: bool) {
        self.cut.answers.store(answers, Ordering::SeqCst);
        self.cut.left.store(count, Ordering::SeqCst);
    }

    fn never(&self) {
        self.cut.left.store(i64::MIN / 2, Ordering::SeqCst);
    }

    fn cuts(&self) -> u64 {
        self.cut.cuts.load(Ordering::SeqCst)
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, cut: Arc<Cut>) {
    let (mut said, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut last = false;
    loop {
        tokio::select! {
            count = client.read(&mut said) => {
                let Ok(count @ 1..) = count else { return };
                last = cut.left.fetch_sub(1, Ordering::SeqCst) == 0;
                if last && !cut.answers.load(Ordering::SeqCst) {
                    cut.cuts.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                server.write_all(&said[..count]).await.unwrap();
            }
            count = server.read(&mut answered) => {
                let Ok(count @ 1..) = count else { return };
                if last {
                    cut.cuts.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if client.write_all(&answered[..count]).await.is_err() { return }
            }
        }
    }
}

/// Attack: the connection is ended in the middle of an enrolment, so that a ticket is used up and no epoch began, or the other way.
#[tokio::test(flavor = "multi_thread")]
async fn connection_that_is_cut_at_any_point_of_an_enrolment_leaves_nothing_half_done() {
    let database = Database::postgres().await;
    let Database::Postgres(server) = &database else { panic!("it has no server") };
    let url = server.url();
    let address = url.rsplit_once('@').unwrap().1.split_once('/').unwrap().0;
    let between = Between::of(address.parse().unwrap()).await;
    let store = postgres(&url.replace(address, &between.address.to_string()));
    let direct = database.store();
    let (mut unknown_and_done, mut unknown_and_undone, mut undone) = (0, 0, 0);
    for answers in [false, true] {
        let mut finished = false;
        for point in 0..60 {
            let (hash, name) = (format!("t{answers}{point}"), format!("w{answers}{point}"));
            direct.add_ticket(&ticket(&hash, &name)).await.unwrap();
            // The connection is there, and knows the statements.
            store.workload(&id(&name)).await.unwrap();
            store.forget_tickets(0).await.unwrap();
            let before = between.cuts();
            between.cut_after(point, answers);
            let outcome = store.enrol(&by_ticket(&hash, &format!("k{answers}{point}"))).await;
            between.never();
            let workload = direct.workload(&id(&name)).await.unwrap();
            let tickets = direct.tickets(NOW, 1000).await.unwrap();
            let unused = tickets.iter().any(|it| it.ticket.hash == hash && it.state == TicketState::Unused);
            assert_eq!(workload.is_none(), unused, "{point}: all of it or nothing");
            match &outcome {
                Ok(begun) => {
                    assert!(matches!(begun, Enrolled::Begun { .. }), "{begun:?}");
                    assert!(workload.is_some());
                    if between.cuts() == before {
                        finished = true;
                        break;
                    }
                    // Cut while it began, where nothing was to be done yet: it began once more.
                    assert!(point < 2, "{point}");
                }
                Err(error) => match (fault(error), workload.is_some()) {
                    (StoreFault::Unknown(_), true) => unknown_and_done += 1,
                    (StoreFault::Unknown(_), false) => unknown_and_undone += 1,
                    (StoreFault::Undone(_), false) => undone += 1,
                    (told, done) => panic!("{point}: {told:?}, and that is {done}"),
                },
            }
        }
        assert!(finished, "it was cut at each of its points");
    }
    database.check_whole().await;
    assert_eq!((unknown_and_done, unknown_and_undone), (1, 1), "of the commit, and of its answer");
    assert!(undone > 10, "{undone}");
}
