//! The servers of a cluster, each with its own connection, and the task that follows their changes.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::slot::slot;
use super::topology::{Range, ask, is_covered};
use crate::address::Address;
use crate::link::{Admission, Backoff, Node, NotRun};
use crate::settings::Settings;
use crate::{CommandError, ConnectError};

/// A cluster as it was last seen.
#[derive(Debug)]
pub(crate) struct Cluster {
    seen: watch::Receiver<Arc<Seen>>,
    doubt: Arc<Notify>,
    follower: JoinHandle<()>,
    command_timeout: Duration,
}

/// Who holds what.
#[derive(Debug, Default)]
struct Seen {
    ranges: Vec<(Range, Arc<Node>)>,
    nodes: Vec<Arc<Node>>,
}

impl Cluster {
    /// Every primary must be there and pass its checks.
    pub(crate) async fn connect(settings: Arc<Settings>) -> Result<Self, ConnectError> {
        let ranges = ask_any(&settings.addresses, &settings).await?;
        if !is_covered(&ranges) {
            return Err(ConnectError::Uncovered);
        }
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        for range in &ranges {
            if find(&nodes, &range.primary).is_none() {
                nodes.push(Arc::new(Node::connect(range.primary.clone(), Arc::clone(&settings)).await?));
            }
        }
        Ok(Self::follow(settings, Seen::new(ranges, &nodes)))
    }

    pub(crate) fn lazily(settings: Arc<Settings>) -> Self {
        let cluster = Self::follow(settings, Seen::default());
        cluster.doubt.notify_one();
        cluster
    }

    fn follow(settings: Arc<Settings>, seen: Seen) -> Self {
        let (sender, seen) = watch::channel(Arc::new(seen));
        let doubt = Arc::new(Notify::new());
        let command_timeout = settings.command_timeout;
        let follower = tokio::spawn(follow(settings, sender, Arc::clone(&doubt)));
        Self { seen, doubt, follower, command_timeout }
    }

    /// Sends `command`, which concerns `key`, to the server that holds it. A command that is sent on by its server was not
    /// carried out, and follows once, to a server that has passed its checks; who holds what is asked anew, in the
    /// background. Both together take no longer than one command may.
    pub(crate) async fn run(&self, key: &str, command: &Cmd) -> Result<Value, CommandError> {
        let following = timeout(self.command_timeout, self.follow_once(key, command));
        let answer = following.await.unwrap_or(Err(CommandError::TimedOut));
        if answer.as_ref().is_err_and(is_doubtful) {
            self.doubt.notify_one();
        }
        answer
    }

    async fn follow_once(&self, key: &str, command: &Cmd) -> Result<Value, CommandError> {
        let node = self.seen.borrow().holder(slot(key));
        let node = node.ok_or_else(|| CommandError::Away(Arc::new(ConnectError::Uncovered)))?;
        let (on, error) = match node.send(command, Admission::Usual).await {
            Ok(value) => return Ok(value),
            Err(NotRun { on: Some(on), error }) => (on, error),
            Err(NotRun { on: None, error }) => return Err(error),
        };
        self.doubt.notify_one();
        let to = node.address().with_place(&on.host, on.port);
        match find(&self.nodes(), &to) {
            Some(next) => next.send(command, on.admission).await.map_err(|refused| refused.error),
            // It has not been looked at yet.
            None => Err(error),
        }
    }

    /// Until it was seen and every primary that was seen has a connection that passed its checks.
    pub(crate) async fn ready(&self) {
        let mut seen = self.seen.clone();
        let nodes = match seen.wait_for(|seen| !seen.nodes.is_empty()).await {
            Ok(seen) => seen.nodes.clone(),
            Err(_nobody_follows) => return,
        };
        for node in nodes {
            node.ready().await;
        }
    }

    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        self.seen.borrow().nodes.clone()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Seen {
    /// `nodes` has one for every range.
    fn new(ranges: Vec<Range>, nodes: &[Arc<Node>]) -> Self {
        let holder = |range: Range| find(nodes, &range.primary).map(|node| (range, node));
        Self { ranges: ranges.into_iter().filter_map(holder).collect(), nodes: nodes.to_vec() }
    }

    fn shows(&self, ranges: &[Range]) -> bool {
        self.ranges.iter().map(|(range, _node)| range).eq(ranges)
    }

    fn holder(&self, slot: u16) -> Option<Arc<Node>> {
        let holds = |(range, _node): &&(Range, Arc<Node>)| range.first <= slot && slot <= range.last;
        self.ranges.iter().find(holds).map(|(_range, node)| Arc::clone(node))
    }
}

/// Asks for changes whenever there is doubt, and keeps the connections of those who stay.
async fn follow(settings: Arc<Settings>, seen: watch::Sender<Arc<Seen>>, doubt: Arc<Notify>) {
    let mut backoff = Backoff::new();
    loop {
        doubt.notified().await;
        let known: Vec<Arc<Node>> = seen.borrow().nodes.clone();
        let addresses = known.iter().map(|node| node.address().clone());
        let addresses: Vec<Address> = addresses.chain(settings.addresses.iter().cloned()).collect();
        match ask_any(&addresses, &settings).await {
            Ok(ranges) => {
                let mut nodes: Vec<Arc<Node>> = Vec::new();
                for range in &ranges {
                    if find(&nodes, &range.primary).is_none() {
                        nodes.push(find(&known, &range.primary).unwrap_or_else(|| {
                            Arc::new(Node::lazily(range.primary.clone(), Arc::clone(&settings)))
                        }));
                    }
                }
                // While one is away and its place is not taken, there is no hurry to hear that again.
                if !seen.borrow().shows(&ranges) {
                    backoff.reset();
                }
                if !is_covered(&ranges) {
                    doubt.notify_one();
                }
                seen.send_replace(Arc::new(Seen::new(ranges, &nodes)));
            }
            Err(error) => {
                tracing::warn!(kind = error.kind(), "no server of the cluster says who holds what");
                doubt.notify_one();
            }
        }
        sleep(backoff.next()).await;
    }
}

/// The first answer; or the last error.
async fn ask_any(addresses: &[Address], settings: &Settings) -> Result<Vec<Range>, ConnectError> {
    let mut last = ConnectError::NotYet;
    for address in addresses {
        match ask(address, settings).await {
            Ok(ranges) => return Ok(ranges),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn find(nodes: &[Arc<Node>], address: &Address) -> Option<Arc<Node>> {
    nodes.iter().find(|node| node.address().is_at(address)).cloned()
}

/// Whether an error may mean that another server holds the key now.
fn is_doubtful(error: &CommandError) -> bool {
    match error {
        CommandError::Away(_) | CommandError::Lost(_) | CommandError::TimedOut => true,
        CommandError::Refused(code) => {
            matches!(code.as_str(), "MOVED" | "ASK" | "READONLY" | "CLUSTERDOWN" | "MASTERDOWN")
        }
        CommandError::Busy
        | CommandError::UnexpectedReply
        | CommandError::TooLarge(_)
        | CommandError::Taken => false,
    }
}
