//! Who a client is, and what it was granted: JSON Web Tokens.
//!
//! In: a request's headers, and the keys of those who may sign tokens. Out: [`Grants`], or why the token is refused. A request without
//! a token is anonymous: it is granted nothing, and not refused.
//! What grants open is the graph's to say ([`supergraph::access`](crate::supergraph::access)), and the gateway's to keep. Deliberately
//! absent: sessions, symmetric keys, asking anybody about a single token.

mod jwk;
mod keys;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use weft_loaders::Loaders;

use crate::supergraph::Grants;
use keys::KeyRing;
use token::{Claims, Demands, Token};

pub use keys::KeySource;

/// What tokens have to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the keys are; one at least.
    pub keys: Vec<KeySource>,
    /// Whose tokens count; empty: anybody's whose key is known.
    pub issuers: Vec<String>,
    /// For whom a token has to be; empty: for anybody.
    pub audiences: Vec<String>,
    /// Where it is sent: after `Bearer`, which another header than `Authorization` may leave out.
    pub header: HeaderName,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How often the keys are read again.
    pub refresh: Duration,
    /// The claims that list scopes.
    pub scope_claims: Vec<String>,
    /// The claims that list the policies that hold for the client.
    pub policy_claims: Vec<String>,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not valid: a few words.
    Invalid(&'static str),
    /// No key could be read yet, so that nobody can tell.
    NoKeys,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => write!(f, "the token is refused: {why}"),
            Self::NoKeys => f.write_str("the token cannot be checked, because there are no keys to check it with yet"),
        }
    }
}

impl std::error::Error for Refused {}

/// Tells what clients were granted.
#[derive(Debug, Default)]
pub struct Authenticator {
    /// `None`: nobody can show who he is.
    jwt: Option<Jwt>,
}

#[derive(Debug)]
struct Jwt {
    settings: Settings,
    ring: KeyRing,
}

impl Authenticator {
    /// Everybody is anonymous.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the keys. An address that does not answer is asked again later; until then, tokens are refused.
    /// Errors: a file is unreadable, in words.
    pub async fn start(settings: Settings, loaders: Loaders) -> Result<Self, String> {
        let ring = KeyRing::new(settings.keys.clone(), loaders);
        ring.read().await?;
        Ok(Self { jwt: Some(Jwt { settings, ring }) })
    }

    /// Whether a client can show who it is at all.
    pub fn is_configured(&self) -> bool {
        self.jwt.is_some()
    }

    /// Keeps the keys current, for as long as it is polled.
    pub async fn keep_current(&self) {
        match &self.jwt {
            Some(jwt) => jwt.ring.keep_current(jwt.settings.refresh).await,
            None => std::future::pending().await,
        }
    }

    /// What the client with these headers was granted.
    pub async fn grants(&self, headers: &HeaderMap) -> Result<Grants, Refused> {
        let Some(jwt) = &self.jwt else { return Ok(Grants::default()) };
        match token_of(headers, &jwt.settings.header)? {
            None => Ok(Grants::default()),
            Some(text) => {
                let claims = jwt.claims(text, now_s()).await?;
                Ok(jwt.settings.grants(&claims))
            }
        }
    }
}

impl Jwt {
    /// The claims of a token, verified.
    async fn claims(&self, text: &str, now_s: f64) -> Result<Claims, Refused> {
        let token = Token::parse(text).map_err(Refused::Invalid)?;
        let mut verified = self.verified(&token);
        if matches!(verified, Err(Unverified::UnknownKey)) {
            self.ring.read_for_unknown().await;
            verified = self.verified(&token);
        }
        let claims = match verified {
            Ok(claims) => claims.map_err(Refused::Invalid)?,
            Err(_) if self.ring.known().iter().all(|keys| keys.is_empty()) => return Err(Refused::NoKeys),
            Err(Unverified::UnknownKey) => return Err(Refused::Invalid("nobody knows the key that it is signed with")),
            Err(Unverified::WrongSignature) => return Err(Refused::Invalid("its signature does not fit")),
        };
        let settings = &self.settings;
        let (issuers, audiences) = (&settings.issuers, &settings.audiences);
        Demands { issuers, audiences, leeway_s: settings.leeway.as_secs_f64() }
            .check(&claims, now_s)
            .map_err(Refused::Invalid)?;
        Ok(claims)
    }

    fn verified(&self, token: &Token<'_>) -> Result<Result<Claims, &'static str>, Unverified> {
        let known = self.ring.known();
        let mut candidates = known.iter().flat_map(|keys| keys.iter()).filter(|key| token.names(key)).peekable();
        // Without a name, it may be signed with a key that is newer than those that are known.
        let unverified = match candidates.peek() {
            Some(_) if token.key_id.is_some() => Unverified::WrongSignature,
            _ => Unverified::UnknownKey,
        };
        candidates.find_map(|key| token.verified_by(key)).ok_or(unverified)
    }
}

/// Why no key verifies a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unverified {
    UnknownKey,
    WrongSignature,
}

impl Settings {
    fn grants(&self, claims: &Claims) -> Grants {
        let words =
            |names: &[String]| names.iter().flat_map(|name| token::words(claims, name)).map(str::to_owned).collect();
        Grants { authenticated: true, scopes: words(&self.scope_claims), policies: words(&self.policy_claims) }
    }
}

/// The token that a request brings. Credentials that are not understood are not passed over: whoever sends them means to be somebody.
fn token_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refused::Invalid("it is sent more than once"));
    }
    let text = HeaderValue::to_str(value).map_err(|_| Refused::Invalid("it is not text"))?.trim();
    let token = match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if *name != header::AUTHORIZATION => text,
        _ => return Err(Refused::Invalid("credentials are sent as `Bearer`, a space, and the token")),
    };
    Ok(Some(token))
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
