//! `weft demo fault`: tells a running service how to misbehave.

use std::time::Duration;

use reqwest::Method;

use super::fault::Fault;
use super::stats::Stats;
use super::{DemoError, Ports, Service};

/// Makes a running service slow, failing, hanging or talking rubbish
#[derive(Clone, Debug, clap::Args)]
pub struct FaultArgs {
    /// Which service
    #[arg(value_enum)]
    pub service: Service,
    /// What is wrong from now on; nothing: tell what is wrong now
    #[command(flatten)]
    pub fault: Fault,
    /// All is well again
    #[arg(long, conflicts_with_all = ["delay", "jitter", "status", "hang", "rubbish", "drop", "rate"])]
    pub off: bool,
    /// Where the services listen, if not on their usual ports
    #[arg(long, value_name = "PROFILE,VIDEO,RATING", default_value_t, env = "WEFT_DEMO_PORTS")]
    pub ports: Ports,
}

/// Changes what is wrong with a running service, or just asks. Returns what is wrong now.
pub async fn fault(args: &FaultArgs) -> Result<Fault, DemoError> {
    let (method, body) = if args.off {
        (Method::DELETE, None)
    } else if args.fault == Fault::default() {
        (Method::GET, None)
    } else {
        (Method::PUT, Some(&args.fault))
    };
    send(args.service, args.ports.of(args.service), method, "/fault", body).await
}

/// What a running service counted; with `reset`, it begins again at zero.
pub async fn stats(service: Service, port: u16, reset: Reset) -> Result<Stats, DemoError> {
    let method = match reset {
        Reset::No => Method::GET,
        Reset::Yes => Method::DELETE,
    };
    send(service, port, method, "/stats", None).await
}

/// Whether a count begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// It goes on.
    No,
    /// From zero.
    Yes,
}

async fn send<T: serde::de::DeserializeOwned>(
    service: Service,
    port: u16,
    method: Method,
    path: &str,
    body: Option<&Fault>,
) -> Result<T, DemoError> {
    let unreachable = |source| DemoError::Unreachable { service, port, source };
    let mut request = client().map_err(unreachable)?.request(method, format!("http://127.0.0.1:{port}{path}"));
    if let Some(fault) = body {
        request = request.json(fault);
    }
    let response = request.send().await.map_err(unreachable)?;
    let is_success = response.status().is_success();
    let text = response.text().await.map_err(unreachable)?;
    if !is_success {
        return Err(DemoError::Refused { service, message: message(&text) });
    }
    serde_json::from_str(&text).map_err(|_| DemoError::NotOurs { service, port })
}

/// Loopback only: no proxy, no certificates.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    // The client is built with TLS for other rooms, and wants to know its cryptography even where there is none to do.
    // An error says that somebody was here before, which is just as well.
    _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(5)).build()
}

fn message(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    body["error"]["message"].as_str().unwrap_or("no reason given").to_owned()
}
