//! One server as its users see it: ready or away, and asked within bounded time.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::keeper::{attempt, keep};
use super::open::Open;
use crate::address::Address;
use crate::settings::Settings;
use crate::{CommandError, ConnectError};

/// A server and the task that keeps the connection to it, which ends with this.
#[derive(Debug)]
pub(crate) struct Node {
    address: Address,
    state: watch::Receiver<NodeState>,
    settings: Arc<Settings>,
    keeper: JoinHandle<()>,
}

/// Whether there is a connection.
#[derive(Debug, Clone)]
pub(crate) enum NodeState {
    Ready(Live),
    Away(Arc<ConnectError>),
}

/// A connection that passed its checks, and ways to tell its keeper about it.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(super) connection: MultiplexedConnection,
    /// It did not answer; the keeper finds out whether it ever will.
    pub(super) doubt: Arc<Notify>,
    /// It is not the server that it was; the keeper connects and checks anew.
    pub(super) stale: Arc<Notify>,
}

impl Live {
    pub(super) fn of(open: Open) -> (Open, Self) {
        let live = Self { connection: open.connection.clone(), doubt: Arc::default(), stale: Arc::default() };
        (open, live)
    }
}

impl Node {
    pub(crate) async fn connect(address: Address, settings: Arc<Settings>) -> Result<Self, ConnectError> {
        let open = attempt(&address, &settings).await?;
        Ok(Self::keep(address, settings, Some(Live::of(open))))
    }

    pub(crate) fn lazily(address: Address, settings: Arc<Settings>) -> Self {
        Self::keep(address, settings, None)
    }

    fn keep(address: Address, settings: Arc<Settings>, first: Option<(Open, Live)>) -> Self {
        let (sender, state) = watch::channel(match &first {
            Some((_open, live)) => NodeState::Ready(live.clone()),
            None => NodeState::Away(Arc::new(ConnectError::NotYet)),
        });
        let keeper = tokio::spawn(keep(address.clone(), Arc::clone(&settings), sender, first));
        Self { address, state, settings, keeper }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn state(&self) -> NodeState {
        self.state.borrow().clone()
    }

    /// Until there is a connection that passed its checks.
    pub(crate) async fn ready(&self) {
        let mut state = self.state.clone();
        // The keeper ends with this node, so there always is somebody to tell.
        let _told = state.wait_for(|state| matches!(state, NodeState::Ready(_))).await;
    }

    /// Sends `command` once, and never again by itself. When the caller goes away, its answer is dropped when it comes.
    pub(crate) async fn run(&self, command: &Cmd) -> Result<Value, CommandError> {
        let mut live = match self.state() {
            NodeState::Ready(live) => live,
            NodeState::Away(why) => return Err(CommandError::Away(why)),
        };
        let answer = timeout(self.settings.command_wait, live.connection.send_packed_command(command)).await;
        match answer {
            Err(_elapsed) => {
                live.doubt.notify_one();
                Err(CommandError::TimedOut)
            }
            Ok(Err(cause)) => {
                live.doubt.notify_one();
                Err(lost(cause))
            }
            Ok(Ok(Value::ServerError(error))) => {
                if is_stale(error.code()) {
                    live.stale.notify_one();
                }
                Err(CommandError::Refused(error.code().to_owned()))
            }
            Ok(Ok(value)) => Ok(value),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

fn lost(cause: RedisError) -> CommandError {
    // What could not be parsed is quoted in the cause.
    if cause.kind() == redis::ErrorKind::Parse {
        CommandError::Rubbish
    } else {
        CommandError::Lost(cause.into())
    }
}

/// Codes of a server that was demoted, begins anew, or whose login was withdrawn.
fn is_stale(code: &str) -> bool {
    matches!(code, "READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH")
}
