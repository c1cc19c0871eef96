//! The shape of `weft.yaml`, before anything is decided.
//!
//! In: the file's text. Out: [`File`], every scalar still as it was written and with its place, so that a
//! wrong value found later can be pointed at. Unknown keys are refused here.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_saphyr::{Error, Spanned};

use crate::diagnostic::{Diagnostic, Source, Span};

/// A scalar and where it stands.
pub(super) type Scalar = Spanned<String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) listen: Option<Scalar>,
    pub(super) schema: Option<Scalar>,
    pub(super) supergraph: Option<Scalar>,
    pub(super) watch: Option<Scalar>,
    pub(super) dev: Option<Scalar>,
    pub(super) introspection: Option<Scalar>,
    pub(super) playground: Option<Scalar>,
    pub(super) compression: Option<Scalar>,
    pub(super) headers: Vec<Scalar>,
    pub(super) admin: Admin,
    pub(super) cors: Cors,
    pub(super) csrf: Csrf,
    pub(super) logging: Logging,
    pub(super) limits: Limits,
    pub(super) services: IndexMap<String, Service>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) enabled: Option<Scalar>,
    pub(super) listen: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cors {
    pub(super) origins: Vec<Scalar>,
    pub(super) credentials: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Csrf {
    pub(super) headers: Option<Vec<Scalar>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Logging {
    pub(super) level: Option<Scalar>,
    pub(super) format: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) body: Option<Scalar>,
    pub(super) headers: Option<Scalar>,
    pub(super) header_count: Option<Scalar>,
    pub(super) operation: Option<Scalar>,
    pub(super) tokens: Option<Scalar>,
    pub(super) recursion: Option<Scalar>,
    pub(super) depth: Option<Scalar>,
    pub(super) aliases: Option<Scalar>,
    pub(super) root_fields: Option<Scalar>,
    pub(super) directives: Option<Scalar>,
    pub(super) fields: Option<Scalar>,
    pub(super) planning_steps: Option<Scalar>,
    pub(super) documents: Option<Scalar>,
    pub(super) plans: Option<Scalar>,
    pub(super) connections: Option<Scalar>,
    pub(super) request_timeout: Option<Scalar>,
    pub(super) header_timeout: Option<Scalar>,
    pub(super) shutdown_timeout: Option<Scalar>,
    pub(super) response: Option<Scalar>,
    pub(super) service_timeout: Option<Scalar>,
    pub(super) service_connect_timeout: Option<Scalar>,
    pub(super) service_idle_timeout: Option<Scalar>,
    pub(super) service_connections: Option<Scalar>,
    pub(super) service_body: Option<Scalar>,
    pub(super) batch: Option<Scalar>,
    pub(super) cache: Option<Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Service {
    pub(super) url: Option<Scalar>,
    pub(super) headers: Vec<Scalar>,
    pub(super) timeout: Option<Scalar>,
    pub(super) config: Option<Spanned<serde_json::Map<String, serde_json::Value>>>,
}

/// Reads the file's text. The error has a place and, for an unknown key, the nearest known one.
pub(super) fn parse(source: &Arc<Source>) -> Result<File, Diagnostic> {
    // An explicit empty document (`---`, or comments only) is a file that sets nothing.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options::<Option<File>>(&source.text, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| diagnose(&error, source))
}

fn diagnose(error: &Error, source: &Arc<Source>) -> Diagnostic {
    let error = error.without_snippet();
    let span = error.location().map(|location| span(&location, source));
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let help = match nearest(field, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let known: Vec<_> = expected.iter().map(|key| format!("`{key}`")).collect();
                    format!("the settings here are {}", known.join(", "))
                }
            };
            Diagnostic::error("CONFIG_UNKNOWN_KEY", format!("there is no setting `{field}` here"))
                .at(span, "")
                .help(help)
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or_else(|| "a key".to_owned(), |key| format!("`{key}`"));
            Diagnostic::error("CONFIG_SYNTAX", format!("{key} is set twice")).at(span, "")
        }
        other => {
            let options = serde_saphyr::render_options! { snippets: serde_saphyr::SnippetMode::Off };
            let rendered = other.render_with_options(options);
            let first = rendered.lines().next().unwrap_or_default();
            // The library ends its message with the place, which the diagnostic tells in its own way.
            let message = first.split(" at line ").next().unwrap_or(first);
            let message = match message {
                "expected string scalar" => "this has to be a single value",
                "expected mapping start" => "this has to be a section: lines of `setting: value`, indented",
                "expected sequence start" => "this has to be a list: `[a, b]`, or lines of `- a`",
                other => other,
            };
            Diagnostic::error("CONFIG_SYNTAX", message).at(span, "")
        }
    }
}

/// The place of a scalar or of an error, as the project's own diagnostics tell places.
pub(super) fn span(location: &serde_saphyr::Location, source: &Arc<Source>) -> Span {
    let at = location.span();
    let start = at.byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or_else(|| {
        let line = usize::try_from(location.line()).unwrap_or(1);
        source.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
    });
    let len = at.byte_len().and_then(|len| usize::try_from(len).ok()).unwrap_or(1);
    Span::new(source, start, start.saturating_add(len))
}

/// The known word that a typing mistake most likely meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}
