//! Restores a compressed bomb and prints, as JSON, what that allocated at its peak and how long it took.

use std::io::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use kest::Limits;
use kest::baggage::{HeaderReader, PackedPassport, RestoreError, restore};
use kest::core::BoxError;
use serde_json::json;
use tokio::runtime::Runtime;

fn main() -> Result<(), BoxError> {
    let (compressed, inflated) = bomb()?;
    let header = format!("kest.passport_z={},kest.chain_tip=0", URL_SAFE_NO_PAD.encode(&compressed));
    let mut limits = Limits::default();
    limits.header_bytes = header.len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let defused = Defused { runtime, reader: HeaderReader::new(limits.clone()), limits };
    let whole = peak(|| defused.restore(defused.read(&header)?))?;
    let packed = defused.read(&header)?;
    let restoring = peak(|| defused.restore(packed))?;
    let mut least = Duration::MAX;
    for _ in 0..ATTEMPTS {
        let packed = defused.read(&header)?;
        let start = Instant::now();
        defused.restore(packed)?;
        least = least.min(start.elapsed());
    }
    let found = json!({
        "compressed_bytes": compressed.len(), "bomb_bytes": inflated,
        "restore_peak_bytes": restoring, "whole_peak_bytes": whole, "restore_ns": least.as_secs_f64() * 1e9,
    });
    writeln!(std::io::stdout(), "{found}")?;
    Ok(())
}

/// What a service does with the bomb.
struct Defused {
    runtime: Runtime,
    reader: HeaderReader,
    limits: Limits,
}

impl Defused {
    fn read(&self, header: &str) -> Result<PackedPassport, BoxError> {
        Ok(self.reader.read([header.as_bytes()])?)
    }

    /// Restores, and insists that the bomb is refused for its size.
    fn restore(&self, packed: PackedPassport) -> Result<(), BoxError> {
        match self.runtime.block_on(restore(packed, None, &self.limits)) {
            Err(RestoreError::TooLarge(_)) => Ok(()),
            Err(other) => Err(other.into()),
            Ok(_) => Err("the bomb was restored".into()),
        }
    }
}

/// The most bytes that `work` had allocated at one time.
fn peak(work: impl FnOnce() -> Result<(), BoxError>) -> Result<u64, BoxError> {
    let mut outcome = Ok(());
    let counted = allocation_counter::measure(|| outcome = work());
    outcome.map(|()| counted.bytes_max)
}

/// An array that never ends, compressed, and how long it was before.
fn bomb() -> Result<(Vec<u8>, usize), BoxError> {
    let blanks = vec![b' '; 1 << 20];
    let mut encoder = ZlibEncoder::new(b"".to_vec(), Compression::best());
    encoder.write_all(b"[")?;
    let mut inflated = 1;
    while encoder.get_ref().len() < COMPRESSED {
        encoder.write_all(&blanks)?;
        inflated += blanks.len();
    }
    Ok((encoder.finish()?, inflated))
}

const COMPRESSED: usize = 250_000;
const ATTEMPTS: usize = 50;
