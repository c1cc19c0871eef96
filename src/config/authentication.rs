//! The sections `authentication` and `authorization`.
//!
//! In: the file's sections and the variables. Out: [`Authentication`] and [`Unauthorized`], plain values.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Diagnostic;

use super::units::{Header, HttpUrl, Setting};
use super::{Resolver, file};

/// How clients show who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authentication {
    /// By JSON Web Tokens; `None`: not at all.
    pub jwt: Option<Jwt>,
}

/// What tokens have to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// Where the keys are; never empty.
    pub jwks: Vec<KeySet>,
    /// Whose tokens count; empty: anybody's whose key is known.
    pub issuers: Vec<String>,
    /// For whom a token has to be; empty: for anybody.
    pub audiences: Vec<String>,
    /// The request header with the token.
    pub header: http::HeaderName,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How often the keys are read again.
    pub refresh: Duration,
    /// The claims that list scopes.
    pub scope_claims: Vec<String>,
    /// The claims that list policies.
    pub policy_claims: Vec<String>,
}

/// Where a JWK set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySet {
    /// A file.
    File(PathBuf),
    /// An address.
    Url(String),
}

impl Setting for KeySet {
    const EXPECTED: &'static str = "an `https` or `http` address of a JWK set, or the path of a file with one";
    fn parse(text: &str) -> Option<Self> {
        if text.contains("://") {
            return HttpUrl::parse(text).map(|url| Self::Url(url.0));
        }
        PathBuf::parse(text).map(Self::File)
    }
}

/// What happens to an operation that selects what its client may not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    /// The fields are null, and the rest is answered.
    Filter,
    /// Nothing is answered.
    Refuse,
}

impl Setting for Unauthorized {
    const EXPECTED: &'static str = "`filter` or `refuse`";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "filter" => Some(Self::Filter),
            "refuse" => Some(Self::Refuse),
            _ => None,
        }
    }
}

impl Resolver<'_> {
    pub(super) fn authentication(&mut self, raw: &file::Jwt, in_folder: &dyn Fn(PathBuf) -> PathBuf) -> Authentication {
        let jwks = self.layered_list("WEFT_AUTHENTICATION_JWT_JWKS", raw.jwks.as_deref());
        let issuers = self.list::<String>("WEFT_AUTHENTICATION_JWT_ISSUERS", raw.issuers.as_deref());
        let audiences = self.list::<String>("WEFT_AUTHENTICATION_JWT_AUDIENCES", raw.audiences.as_deref());
        let header = self.optional::<Header>("WEFT_AUTHENTICATION_JWT_HEADER", &raw.header);
        let leeway = self.optional("WEFT_AUTHENTICATION_JWT_LEEWAY", &raw.leeway);
        let refresh = self.optional("WEFT_AUTHENTICATION_JWT_REFRESH", &raw.refresh);
        let scope_claims = self.list("WEFT_AUTHENTICATION_JWT_SCOPE_CLAIMS", raw.scope_claims.as_deref());
        let policy_claims = self.list("WEFT_AUTHENTICATION_JWT_POLICY_CLAIMS", raw.policy_claims.as_deref());
        let keys = jwks.into_iter().flat_map(|(layer, keys)| keys.into_iter().map(move |key| (layer, key)));
        let keys: Vec<KeySet> = keys
            .map(|(layer, key)| match key {
                KeySet::File(path) if layer == 2 => KeySet::File(in_folder(path)),
                key => key,
            })
            .collect();
        if keys.is_empty() {
            let others = issuers.is_some() || audiences.is_some() || header.is_some() || scope_claims.is_some();
            if (others || policy_claims.is_some()) && raw.jwks.as_ref().is_none_or(Vec::is_empty) {
                let message =
                    "tokens are to be checked, but `authentication.jwt.jwks` names no keys to check them with";
                self.errors.push(
                    Diagnostic::error("CONFIG_CONFLICT", message)
                        .help("give the address of the issuer's JWK set, or a file with it"),
                );
            }
            return Authentication::default();
        }
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Authentication {
            jwt: Some(Jwt {
                jwks: keys,
                issuers: issuers.unwrap_or_default(),
                audiences: audiences.unwrap_or_default(),
                header: header.map_or(http::header::AUTHORIZATION, |header| header.0),
                leeway: leeway.unwrap_or(Duration::from_secs(30)),
                refresh: refresh.unwrap_or(Duration::from_secs(60)),
                scope_claims: scope_claims.unwrap_or_else(|| names(&["scope", "scp"])),
                policy_claims: policy_claims.unwrap_or_else(|| names(&["policies"])),
            }),
        }
    }
}
