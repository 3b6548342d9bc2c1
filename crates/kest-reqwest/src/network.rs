//! What every client that carries passports keeps to, whatever its builder was told.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, NoProxy, Proxy};

/// No redirects, proxies that the builder was given and none of the environment, and `localhost` without a
/// look-up.
///
/// reqwest follows redirects below the carrying, with the passport and the proof of the first request. Each of them is a request
/// of its own and needs its own: see [`crate::redirect`].
///
/// A proxy reads what is sent over plain http, the passport included, so that one must be chosen and not inherited. The
/// builder reads the environment unless it was given some proxy: the one that is added here never applies, and stands
/// behind all others. It is written as a list of hosts, since a closure would be asked twice for every request.
pub(crate) fn bounded(builder: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
    let unused = Proxy::all(NO_SUCH_PROXY)?.no_proxy(NoProxy::from_string(EVERY_HOST));
    // Plain http to this name needs no leave, so it has to be this machine: RFC 6761 section 6.3. The client puts the
    // port of the URL in place of 0.
    let here =
        [SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0)];
    let builder = builder
        .redirect(Policy::none())
        .proxy(unused)
        .resolve_to_addrs("localhost", &here)
        .resolve_to_addrs("localhost.", &here);
    Ok(builder)
}

/// RFC 6761 section 6.4: a name that leads nowhere, so that a request which came here would fail.
const NO_SUCH_PROXY: &str = "http://proxy.invalid";

/// All names, and all addresses.
const EVERY_HOST: &str = "*,0.0.0.0/0,::/0";

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request, and says what its first line was.
    fn answer_once(listener: TcpListener) -> std::thread::JoinHandle<String> {
        std::thread::spawn(move || {
            let (mut stream, _peer) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            text.lines().next().unwrap_or_default().to_owned()
        })
    }

    /// The proxy that is added leads nowhere: a request that was sent through it would fail.
    #[tokio::test]
    async fn hosts_of_every_kind_are_asked_without_a_proxy() {
        for (host, address) in [
            ("stock.example", "127.0.0.1:0"),
            ("localhost", "127.0.0.1:0"),
            ("127.0.0.1", "127.0.0.1:0"),
            ("[::1]", "[::1]:0"),
        ] {
            let listener = TcpListener::bind(address).unwrap();
            let to = listener.local_addr().unwrap();
            let asked = answer_once(listener);
            let client = bounded(ClientBuilder::new().resolve("stock.example", to)).unwrap().build().unwrap();
            let answer = client.get(format!("http://{host}:{}/a", to.port())).send().await.unwrap();
            assert_eq!(answer.status(), 204, "{host}");
            // A proxy would be asked for the whole address.
            assert_eq!(asked.join().unwrap(), "GET /a HTTP/1.1", "{host}");
        }
    }
}
