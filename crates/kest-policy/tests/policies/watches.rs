//! A watch ends when it is dropped, and not because of what lies in the folder or becomes of a check.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use kest_core::entry::PolicyName;
use kest_core::{Clock as _, Limits};
use kest_policy::{Engine, EngineError, EngineIdentity, Input, Policies, PoliciesBuilder, Verdict, Watch};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::rig::{Folder, Rig};

const TICK: Duration = Duration::from_millis(10);

fn configuration(folder: &Folder, enterprise: &str) {
    folder.write("kest.toml", &format!("enterprise_policies = [\"{enterprise}\"]"));
}

fn builder(rig: &Rig, folder: &Folder) -> PoliciesBuilder {
    rig.builder("", &["yes/a", "no/b"]).configuration_file(folder.path("kest.toml"))
}

async fn watched(policies: &Policies) -> Watch {
    let watch = policies.watch(TICK);
    in_time(policies.after_checks(2)).await;
    watch
}

/// Fails the test when a watch that has died lets it wait.
async fn in_time<Waiting: Future>(waiting: Waiting) -> Waiting::Output {
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the watch goes on")
}

fn failure_of(policies: &Policies) -> String {
    policies.status().failure.map(|errors| errors.to_string()).unwrap_or_default()
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Replaces what lies at `name`, or puts something where nothing was.
async fn recovers(policies: &Policies, folder: &Folder) {
    let generation = policies.status().generation;
    configuration(folder, "no/b");
    in_time(policies.after_generation(generation + 1)).await;
    assert_eq!(failure_of(policies), "");
}

#[tokio::test]
async fn pipe_socket_or_folder_in_place_of_a_file_is_on_record_and_the_watch_goes_on() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let policies = builder(&rig, &folder).build().unwrap();
    let _watch = watched(&policies).await;
    let place = folder.path("kest.toml");
    let mut sockets = Vec::new();
    let odd: [(&str, &mut dyn FnMut()); 4] = [
        ("pipe", &mut || make_pipe(&place)),
        ("socket", &mut || sockets.push(std::os::unix::net::UnixListener::bind(&place).unwrap())),
        ("device", &mut || std::os::unix::fs::symlink("/dev/zero", &place).unwrap()),
        ("circle", &mut || std::os::unix::fs::symlink("kest.toml", &place).unwrap()),
    ];
    for (kind, make) in odd {
        std::fs::remove_file(&place).unwrap();
        make();
        in_time(policies.after_failure()).await;
        // Between the two steps above the file is missing, which may be on record first.
        let failure = failure_of(&policies);
        assert!(
            failure.contains("is no regular file") || failure.contains("cannot be read"),
            "{kind}: {failure}"
        );
        recovers(&policies, &folder).await;
    }
    std::fs::remove_file(&place).unwrap();
    std::fs::create_dir(&place).unwrap();
    in_time(policies.after_failure()).await;
    std::fs::remove_dir(&place).unwrap();
    recovers(&policies, &folder).await;
}

#[test]
fn pipe_at_start_is_an_error_and_not_a_hang() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    for name in ["a.rego", "a.cedar"] {
        make_pipe(&folder.path(name));
        let refused = builder(&rig, &folder).file(folder.path("")).build().unwrap_err().to_string();
        assert!(refused.ends_with(&format!("{name}: is no regular file")), "{refused}");
        std::fs::remove_file(folder.path(name)).unwrap();
    }
}

#[test]
fn files_that_are_too_long_together_are_refused() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let mut limits = Limits::default();
    limits.policy_bytes = 10;
    folder.write("a.rego", "123456");
    folder.write("b.rego", "123456");
    let refused =
        builder(&rig, &folder).file(folder.path("")).limits(limits).build().unwrap_err().to_string();
    assert!(refused.ends_with("b.rego: is one too many for 10 bytes of policies"), "{refused}");
}

/// As Kubernetes replaces a `ConfigMap`: files are links into `..data`, which is a link that is replaced.
#[tokio::test]
async fn replaced_link_to_a_folder_is_taken_up() {
    let (rig, folder) = (Rig::new(), Folder::new());
    for (version, policy) in [("..1", "yes/a"), ("..2", "no/b")] {
        std::fs::create_dir(folder.path(version)).unwrap();
        folder.write(&format!("{version}/kest.toml"), &format!("enterprise_policies = [\"{policy}\"]"));
    }
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, folder.path(name)).unwrap();
    link("..1", "..data");
    link("..data/kest.toml", "kest.toml");
    let policies = builder(&rig, &folder).build().unwrap();
    let _watch = watched(&policies).await;
    link("..2", "..data_tmp");
    std::fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    in_time(policies.after_generation(2)).await;
    assert_eq!(failure_of(&policies), "");
}

/// An engine that does something else than naming its policies while a check loads it.
#[derive(Debug, Default, Clone)]
struct Odd {
    panics: Arc<AtomicBool>,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl Odd {
    fn hold(&self, held: bool) {
        *self.held.0.lock().unwrap() = held;
        self.held.1.notify_all();
    }
}

#[async_trait]
impl Engine for Odd {
    fn kind(&self) -> &'static str {
        "odd"
    }

    fn identity(&self) -> EngineIdentity {
        EngineIdentity::of("odd", [])
    }

    fn names(&self) -> Vec<PolicyName> {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants it");
        let held = self.held.0.lock().unwrap();
        drop(self.held.1.wait_while(held, |held| *held).unwrap());
        vec![PolicyName::new("odd").unwrap()]
    }

    async fn evaluate(&self, _: &PolicyName, _: &Input) -> Result<Verdict, EngineError> {
        Ok(Verdict::Allow)
    }
}

#[tokio::test]
async fn check_that_panics_is_on_record_and_the_next_one_tries_again() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let odd = Odd::default();
    let policies = builder(&rig, &folder).engine(odd.clone()).build().unwrap();
    let _watch = watched(&policies).await;
    odd.panics.store(true, Ordering::SeqCst);
    configuration(&folder, "no/b");
    in_time(policies.after_failure()).await;
    assert!(failure_of(&policies).contains("cannot be looked at: it ended in a panic"));
    assert_eq!(policies.status().generation, 1);
    odd.panics.store(false, Ordering::SeqCst);
    in_time(policies.after_generation(2)).await;
    assert_eq!(failure_of(&policies), "");
}

fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.policy_check_wait = Duration::from_millis(50);
    limits
}

#[tokio::test]
async fn check_that_hangs_is_on_record_holds_no_layer_and_is_waited_for() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let odd = Odd::default();
    let policies = builder(&rig, &folder).engine(odd.clone()).limits(impatient()).build().unwrap();
    let _watch = policies.watch(TICK);
    in_time(policies.after_checks(2)).await;
    odd.hold(true);
    configuration(&folder, "no/b");
    in_time(policies.after_failure()).await;
    assert!(failure_of(&policies).contains("it took longer than 50ms"), "{}", failure_of(&policies));
    policies.function(["yes/a"]).expect("a layer is built meanwhile");
    odd.hold(false);
    in_time(policies.after_generation(2)).await;
    while !failure_of(&policies).is_empty() {
        tokio::time::timeout(Duration::from_secs(60), tokio::time::sleep(TICK)).await.unwrap();
    }
}

#[test]
fn check_that_hangs_does_not_hold_the_end_of_the_runtime() {
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let odd = Odd::default();
    let policies = builder(&rig, &folder).engine(odd.clone()).limits(impatient()).build().unwrap();
    let (ended, end) = mpsc::channel();
    let stuck = odd.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let watch = runtime.block_on(async {
            let watch = watched(&policies).await;
            stuck.hold(true);
            configuration(&folder, "no/b");
            in_time(policies.after_failure()).await;
            watch
        });
        drop(runtime);
        drop(watch);
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(60)).expect("the runtime ends");
    odd.hold(false);
}

#[tokio::test]
async fn looks_are_counted_and_the_last_good_one_is_dated() {
    let recorder = DebuggingRecorder::new();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (rig, folder) = (Rig::new(), Folder::new());
    configuration(&folder, "yes/a");
    let policies = builder(&rig, &folder).build().unwrap();
    assert_eq!(policies.status().last_good_check, None);
    let _watch = watched(&policies).await;
    let good = rig.clock.now();
    assert_eq!(policies.status().last_good_check, Some(good));
    std::fs::remove_file(folder.path("kest.toml")).unwrap();
    make_pipe(&folder.path("kest.toml"));
    in_time(policies.after_failure()).await;
    rig.clock.advance(Duration::from_secs(60));
    let checks = 10;
    in_time(policies.after_checks(checks)).await;
    assert_eq!(policies.status().last_good_check, Some(good), "a failed check is no good check");
    let mut lines: Vec<String> =
        recorder.snapshotter().snapshot().into_vec().into_iter().map(named).collect();
    lines.sort();
    assert!(lines.contains(&"kest_policy_failed_checks_total kind=unreadable".to_owned()), "{lines:?}");
    let dated = good.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let dated = format!("kest_policy_last_good_check_timestamp_seconds {dated}");
    assert!(lines.contains(&dated), "{lines:?}");
}

fn named(
    (key, _, _, value): (
        metrics_util::CompositeKey,
        Option<metrics::Unit>,
        Option<metrics::SharedString>,
        DebugValue,
    ),
) -> String {
    let (_, key) = key.into_parts();
    let labels: Vec<String> = key.labels().map(|it| format!("{}={}", it.key(), it.value())).collect();
    match value {
        DebugValue::Gauge(value) => format!("{} {}", key.name(), value.into_inner()),
        DebugValue::Counter(_) | DebugValue::Histogram(_) => format!("{} {}", key.name(), labels.join(",")),
    }
}
