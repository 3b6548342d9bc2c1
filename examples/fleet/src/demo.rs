//! The demonstration: a fleet under load while everything rotates, an authority that is away, and those who try to get in.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use kest::core::BoxError;
use kest_authority::Place;
use serde::Serialize;

use crate::executors::Tally;
use crate::operator::{self, Operator};
use crate::process::Process;
use crate::{authority, controller, thefts};

/// How much of it.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Says all of it as one object.
    #[arg(long)]
    pub json: bool,
    /// Certificates that are renewed under load.
    #[arg(long, default_value_t = 1000)]
    pub leaf_rotations: u64,
    /// Roots that are replaced under load.
    #[arg(long, default_value_t = 10)]
    pub root_rotations: u64,
    /// Processes of executors.
    #[arg(long, default_value_t = 3)]
    pub processes: usize,
    /// Executors in each of them.
    #[arg(long, default_value_t = 8)]
    pub executors: usize,
}

/// What was tried, and what came of it.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was tried.
    pub tried: String,
    /// How it was answered.
    pub answered: String,
    /// Whether that is what should happen.
    pub held: bool,
}

impl Row {
    /// What was tried, how it was answered, and whether it should be.
    pub fn new(tried: impl Into<String>, answered: impl Into<String>, held: bool) -> Self {
        Self { tried: tried.into(), answered: answered.into(), held }
    }
}

#[derive(Debug, Serialize)]
struct Account {
    held: bool,
    rows: Vec<Row>,
}

impl Demo {
    /// Plays all of it, and says whether all of it held.
    ///
    /// # Errors
    ///
    /// When a part of the fleet cannot be started, or ends.
    pub async fn run(self) -> Result<bool, BoxError> {
        let folder = tempfile::tempdir()?;
        let mut fleet = Fleet::start(folder.path()).await?;
        let mut rows = vec![self.rotate(&mut fleet).await?];
        rows.extend(thefts::play(&fleet).await?);
        rows.push(outage(&mut fleet).await?);
        fleet.end().await?;
        let held = rows.iter().all(|row| row.held);
        self.show(&Account { held, rows })?;
        Ok(held)
    }

    /// Load from all executors until all has rotated as often as it should.
    async fn rotate(&self, fleet: &mut Fleet) -> Result<Row, BoxError> {
        let mut processes = Vec::new();
        for process in 0..self.processes {
            let names: Vec<String> =
                (0..self.executors).map(|number| format!("executor-{process}-{number}")).collect();
            processes.push(fleet.executors(&names).await?);
        }
        let (mut roots, mut sum) = (0, Tally::default());
        while roots < self.root_rotations || sum.renewed < self.leaf_rotations {
            sum = Tally::default();
            for process in &mut processes {
                sum = sum.plus(process.hears().await?);
            }
            if roots < self.root_rotations && fleet.operator.rotate_root(ROOT_OVERLAP).await? {
                roots += 1;
            }
            self.progress(&sum, roots)?;
        }
        for process in processes {
            process.end().await?;
        }
        let Tally { sent, failed, renewed, not_renewed, not_ready, .. } = sum;
        let answered = format!(
            "{sent} requests, {failed} failed; {renewed} certificates and {roots} roots replaced, {not_renewed} tries to renew failed"
        );
        Ok(Row::new("load while all rotates", answered, failed == 0 && not_ready == 0 && sent > 0))
    }

    fn progress(&self, sum: &Tally, roots: u64) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let Tally { sent, failed, renewed, .. } = sum;
        let mut err = io::stderr().lock();
        write!(err, "\r{sent} requests, {failed} failed; {renewed} certificates, {roots} roots replaced ")?;
        err.flush()
    }

    fn show(&self, account: &Account) -> Result<(), BoxError> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(account)?)?;
            return Ok(());
        }
        writeln!(io::stderr())?;
        for Row { tried, answered, held } in &account.rows {
            writeln!(out, "{} {tried}: {answered}", if *held { "held  " } else { "FAILED" })?;
        }
        writeln!(out, "{}", if account.held { "all of it held" } else { "not all of it held" })?;
        Ok(())
    }
}

/// The authority is killed, for longer than a certificate lives. A workload with a next ticket comes back by itself.
async fn outage(fleet: &mut Fleet) -> Result<Row, BoxError> {
    let name = "executor-late".to_owned();
    let mut process = fleet.executors(std::slice::from_ref(&name)).await?;
    // The controller has its key by then.
    let ready = process.until(|tally| tally.sent > 3 && tally.not_ready == 0).await?;
    fleet.kill_authority().await?;
    let red = process.until(|tally| tally.not_ready == 1).await?;
    let over = process.until(|tally| tally.not_renewed > red.not_renewed + 3).await?;
    fleet.start_authority().await?;
    fleet.give(&name, Place::Free).await?;
    fleet.give("controller", Place::Free).await?;
    let back = process.until(|tally| tally.not_ready == 0 && tally.renewed > over.renewed).await?;
    let mut last = back;
    let whole = process.until(|tally| {
        let goes_on = tally.sent >= last.sent + 3 && tally.failed == last.failed;
        last = *tally;
        goes_on
    });
    let whole = whole.await;
    process.end().await?;
    let answered = format!(
        "not ready once its certificate ended, {} tries to renew failed, ready again by itself",
        over.not_renewed
    );
    let held = ready.failed == 0 && red.failed == 0 && whole.is_ok();
    Ok(Row::new("authority killed for longer than a certificate lives", answered, held))
}

/// The authority and the controller, and where all of it lies.
#[derive(Debug)]
pub struct Fleet {
    folder: PathBuf,
    authority: Option<Process>,
    controller: Process,
    listening: authority::Listening,
    /// The address of the controller.
    pub controller_address: SocketAddr,
    /// The operator of the authority.
    pub operator: Operator,
}

impl Fleet {
    async fn start(folder: &Path) -> Result<Self, BoxError> {
        std::fs::create_dir(folder.join("authority"))?;
        std::fs::create_dir(folder.join("identities"))?;
        std::fs::create_dir(folder.join("tickets"))?;
        operator::begin(&folder.join("authority"), LIFE)?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (authority, listening) = serve(folder, any, any).await?;
        let operator = Operator::of(&folder.join("authority"), listening.workloads, LIFE).await?;
        write_ticket(folder, "controller", &operator.ticket("controller", Place::Free).await?.reveal())?;
        let mut controller = Process::start([
            "controller".to_owned(),
            format!("--folder={}", folder.join("controller").display()),
            format!("--authority=https://{}", listening.enrolments),
            format!("--ticket={}", folder.join("tickets/controller").display()),
        ])?;
        let controller::Listening { address } = controller.hears().await?;
        Ok(Self {
            folder: folder.to_owned(),
            authority: Some(authority),
            controller,
            listening,
            controller_address: address,
            operator,
        })
    }

    /// Where the authority enrols.
    #[must_use]
    pub fn authority_url(&self) -> String {
        format!("https://{}", self.listening.enrolments)
    }

    /// Where the controller is.
    #[must_use]
    pub fn controller_url(&self) -> String {
        format!("https://{}", self.controller_address)
    }

    /// Where identities are kept.
    #[must_use]
    pub fn identities(&self) -> PathBuf {
        self.folder.join("identities")
    }

    /// Puts a ticket for `name` where its process finds it.
    ///
    /// # Errors
    ///
    /// When no ticket can be had.
    pub async fn give(&self, name: &str, place: Place) -> Result<(), BoxError> {
        write_ticket(&self.folder, name, &self.operator.ticket(name, place).await?.reveal())?;
        Ok(())
    }

    async fn executors(&self, names: &[String]) -> Result<Process, BoxError> {
        for name in names {
            self.give(name, Place::Free).await?;
        }
        let flags = [
            "executors".to_owned(),
            format!("--folder={}", self.identities().display()),
            format!("--tickets={}", self.folder.join("tickets").display()),
            format!("--authority={}", self.authority_url()),
            format!("--controller={}", self.controller_url()),
        ];
        Process::start(flags.into_iter().chain(names.iter().cloned()))
    }

    async fn kill_authority(&mut self) -> Result<(), BoxError> {
        match self.authority.take() {
            Some(authority) => authority.kill().await,
            None => Ok(()),
        }
    }

    async fn start_authority(&mut self) -> Result<(), BoxError> {
        let (authority, listening) =
            serve(&self.folder, self.listening.enrolments, self.listening.workloads).await?;
        (self.authority, self.listening) = (Some(authority), listening);
        Ok(())
    }

    async fn end(self) -> Result<(), BoxError> {
        self.controller.end().await?;
        if let Some(authority) = self.authority {
            authority.end().await?;
        }
        Ok(())
    }
}

async fn serve(
    folder: &Path,
    enrolments: SocketAddr,
    workloads: SocketAddr,
) -> Result<(Process, authority::Listening), BoxError> {
    let mut process = Process::start([
        "authority".to_owned(),
        format!("--folder={}", folder.join("authority").display()),
        format!("--enrolments={enrolments}"),
        format!("--workloads={workloads}"),
        format!("--life={}", LIFE.as_secs()),
    ])?;
    let listening = process.hears().await?;
    Ok((process, listening))
}

/// Readable by its owner alone, and whole from the beginning.
fn write_ticket(folder: &Path, name: &str, ticket: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = folder.join("tickets").join(name);
    let beside = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(ticket.as_bytes())?;
    std::fs::rename(beside, path)
}

/// Short enough to be seen to end.
pub const LIFE: Duration = Duration::from_secs(6);

/// Longer than a workload takes to ask for the bundle again.
const ROOT_OVERLAP: Duration = Duration::from_secs(3);
