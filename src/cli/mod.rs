//! The command line.
//!
//! In: arguments. Out: one of a few commands, and an exit code. The program is one match; what goes wrong is one clear
//! sentence on standard error, or the diagnostics that say which line to mend.
//!
//! Exit codes: 0 it did what it was asked to; 1 it could not, and said why; 2 the command line itself is wrong;
//! 130 it was interrupted a second time while it was finishing.

mod arguments;
mod assemble;
mod demo;
mod graph;
mod serve;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use weft::config::ConfigError;
use weft::control::{SourceError, StartError};
use weft::demo::DemoError;
use weft::server::BindError;
use weft::telemetry::FilterError;

use arguments::{Arguments, Command, DemoCommand};

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Demo(demo) => match demo.command {
            Some(DemoCommand::Fault(fault)) => demo::fault(&fault),
            None if demo.options.only.is_some() => demo::services(&demo.options),
            None => demo::run(&demo),
        },
        Command::Check(input) => graph::check(&input),
        Command::Compose(compose) => graph::compose(&compose),
        Command::Plan(plan) => graph::plan(&plan),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(failure) => {
            let text = failure.to_string();
            // Diagnostics begin with the place in a file, where editors look for it.
            let prefix = if matches!(failure, Failure::Diagnosed(_)) { "" } else { "weft: " };
            let _ = writeln!(io::stderr(), "{prefix}{text}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
enum Failure {
    /// It is on the screen already.
    Told,
    /// One sentence.
    Sentence(String),
    /// Diagnostics, rendered.
    Diagnosed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => Ok(()),
            Self::Sentence(text) | Self::Diagnosed(text) => f.write_str(text.trim_end()),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Invalid(_) => Self::Diagnosed(error.to_string()),
            ConfigError::Unreadable(..) => Self::Sentence(error.to_string()),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Composition(_) => Self::Diagnosed(error.to_string()),
            StartError::Source(error) => error.into(),
        }
    }
}

/// Failures that are one sentence already.
macro_rules! sentences {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Sentence(error.to_string())
            }
        }
    )+};
}

sentences!(BindError, DemoError, FilterError, SourceError);

/// Writes to standard output. A reader that has seen enough (`weft compose | head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Sentence(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A runtime for the commands that serve.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Sentence(format!("cannot start worker threads: {error}")))
}
