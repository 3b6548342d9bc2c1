//! What a server of a test is started with.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::RedisServer;

/// Options of one server: nothing is written to its disk unless a test says so.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct RedisSettings {
    pub(super) options: Vec<(String, String)>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) tls: bool,
    pub(super) cluster: bool,
}

impl RedisSettings {
    /// Sets an option of `redis.conf`, such as `("maxmemory", "3mb")`.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks the default user for a password (`requirepass`).
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.option("requirepass", password)
    }

    /// Adds the ACL user `name`, who may do what `rules` say (such as `~* +@all -config`), and whom the URL names. The
    /// default user keeps all rights.
    pub fn user(mut self, name: &str, password: &str, rules: &str) -> Self {
        self.user = Some(name.to_owned());
        self.password = Some(password.to_owned());
        self.option("user", &format!("{name} on >{password} {rules}"))
    }

    /// Speaks TLS and nothing else, with a certificate for `127.0.0.1` and `localhost` of an authority of its own.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts the server.
    pub async fn start(self) -> RedisServer {
        RedisServer::start_with(self).await
    }

    /// The arguments of the program, for this port and this folder.
    pub(super) fn arguments(&self, port: u16, folder: &Path) -> Vec<String> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: String| all.push((name.to_owned(), value));
        set("bind", "127.0.0.1".to_owned());
        set("dir", folder.display().to_string());
        set("save", String::new());
        // Replicas of tests do not wait for others to come.
        set("repl-diskless-sync-delay", "0".to_owned());
        set("port", if self.tls { "0".to_owned() } else { port.to_string() });
        if self.tls {
            set("tls-port", port.to_string());
            set("tls-auth-clients", "no".to_owned());
            for (name, file) in [("cert", "server.pem"), ("key", "server.key"), ("ca-cert", "authority.pem")]
            {
                set(&format!("tls-{name}-file"), folder.join(file).display().to_string());
            }
        }
        if self.cluster {
            set("cluster-enabled", "yes".to_owned());
            set("cluster-node-timeout", "1000".to_owned());
        }
        let mut arguments: Vec<String> =
            all.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect();
        for (name, value) in &self.options {
            arguments.push(format!("--{name}"));
            arguments.extend(value.split(' ').map(str::to_owned));
        }
        arguments
    }
}

/// A port that was closed a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A folder of its own.
pub(crate) fn new_folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("kest-redis-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes an authority and a server's certificate and key into `folder`, and gives the authority's certificate.
pub(crate) fn certify(folder: &Path) -> String {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let issuer = Issuer::new(authority, authority_key);
    let server = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    for (file, text) in [
        ("authority.pem", &authority_pem),
        ("server.pem", &server.pem()),
        ("server.key", &key.serialize_pem()),
    ] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    authority_pem
}
