//! JSON Web Tokens: taking one apart, and whether what it claims counts now and here.
//!
//! In: the token's text; the keys; the issuers and audiences that count. Out: its claims, or why it is refused, in words that a client's
//! author can use and that tell nothing of the keys.
//! A token is verified by a key that is known here, by that key's own algorithm. What a token says of where its key is (`jku`, `jwk`,
//! `x5c`, …) is not read.
//! Source: RFC 7515, RFC 7519, RFC 8725.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwk::{Algorithm, Key};

/// The claims of a token.
pub(super) type Claims = Map<String, Value>;

/// A token's parts, nothing of which counts until it is verified.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// Which key is said to have signed it.
    pub(super) key_id: Option<String>,
    algorithm: Algorithm,
    /// What is signed: the text up to the second dot.
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Token<'a> {
    /// Takes it apart. Errors: why it is no such token.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        const NO_TOKEN: &str = "it is not a signed JSON Web Token";
        let (signed, signature) = text.rsplit_once('.').ok_or(NO_TOKEN)?;
        let (header, payload) = signed.split_once('.').ok_or(NO_TOKEN)?;
        if payload.contains('.') {
            return Err(NO_TOKEN);
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| NO_TOKEN)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| NO_TOKEN)?;
        if header.crit.is_some() {
            return Err("it demands that an extension be understood which is not");
        }
        let algorithm = Algorithm::named(&header.alg).ok_or("its algorithm is not accepted")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| NO_TOKEN)?;
        Ok(Self { key_id: header.kid, algorithm, signed, signature })
    }

    /// Whether a key may have signed it: by its name, if the token gives one, and by its algorithm.
    pub(super) fn names(&self, key: &Key) -> bool {
        key.algorithm == self.algorithm && (self.key_id.is_none() || self.key_id == key.id)
    }

    /// Its claims, if the key signed it.
    pub(super) fn verified_by(&self, key: &Key) -> Option<Result<Claims, &'static str>> {
        if !self.names(key) || !key.verifies(self.signed.as_bytes(), &self.signature) {
            return None;
        }
        let payload = self.signed.split_once('.').and_then(|(_, payload)| URL_SAFE_NO_PAD.decode(payload).ok());
        let claims = payload.and_then(|payload| serde_json::from_slice(&payload).ok());
        Some(claims.ok_or("its claims are not a JSON object"))
    }
}

/// What a token has to claim.
#[derive(Debug, Default)]
pub(super) struct Demands<'a> {
    /// One of these; empty: any.
    pub(super) issuers: &'a [String],
    /// One of these; empty: any.
    pub(super) audiences: &'a [String],
    /// How far clocks may differ.
    pub(super) leeway_s: f64,
}

impl Demands<'_> {
    /// Whether verified claims count at a time, in seconds since 1970. A claim of another type than it has to be never passes for one
    /// that is not there.
    pub(super) fn check(&self, claims: &Claims, now_s: f64) -> Result<(), &'static str> {
        let time = |name: &str| claims.get(name).map(|value| value.as_f64().ok_or("one of its times is not a number"));
        let expires = time("exp").ok_or("it never expires")??;
        if now_s >= expires + self.leeway_s {
            return Err("it has expired");
        }
        if let Some(begins) = time("nbf")
            && now_s + self.leeway_s < begins?
        {
            return Err("it is not valid yet");
        }
        let is_one_of = |known: &[String], value: &Value| {
            value.as_str().is_some_and(|value| known.iter().any(|known| known == value))
        };
        if !self.issuers.is_empty() && !claims.get("iss").is_some_and(|issuer| is_one_of(self.issuers, issuer)) {
            return Err("it is of another issuer");
        }
        let is_for_us = |audience: &Value| match audience {
            Value::Array(all) => all.iter().any(|one| is_one_of(self.audiences, one)),
            one => is_one_of(self.audiences, one),
        };
        if !self.audiences.is_empty() && !claims.get("aud").is_some_and(is_for_us) {
            return Err("it is for another audience");
        }
        Ok(())
    }
}

/// The words of a claim: a list of strings, or one string with spaces between them. A claim is looked up by its whole name first,
/// then as a path with dots. What is of another shape grants nothing.
pub(super) fn words<'c>(claims: &'c Claims, name: &str) -> Vec<&'c str> {
    let found = claims.get(name).or_else(|| {
        let mut steps = name.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_object()?.get(step))
    });
    match found {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
