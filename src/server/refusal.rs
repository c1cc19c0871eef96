//! What is answered when a request does not reach the gateway.
//!
//! In: a status, a sentence, a code. Out: a GraphQL response with one error and no `data`.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::negotiate::MediaType;
use crate::authorization;

/// A request that is refused at the edge.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    /// For 405.
    allow: Option<&'static str>,
    /// For 401.
    challenge: Option<String>,
    media: MediaType,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), allow: None, challenge: None, media: MediaType::Json }
    }

    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// The request brings credentials that do not count.
    pub(super) fn unauthenticated(refused: authorization::Refused) -> Self {
        match refused {
            authorization::Refused::NoKeys => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "AUTHENTICATION_UNAVAILABLE", refused.to_string())
            }
            authorization::Refused::Invalid(why) => Self {
                // RFC 6750, 3.
                challenge: Some(format!("Bearer error=\"invalid_token\", error_description=\"{why}\"")),
                ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", refused.to_string())
            },
        }
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    pub(super) fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Answers in the type that the client asked for.
    pub(super) fn media(mut self, media: MediaType) -> Self {
        self.media = media;
        self
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"errors": [{"message": self.message, "extensions": {"code": self.code}}]});
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media.content_type()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(challenge) = self.challenge.and_then(|challenge| HeaderValue::from_str(&challenge).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
