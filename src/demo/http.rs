//! What the two HTTP/JSON services have in common: failures, lists of ids, lifetimes.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::catalogue::number;

/// An answer that is none. Its body is `{"error": {"code": …, "message": …}}`.
pub(crate) enum Failure {
    /// There is no such thing.
    NotFound(&'static str),
    /// The call makes no sense.
    Invalid(String),
    /// A fault, on purpose.
    Broken(StatusCode),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "NOT_FOUND", format!("there is no such {what}")),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, "INVALID", message),
            Self::Broken(status) => (status, "BROKEN", "broken on purpose".to_owned()),
        };
        (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
    }
}

/// An answer that everybody may keep for so many seconds.
pub(crate) fn public<T>(max_age: &'static str, body: T) -> ([(HeaderName, &'static str); 1], Json<T>) {
    ([(header::CACHE_CONTROL, max_age)], Json(body))
}

/// How many a client gets that asks for so many: from 0 to 100.
pub(crate) fn page(first: Option<i64>, default: usize) -> usize {
    first.map_or(default, |first| first.clamp(0, 100) as usize)
}

/// The id of a video in a JSON body: a number, or its text. `None` for what cannot be one.
#[derive(Clone, Copy)]
pub(crate) struct VideoId(pub(crate) Option<u32>);

impl<'de> Deserialize<'de> for VideoId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u32),
            Text(String),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Number(id) => Some(id),
            Either::Text(text) => number(&text),
        }))
    }
}
