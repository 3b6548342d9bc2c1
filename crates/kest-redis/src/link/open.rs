//! A fresh connection, and the task that drives it.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, Value, cmd};
use tokio::task::JoinHandle;

use super::stream;
use crate::ConnectError;
use crate::address::Address;
use crate::settings::Settings;

/// A connection and the task that drives it: both end with this, even while others hold the connection.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Open {
    /// Until the connection is no more.
    pub(crate) async fn ended(&mut self) {
        // A driver that panicked drives nothing any more either.
        let _ended = (&mut self.driver).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects and logs in, without checking what kind of server it is. Takes as long as it takes: bound it.
pub(crate) async fn open(address: &Address, settings: &Settings) -> Result<Open, ConnectError> {
    let stream = stream::connect(address, settings).await?;
    // Waiting is bounded outside, for each command as a whole.
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_pipeline_buffer_size(settings.in_flight)
        .set_write_backpressure_boundary(WRITTEN_AT_ONCE);
    let made = MultiplexedConnection::new_with_config(address.login(), stream, config).await;
    let (connection, driver) = made.map_err(refused)?;
    let mut open = Open { connection, driver: tokio::spawn(driver) };
    if address.database() != 0 {
        let mut select = cmd("SELECT");
        select.arg(address.database());
        ask(&mut open.connection, &select).await?;
    }
    Ok(open)
}

/// Asks a connection that is not in use yet.
pub(crate) async fn ask(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> Result<Value, ConnectError> {
    match connection.send_packed_command(command).await {
        Ok(Value::ServerError(error)) if matches!(error.code(), "NOAUTH" | "WRONGPASS") => {
            Err(ConnectError::Unauthorized)
        }
        Ok(Value::ServerError(error)) => Err(ConnectError::Refused(error.code().to_owned())),
        Ok(value) => Ok(value),
        Err(error) => Err(ConnectError::Unreachable(error.into())),
    }
}

fn refused(error: RedisError) -> ConnectError {
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            ConnectError::Unauthorized
        }
        (_, Some(code)) => ConnectError::Refused(code.to_owned()),
        (_, None) => ConnectError::Unreachable(error.into()),
    }
}

const WRITTEN_AT_ONCE: usize = 64 * 1024;
