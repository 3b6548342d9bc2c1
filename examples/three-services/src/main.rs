//! Three services, one verified passport: the demonstration, and one hop as a process of its own.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kest::core::BoxError;
use kest::telemetry::{Guard, export};
use three_services::{demo, flags, hop};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// A request crosses several services and its lineage is proved at every hop.
#[derive(Debug, Parser)]
#[command(name = "three-services", version)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs an issuer and N services on loopback, prints what they proved, then plays attacks.
    Demo(demo::Demo),
    /// Runs one service until it is interrupted.
    Hop(Box<flags::HopFlags>),
}

fn main() -> ExitCode {
    let command = Program::parse().command.unwrap_or(Command::Demo(demo::Demo::default()));
    let outcome = observe(&command).and_then(|_spans| {
        let runtime = tokio::runtime::Runtime::new()?;
        let outcome = runtime.block_on(async {
            match command {
                Command::Demo(demo) => demo.run().await,
                Command::Hop(flags) => hop::run(*flags).await,
            }
        });
        // Work that blocks, a look-up of a name for instance, is not waited for: it is not needed any more.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                text.push_str(": ");
                text.push_str(&next.to_string());
                cause = next.source();
            }
            // Nothing is left to do when even standard error is gone.
            drop(writeln!(io::stderr(), "three-services: {text}"));
            ExitCode::from(2)
        }
    }
}

/// Lines to standard error, and spans to where the flags say; what is left of them goes out with the guard.
fn observe(command: &Command) -> Result<Option<Guard>, BoxError> {
    let (spans, guard) = match command {
        Command::Hop(flags) => flags.spans(),
        Command::Demo(_) => None,
    }
    .map(|(service, exporter)| export(service, exporter))
    .transpose()?
    .unzip();
    // Spans are for the collector: lines are no shorter with them.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| EnvFilter::new("warn,kest=info,kest.core=off"));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(spans).with(lines).try_init()?;
    Ok(guard)
}
