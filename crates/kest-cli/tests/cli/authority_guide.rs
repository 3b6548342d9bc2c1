//! The commands of the guide, run as they are printed.

use std::path::Path;
use std::process::Command;

use kest_servers::postgres::PostgresServer;

use crate::authority_serve::{Applicant, Serving};
use crate::support::directory;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/authority.md");

/// A shell that has the program that was built in the place of `kest`.
fn shell(folder: &Path, command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-ec", &format!("kest() {{ exec \"$KEST\" \"$@\"; }}\n{command}")]);
    shell.env("KEST", env!("CARGO_BIN_EXE_kest")).current_dir(folder);
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_guide_work_as_printed() {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let blocks = guide.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let folder = directory("authority-guide");
    let server = PostgresServer::start().await;
    let (mut serving, mut ran) = (None, 0);
    for command in blocks.flat_map(str::lines) {
        let command = command
            .replace("0.0.0.0:8443", "127.0.0.1:0")
            .replace("0.0.0.0:8444", "127.0.0.1:0")
            .replace("postgres://authority@db.internal/authority", &server.url());
        ran += 1;
        if command.starts_with("kest authority serve") {
            serving = Some(Serving::of(shell(&folder, &command), folder.join("authority")));
            continue;
        }
        if command.starts_with("kest authority revoke") {
            let ticket = std::fs::read_to_string(folder.join("cart.ticket")).unwrap();
            let answer = serving.as_ref().unwrap().enrol(&Applicant::new(), ticket.trim_end()).await;
            assert!(answer.status().is_success(), "{answer:?}");
        }
        let done = shell(&folder, &command).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(ran >= 12, "{ran} commands");
}
