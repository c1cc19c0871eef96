//! What can be typed, and what `--help` teaches.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use weft::{config, demo};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// One declarative graph over many backend services.
///
/// Every team writes one schema fragment; Weft composes them into one GraphQL API, plans which service answers
/// which part of a query, and gives late or broken services their fallbacks.
#[derive(Debug, Parser)]
#[command(
    name = "weft",
    version = env!("WEFT_VERSION"),
    styles = STYLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  weft demo                          three services and a graph over them, to explore
  weft check schema/                 does it compose? if not: which line, and what to do
  weft serve schema/ --dev           serve a folder of fragments, and reload when one changes
  weft plan query.graphql            which service would be asked what

Exit codes: 0 done; 1 it could not be done, and why is on the screen; 2 the command line is wrong."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve a graph: fragments from a folder, or a ready supergraph
    Serve(Serve),
    /// Try it: three services with generated data, and the graph over them
    Demo(Box<Demo>),
    /// Say what is wrong with the fragments of a folder, with file, line and column
    Check(Check),
    /// Print the supergraph that a folder of fragments composes to
    Compose(Compose),
    /// Print how an operation would be answered: which service is asked what, in which order
    Plan(Plan),
}

/// Settings that `serve` and `demo` share. Each is also in weft.yaml, and most are WEFT_* variables.
#[derive(Debug, Default, Args)]
pub(super) struct Listeners {
    /// Where clients are served [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) listen: Option<SocketAddr>,
    /// Where operators are served: metrics and the control graph [default: 127.0.0.1:9090]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) admin_listen: Option<SocketAddr>,
    /// The configuration file [default: weft.yaml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What is logged: error, warn, info, debug, trace, or as in `info,weft=debug`
    #[arg(long, value_name = "LEVEL")]
    pub(super) log: Option<String>,
    /// How it is logged [default: text on a terminal, json elsewhere]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(super) log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormat {
    Auto,
    Text,
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weft serve                                     the fragments in schema/
  weft serve fragments/ --listen 0.0.0.0:8080    another folder, for other machines
  weft serve --supergraph supergraph.graphql     what another tool has composed
  weft serve --dev                               with introspection and the playground

The flags win over WEFT_* variables, these over weft.yaml. Settings: docs/configuration.md.
It stops on SIGTERM or Ctrl-C after what is under way is answered; a second one ends it at once.")]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) input: Input,
    #[command(flatten)]
    pub(super) listeners: Listeners,
    /// A developer's machine: introspection and the playground are on
    #[arg(long)]
    pub(super) dev: bool,
    /// Reload when a file changes [default]
    #[arg(long, overrides_with = "no_watch")]
    pub(super) watch: bool,
    /// Keep the graph of the start
    #[arg(long)]
    pub(super) no_watch: bool,
}

/// Where a graph comes from.
#[derive(Debug, Args)]
pub(super) struct Input {
    /// A folder of schema fragments (*.graphql), or one fragment [default: schema]
    #[arg(value_name = "PATH", conflicts_with = "supergraph")]
    pub(super) schema: Option<PathBuf>,
    /// A ready supergraph file (join spec v0.1 to v0.5) instead of fragments
    #[arg(long, value_name = "FILE")]
    pub(super) supergraph: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) input: Input,
    /// The configuration file, for addresses of services and the like [default: weft.yaml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  weft demo                              then open the playground that it names
  weft demo fault rating --delay 2s      in another terminal: watch its fields fall back
  weft demo fault rating --off           all is well again
  weft demo --only rating                one service alone, without a gateway"
)]
pub(super) struct Demo {
    #[command(subcommand)]
    pub(super) command: Option<DemoCommand>,
    #[command(flatten)]
    pub(super) options: demo::Options,
    #[command(flatten)]
    pub(super) listeners: Listeners,
}

#[derive(Debug, Subcommand)]
pub(super) enum DemoCommand {
    /// Make a running service slow, failing, hanging or talking rubbish
    #[command(after_help = "\
Examples:
  weft demo fault rating                       what is wrong now?
  weft demo fault rating --delay 2s            slower than its timeout
  weft demo fault video --status 503 --rate 0.5
  weft demo fault profile --rubbish=truncated
  weft demo fault rating --off")]
    Fault(demo::FaultArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weft compose schema/
  weft compose schema/ --output supergraph.graphql")]
pub(super) struct Compose {
    #[command(flatten)]
    pub(super) input: Input,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weft plan query.graphql
  weft plan query.graphql --variables '{\"id\": \"v1\"}'
  echo '{ currentProfile { name } }' | weft plan -")]
pub(super) struct Plan {
    /// The file with the operation; - for standard input
    #[arg(value_name = "QUERY.graphql")]
    pub(super) query: PathBuf,
    /// A folder of schema fragments, or one fragment [default: schema]
    #[arg(long, value_name = "PATH", conflicts_with = "supergraph")]
    pub(super) schema: Option<PathBuf>,
    /// A ready supergraph file instead of fragments
    #[arg(long, value_name = "FILE")]
    pub(super) supergraph: Option<PathBuf>,
    /// The configuration file, for addresses of services and the like [default: weft.yaml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Which operation, where the file has several
    #[arg(long, value_name = "NAME")]
    pub(super) operation: Option<String>,
    /// Variables, as a JSON object
    #[arg(long, value_name = "JSON")]
    pub(super) variables: Option<String>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    config::parse_address(text)
}

impl From<LogFormat> for config::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Auto => Self::Auto,
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}
