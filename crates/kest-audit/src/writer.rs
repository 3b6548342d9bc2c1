//! The one thread that writes: takes what waits, writes it in one go, and answers all who waited after one sync.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kest_core::audit::AuditError;
use kest_core::entry::EntryId;
use kest_core::signature::Sign;
use kest_core::{Clock, Random};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::basis::Basis;
use crate::chain::{Chain, Window, behind};
use crate::folder::State;
use crate::note::Checkpoint;
use crate::place::{Append, Batch, CommitError};
use crate::queue::{Gone, Item, Lost, Queue, Reply};
use crate::record::{Before, Record, Start};
use crate::sealed::Sealed;
use crate::signing::Signing;

/// What a writer goes by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) signer: Arc<dyn Sign>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) runtime: Handle,
    pub(crate) segment_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Writer {
    place: Box<dyn Append>,
    settings: Settings,
    queue: Arc<Queue>,
    /// None where the last file could not be gone on with.
    open: Option<Open>,
    recent: Window<()>,
    signing: Signing,
    lost: Lost,
    sealed: Sealed,
    basis: Basis,
}

#[derive(Debug)]
struct Open {
    chain: Chain,
    /// The file, or other part, and the bytes in it.
    number: u32,
    bytes: u64,
}

impl Writer {
    /// Begins a writer with a file of its own, or what `place` has for one.
    pub(crate) fn begin(place: Box<dyn Append>, settings: Settings, queue: Arc<Queue>) -> io::Result<Self> {
        let (recent, lost) = (Window::default(), Lost::default());
        let (sealed, basis) = (Sealed::default(), Basis::default());
        let signing = Signing::new(settings.runtime.clone());
        let mut writer = Self { place, settings, queue, open: None, recent, signing, lost, sealed, basis };
        writer.reopen()?;
        Ok(writer)
    }

    /// Writes until it is told to end.
    pub(crate) fn run(mut self) {
        let _gone = Gone(Arc::clone(&self.queue));
        loop {
            let (items, lost) = self.queue.take(BATCH, TICK);
            self.lost.add(lost);
            let (items, mut closing): (Vec<Item>, Vec<Item>) =
                items.into_iter().partition(|item| !matches!(item, Item::Close(_)));
            self.write(items);
            if let Some(Item::Close(reply)) = closing.pop() {
                let ended = self.end();
                self.lost.tell();
                // As soon as this is answered, others see that it lives no more.
                drop(self);
                tell(reply, ended);
                return;
            }
            if let Err(error) = self.keep_up() {
                tracing::warn!(kind = error.kind(), "audit log could not be sealed or rotated");
            }
        }
    }

    fn now(&self) -> u64 {
        self.settings.clock.unix_millis()
    }

    /// A new writer with a new name: what another left behind is not gone on with.
    fn reopen(&mut self) -> io::Result<()> {
        let Settings { signer, clock, random, .. } = &self.settings;
        let id = EntryId::generate(clock.as_ref(), random.as_ref()).map_err(io::Error::other)?;
        let id: Uuid = id.to_string().parse().map_err(io::Error::other)?;
        let mut before = Vec::new();
        for (writer, tail) in self.place.latest(MOST_BEFORE)? {
            if tail.torn > 0 && tail.state == State::Crashed {
                tracing::warn!(%writer, seq = tail.seq, torn = tail.torn, "audit log ends in a torn write");
            }
            before.push(Before {
                hash: tail.hash.to_hex().into(),
                seq: tail.seq,
                state: tail.state.as_str().into(),
                torn: tail.torn,
                writer,
            });
        }
        let id = behind(id, before.iter().map(|it| it.writer).max());
        let start = Start {
            before,
            key: signer.current().key_id().as_str().to_owned().into(),
            library: concat!("kest-rust ", env!("CARGO_PKG_VERSION")).into(),
            service: signer.workload().as_str().to_owned().into(),
        };
        let mut chain = Chain::new(id);
        let mut lines = Vec::new();
        chain.append(&mut lines, clock.unix_millis(), Record::Start(start))?;
        self.basis.append(&mut chain, &mut lines, clock.unix_millis())?;
        let batch = Batch { first: 0, lines: &lines };
        let begun = self.place.begin((id, 1), &batch);
        // Nothing was promised about what may stay of it.
        if let Err(CommitError::Undone(error) | CommitError::Unknown(error)) = begun {
            return Err(error);
        }
        self.recent.clear();
        self.basis.written(true);
        self.sealed = Sealed::nothing(clock.unix_millis());
        self.open = Some(Open { chain, number: 1, bytes: length(&lines) });
        Ok(())
    }

    /// Writes `items` and answers all who wait for them.
    fn write(&mut self, items: Vec<Item>) {
        if items.is_empty() && self.lost.is_none() && !self.basis.is_lost() {
            return;
        }
        let lost = std::mem::take(&mut self.lost);
        let written = self.commit(|writer, at, chain, lines| {
            writer.basis.append_lost(chain, lines, at)?;
            lost.append(chain, lines, at)?;
            items.iter().try_for_each(|item| writer.line(item, at, chain, lines))
        });
        items.iter().for_each(|item| self.basis.heed(item));
        self.basis.written(written.is_ok());
        if written.is_err() {
            self.lost.add(lost);
        }
        // A deletion counts when it is sealed: files are deleted as soon as this is answered.
        let removes = written.is_ok() && items.iter().any(Item::removes);
        let sealed = if removes { self.seal() } else { Ok(()) };
        for item in items {
            let removes = item.removes();
            let failed = written.as_ref().err();
            let (reply, unheard) = match item {
                Item::Signed { reply: None, .. } => (None, Lost { signed: 1, ..Lost::default() }),
                Item::Refused(_) => (None, Lost { refused: 1, ..Lost::default() }),
                Item::Finished(_) => (None, Lost { finished: 1, ..Lost::default() }),
                Item::Signed { reply, .. } | Item::Note { reply, .. } => (reply, Lost::default()),
                Item::Close(reply) => (Some(reply), Lost::default()),
            };
            if written.is_err() {
                self.lost.add(unheard);
            }
            if let Some(reply) = reply {
                let unsealed = sealed.as_ref().err().filter(|_| removes);
                tell(reply, failed.or(unsealed).map_or(Ok(()), |error| Err(again(error))));
            }
        }
    }

    /// The lines of one item: of an operation those that it follows come first.
    fn line(
        &mut self,
        item: &Item,
        at: u64,
        chain: &mut Chain,
        lines: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        match item {
            Item::Signed { entry, passport, .. } => {
                let missing: Vec<_> = self.recent.missing(passport).collect();
                for (hash, compact) in missing {
                    chain.append(lines, at, Record::Carried { entry: compact.into() })?;
                    self.recent.add(hash, ());
                }
                self.recent.add(entry.hash(), ());
                chain.append(lines, at, Record::Signed { entry: entry.compact().into() })
            }
            Item::Refused(refusal) => chain.append(lines, at, Record::Refused(refusal.as_ref().clone())),
            Item::Finished(finished) => {
                let record = Record::Finished {
                    content_hash: finished.content_hash.map(|hash| hash.to_hex().into()),
                    ending: finished.ending.as_str().into(),
                    entry: finished.entry.to_hex().into(),
                    millis: finished.millis,
                    status_class: finished.status_class,
                };
                chain.append(lines, at, record)
            }
            Item::Note { record, .. } => chain.append(lines, at, record.as_ref().clone()),
            Item::Close(_) => Ok(()),
        }
    }

    fn append<const COUNT: usize>(&mut self, records: [Record<'_>; COUNT]) -> Result<(), AuditError> {
        self.commit(|_writer, at, chain, lines| {
            records.into_iter().try_for_each(|record| chain.append(lines, at, record))
        })
    }

    /// Writes what `make` adds, or nothing of it.
    fn commit(
        &mut self,
        make: impl FnOnce(&mut Self, u64, &mut Chain, &mut Vec<u8>) -> Result<(), serde_json::Error>,
    ) -> Result<(), AuditError> {
        self.commit_at(self.now(), make)
    }

    fn commit_at(
        &mut self,
        at: u64,
        make: impl FnOnce(&mut Self, u64, &mut Chain, &mut Vec<u8>) -> Result<(), serde_json::Error>,
    ) -> Result<(), AuditError> {
        if self.open.is_none() {
            self.reopen().map_err(storage)?;
        }
        let Some(mut open) = self.open.take() else { return Err(storage(io::ErrorKind::NotFound.into())) };
        let mut chain = open.chain.clone();
        let mut lines = Vec::new();
        let made = make(self, at, &mut chain, &mut lines);
        let committed = match made {
            Ok(()) => self.place.append(&Batch { first: open.chain.next(), lines: &lines }),
            Err(error) => Err(CommitError::Undone(error.into())),
        };
        match committed {
            Ok(()) => {
                open.chain = chain;
                open.bytes = open.bytes.saturating_add(length(&lines));
                self.open = Some(open);
                Ok(())
            }
            Err(CommitError::Undone(error)) => {
                self.recent.clear();
                self.open = Some(open);
                Err(storage(error))
            }
            Err(CommitError::Unknown(error)) => {
                tracing::error!(writer = %open.chain.writer, "audit log goes on in another file: a write may be torn");
                Err(storage(error))
            }
        }
    }

    /// Seals and rotates where that is due.
    fn keep_up(&mut self) -> Result<(), AuditError> {
        // A watcher sees that the log is still there, also where no record comes.
        let now = self.now();
        if self.open.is_none() && self.sealed.may_be_tried(now) {
            self.sealed.failed = Some(now);
            self.reopen().map_err(storage)?;
        }
        let Some(open) = &self.open else { return Ok(()) };
        let due = self.sealed.is_due(open.chain.next(), now) && self.sealed.may_be_tried(now);
        let sealed = if due { self.seal() } else { Ok(()) };
        if sealed.is_err() {
            self.sealed.failed = Some(now);
        }
        let rotated = match &self.open {
            Some(open) if open.bytes >= self.settings.segment_bytes => self.rotate(),
            Some(_) | None => Ok(()),
        };
        sealed.and(rotated)
    }

    /// Signs the root over all records so far, and records that.
    fn seal(&mut self) -> Result<(), AuditError> {
        let Some(open) = &self.open else { return Ok(()) };
        let chain = open.chain.clone();
        let (note, sealed) = self.sealing(&chain)?;
        self.append([Record::Checkpoint { note: note.into() }])?;
        self.sealed = sealed;
        Ok(())
    }

    /// Ends in order. The end and the checkpoint that seals it are one write, or neither is there and the writer ends as one that
    /// was killed: an end that no key vouches for is the work of another.
    fn end(&mut self) -> Result<(), AuditError> {
        if self.open.is_none() {
            self.reopen().map_err(storage)?;
        }
        let Some(open) = &self.open else { return Ok(()) };
        let at = self.now();
        let mut chain = open.chain.clone();
        // What the last write lost is counted nowhere else.
        let lost = self.lost;
        let last = |chain: &mut Chain, lines: &mut Vec<u8>| {
            lost.append(chain, lines, at)?;
            chain.append(lines, at, Record::End {})
        };
        last(&mut chain, &mut Vec::new()).map_err(|error| storage(error.into()))?;
        let (note, _sealed) = self.sealing(&chain)?;
        self.commit_at(at, |_writer, at, chain, lines| {
            last(chain, lines)?;
            chain.append(lines, at, Record::Checkpoint { note: note.into() })
        })?;
        self.lost = Lost::default();
        Ok(())
    }

    /// A checkpoint over all records of `chain`, and how far it reaches.
    fn sealing(&mut self, chain: &Chain) -> Result<(String, Sealed), AuditError> {
        let signer = &self.settings.signer;
        let checkpoint = Checkpoint {
            service: signer.workload().clone(),
            writer: chain.writer,
            size: chain.next(),
            root: chain.edge.root(),
            at: self.now(),
        };
        let key = signer.current();
        let signature = self.signing.sign(key.as_ref(), &checkpoint.text())?;
        let note = checkpoint.note(key.public_key(), &signature);
        Ok((note, Sealed { next: checkpoint.size + 1, at: checkpoint.at, failed: None }))
    }

    /// Goes on in another file. Where that cannot be, the old one grows on.
    fn rotate(&mut self) -> Result<(), AuditError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let number = open.number + 1;
        let edge = open.chain.edge.nodes().iter().map(|node| node.to_hex().into()).collect();
        let mut chain = open.chain.clone();
        let mut lines = Vec::new();
        let at = self.settings.clock.unix_millis();
        let record = Record::Segment { edge, number };
        let made = chain.append(&mut lines, at, record);
        made.and_then(|()| self.basis.append(&mut chain, &mut lines, at))
            .map_err(|error| storage(error.into()))?;
        let batch = Batch { first: open.chain.next(), lines: &lines };
        match self.place.begin((chain.writer, number), &batch) {
            Ok(()) => *open = Open { chain, number, bytes: length(&lines) },
            Err(CommitError::Undone(error)) => return Err(storage(error)),
            Err(CommitError::Unknown(error)) => {
                self.open = None;
                return Err(storage(error));
            }
        }
        // The files before this one may be deleted: it has to carry what its entries follow.
        self.recent.clear();
        Ok(())
    }
}

/// Who does not wait any more is told nothing.
fn tell(reply: Reply, result: Result<(), AuditError>) {
    if reply.send(result).is_err() {
        tracing::debug!("record was kept or refused, and its operation was given up before");
    }
}

fn length(lines: &[u8]) -> u64 {
    u64::try_from(lines.len()).unwrap_or(u64::MAX)
}

fn storage(error: io::Error) -> AuditError {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    AuditError::new(if full { "full" } else { "storage" }, error)
}

/// The same, for another who waits.
fn again(error: &AuditError) -> AuditError {
    AuditError::new(error.kind(), io::Error::other("the write that several waited for failed"))
}

/// Records of one write: all who wait for a slow disk are answered by its next sync.
const BATCH: usize = 4096;
/// How long nothing may come before checkpoints are looked after.
const TICK: Duration = Duration::from_secs(1);
/// Other writers that a start names.
const MOST_BEFORE: usize = 64;

#[cfg(all(test, target_os = "linux"))]
#[path = "tests/writer.rs"]
mod tests;
