//! One server as its users see it: ready or away, and asked within bounded time.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, ServerError, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
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
        // The keeper ends with this node, so the receiver is always there.
        let _told = state.wait_for(|state| matches!(state, NodeState::Ready(_))).await;
    }

    /// Sends `command` once, and never again by itself. When the caller goes away, its answer is dropped when it comes.
    pub(crate) async fn run(&self, command: &Cmd) -> Result<Value, CommandError> {
        self.send(command, Admission::Usual).await.map_err(|refused| refused.error)
    }

    /// The same, and where the server sends the command on to.
    pub(crate) async fn send(&self, command: &Cmd, admission: Admission) -> Result<Value, NotRun> {
        let mut live = match self.state() {
            NodeState::Ready(live) => live,
            NodeState::Away(why) => return Err(CommandError::Away(why).into()),
        };
        let answer =
            timeout(self.settings.command_timeout, ask(&mut live.connection, command, admission)).await;
        let answered = answered(&live, answer);
        answered.map_err(|(error, details)| NotRun { on: Redirect::read(&error, details.as_deref()), error })
    }
}

/// What is made of an answer; details of the server's refusal are for us only.
fn answered(
    live: &Live,
    answer: Result<Result<Value, RedisError>, Elapsed>,
) -> Result<Value, (CommandError, Option<String>)> {
    match answer {
        Err(_elapsed) => {
            live.doubt.notify_one();
            Err((CommandError::TimedOut, None))
        }
        Ok(Err(cause)) => {
            live.doubt.notify_one();
            Err((lost(cause), None))
        }
        Ok(Ok(Value::ServerError(error))) => {
            if is_stale(error.code()) {
                live.stale.notify_one();
            }
            Err((CommandError::Refused(code(&error).to_owned()), error.details().map(str::to_owned)))
        }
        Ok(Ok(value)) => Ok(value),
    }
}

/// The code of a refusal. What a login may not do from within a script is told by the text alone, under `ERR`.
fn code(error: &ServerError) -> &str {
    let details = error.details().unwrap_or_default();
    match error.code() {
        "ERR" if details.starts_with("The user executing the script can't") => "NOPERM",
        code => code,
    }
}

/// How a server is to take a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Usual,
    /// For a slot that is on its way to it.
    Asking,
}

/// A command without an answer, and where it was sent on to: nothing was carried out then.
#[derive(Debug)]
pub(crate) struct NotRun {
    pub(crate) error: CommandError,
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "one server has nowhere to send on to"))]
    pub(crate) on: Option<Redirect>,
}

impl From<CommandError> for NotRun {
    fn from(error: CommandError) -> Self {
        Self { error, on: None }
    }
}

/// Another server of the same cluster.
#[derive(Debug)]
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "one server has nowhere to send on to"))]
pub(crate) struct Redirect {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) admission: Admission,
}

impl Redirect {
    /// `MOVED` and `ASK`, both followed by slot and address; without a host it is the same one.
    fn read(error: &CommandError, details: Option<&str>) -> Option<Self> {
        let admission = match error.code()? {
            "MOVED" => Admission::Usual,
            "ASK" => Admission::Asking,
            _ => return None,
        };
        let (_slot, address) = details?.split_once(' ')?;
        let (host, port) = address.rsplit_once(':')?;
        Some(Self { host: host.to_owned(), port: port.parse().ok()?, admission })
    }
}

/// Both in one piece, so that no other command comes between them.
async fn ask(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    admission: Admission,
) -> Result<Value, RedisError> {
    match admission {
        Admission::Usual => connection.send_packed_command(command).await,
        Admission::Asking => {
            let mut both = redis::pipe();
            both.add_command(redis::cmd("ASKING")).add_command(command.clone());
            let answers = connection.send_packed_commands(&both, 1, 1).await?;
            Ok(answers.into_iter().next().unwrap_or(Value::Nil))
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
        CommandError::UnexpectedReply
    } else {
        CommandError::Lost(cause.into())
    }
}

/// Codes of a server that was demoted, begins anew, may evict keys by now (as our scripts say), or whose login was
/// withdrawn.
fn is_stale(code: &str) -> bool {
    matches!(code, "READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH" | "KESTEVICT")
}
