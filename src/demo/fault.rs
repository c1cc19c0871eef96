//! Makes a service slow, failing, hanging or talking rubbish while it runs.
//!
//! In: a [`Fault`], by `PUT /fault` or `weft demo fault`. Out: what a client of that service suffers, until the fault is
//! changed: whoever waits because of it goes on at once. `/fault` and `/stats` themselves always answer.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::catalogue::Random;
use super::http::Failure;

/// What is wrong with a service. Several can be: a delay, and then one of the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// Wait this long before answering: 2s, 150ms
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Pause>,
    /// Wait up to this much longer, another time for each call
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Pause>,
    /// Answer with this HTTP status, 400 to 599
    #[arg(long, value_name = "CODE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Take calls and never answer
    #[arg(long)]
    pub hang: bool,
    /// Answer with status 200 and something else than what was asked for
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "html")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rubbish: Option<Rubbish>,
    /// Close the connection without an answer
    #[arg(long)]
    pub drop: bool,
    /// Only this share of the calls, from 0 to 1
    #[arg(long, value_name = "SHARE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
}

/// What a service says instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rubbish {
    /// A web page
    Html,
    /// The first half of the JSON
    Truncated,
    /// JSON in which every number is a text, every text a number, and so on
    Types,
}

/// A length of time as people write it: `2s`, `150ms`, `1m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pause(pub Duration);

impl Fault {
    /// Whether all is well.
    pub fn is_off(&self) -> bool {
        self.delay.is_none()
            && self.jitter.is_none()
            && self.status.is_none()
            && self.rubbish.is_none()
            && !self.hang
            && !self.drop
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return Err("`status` must be from 400 to 599");
        }
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err("`rate` must be from 0 to 1");
        }
        Ok(())
    }
}

/// In a few words: `delay 2000ms, status 503, for 50% of the calls`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.delay.map(|delay| format!("delay {delay}")));
        parts.extend(self.jitter.map(|jitter| format!("jitter {jitter}")));
        parts.extend(self.hang.then(|| "hanging".to_owned()));
        parts.extend(self.drop.then(|| "dropping connections".to_owned()));
        parts.extend(self.status.map(|status| format!("status {status}")));
        parts.extend(self.rubbish.map(|rubbish| format!("rubbish ({rubbish:?})").to_lowercase()));
        if parts.is_empty() {
            return f.write_str("all is well");
        }
        parts.extend(self.rate.map(|rate| format!("for {}% of the calls", rate * 100.0)));
        f.write_str(&parts.join(", "))
    }
}

impl FromStr for Pause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => 0,
        };
        match number.parse::<u64>() {
            Ok(number) if unit_ms > 0 => Ok(Self(Duration::from_millis(number.saturating_mul(unit_ms)))),
            _ => Err(format!("`{text}` is no length of time; write it like 150ms, 2s or 1m")),
        }
    }
}

impl TryFrom<String> for Pause {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

impl From<Pause> for String {
    fn from(pause: Pause) -> Self {
        pause.to_string()
    }
}

/// The fault of one service, which can change at any time.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    fault: watch::Sender<Fault>,
    /// Calls since the start: which of them a `rate` hits, and how long a `jitter` is.
    calls: AtomicU64,
}

impl Switch {
    /// All is well from now on, and whoever waits goes on.
    pub(crate) fn off(&self) {
        self.fault.send_replace(Fault::default());
    }
}

/// `GET`, `PUT` and `DELETE /fault`.
pub(crate) fn routes(switch: Arc<Switch>) -> Router {
    async fn show(State(switch): State<Arc<Switch>>) -> Json<Fault> {
        Json(switch.fault.borrow().clone())
    }
    async fn set(State(switch): State<Arc<Switch>>, body: String) -> Result<Json<Fault>, Failure> {
        let fault: Fault = serde_json::from_str(&body).map_err(|error| Failure::Invalid(error.to_string()))?;
        fault.check().map_err(|message| Failure::Invalid(message.to_owned()))?;
        switch.fault.send_replace(fault.clone());
        Ok(Json(fault))
    }
    async fn clear(State(switch): State<Arc<Switch>>) -> Json<Fault> {
        switch.off();
        Json(Fault::default())
    }
    Router::new().route("/fault", get(show).put(set).delete(clear)).with_state(switch)
}

/// The layer that lets calls suffer.
pub(crate) async fn apply(State(switch): State<Arc<Switch>>, request: Request, next: Next) -> Response {
    let fault = switch.fault.borrow().clone();
    let call = switch.calls.fetch_add(1, Ordering::Relaxed);
    if fault.is_off() || !is_hit(call, fault.rate.unwrap_or(1.0)) {
        return next.run(request).await;
    }
    let mut watcher = switch.fault.subscribe();
    // It fails only once the switch is gone, and the switch lives as long as the service.
    let changed = async { _ = watcher.wait_for(|now| *now != fault).await };
    if fault.hang {
        changed.await;
        return next.run(request).await;
    }
    // A delay that is switched off while it lasts is over.
    _ = tokio::time::timeout(pause(&fault, call), changed).await;
    if fault.drop {
        return dropped();
    }
    if let Some(status) = fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        return Failure::Broken(status).into_response();
    }
    let response = next.run(request).await;
    match fault.rubbish {
        None => response,
        Some(rubbish) => spoil(response, rubbish).await,
    }
}

/// Spreads the hits evenly instead of at random, so that half of two calls is one.
fn is_hit(call: u64, rate: f64) -> bool {
    let hits_before = |calls: u64| (calls as f64 * rate).floor();
    hits_before(call + 1) > hits_before(call)
}

fn pause(fault: &Fault, call: u64) -> Duration {
    let jitter_ms = fault.jitter.unwrap_or_default().0.as_millis().min(u128::from(u32::MAX)) as u32;
    fault.delay.unwrap_or_default().0 + Duration::from_millis(Random::new(call).below(jitter_ms).into())
}

/// A body that breaks before its first byte: the connection closes with nothing sent on it.
fn dropped() -> Response {
    let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("dropped on purpose")) });
    Body::from_stream(broken).into_response()
}

async fn spoil(response: Response, rubbish: Rubbish) -> Response {
    let (mut head, body) = response.into_parts();
    // The services make their bodies in memory: reading one cannot fail, and none is big.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let spoiled = match rubbish {
        Rubbish::Html => {
            head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            b"<!doctype html><title>Sorry</title><h1>Something went wrong</h1>".to_vec()
        }
        Rubbish::Truncated => body[..body.len() / 2].to_vec(),
        Rubbish::Types => {
            let mut value = serde_json::from_slice(&body).unwrap_or_default();
            confuse(&mut value);
            value.to_string().into_bytes()
        }
    };
    (head, spoiled).into_response()
}

fn confuse(value: &mut Value) {
    match value {
        Value::Null => *value = Value::Array(Vec::new()),
        Value::Bool(_) => *value = Value::from("yes"),
        Value::Number(_) => *value = Value::from("many"),
        Value::String(_) => *value = Value::from(42.5),
        Value::Array(values) => values.iter_mut().for_each(confuse),
        Value::Object(members) => members.values_mut().for_each(confuse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_read_back_as_they_print() {
        for (text, ms) in [("150ms", 150), ("2s", 2_000), ("1m", 60_000)] {
            let pause: Pause = text.parse().expect(text);
            assert_eq!(pause, Pause(Duration::from_millis(ms)));
            assert_eq!(pause.to_string().parse(), Ok(pause));
        }
        for text in ["", "2", "s", "-1s", "2 s", "1h", "99999999999999999999s"] {
            assert!(text.parse::<Pause>().is_err(), "{text}");
        }
    }

    #[test]
    fn faults_read_well() {
        let delay = Some(Pause(Duration::from_secs(2)));
        let fault = Fault { delay, rubbish: Some(Rubbish::Types), rate: Some(0.5), ..Fault::default() };
        assert_eq!(fault.to_string(), "delay 2000ms, rubbish (types), for 50% of the calls");
        assert_eq!(Fault { rate: Some(0.5), ..Fault::default() }.to_string(), "all is well");
    }

    #[test]
    fn a_rate_hits_its_share_of_the_calls() {
        for (rate, hits) in [(0.0, 0), (0.25, 25), (0.5, 50), (1.0, 100)] {
            assert_eq!((0..100).filter(|call| is_hit(*call, rate)).count(), hits);
        }
    }
}
