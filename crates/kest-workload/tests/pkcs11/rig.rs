//! A `SoftHSM` of its own for each test: its tokens in a folder, and the test in a process that knows no other.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use kest_core::signature::WorkloadId;
use kest_workload::pkcs11::{KeyName, PinSource, Pkcs11Error, Pkcs11Key, Pkcs11Settings, TokenName};

pub(crate) const PIN: &str = "4711-open-sesame";
const SO_PIN: &str = "0815-so";

/// What a test has: a folder with tokens, of which one is `cart` and has the key `entries`.
pub(crate) struct Rig {
    pub(crate) folder: PathBuf,
}

/// Does `test` in a process whose `SoftHSM` has the tokens of a new folder alone. `name` is that of the test.
///
/// `SoftHSM` reads where its tokens are from the environment, which a process with threads cannot change for itself.
#[track_caller]
pub(crate) fn with_token<Test: Future<Output = ()>>(name: &str, test: impl FnOnce(Rig) -> Test) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.unwrap().block_on(test(Rig { folder: folder.into() }));
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig { folder: folder.path().to_owned() };
    std::fs::create_dir(folder.path().join("tokens")).unwrap();
    let tokens = folder.path().join("tokens");
    let settings = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    std::fs::write(folder.path().join("softhsm2.conf"), settings).unwrap();
    rig.write_pin(PIN);
    rig.make_token("cart");
    rig.import("cart", "entries", "01", &ed25519(7));
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own)
        .args([name, "--exact", "--nocapture"])
        .env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf"))
        .env(FOLDER, folder.path())
        .env("KEST_TEST_PIN", PIN)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

impl Rig {
    /// The settings for the key of this name, with the PIN in its file.
    pub(crate) fn settings(&self, key: &str) -> Pkcs11Settings {
        Pkcs11Settings::new(
            MODULE,
            TokenName::Label("cart".to_owned()),
            KeyName::Label(key.to_owned()),
            PinSource::File(self.pin_file()),
        )
    }

    pub(crate) async fn load(&self, key: &str) -> Result<Pkcs11Key, Pkcs11Error> {
        Pkcs11Key::load(cart(), self.settings(key)).await
    }

    pub(crate) fn pin_file(&self) -> PathBuf {
        self.folder.join("pin")
    }

    pub(crate) fn write_pin(&self, pin: &str) {
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(self.pin_file()).unwrap();
        std::io::Write::write_all(&mut file, format!("{pin}\n").as_bytes()).unwrap();
    }

    pub(crate) fn make_token(&self, label: &str) {
        self.softhsm(&["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", PIN]);
    }

    /// Puts a private key (PKCS #8, PEM) into a token, and its public key beside it.
    pub(crate) fn import(&self, token: &str, label: &str, id: &str, pem: &str) {
        let file = self.folder.join(format!("{label}-{id}.pem"));
        std::fs::write(&file, pem).unwrap();
        let file = file.to_str().unwrap();
        self.softhsm(&[
            "--import", file, "--token", token, "--label", label, "--id", id, "--pin", PIN, "--force",
        ]);
    }

    fn softhsm(&self, arguments: &[&str]) {
        let configuration = self.folder.join("softhsm2.conf");
        let command =
            Command::new("softhsm2-util").args(arguments).env("SOFTHSM2_CONF", configuration).output();
        let output = command.expect("Debian's softhsm2 is installed");
        assert!(output.status.success(), "{arguments:?} {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A session of the test's own at the token `cart`, in which keys can be made.
    pub(crate) fn session() -> Session {
        let (module, slot) = Self::library();
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&PIN.into())).unwrap();
        session
    }

    fn library() -> (Pkcs11, Slot) {
        let module = Pkcs11::new(MODULE).unwrap();
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(cause) => panic!("{cause}"),
        }
        let slots = module.get_slots_with_token().unwrap();
        let cart = slots.into_iter().find(|slot| module.get_token_info(*slot).unwrap().label() == "cart");
        (module, cart.unwrap())
    }

    pub(crate) fn serial() -> String {
        let (module, slot) = Self::library();
        module.get_token_info(slot).unwrap().serial_number().to_owned()
    }

    /// The folder of the one token.
    pub(crate) fn token_folder(&self) -> PathBuf {
        let mut entries = std::fs::read_dir(self.folder.join("tokens")).unwrap();
        entries.next().unwrap().unwrap().path()
    }
}

/// Makes an Ed25519 key in the token, and gives its public and private half.
pub(crate) fn generate(session: &Session, label: &str, extractable: bool) -> (ObjectHandle, ObjectHandle) {
    let label = Attribute::Label(label.as_bytes().to_vec());
    // RFC 8410 section 3: the OBJECT IDENTIFIER of Ed25519.
    let curve = Attribute::EcParams(vec![6, 3, 0x2b, 0x65, 0x70]);
    let public = [Attribute::Token(true), Attribute::Verify(true), curve, label.clone()];
    let private = [Attribute::Token(true), Attribute::Sign(true), Attribute::Extractable(extractable), label];
    session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private).unwrap()
}

/// How many threads this process has: idle ones stay for some seconds.
pub(crate) fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

pub(crate) fn cart() -> WorkloadId {
    WorkloadId::new("spiffe://example.org/cart").unwrap()
}

/// An Ed25519 key of this seed: RFC 8410 section 7.
pub(crate) fn ed25519(seed: u8) -> String {
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend([seed; 32]);
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

/// Debian's place; other systems say theirs.
pub(crate) const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

const FOLDER: &str = "KEST_TEST_TOKENS";
