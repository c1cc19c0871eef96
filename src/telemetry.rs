//! The log: structured events on standard error.
//!
//! In: a filter and a form. Out: a subscriber for the whole process. Standard output stays free for what a command
//! was asked for. Variables, keys, tokens and headers are never given to an event in the first place.

use std::fmt;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFilter, LogFormat, Logging, Setting};

/// The filter cannot be read.
#[derive(Debug)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no log level: it is one of error, warn, info, debug and trace, or as in `info,weft=debug`",
            self.0
        )
    }
}

impl std::error::Error for FilterError {}

/// Starts the log. A process has one: a second call changes nothing.
pub fn start(logging: &Logging) -> Result<(), FilterError> {
    let refused = || FilterError(logging.level.clone());
    let level = LogFilter::parse(logging.level.trim()).ok_or_else(refused)?;
    let filter = EnvFilter::try_new(level.0).map_err(|_| refused())?;
    let terminal = std::io::stderr().is_terminal();
    let json = match logging.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that the process has a log already.
    let started = if json {
        builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        builder.with_ansi(terminal).with_target(false).compact().try_init()
    };
    if started.is_ok() {
        panics_are_logged();
    }
    Ok(())
}

/// A panic costs one request, and is told as everything else is: a line for itself, in the form that was asked for.
fn panics_are_logged() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.message = message, panic.place = place, "a bug: something panicked");
    }));
}
