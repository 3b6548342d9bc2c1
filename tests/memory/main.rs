//! What requests of the worst kinds that the limits allow cost in memory, sixty of each inside at once.
//!
//! The allocator of this program counts, and no other program of the workspace has it. All that is sent is made before the
//! count begins. What a request costs is what the process holds more while all sixty are at the same place, divided by
//! them: caches that the requests filled count too, and so do the connections and the client.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests, which end the test at the line that failed, and say what was counted"
)]

mod kinds;
mod rig;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use tokio::runtime::Builder;

use crate::kinds::{Kind, named};
use crate::rig::{Carried, Rig, SLOTS};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Requests at once.
const AT_ONCE: usize = 60;

/// What one may cost while it lives.
const EACH: usize = 2 * 1024 * 1024;

/// What each verification under way, and each thread that opens or packs, may take beside that: a claim as it came and as
/// it was opened, the state of deflate, and one entry as a tree of JSON values.
const WORK: usize = 4 * 1024 * 1024;

/// Threads of the runtime.
const THREADS: usize = 2;

/// Where tests are threads of one process, one counts at a time.
static TURN: Mutex<()> = Mutex::new(());

#[track_caller]
fn check(kind: &Kind, carried: Carried) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().unwrap();
    let cost = runtime.block_on(Rig::cost(kind, carried));
    println!("{} {carried:?}: {cost}", kind.name);
    assert!(cost.asking < EACH, "while its policy is asked: {cost}");
    assert!(cost.inside < EACH, "in its handler: {cost}");
    assert!(cost.calling < EACH, "while it calls on: {cost}");
    assert!(cost.peak < AT_ONCE * EACH + (SLOTS + THREADS) * WORK, "on the way in: {cost}");
    let staying = AT_ONCE * cost.asking.max(cost.inside);
    assert!(cost.peak < staying + (SLOTS + THREADS) * WORK, "beside what stays: {cost}");
}

#[test]
fn ordinary_entries_cost_little() {
    check(named("ordinary"), Carried::Sealed);
}

/// Attack: as many entries as fit, since each costs something whatever is in it.
#[test]
fn many_short_entries_cost_little() {
    check(named("short"), Carried::Plain);
}

/// Attack: lists of the shortest names, each of which once was a value of its own many times as large.
#[test]
fn many_short_taints_cost_little() {
    check(named("taints"), Carried::Plain);
}

#[test]
fn many_short_labels_cost_little() {
    check(named("labels"), Carried::Plain);
}

#[test]
fn many_short_policies_cost_little() {
    check(named("policies"), Carried::Plain);
}

#[test]
fn many_exemptions_cost_little() {
    check(named("deviations"), Carried::Compressed);
    check(named("deviations"), Carried::Plain);
}

/// Attack: entries that follow as many others as one may.
#[test]
fn many_parents_cost_little() {
    check(named("parents"), Carried::Plain);
}

/// Attack: long names, which are held as they were signed and as they are read.
#[test]
fn long_names_cost_little() {
    check(named("names"), Carried::Plain);
    check(named("longest names"), Carried::Plain);
}

#[test]
fn long_labels_cost_little() {
    check(named("long labels"), Carried::Plain);
}

/// Attack: free-form members full of tiny values, which are up to a hundred times as large as a tree.
#[test]
fn free_form_members_cost_little() {
    check(named("numbers"), Carried::Plain);
    check(named("objects"), Carried::Plain);
}
