//! What an entry follows is at hand when it is read, whatever lineages were written one through another.

use kest_audit::{Answer, JsonLines, Log, LogVerifier};
use kest_core::policy::dangerous_allow_all;
use kest_core::{Admission, Admitter, Audit, Limits, Operation, Verifier};

use crate::rig::{operate, ring, signer};

/// Chance that can be repeated (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }
}

/// Roots that live as long as the process, joins, and lineages of another service, in files of any length.
#[tokio::test]
async fn every_parent_is_at_hand_in_twenty_thousand_entries_of_random_lineages() {
    for (seed, entries, segment_bytes) in [(1, 20_000, u64::MAX), (2, 4_000, 1 << 20)] {
        let folder = tempfile::tempdir().unwrap();
        let mut limits = Limits::default();
        limits.audit_waiting = 1 << 16;
        let log = JsonLines::builder(folder.path(), signer("cart"), kest_audit::Durability::BestEffort);
        let log = std::sync::Arc::new(log.limits(limits).segment_bytes(segment_bytes).open().unwrap());
        let shared: std::sync::Arc<dyn Audit> = std::sync::Arc::<JsonLines>::clone(&log);
        let service = Admitter::builder(signer("cart")).audit(shared).build();
        write(&service, entries, Chance(seed)).await;
        log.close().await.unwrap();
        let ring = ring();
        let verifier = LogVerifier::new(Verifier::new(Limits::default()), &ring);
        let report = verifier.verify(&Log::open(folder.path()).unwrap(), |_bytes| ()).unwrap();
        assert!(report.holds(), "{} faults: {:?}", report.fault_count, report.faults.first());
        assert_eq!((report.writers[0].answer, report.writers[0].lost), (Answer::Complete, 0));
        assert!(report.entries() >= entries);
    }
}

async fn write(service: &Admitter, entries: u64, mut chance: Chance) {
    let policy = dangerous_allow_all();
    let mut roots = Vec::new();
    for _root in 0..4 {
        roots.push(operate(service, "root").await);
    }
    let mut lately: Vec<Admission> = Vec::new();
    for _entry in 0..entries {
        let next = match chance.below(40) {
            0 => roots[chance.below(roots.len())].operation(Operation::named("late").unwrap()),
            1..=3 if lately.len() > 2 => {
                let (one, other) = (chance.below(lately.len()), chance.below(lately.len()));
                let joined = lately[one].join([&lately[other]]).unwrap();
                lately.push(joined.admit(&Operation::named("both").unwrap(), &policy).await.unwrap());
                continue;
            }
            4.. if !lately.is_empty() => {
                lately[chance.below(lately.len())].operation(Operation::named("step").unwrap())
            }
            _ => {
                lately.push(operate(service, "step").await);
                continue;
            }
        };
        let next = next.admit(&policy).await.unwrap();
        // Lineages end, so that most entries have few before them.
        let short = next.passport().entries().len() < 20;
        if lately.len() < 16 && short {
            lately.push(next);
        } else if short {
            let place = chance.below(lately.len());
            lately[place] = next;
        } else {
            lately.clear();
        }
    }
}
