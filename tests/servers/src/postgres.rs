//! `postgres` for tests: on a free port, in a folder of its own, killed and paused at will, gone with its test.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::redis::{certify, free_port, new_folder};

/// A running server with the database `audit` and the role `audit`, which owns it; it ends, and its folder goes, when this is dropped.
///
/// It does not run as root: there it runs as the user `postgres`.
///
/// ```no_run
/// # async fn example() {
/// use kest_servers::postgres::PostgresServer;
///
/// let mut server = PostgresServer::start().await;
/// println!("{}", server.url());
/// server.kill().await;
/// server.restart().await;
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    folder: PathBuf,
    user: Option<u32>,
    authority: String,
    process: Option<Child>,
}

/// The password of the role `audit`.
pub const PASSWORD: &str = "secret of the test";

impl PostgresServer {
    /// A server that speaks in the clear and by TLS.
    pub async fn start() -> Self {
        let folder = new_folder();
        let authority = certify(&folder);
        let user = unprivileged().await;
        let mut server = Self { port: 0, folder, user, authority, process: None };
        server.create().await;
        for _attempt in 0..20 {
            server.port = free_port();
            server.process = server.launch().await;
            if server.process.is_some() {
                break;
            }
        }
        assert!(server.process.is_some(), "postgres found no free port in twenty attempts");
        server.execute("CREATE DATABASE audit").await;
        server
    }

    /// Where it is, with user and password.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://audit:{}@127.0.0.1:{}/audit", PASSWORD.replace(' ', "%20"), self.port)
    }

    /// The certificate of the authority behind its own, which is for `127.0.0.1` and `localhost`, as PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Ends it in the middle of whatever it does (`SIGKILL` to all of its processes), and waits until it is gone.
    pub async fn kill(&mut self) {
        let processes = self.processes();
        signal("KILL", &processes).await;
        let _ended = self.process.take().unwrap().wait().await.unwrap();
    }

    /// Starts it again on the same port with what it had written, killing it before if it runs.
    pub async fn restart(&mut self) {
        if self.process.is_some() {
            self.kill().await;
        }
        for _attempt in 0..50 {
            // What is left of the one before may hold its memory for a moment.
            self.process = self.launch().await;
            if self.process.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(self.process.is_some(), "postgres did not start again on port {}", self.port);
    }

    /// Stops it where it stands (`SIGSTOP`): connections stay open and nothing is answered.
    pub async fn pause(&self) {
        signal("STOP", &self.processes()).await;
    }

    /// Lets a paused server go on (`SIGCONT`).
    pub async fn resume(&self) {
        signal("CONT", &self.processes()).await;
    }

    /// Has it execute statements as the owner of everything, by `psql`, and gives its rows, columns separated by `|`.
    pub async fn execute(&self, sql: &str) -> String {
        let mut psql = Command::new(program("psql"));
        let port = self.port.to_string();
        let database = if sql.starts_with("CREATE DATABASE") { "postgres" } else { "audit" };
        psql.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "audit",
        ]);
        psql.args(["-d", database, "-c", sql]).env("PGPASSWORD", PASSWORD).stdin(Stdio::null());
        let output = psql.output().await.unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Makes its folder.
    async fn create(&self) {
        let password = self.folder.join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        if let Some(user) = self.user {
            for path in
                [&self.folder, &password, &self.folder.join("server.key"), &self.folder.join("server.pem")]
            {
                chown(path, Some(user), None).unwrap();
            }
        }
        let key = self.folder.join("server.key");
        std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut initdb = self.command("initdb");
        initdb.args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            "--username=audit",
        ]);
        initdb.arg("--pwfile").arg(password).arg("-D").arg(self.folder.join("data"));
        let output = initdb.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A program of its, as a user that it accepts.
    fn command(&self, name: &str) -> Command {
        let program = program(name);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), "--clear-groups"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs the program until it accepts connections; `None` when it ended before, which is mostly a taken port.
    async fn launch(&self) -> Option<Child> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder.join("data"));
        let place = |file: &str| self.folder.join(file).display().to_string();
        for option in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={}", self.port),
            "unix_socket_directories=".to_owned(),
            "shared_buffers=16MB".to_owned(),
            "max_connections=40".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", place("server.pem")),
            format!("ssl_key_file={}", place("server.key")),
        ] {
            command.args(["-c", &option]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("ready to accept connections") {
                // The output has to be read on, or the server would stop at a full pipe.
                tokio::spawn(async move { while let Ok(Some(_line)) = lines.next_line().await {} });
                return Some(process);
            }
        }
        let _ended = process.wait().await.unwrap();
        None
    }

    /// Its first process and those that it started.
    fn processes(&self) -> Vec<u32> {
        let first = self.process.as_ref().and_then(Child::id).unwrap();
        let mut processes = vec![first];
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // What is in parentheses is a name, which may have spaces; the parent is the second field behind it.
            let status = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent =
                status.rsplit_once(')').and_then(|(_name, rest)| rest.split(' ').nth(2)?.parse().ok());
            if parent == Some(first) {
                processes.push(id);
            }
        }
        processes
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            let ids = self.processes().into_iter().map(|id| id.to_string());
            let _best_effort = std::process::Command::new("kill").arg("-KILL").args(ids).status();
        }
        drop(self.process.take());
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}

async fn signal(signal: &str, processes: &[u32]) {
    let ids = processes.iter().map(ToString::to_string);
    // One that has ended meanwhile needs no signal.
    let _sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .args(ids)
        .stderr(Stdio::null())
        .status()
        .await
        .unwrap();
}

/// The user `postgres`, where this is root.
async fn unprivileged() -> Option<u32> {
    let id = async |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if id(&["-u"]).await == Some(0) { Some(id(&["-u", "postgres"]).await.unwrap()) } else { None }
}

/// Debian keeps the programs of each version in a folder of their own.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|it| it.path().join("bin").join(name)).filter(|it| it.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| Path::new(name).to_owned())
}
