//! The demonstration itself, with fewer rotations than it plays on its own.

use std::process::Command;

use serde_json::Value;

#[test]
fn fleet_goes_on_while_all_rotates_and_refuses_those_who_try_to_get_in() {
    let flags = ["--json", "--leaf-rotations=6", "--root-rotations=1", "--processes=2", "--executors=2"];
    let ended = Command::new(env!("CARGO_BIN_EXE_fleet")).args(flags).output().unwrap();
    let text = String::from_utf8(ended.stdout).unwrap();
    let told: Value = serde_json::from_str(&text)
        .unwrap_or_else(|cause| panic!("{cause}: {text:?} {}", String::from_utf8_lossy(&ended.stderr)));
    let rows = told["rows"].as_array().unwrap();
    let tried: Vec<&str> = rows.iter().filter_map(|row| row["tried"].as_str()).collect();
    assert_eq!(
        tried,
        [
            "load while all rotates",
            "stolen ticket, used a second time",
            "guessed ticket",
            "heartbeat that is replayed, and one of the future",
            "executor that asks for another's task",
            "ticket for an identity that is alive",
            "connection without a certificate",
            "executor whose successor is there",
            "executor that is revoked",
            "authority killed for longer than a certificate lives",
        ]
    );
    assert!(rows.iter().all(|row| row["held"] == true), "{rows:#?}");
    assert_eq!((told["held"].as_bool(), ended.status.code()), (Some(true), Some(0)));
}
