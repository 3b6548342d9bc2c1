//! Attack: random changes, one at a time, in a log of 100 000 records. None is missed, and each is named. `KEST_AUDIT_CHANGES=10000` is
//! the full size, which takes a minute or two.
//!
//! A log is judged line after line: what comes of a line depends on the lines before it and on nothing behind it. So each change is
//! judged from a copy of the walk that read the unchanged lines before it, up to the first fault, or to the end of the log where there is
//! none. That this is what a reader of the whole log finds is compared for some of them.

use std::path::Path;

use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::signature::{Ed25519Signer, WorkloadId};
use kest_core::trust::Origin;
use kest_core::{Admitter, Audit, Limits, Operation, OsRandom, Random as _};

use uuid::Uuid;

use super::*;
use crate::{Durability, JsonLines, LogVerifier};

/// What a changed log was found to be at first.
type Found = Option<(u64, FaultKind)>;

struct Sample {
    folder: tempfile::TempDir,
    writer: Uuid,
    /// Each line with its part.
    lines: Vec<(u32, RawLine)>,
    /// The last checkpoint, which a reader kept elsewhere.
    note: String,
    ring: KeyRing,
    verifier: Verifier,
    witnessed: Witnessed,
    service: WorkloadId,
}

impl Sample {
    async fn new(records: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = WorkloadId::new("cart").unwrap();
        let signer = Arc::new(Ed25519Signer::ephemeral(service.clone(), &OsRandom).unwrap());
        let mut ring = KeyRing::new();
        ring.trust_signer(signer.as_ref()).unwrap();
        let writer = write(folder.path(), &signer, records).await;
        // The next writer saw the last record, which nothing seals.
        let next = JsonLines::builder(folder.path(), signer, Durability::Required);
        let next = next.limits(patient()).open().unwrap();
        next.close().await.unwrap();
        let log = Log::open(folder.path()).unwrap();
        let mut lines = Vec::new();
        for number in log.files_of(writer) {
            lines.extend(log.lines_from((writer, number), 0).map(|line| (number, line.unwrap())));
        }
        let last = &lines.last().unwrap().1;
        let Record::Checkpoint { note } = last.read().unwrap().record else { panic!("no checkpoint") };
        let note = note.into_owned();
        let kept = Checkpoint::verify(&note, &service, &ring).unwrap();
        let mut witnessed = Witnessed::default();
        let seq = u64::try_from(lines.len()).unwrap() - 1;
        witnessed.records.entry(writer).or_default().insert(seq, TreeHash::of_line(&last.bytes));
        witnessed.roots.entry(writer).or_default().insert(kept.size, kept.root);
        let verifier = Verifier::new(Limits::default());
        Self { folder, writer, lines, note, ring, verifier, witnessed, service }
    }

    fn walk(&self) -> Walk<'_> {
        let at = Position::new(self.writer, Some(&self.service));
        Walk::new(at, &self.verifier, &self.ring, &self.witnessed)
    }

    /// Walks that stand before every so many lines.
    fn walks(&self) -> Vec<Walk<'_>> {
        let (mut walk, mut walks) = (self.walk(), Vec::new());
        for (place, (part, line)) in self.lines.iter().enumerate() {
            if place % STEP == 0 {
                walks.push(walk.clone());
            }
            feed(&mut walk, *part, line);
            assert_eq!(walk.faults, [], "at {place}");
        }
        walk.finish();
        assert_eq!(walk.faults, []);
        walks
    }

    /// What a reader of the whole changed log finds.
    fn whole(&self, changed: &Changed) -> Vec<Fault> {
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        let all = self.lines[..changed.from].iter().chain(&changed.lines);
        let all: Vec<_> = all.chain(&self.lines[changed.to..]).collect();
        for number in 1..=self.lines.last().unwrap().0 {
            let lines = all.iter().filter(|(part, _)| *part == number);
            let text: Vec<u8> =
                lines.flat_map(|(_, line)| [&line.bytes[..], b"\n"]).flatten().copied().collect();
            std::fs::write(folder.path().join(format!("{}.{number:06}.jsonl", self.writer)), text).unwrap();
        }
        let verifier = LogVerifier::new(self.verifier.clone(), &self.ring).checkpoint(&self.note);
        let report = verifier.verify(&Log::open(folder.path()).unwrap(), |_bytes| ()).unwrap();
        assert!(!report.holds());
        report.faults
    }
}

/// However slow the machine is that tests run on.
fn patient() -> Limits {
    let mut limits = Limits::default();
    limits.audit_wait = std::time::Duration::from_secs(600);
    limits
}

/// A log in several files: refusals, and lineages of two.
async fn write(folder: &Path, signer: &Arc<Ed25519Signer>, records: u64) -> Uuid {
    let mut limits = patient();
    limits.audit_waiting = 1 << 20;
    limits.audit_refusals_a_second = usize::MAX;
    let log = JsonLines::builder(folder, Arc::<Ed25519Signer>::clone(signer), Durability::BestEffort);
    let log = Arc::new(log.limits(limits).segment_bytes(4 << 20).open().unwrap());
    let shared: Arc<dyn Audit> = Arc::<JsonLines>::clone(&log);
    let service = Admitter::builder(Arc::<Ed25519Signer>::clone(signer)).audit(shared).build();
    let never = policy_fn("never", |_asked| false).unwrap();
    let (step, inner) = (Operation::named("step").unwrap(), Operation::named("inner").unwrap());
    for number in 0..records {
        if number % 40 == 0 {
            let outer = service.originate(Origin::system(), &step, &dangerous_allow_all()).await.unwrap();
            drop(outer.operation(inner.clone()).admit(&dangerous_allow_all()).await.unwrap());
        } else {
            service.originate(Origin::system(), &step, &never).await.unwrap_err();
        }
    }
    log.close().await.unwrap();
    Log::open(folder).unwrap().writers().next().unwrap()
}

fn feed(walk: &mut Walk<'_>, part: u32, line: &RawLine) {
    if walk.at.part != part {
        walk.part(part);
    }
    walk.feed(line);
}

/// These lines stand where those from the one place to the other did.
struct Changed {
    what: &'static str,
    from: usize,
    to: usize,
    lines: Vec<(u32, RawLine)>,
    /// How far behind `from` a fault may be named.
    within: usize,
}

/// Chance that can be repeated (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    fn change(&mut self, lines: &[(u32, RawLine)]) -> Changed {
        let from = self.below(lines.len());
        let to = (from + 1 + self.below(50)).min(lines.len() - 1);
        let same = |what, to: usize| Changed { what, from, to, lines: lines[from..to].to_vec(), within: 1 };
        match self.below(41) {
            0..8 => Changed { lines: Vec::new(), ..same("deletion", from + 1) },
            8..16 if to > from => {
                let mut changed = same("swap", to + 1);
                let last = changed.lines.len() - 1;
                let (one, other) = (changed.lines[0].1.clone(), changed.lines[last].1.clone());
                (changed.lines[0].1, changed.lines[last].1) = (other, one);
                changed
            }
            8..24 => {
                let mut changed = same("edit", from + 1);
                let bytes = &mut changed.lines[0].1.bytes;
                let place = self.below(bytes.len());
                let other = (0..4).map(|_| u8::try_from(self.below(256)).unwrap());
                let other = other.into_iter().find(|byte| *byte != bytes[place] && *byte != b'\n');
                bytes[place] = other.unwrap_or(bytes[place] ^ 1);
                changed
            }
            24..32 => {
                let mut changed = same("doubling", to);
                changed.lines.push(lines[from].clone());
                // It comes behind the last of them.
                Changed { within: to - from + 1, ..changed }
            }
            32..40 => Changed { to: lines.len(), lines: Vec::new(), ..same("truncation", from + 1) },
            _ => anew(lines, from),
        }
    }
}

/// One who has no key changes a record, and chains all behind it anew, up to the checkpoint after the next one.
fn anew(lines: &[(u32, RawLine)], from: usize) -> Changed {
    let seals = |(_, line): &&(u32, RawLine)| line.read().unwrap().record.kind() == "checkpoint";
    let behind = lines[from + 1..].iter();
    let more = behind.scan(0, |seen, line| {
        *seen += usize::from(seals(&line));
        (*seen < 2).then_some(())
    });
    let to = from + 1 + more.count();
    let mut changed = lines[from..to].to_vec();
    let mut before: Option<TreeHash> = None;
    for (place, (_, line)) in changed.iter_mut().enumerate() {
        let text = line.bytes.clone();
        let mut read = Line::read(&text).unwrap();
        read.at += u64::from(place == 0);
        if let Some(before) = before {
            read.prev = before.to_hex().into();
        }
        line.bytes = serde_json::to_vec(&read).unwrap();
        before = Some(TreeHash::of_line(&line.bytes));
    }
    Changed { what: "chain that was made anew", from, to, lines: changed, within: usize::MAX }
}

/// The first fault, and whether one is named where the change is.
fn judged(sample: &Sample, walks: &[Walk<'_>], changed: &Changed) -> (Found, bool) {
    let mut walk = walks[changed.from / STEP].clone();
    let before = &sample.lines[changed.from / STEP * STEP..changed.from];
    before.iter().for_each(|(part, line)| feed(&mut walk, *part, line));
    assert_eq!(walk.faults, []);
    let mut rest = changed.lines.iter().chain(&sample.lines[changed.to..]).peekable();
    while let Some((part, line)) = rest.next() {
        feed(&mut walk, *part, line);
        if !walk.faults.is_empty() {
            // Of a line that is not read right the next one says where it stood.
            rest.next().into_iter().for_each(|(part, line)| feed(&mut walk, *part, line));
            break;
        }
    }
    if walk.faults.is_empty() {
        walk.finish();
    }
    let at = u64::try_from(changed.from).unwrap();
    let near = |fault: &Fault| {
        usize::try_from(fault.seq.abs_diff(at)).is_ok_and(|distance| distance <= changed.within)
    };
    (walk.faults.first().map(|fault| (fault.seq, fault.kind)), walk.faults.iter().any(near))
}

fn of_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test]
async fn every_random_change_of_a_long_log_is_found_and_named() {
    let (records, changes) =
        (of_environment("KEST_AUDIT_LOG", 100_000), of_environment("KEST_AUDIT_CHANGES", 500));
    let mut drawn = [0; 8];
    OsRandom.fill(&mut drawn).unwrap();
    let seed = of_environment("KEST_AUDIT_SEED", u64::from_le_bytes(drawn)).max(1);
    println!("KEST_AUDIT_SEED={seed}: {changes} changes in {records} records");
    let sample = Sample::new(records).await;
    assert!(u64::try_from(sample.lines.len()).unwrap() > records && sample.lines.last().unwrap().0 > 1);
    let walks = sample.walks();
    let mut chance = Chance(seed);
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for number in 0..changes {
        let changed = chance.change(&sample.lines);
        let (found, named) = judged(&sample, &walks, &changed);
        let (what, from) = (changed.what, changed.from);
        assert!(found.is_some(), "KEST_AUDIT_SEED={seed}: {what} of record {from} was missed");
        assert!(named, "KEST_AUDIT_SEED={seed}: {what} of record {from} was named elsewhere: {found:?}");
        *counts.entry(what).or_default() += 1;
        if number % (changes / 8).max(1) == 0 {
            let whole = sample.whole(&changed);
            let first = whole.first().map(|fault| (fault.seq, fault.kind));
            assert_eq!(first, found, "KEST_AUDIT_SEED={seed}: {what} of record {from}");
        }
    }
    println!("{counts:?}");
    assert_eq!(counts.values().sum::<u64>(), changes);
    assert!(changes < 500 || counts.len() >= 5, "{counts:?}");
}

/// Lines from one walk that is kept to the next.
const STEP: usize = 250;
