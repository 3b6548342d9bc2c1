//! The inflate bomb, measured by a program of its own that counts what it allocates.

use std::process::Command;

use kest::core::BoxError;
use serde_json::Value;

use crate::report::{Cell, Chapter, Column, Target};

/// Starts `kest-bench-bomb`, which `cargo xtask bench` built beside this program.
pub(crate) fn measure() -> Result<Chapter, BoxError> {
    let name = format!("kest-bench-bomb{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.exists() {
        let notes =
            vec!["not measured: start with cargo xtask bench, which builds kest-bench-bomb".to_owned()];
        return Ok(chapter(Vec::new(), Vec::new(), notes));
    }
    let output = Command::new(program).output()?;
    if !output.status.success() {
        return Err(format!("kest-bench-bomb failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let number =
        |name: &str| found.get(name).and_then(Value::as_f64).ok_or_else(|| format!("no {name} was measured"));
    let (peak, time) = (number("restore_peak_bytes")?, number("restore_ns")?);
    let row = vec![
        Cell::Count(bytes(&found, "compressed_bytes")?),
        Cell::Count(bytes(&found, "bomb_bytes")?),
        Cell::Count(bytes(&found, "restore_peak_bytes")?),
        Cell::Count(bytes(&found, "whole_peak_bytes")?),
        Cell::Nanoseconds(time),
    ];
    let targets = vec![
        Target { what: "megabytes at the peak of restoring", measured: peak / 1e6, below: 1.0 },
        Target { what: "milliseconds", measured: time / 1e6, below: 5.0 },
    ];
    let note =
        "the header limit is raised to let it in; reading holds the header and the member besides".to_owned();
    Ok(chapter(vec![row], targets, vec![note]))
}

fn bytes(found: &Value, name: &str) -> Result<usize, BoxError> {
    let count = found.get(name).and_then(Value::as_u64).ok_or_else(|| format!("no {name} was measured"))?;
    Ok(usize::try_from(count)?)
}

fn chapter(rows: Vec<Vec<Cell>>, targets: Vec<Target>, notes: Vec<String>) -> Chapter {
    Chapter {
        title: "A compressed bomb: refused after how many bytes and how long",
        columns: &[
            Column("compressed_bytes", "compressed"),
            Column("bomb_bytes", "inflated"),
            Column("restore_peak_bytes", "peak restoring"),
            Column("whole_peak_bytes", "peak with reading"),
            Column("restore_ns", "restore ns"),
        ],
        rows,
        targets,
        notes,
    }
}
