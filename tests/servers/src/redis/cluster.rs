//! A cluster, with replicas or without.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::settings::free_port;
use super::{RedisServer, RedisSettings};

/// Servers that share the 16384 slots; each one can be killed or paused by itself.
#[derive(Debug)]
pub struct RedisCluster {
    servers: Vec<RedisServer>,
}

impl RedisCluster {
    /// So many primaries, three at least, with the settings of each, and no replicas.
    pub async fn start(primaries: usize, settings: RedisSettings) -> Self {
        Self::create(primaries, 0, settings).await
    }

    /// So many primaries, three at least, and a replica of each one, which takes its place some two seconds after it is
    /// gone.
    pub async fn start_with_replicas(primaries: usize, settings: RedisSettings) -> Self {
        Self::create(primaries, 1, settings).await
    }

    async fn create(primaries: usize, replicas: usize, settings: RedisSettings) -> Self {
        let mut servers = Vec::new();
        for _each in 0..primaries * (1 + replicas) {
            let mut settings = settings.clone().option("cluster-port", &free_port().to_string());
            settings.cluster = true;
            servers.push(settings.start().await);
        }
        let addresses = servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(addresses).stdin(Stdio::null());
        create.args(["--cluster-replicas", &replicas.to_string(), "--cluster-yes"]);
        let output = create.output().await.unwrap();
        assert!(output.status.success(), "no cluster: {}", String::from_utf8_lossy(&output.stdout));
        for server in &servers {
            let agreed =
                async { while !server.ask(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {} };
            timeout(Duration::from_secs(20), agreed).await.unwrap();
        }
        Self { servers }
    }

    /// Where its servers are.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(RedisServer::url).collect()
    }

    /// Its servers.
    pub fn servers(&mut self) -> &mut [RedisServer] {
        &mut self.servers
    }

    /// The primary that holds `key`.
    pub async fn holder(&mut self, key: &str) -> &mut RedisServer {
        let first = self.servers.first().unwrap();
        let slot: u32 = first.ask(&["CLUSTER", "KEYSLOT", key]).await.parse().unwrap();
        let slots = first.ask(&["CLUSTER", "NODES"]).await;
        let holds =
            |line: &str| line.contains("master") && line.split(' ').skip(8).any(|range| covers(range, slot));
        let line = slots.lines().find(|line| holds(line)).unwrap();
        self.servers.iter_mut().find(|server| line.contains(&format!(":{}@", server.port()))).unwrap()
    }
}

/// Whether `range`, such as `0-5460`, names `slot`.
fn covers(range: &str, slot: u32) -> bool {
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    from.parse().is_ok_and(|from: u32| from <= slot) && to.parse().is_ok_and(|to: u32| slot <= to)
}
