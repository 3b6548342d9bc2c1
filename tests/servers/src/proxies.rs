//! nginx, apache2 and haproxy for tests: in front of a server, each with its own default limits, gone with its test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::redis::{free_port, new_folder};

/// Which program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests go through all of them")]
pub enum Kind {
    /// Debian's nginx.
    Nginx,
    /// Debian's apache2, with the event MPM and `mod_proxy_http`.
    Apache,
    /// Debian's haproxy.
    Haproxy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Apache, Self::Haproxy];

    /// The program, with its arguments for a configuration at this place; in the foreground, as one process.
    fn command(self, configuration: &Path) -> Command {
        let mut command = Command::new(match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Haproxy => "haproxy",
        });
        match self {
            Self::Nginx => command.args(["-e", "stderr", "-c"]),
            Self::Apache => command.args(["-X", "-f"]),
            Self::Haproxy => command.args(["-db", "-q", "-f"]),
        };
        command.arg(configuration);
        command
    }

    /// A proxy and nothing else: no limit is named, so that its own hold.
    fn configuration(self, folder: &Path, ports: [u16; 2], upstream: SocketAddr, target: Target) -> String {
        let (folder, [http1, http2]) = (folder.display(), ports);
        let prefix = if target == Target::PathMoved { "/moved/" } else { "" };
        match self {
            Self::Nginx => {
                let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let host = match target {
                    Target::AsItComes => "",
                    Target::Kept | Target::PathMoved => "proxy_set_header Host $http_host;",
                    Target::HostReplaced => "proxy_set_header Host internal;",
                };
                let proxy = format!("location / {{ {host} proxy_pass http://{upstream}{prefix}; }}");
                let paths: String = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};")).concat();
                format!(
                    "daemon off; master_process off; pid {folder}/pid; events {{}}
                    http {{
                        access_log off; {paths}
                        server {{ listen 127.0.0.1:{http1}; {proxy} }}
                        server {{ listen 127.0.0.1:{http2} http2; {proxy} }}
                    }}"
                )
            }
            Self::Apache => {
                let names = ["mpm_event", "authz_core", "proxy", "proxy_http", "http2"];
                let modules = names
                    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
                let host = match target {
                    Target::AsItComes => "ProxyPass / http://UPSTREAM/\n",
                    Target::Kept => {
                        "AllowEncodedSlashes NoDecode\nProxyPreserveHost On\nProxyPass / http://UPSTREAM/ nocanon\n"
                    }
                    Target::PathMoved => "ProxyPreserveHost On\nProxyPass / http://UPSTREAM/moved/\n",
                    Target::HostReplaced => "ProxyPreserveHost Off\nProxyPass / http://UPSTREAM/\n",
                };
                let pass = host.replace("UPSTREAM", &upstream.to_string());
                format!(
                    "ServerName localhost\nListen 127.0.0.1:{http1}\nListen 127.0.0.1:{http2}\n\
                    PidFile {folder}/pid\nDefaultRuntimeDir {folder}\nMutex file:{folder}\n\
                    ErrorLog /dev/stderr\nUser www-data\nGroup www-data\n{}\
                    Protocols h2c http/1.1\n{pass}",
                    modules.concat()
                )
            }
            Self::Haproxy => {
                let rule = match target {
                    Target::AsItComes | Target::Kept => "",
                    Target::PathMoved => "  http-request set-path /moved%[path]\n",
                    Target::HostReplaced => "  http-request set-header Host internal\n",
                };
                format!(
                    "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
                frontend one\n  bind 127.0.0.1:{http1}\n  default_backend service\n\
                frontend two\n  bind 127.0.0.1:{http2} proto h2\n  default_backend service\n\
                backend service\n{rule}  server only {upstream}\n"
                )
            }
        }
    }
}

/// What it does with the host and the path that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests go through all of them")]
pub enum Target {
    /// What it does when it is not told: nginx and apache2 put their own `Host`.
    AsItComes,
    /// Passes both on as they came.
    Kept,
    /// Passes another `Host` on.
    HostReplaced,
    /// Puts a prefix before the path.
    PathMoved,
}

/// A running proxy; it ends, and its folder goes, when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    ports: [u16; 2],
    folder: PathBuf,
    process: Option<Child>,
}

impl Proxy {
    /// A proxy of this kind in front of `upstream`.
    pub async fn start(kind: Kind, upstream: SocketAddr) -> Self {
        Self::start_with(kind, upstream, Target::AsItComes).await
    }

    /// The same, told what to do with the target of requests.
    pub async fn start_with(kind: Kind, upstream: SocketAddr, target: Target) -> Self {
        let mut proxy = Self { ports: [0, 0], folder: new_folder(), process: None };
        for _attempt in 0..20 {
            proxy.ports = [free_port(), free_port()];
            let configuration = proxy.folder.join("configuration");
            let text = kind.configuration(&proxy.folder, proxy.ports, upstream, target);
            std::fs::write(&configuration, text).unwrap();
            let mut command = kind.command(&configuration);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
            let mut process = command.spawn().unwrap();
            if timeout(Duration::from_secs(30), is_up(&mut process, proxy.ports)).await.unwrap() {
                proxy.process = Some(process);
                break;
            }
        }
        assert!(proxy.process.is_some(), "{kind:?} found no free port in twenty attempts");
        proxy
    }

    /// Where it takes HTTP/1.1.
    #[must_use]
    pub fn http1(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0]))
    }

    /// Where it takes HTTP/2 without TLS.
    #[must_use]
    pub fn http2(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[1]))
    }
}

/// Whether it accepts connections; not when it ended before, which is mostly a taken port. None of them says when.
async fn is_up(process: &mut Child, ports: [u16; 2]) -> bool {
    for port in ports {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
    process.try_wait().unwrap().is_none()
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.process.take());
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}
