//! `weft demo`: three services, the graph over them, and what to try.

use std::fmt::Write as _;
use std::path::Path;

use form_urlencoded::byte_serialize;
use tracing::warn;
use weft::control::SchemaSource;
use weft::demo::{self, FaultArgs, Options, PROFILE_HEADER, Service};

use super::arguments::Demo;
use super::serve::{Parts, Process, Signals, configuration, flags, start};
use super::{Failure, assemble, print, runtime};

/// The folder that is served, and watched, if it holds the demo's fragments.
const SCHEMA: &str = "schema";

/// `weft demo`.
pub(super) fn run(arguments: &Demo) -> Result<(), Failure> {
    let mut flags = flags(&arguments.listeners);
    flags.dev = Some(true);
    // What is to be read here is printed; the log is for what goes wrong, and for what comes of an edited fragment.
    flags.log_level = flags.log_level.or_else(|| Some("warn,weft::control=info".to_owned()));
    let config = configuration(&flags)?;
    runtime()?.block_on(async {
        let running = demo::start(&arguments.options).await?;
        let urls = running.urls();
        let mut services = assemble::services(&config);
        for (name, url) in &urls {
            let address = &mut services.entry((*name).to_owned()).or_default().url;
            // A weft.yaml may lie here for another purpose; but what is broken by `weft demo fault` has to be what is asked.
            if address.replace(url.clone()).is_some_and(|configured| configured != *url) {
                warn!(service = name, "the configured address is not used: the demo asks its own service");
            }
        }
        let mut gateway = assemble::gateway(&config);
        let forwarded = gateway.forward_headers.by_service.entry(Service::Profile.name().to_owned()).or_default();
        forwarded.push(http::HeaderName::from_static(PROFILE_HEADER));
        let process = start(&config, Parts { source: source(), services, gateway }).await?;
        print(&welcome(&process, &urls))?;
        process.run().await;
        running.shutdown().await;
        Ok(())
    })
}

/// `weft demo --only rating`.
pub(super) fn services(options: &Options) -> Result<(), Failure> {
    runtime()?.block_on(async {
        // Before anybody can be told that it is there: whoever is told may send a signal at once.
        let mut signals = Signals::listen()?;
        let stop = async { _ = signals.next().await };
        Ok(demo::run(options, stop).await?)
    })
}

/// `weft demo fault rating --delay 2s`.
pub(super) fn fault(arguments: &FaultArgs) -> Result<(), Failure> {
    let fault = runtime()?.block_on(demo::fault(arguments))?;
    print(&format!("{}: {fault}\n", arguments.service))
}

/// The fragments in the folder, which can be edited while the demo runs; elsewhere, those in the program.
fn source() -> SchemaSource {
    let folder = Path::new(SCHEMA);
    let complete = Service::ALL.iter().all(|service| folder.join(format!("{service}.graphql")).is_file());
    if complete {
        return SchemaSource::Fragments(folder.to_path_buf());
    }
    SchemaSource::Embedded(demo::fragments().map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec())
}

fn welcome(process: &Process, urls: &[(&str, String)]) -> String {
    let graph = process.control.status().graph.clone();
    let base = format!("http://{}", process.server.address());
    let program = std::env::args().next().unwrap_or_else(|| "weft".to_owned());
    let mut text = format!(
        "\nThe demo graph is served: {} fragments, {} types, {} fields.\n\n",
        graph.fragments.len(),
        graph.types,
        graph.fields
    );
    let mut line = |what: &str, address: &str| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {what:<12}{address}");
    };
    let (_, query) = demo::queries()[0];
    let query: String =
        query.trim().lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    line(
        "playground",
        &format!("{base}/playground?query={}", byte_serialize(query.trim_end().as_bytes()).collect::<String>()),
    );
    line("GraphQL", &format!("{base}/graphql"));
    line("schema", &format!("{base}/schema.graphql"));
    if let Some(admin) = process.server.admin_address() {
        line("operators", &format!("http://{admin}/metrics and http://{admin}/graphql"));
    }
    for (name, url) in urls {
        line(name, url);
    }
    let query: String = query.lines().map(|line| format!("  {line}\n")).collect();
    let _ = write!(
        text,
        "\nA query to paste:\n\n{query}\n\
         Break a service, and run it again:\n\n  \
         {program} demo fault rating --delay 2s\n  \
         {program} demo fault rating --off\n\n\
         Ctrl-C ends it.\n"
    );
    text
}
