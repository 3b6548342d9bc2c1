//! What operators may see: kinds, and nothing that a token or key contained.

use std::io::Write;
use std::sync::{Arc, Mutex};

use kest_identity::{IdentityChoice, JwtAuthenticator};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::endpoint::{Answer, publishing};
use crate::keys::SigningKey;
use crate::rig::{Rig, check_refused, check_unavailable, token, token_with};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for Log {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_env_filter("kest_identity=trace")
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn logs_name_the_kind_and_no_content() {
    let (log, _listening) = listen();
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    rig.send_token(&token(&key)).await.unwrap();
    let expired = token_with(&key, &json!({}), &json!({"exp": 1}));
    check_refused(rig.send_token(&expired).await, "expired");
    check_refused(
        rig.send_token(&token_with(&key, &json!({"kid": "key\n2"}), &json!({}))).await,
        "unknown_key",
    );
    let away = Rig::asking(Answer::Status("500 Internal Server Error".to_owned())).await;
    check_unavailable(away.send_token(&expired).await, "status");
    let text = log.text();
    for kind in [
        "token refused kind=\"expired\"",
        "kind=\"unknown_key\"",
        "could not be fetched issuer=\"https://issuer.example/\" url=\"http://127.0.0.1:",
        "kind=\"status\" cause=\"key set endpoint answered with status 500\"",
    ] {
        assert!(text.contains(kind), "{text}");
    }
    for content in ["user-1", "agent-1", "key-1", "key\n2", "eyJ", expired.as_str()] {
        assert!(!text.contains(content), "{text}");
    }
    for shown in [format!("{:?}", rig.authenticator), format!("{:?}", rig.authenticator.start().await)] {
        assert!(!shown.contains("key-1") && !shown.contains("127.0.0.1:"), "{shown}");
    }
}

#[tokio::test]
async fn line_of_a_failed_fetch_names_the_url_without_its_query_and_the_cause() {
    let (log, _listening) = listen();
    let mut away = Rig::configured(publishing([]), |builder| builder).await;
    let uri = format!("{}?code=secret", away.endpoint.uri);
    away.endpoint.go_down().await;
    let jwt = JwtAuthenticator::builder().jwks_uri(&*uri).issuer("https://issuer.example/").audience("a");
    assert!(jwt.build().unwrap().start().await.is_err());
    let text = log.text();
    let url = format!("url={:?}", away.endpoint.uri);
    for part in [url.as_str(), "kind=\"unreachable\"", "refused"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn insecure_choice_warns_once() {
    let (log, _listening) = listen();
    drop(IdentityChoice::dangerous_insecure_no_verify().into_authenticate());
    assert_eq!(log.text().matches("WARN").count(), 1, "{}", log.text());
}

#[test]
fn issuer_beside_others_that_grants_nothing_is_named_at_start() {
    use kest_identity::{Grants, TrustedIssuer};
    let issuer = |name: &str| TrustedIssuer::new(name).jwks_uri(format!("{name}/keys")).audience("shop");
    let built = |trusted: Vec<TrustedIssuer>| {
        let (log, _listening) = listen();
        let builder = trusted.into_iter().fold(JwtAuthenticator::builder(), |it, issuer| it.trust(issuer));
        builder.build().unwrap();
        let text = log.text();
        let lines = text.lines().filter(|line| line.contains("grants nothing")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let staff = || issuer("https://staff.example").grants(Grants::all());
    let partner = || issuer("https://partner.example");
    let said = built(vec![staff(), partner()]);
    assert!(said.len() == 1 && said[0].contains("WARN"), "{said:?}");
    assert!(
        said[0].contains("issuer=\"https://partner.example\"") && said[0].contains("TrustedIssuer::grants")
    );
    assert_eq!(built(vec![partner()]), Vec::<String>::new(), "one alone grants what it names");
    assert_eq!(built(vec![staff(), partner().grants(Grants::none())]), Vec::<String>::new());
}
