//! A fleet whose identities are issued, proved, renewed and revoked: the demonstration, and its processes.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fleet::{authority, controller, demo, executors};
use tracing_subscriber::EnvFilter;

/// A controller and its executors get their identities from an authority, and go on while all of it rotates.
#[derive(Debug, Parser)]
#[command(name = "fleet", version)]
struct Program {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    demo: demo::Demo,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The authority, until it is ended.
    Authority(authority::Flags),
    /// The controller, until it is ended.
    Controller(controller::Flags),
    /// Several executors in one process, until it is ended.
    Executors(executors::Flags),
}

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_unset| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_writer(io::stderr).with_env_filter(filter).init();
    let outcome = match program.command {
        None => program.demo.run().await,
        Some(Command::Authority(flags)) => authority::run(flags).await.map(|()| true),
        Some(Command::Controller(flags)) => controller::run(flags).await.map(|()| true),
        Some(Command::Executors(flags)) => executors::run(flags).await.map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                text.push_str(": ");
                text.push_str(&next.to_string());
                cause = next.source();
            }
            // Nothing is left to do when even standard error is gone.
            drop(writeln!(io::stderr(), "fleet: {text}"));
            ExitCode::from(2)
        }
    }
}
