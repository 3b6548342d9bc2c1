//! A plain balancer: each new connection goes to the next replica in turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

/// It forwards until it is dropped.
pub(crate) struct RoundRobin {
    /// Where it listens.
    pub(crate) origin: String,
    taken: Arc<[AtomicUsize]>,
    accepting: tokio::task::JoinHandle<()>,
}

impl RoundRobin {
    /// Puts a balancer before these origins.
    pub(crate) async fn before(origins: &[&str]) -> Self {
        let replicas: Arc<[SocketAddr]> =
            origins.iter().map(|origin| origin.strip_prefix("http://").unwrap().parse().unwrap()).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<[AtomicUsize]> = replicas.iter().map(|_| AtomicUsize::new(0)).collect();
        let count = Arc::clone(&taken);
        let accepting = tokio::spawn(async move {
            for turn in (0..replicas.len()).cycle() {
                let (mut caller, _) = listener.accept().await.unwrap();
                count[turn].fetch_add(1, Ordering::Relaxed);
                let replica = replicas[turn];
                tokio::spawn(async move {
                    // A peer that hung up has its reason; the other side learns of it by the end of the connection.
                    if let Ok(mut service) = TcpStream::connect(replica).await {
                        drop(tokio::io::copy_bidirectional(&mut caller, &mut service).await);
                    }
                });
            }
        });
        Self { origin, taken, accepting }
    }

    /// How many connections each replica got.
    pub(crate) fn taken(&self) -> Vec<usize> {
        self.taken.iter().map(|taken| taken.load(Ordering::Relaxed)).collect()
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
