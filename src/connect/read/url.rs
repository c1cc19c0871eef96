//! URLs in directives: a source's base, and a connector's path.

use std::sync::Arc;

use apollo_compiler::Node;
use apollo_compiler::ast::Value;

use super::Reader;
use crate::connect::template::TemplatePart;
use crate::connect::{Source, Template};
use crate::diagnostic::Diagnostic;

const CODE: &str = "INVALID_URL";

impl Reader<'_> {
    /// `baseURL`: scheme and host, perhaps a path and a query, nothing dynamic.
    pub(super) fn base_url(&mut self, value: &Node<Value>) -> Option<String> {
        let (text, _) = self.string(value, "baseURL", CODE)?;
        match check_base(text) {
            Ok(()) => Some(text.trim_end_matches('/').to_owned()),
            Err((why, help)) => {
                let message = format!("{}: `{}` is no base URL: {why}.", self.on, text.escape_debug());
                self.error(CODE, message, Some(value)).help = help.map(str::to_owned);
                None
            }
        }
    }

    /// The text after a connector's method, below its source or one made up. `named` is `Some(None)` for a source that
    /// does not exist.
    pub(super) fn connect_url(
        &mut self,
        value: &Node<Value>,
        method: &str,
        named: Option<Option<Arc<Source>>>,
    ) -> Option<(Template, Arc<Source>)> {
        let (text, place) = self.string(value, method, CODE)?;
        let is_absolute = text.contains("://") && !text.starts_with('/') && !text.starts_with('?');
        let (base_len, source) = match (is_absolute, named) {
            (true, Some(_)) => {
                let message = format!("{} has a source and an absolute URL.", self.on);
                self.error("ABSOLUTE_CONNECT_URL_WITH_SOURCE", message, Some(value)).help =
                    Some("Write the path below the source's base URL, or remove `source`.".to_owned());
                return None;
            }
            (false, None) => {
                let message = format!("{} has a relative URL and no source.", self.on);
                self.error("RELATIVE_CONNECT_URL_WITHOUT_SOURCE", message, Some(value)).help =
                    Some("Add `source: \"…\"`, or write the whole URL.".to_owned());
                return None;
            }
            (false, Some(source)) => (0, source?),
            (true, None) => {
                let host_at = text.find("://").map_or(0, |index| index + 3);
                let end = text[host_at..].find(['/', '?', '#']).map_or(text.len(), |index| host_at + index);
                if let Err((why, help)) = check_base(&text[..end]) {
                    let message = format!("{}: `{}` is no URL: {why}.", self.on, text.escape_debug());
                    self.error(CODE, message, Some(value)).help = help.map(str::to_owned);
                    return None;
                }
                (end, Arc::new(Source::at(&text[..end])))
            }
        };
        let part = place.map(|place| place.part(base_len));
        let template = self.template(&text[base_len..], part.as_ref(), method, CODE, value)?;
        let mut offset = 0;
        for piece in &template.parts {
            match piece {
                TemplatePart::Expression(mapping) => offset += mapping.text.len() + 2,
                TemplatePart::Text(text) => {
                    if let Some((index, character)) = text.char_indices().find(|(_, c)| !is_url_character(*c)) {
                        let at = offset + index;
                        let message = if character == '#' {
                            format!("{}: a fragment (`#…`) is never sent to a service.", self.on)
                        } else {
                            format!("{}: `{}` cannot stand in a URL.", self.on, character.escape_debug())
                        };
                        let span = part.as_ref().map(|part| part.span(at..at + character.len_utf8()));
                        let diagnostic = Diagnostic::error(CODE, message)
                            .at(span.or_else(|| self.span(Some(value))), "")
                            .help("Write it percent-encoded.");
                        self.diagnostics.push(diagnostic);
                        return None;
                    }
                    offset += text.len();
                }
            }
        }
        Some((template, source))
    }
}

/// What RFC 3986 lets stand in a path or a query.
fn is_url_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~:/?[]@!$&'()*+,;=%".contains(character)
}

fn check_base(text: &str) -> Result<(), (&'static str, Option<&'static str>)> {
    if text.contains(['{', '}']) {
        return Err((
            "it cannot hold expressions",
            Some(
                "Set the address in the configuration, `services: {name: {url: …}}`, which replaces the whole base URL.",
            ),
        ));
    }
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or(("it does not begin with `http://` or `https://`", None))?;
    if text.contains('#') {
        return Err(("it has a fragment", None));
    }
    if !text.chars().all(is_url_character) {
        return Err(("it holds a character that no URL can", Some("Write it percent-encoded.")));
    }
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err(("it holds credentials", Some("Send them in a header, from `$config`.")));
    }
    let uri: http::Uri = text.parse().map_err(|_| ("it cannot be parsed", None))?;
    match uri.host() {
        Some(host) if !host.is_empty() => Ok(()),
        _ => Err(("it names no host", None)),
    }
}
