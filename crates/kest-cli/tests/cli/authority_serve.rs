//! `kest authority serve`: enrolments and renewals over its listeners, alarms, and its end.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::signature::{Ed25519Signer, SigningKey as _, WorkloadId};
use kest_core::{Clock as _, OsRandom, SystemClock};
use kest_workload::protocol::{EnrolRequest, EntryKey, Issued, Proof, RenewRequest};
use rcgen::KeyPair;
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde_json::Value;

use crate::authority::authority;
use crate::authority_keys::{init, ticket};

/// However slow the machine is that tests run on.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Serving {
    process: Child,
    folder: PathBuf,
    enrolments: String,
    workloads: String,
    told: Lines<BufReader<ChildStderr>>,
    _said: Lines<BufReader<ChildStdout>>,
}

impl Serving {
    fn start(folder: PathBuf) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kest"));
        command.args(["authority", "serve", "--enrolments", "127.0.0.1:0", "--workloads", "127.0.0.1:0"]);
        command.arg("--dir").arg(&folder);
        Self::of(command, folder)
    }

    pub(crate) fn of(mut command: Command, folder: PathBuf) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut listening = || {
            let line = said.next().unwrap().unwrap();
            let port = line.strip_prefix("listening on 127.0.0.1:").unwrap().to_owned();
            format!("localhost:{port}")
        };
        let (enrolments, workloads) = (listening(), listening());
        let told = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, folder, enrolments, workloads, told, _said: said }
    }

    /// The line that says this.
    fn told(&mut self, text: &str) -> String {
        self.told.by_ref().map(Result::unwrap).find(|line| line.contains(text)).unwrap()
    }

    /// Asks it to end, and says how long that took.
    fn end(mut self) -> Duration {
        let asked = Instant::now();
        let kill = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        asked.elapsed()
    }

    /// One that believes the roots that are published.
    fn client(&self, own: Option<(&Applicant, &Issued)>) -> Client {
        let roots = roots(&self.folder);
        let builder = Client::builder().timeout(PATIENCE).no_proxy().tls_certs_only(roots);
        let builder = match own {
            None => builder,
            Some((applicant, issued)) => builder.identity(identity(applicant, issued)),
        };
        builder.build().unwrap()
    }

    pub(crate) async fn enrol(&self, applicant: &Applicant, ticket: &str) -> reqwest::Response {
        let url = format!("https://{}/v1/enrol", self.enrolments);
        self.client(None).post(url).json(&applicant.enrolment(ticket).await).send().await.unwrap()
    }

    async fn renew(&self, client: &Client, applicant: &Applicant) -> StatusCode {
        let request = RenewRequest { csr: STANDARD.encode(&applicant.csr), entry_key: None, proof: None };
        let url = format!("https://{}/v1/renew", self.workloads);
        client.post(url).json(&request).send().await.unwrap().status()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// The roots that the folder's store publishes, as an operator hands them out.
fn roots(folder: &Path) -> Vec<Certificate> {
    let keys: Value = serde_json::from_slice(&std::fs::read(folder.join("authority.json")).unwrap()).unwrap();
    let roots = keys["roots"].as_array().unwrap().iter();
    let der = roots.map(|root| STANDARD.decode(root["certificate"].as_str().unwrap()).unwrap());
    der.map(|der| Certificate::from_der(&der).unwrap()).collect()
}

fn identity(applicant: &Applicant, issued: &Issued) -> Identity {
    let certificate = &issued.certificate[0];
    let pem = format!(
        "{}-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n",
        applicant.key.serialize_pem()
    );
    Identity::from_pem(pem.as_bytes()).unwrap()
}

/// What a service has before it is one: keys.
pub(crate) struct Applicant {
    key: KeyPair,
    entry: Ed25519Signer,
    csr: Vec<u8>,
}

impl Applicant {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
        let entry = Ed25519Signer::generate(WorkloadId::new("new").unwrap(), &OsRandom).unwrap();
        Self { key, entry, csr }
    }

    async fn enrolment(&self, ticket: &str) -> EnrolRequest {
        let entry_key = EntryKey::of(self.entry.public_key());
        let proof = Proof {
            aud: "spiffe://example.org".to_owned(),
            iat: SystemClock.unix_seconds(),
            csr: Proof::digest(&self.csr),
            evidence: Proof::digest(ticket.as_bytes()),
            entry_key: entry_key.kid.clone(),
        };
        let input = proof.signing_input().unwrap();
        let proof = Proof::compact(&input, &self.entry.sign(input.as_bytes()).await.unwrap());
        EnrolRequest {
            ticket: Some(ticket.to_owned()),
            token: None,
            csr: STANDARD.encode(&self.csr),
            entry_key,
            proof,
            current_key: None,
            current_proof: None,
        }
    }
}

/// Attack: a revoked executor goes on with the certificate that it has. It is refused by the running authority.
#[tokio::test(flavor = "multi_thread")]
async fn service_enrols_and_renews_until_an_operator_revokes_it() {
    let serving = Serving::start(init("authority-serve"));
    let applicant = Applicant::new();
    let answer = serving.enrol(&applicant, &ticket(&serving.folder, "cart", &[])).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let issued: Issued = answer.json().await.unwrap();
    assert_eq!((issued.identity.as_str(), issued.epoch.number()), ("spiffe://example.org/cart", 1));
    assert_eq!(issued.workload_url, format!("https://{}", serving.workloads));
    let client = serving.client(Some((&applicant, &issued)));
    assert_eq!(serving.renew(&client, &applicant).await, StatusCode::OK);
    let revoked = authority(&serving.folder, &["revoke", "--identity", "spiffe://example.org/cart"]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert_eq!(serving.renew(&client, &applicant).await, StatusCode::FORBIDDEN);
    let bundle = format!("https://{}/v1/bundle", serving.enrolments);
    let bundle: Value = serving.client(None).get(bundle).send().await.unwrap().json().await.unwrap();
    assert_eq!(bundle["revocations"][0]["identity"], "spiffe://example.org/cart");
}

/// Attack: a stolen ticket. Its second use is refused, told loudly, and listed.
#[tokio::test(flavor = "multi_thread")]
async fn second_use_of_a_ticket_is_refused_and_told() {
    let mut serving = Serving::start(init("authority-alarm"));
    let text = ticket(&serving.folder, "cart", &[]);
    assert_eq!(serving.enrol(&Applicant::new(), &text).await.status(), StatusCode::OK);
    let thief = serving.enrol(&Applicant::new(), &text).await;
    assert_eq!((thief.status(), thief.bytes().await.unwrap().len()), (StatusCode::FORBIDDEN, 0));
    let told = serving.told("ticket was used again");
    assert!(told.contains("ERROR") && told.contains("spiffe://example.org/cart"), "{told}");
    assert!(!told.contains(text.split('.').nth(1).unwrap()), "{told}");
    let listed = authority(&serving.folder, &["list"]);
    assert!(listed.text().contains("USED 2 TIMES"), "{listed:?}");
    let status = authority(&serving.folder, &["status", "--json"]).json();
    assert_eq!((&status["tickets"]["stolen"], &status["workloads"]["alive"]), (&1.into(), &1.into()));
}

/// Attack: a client that says half a word and stays.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn authority_ends_within_ten_seconds_whatever_its_clients_do() {
    let serving = Serving::start(init("authority-end"));
    let silent: Vec<TcpStream> = [&serving.enrolments, &serving.workloads]
        .map(|address| TcpStream::connect(address.replace("localhost", "127.0.0.1")).unwrap())
        .into();
    let url = format!("https://{}/v1/bundle", serving.enrolments);
    let kept = serving.client(None);
    assert_eq!(kept.get(url).send().await.unwrap().status(), StatusCode::OK);
    let took = serving.end();
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop((silent, kept));
}

#[test]
fn address_that_cannot_be_told_to_services_is_exit_code_2() {
    let folder = init("authority-url");
    let serve = ["serve", "--enrolments", "127.0.0.1:0", "--workloads", "0.0.0.0:0"];
    let refused = authority(&folder, &serve);
    assert_eq!((refused.code, refused.text()), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("--workload-url"), "{refused:?}");
    for url in ["http://authority.internal", "https://u:p@authority.internal", "https://a/path", "authority"]
    {
        let refused = authority(&folder, &[&serve[..], &["--workload-url", url]].concat());
        assert_eq!((refused.code, refused.text()), (Some(2), ""), "{refused:?}");
    }
}
