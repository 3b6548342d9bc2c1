//! One server: started, asked, killed, restarted, paused.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::settings::{RedisSettings, certify, free_port, new_folder};

/// A running `redis-server`; it ends, and its folder goes, when this is dropped.
///
/// ```no_run
/// # async fn example() {
/// use kest_servers::redis::{Memory, RedisServer};
///
/// let mut server = RedisServer::start().await;
/// println!("{}", server.url());
/// server.kill().await;
/// server.restart(Memory::Lost).await;
/// # }
/// ```
#[derive(Debug)]
pub struct RedisServer {
    settings: RedisSettings,
    port: u16,
    folder: PathBuf,
    authority: Option<String>,
    process: Option<Child>,
}

/// What becomes of a server's files when it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Memory {
    /// It reads what it had written (with `SAVE`, or by an option of its settings).
    Kept,
    /// It starts empty.
    Lost,
}

impl RedisServer {
    /// A server without a password, which writes nothing to the disk.
    pub async fn start() -> Self {
        Self::settings().start().await
    }

    /// Settings of a server that is not started yet.
    pub fn settings() -> RedisSettings {
        RedisSettings::default()
    }

    pub(super) async fn start_with(settings: RedisSettings) -> Self {
        let folder = new_folder();
        let authority = settings.tls.then(|| certify(&folder));
        let mut server = Self { settings, port: 0, folder, authority, process: None };
        for _attempt in 0..20 {
            server.port = free_port();
            server.process = server.launch().await;
            if server.process.is_some() {
                break;
            }
        }
        assert!(server.process.is_some(), "redis-server found no free port in twenty attempts");
        server
    }

    /// Where it is, with user and password if it has them.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls { "rediss" } else { "redis" };
        let user = self.settings.user.as_deref().unwrap_or_default();
        let login = self.settings.password.as_ref().map(|password| format!("{user}:{password}@"));
        format!("{scheme}://{}127.0.0.1:{}", login.unwrap_or_default(), self.port)
    }

    /// Where it is for the default user, who keeps all rights beside a user that was added.
    fn url_of_default_user(&self) -> String {
        match (&self.settings.user, self.settings.tls) {
            (None, _) => self.url(),
            (Some(_), true) => format!("rediss://127.0.0.1:{}", self.port),
            (Some(_), false) => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Its port on 127.0.0.1, the same for its whole life.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority behind its own, as PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_deref().unwrap()
    }

    /// Ends it in the middle of whatever it does (`SIGKILL`), and waits until it is gone.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().await.unwrap();
    }

    /// Starts it again on the same port, killing it before if it runs.
    pub async fn restart(&mut self, memory: Memory) {
        if self.process.is_some() {
            self.kill().await;
        }
        if memory == Memory::Lost {
            let _absent = std::fs::remove_file(self.folder.join("dump.rdb"));
            let _absent = std::fs::remove_dir_all(self.folder.join("appendonlydir"));
        }
        self.process = self.launch().await;
        assert!(self.process.is_some(), "redis-server did not start again on port {}", self.port);
    }

    /// Stops it where it stands (`SIGSTOP`): connections stay open and nothing is answered.
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// Lets a paused server go on (`SIGCONT`).
    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Asks it by `redis-cli` as the default user, and gives the answer without its last line break. Errors of the
    /// server are answers too, such as `WRONGTYPE ...`.
    pub async fn ask(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["--no-auth-warning", "-u", &self.url_of_default_user()]);
        if self.settings.tls {
            cli.arg("--cacert").arg(self.folder.join("authority.pem"));
        }
        let output = cli.args(command).stdin(Stdio::null()).output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    async fn signal(&self, signal: &str) {
        let process = self.process.as_ref().and_then(Child::id).unwrap();
        let sent = Command::new("kill").args([format!("-{signal}"), process.to_string()]).status().await;
        assert!(sent.unwrap().success(), "no signal {signal} for redis-server");
    }

    /// Runs the program until it accepts connections; `None` when it ended before, which is mostly a taken port.
    async fn launch(&self) -> Option<Child> {
        let mut command = Command::new("redis-server");
        command.args(self.settings.arguments(self.port, &self.folder)).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("Ready to accept connections") {
                // The output has to be read on, or the server would stop at a full pipe.
                tokio::spawn(async move { while let Ok(Some(_line)) = lines.next_line().await {} });
                return Some(process);
            }
        }
        let _ended = process.wait().await.unwrap();
        None
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.process.take());
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}
