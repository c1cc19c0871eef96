//! `weft serve`: from the configuration to a process that answers until it is told to stop.

#[cfg(unix)]
use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tracing::{info, warn};
use weft::authorization::Authenticator;
use weft::config::{Config, Flags};
use weft::control::{Control, SchemaSource, Services};
use weft::gateway;
use weft::server::{Server, VERSION};
use weft_loaders::Loaders;

use super::arguments::{Listeners, Serve};
use super::{Failure, assemble, runtime};

/// Exit code of a process that was interrupted by a signal, as shells have it.
const INTERRUPTED: i32 = 130;

/// `weft serve`.
pub(super) fn run(arguments: &Serve) -> Result<(), Failure> {
    let watch = if arguments.no_watch { Some(false) } else { arguments.watch.then_some(true) };
    let flags = Flags {
        schema: arguments.input.schema.clone(),
        supergraph: arguments.input.supergraph.clone(),
        dev: arguments.dev.then_some(true),
        watch,
        ..flags(&arguments.listeners)
    };
    let mut config = configuration(&flags)?;
    assemble::name_services(&mut config);
    let parts = Parts {
        source: assemble::source(&config),
        services: assemble::services(&config),
        gateway: assemble::gateway(&config),
    };
    runtime()?.block_on(async {
        let process = start(&config, parts).await?;
        let admin = process.server.admin_address().map(|address| format!("http://{address}"));
        info!(
            version = %VERSION,
            graphql = %format!("http://{}/graphql", process.server.address()),
            admin = admin.as_deref().unwrap_or("off"),
            dev = config.dev,
            watch = config.watch,
            "weft is ready"
        );
        process.run().await;
        Ok(())
    })
}

/// Reads the configuration and starts the log, whose first lines are what was odd about it.
pub(super) fn configuration(flags: &Flags) -> Result<Config, Failure> {
    let config = Config::load(flags)?;
    weft::telemetry::start(&config.logging)?;
    for hint in &config.hints {
        warn!("{hint}");
    }
    Ok(config)
}

/// The flags that `serve` and `demo` share.
pub(super) fn flags(listeners: &Listeners) -> Flags {
    Flags {
        config: listeners.config.clone(),
        listen: listeners.listen,
        admin_listen: listeners.admin_listen,
        log_level: listeners.log.clone(),
        log_format: listeners.log_format.map(Into::into),
        ..Flags::default()
    }
}

/// What `serve` and `demo` start with, each in its own way.
pub(super) struct Parts {
    pub(super) source: SchemaSource,
    pub(super) services: Services,
    pub(super) gateway: gateway::Settings,
}

/// A gateway whose listeners are open.
pub(super) struct Process {
    pub(super) server: Server,
    pub(super) control: Arc<Control>,
    authenticator: Arc<Authenticator>,
    signals: Signals,
    watch: bool,
}

/// Builds the graph and opens the listeners.
pub(super) async fn start(config: &Config, parts: Parts) -> Result<Process, Failure> {
    let loaders = Loaders::new(assemble::loaders(config));
    let authenticator = match assemble::authentication(config) {
        Some(settings) => Authenticator::start(settings, loaders.clone()).await.map_err(Failure::Sentence)?,
        None => Authenticator::none(),
    };
    let authenticator = Arc::new(authenticator);
    let Parts { source, services, gateway } = parts;
    // Composition is work for a processor, not for a thread that answers.
    let control = tokio::task::spawn_blocking(move || Control::start(source, services, loaders, gateway))
        .await
        .map_err(|failure| Failure::Sentence(format!("composition broke off: {failure}")))??;
    let control = Arc::new(control);
    control.tell(&control.status().last);
    if !authenticator.is_configured() && !control.gateway().snapshot().supergraph().access.is_empty() {
        warn!(
            "the graph says who may see what, and nothing says who a client is: what is kept from strangers is kept from \
             everybody until `authentication.jwt` is set"
        );
    }
    // Before anybody can be told that it is ready: whoever is told may send a signal at once.
    let signals = Signals::listen()?;
    let server = Server::bind(assemble::server(config), Arc::clone(&control), Arc::clone(&authenticator)).await?;
    Ok(Process { server, control, authenticator, signals, watch: config.watch })
}

impl Process {
    /// Serves until a signal, then finishes what is under way.
    pub(super) async fn run(mut self) {
        let (stop, stopped) = watch::channel(false);
        let watching = async {
            if self.watch {
                Arc::clone(&self.control).watch().await;
            }
            std::future::pending::<()>().await;
        };
        let signals = async {
            let signal = self.signals.next().await;
            info!(signal, "stopping; what is under way is finished");
            stop.send_replace(true);
            let signal = self.signals.next().await;
            warn!(signal, "stopping at once");
            std::process::exit(INTERRUPTED);
        };
        tokio::select! {
            () = self.server.run(stopped) => info!("stopped"),
            () = watching => {}
            () = self.authenticator.keep_current() => {}
            () = signals => {}
        }
    }
}

/// Requests to stop. From its creation on, a signal does not end the process by itself any more.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error: io::Error| Failure::Sentence(format!("cannot listen for signals: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The next one.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler, the signal ends the process by itself.
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
