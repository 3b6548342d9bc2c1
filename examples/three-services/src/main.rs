//! Three services, one verified passport: the demonstration, and one hop as a process of its own.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kest::core::BoxError;
use three_services::{demo, flags, hop};

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
    let program = Program::parse();
    log_to_standard_error();
    let outcome = tokio::runtime::Runtime::new().map_err(BoxError::from).and_then(|runtime| {
        let outcome = runtime.block_on(async {
            match program.command.unwrap_or(Command::Demo(demo::Demo::default())) {
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

fn log_to_standard_error() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("warn,kest=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}
