//! A plain balancer: each new connection goes to the next replica in turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

/// It forwards until it is dropped.
pub(crate) struct RoundRobin {
    /// Where it listens.
    pub(crate) origin: String,
    accepting: tokio::task::JoinHandle<()>,
}

impl RoundRobin {
    /// Puts a balancer before these origins.
    pub(crate) async fn before(origins: &[&str]) -> Self {
        let replicas: Arc<[SocketAddr]> =
            origins.iter().map(|origin| origin.strip_prefix("http://").unwrap().parse().unwrap()).collect();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let accepting = tokio::spawn(async move {
            let turn = AtomicUsize::new(0);
            loop {
                let (mut caller, _) = listener.accept().await.unwrap();
                let replica = replicas[turn.fetch_add(1, Ordering::Relaxed) % replicas.len()];
                tokio::spawn(async move {
                    // Whoever hung up has its reason; the other side learns of it by the end of the connection.
                    if let Ok(mut service) = TcpStream::connect(replica).await {
                        drop(tokio::io::copy_bidirectional(&mut caller, &mut service).await);
                    }
                });
            }
        });
        Self { origin, accepting }
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
