//! Content negotiation: which media type an answer has, and whether a body's type is one that is read here.
//!
//! In: `Accept` and `Content-Type`. Out: a [`MediaType`], or nothing where the client accepts neither.
//! Source: GraphQL over HTTP, Media Types; RFC 9110, 12.5.1.

use http::{HeaderMap, header};

/// The two types that an answer can have. They differ in the status codes that go with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/json`: 200 for every well-formed request, as clients of old expect.
    Json,
    /// `application/graphql-response+json`: the status tells what happened.
    GraphqlResponse,
}

impl MediaType {
    /// As the `Content-Type` of an answer.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }
}

/// More ranges than this are no browser's and no client's; the rest is not looked at.
const RANGES_MAX: usize = 64;

/// The type that the client prefers. `None`: it accepts neither, which is a 406.
pub(super) fn accept(headers: &HeaderMap) -> Option<MediaType> {
    let mut json = Preference::default();
    let mut graphql = Preference::default();
    let mut position = 0;
    for value in headers.get_all(header::ACCEPT) {
        // A value that is no text names no type that is known here.
        for range in value.to_str().unwrap_or_default().split(',').map(str::trim).filter(|range| !range.is_empty()) {
            position += 1;
            if position > RANGES_MAX {
                break;
            }
            let Some((media, quality)) = parse_range(range) else { continue };
            json.offer(media, "application/json", quality, position);
            graphql.offer(media, "application/graphql-response+json", quality, position);
        }
    }
    if position == 0 {
        // No header at all: what clients from before the second media type expect.
        return Some(MediaType::Json);
    }
    match (json.quality, graphql.quality) {
        (0, 0) => None,
        (json_quality, graphql_quality) if json_quality != graphql_quality => {
            Some(if json_quality > graphql_quality { MediaType::Json } else { MediaType::GraphqlResponse })
        }
        // Equally welcome: the one that was named, and of two that were, the first. `*/*` alone names neither.
        _ if graphql.specificity > json.specificity => Some(MediaType::GraphqlResponse),
        _ if graphql.specificity == json.specificity && graphql.position < json.position => {
            Some(MediaType::GraphqlResponse)
        }
        _ => Some(MediaType::Json),
    }
}

/// How welcome one type is, by the most specific range that matches it.
#[derive(Default)]
struct Preference {
    specificity: u8,
    /// In thousandths, as RFC 9110 has it.
    quality: u16,
    position: usize,
}

impl Preference {
    fn offer(&mut self, range: &str, media: &str, quality: u16, position: usize) {
        let specificity = match range {
            "*/*" => 1,
            "application/*" => 2,
            range if range == media => 3,
            _ => return,
        };
        if specificity > self.specificity {
            *self = Self { specificity, quality, position };
        }
    }
}

/// A media range in lower case, and its quality in thousandths. `None`: it asks for another charset than UTF-8.
fn parse_range(range: &str) -> Option<(&'static str, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let media = match parts.next()?.to_ascii_lowercase().as_str() {
        "*/*" => "*/*",
        "application/*" => "application/*",
        "application/json" => "application/json",
        "application/graphql-response+json" => "application/graphql-response+json",
        _ => return None,
    };
    let mut quality = 1_000;
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("q") {
            // Something that is no number counts as not acceptable, rather than as most welcome.
            let q: f32 = value.parse().unwrap_or(0.0);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
            let thousandths = (q.clamp(0.0, 1.0) * 1_000.0).round() as u16;
            quality = thousandths;
        } else if name.trim().eq_ignore_ascii_case("charset") && !is_utf8(value) {
            return None;
        }
    }
    Some((media, quality))
}

/// What the type of a POST's body is, for the decision whether it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyType {
    /// JSON in UTF-8.
    Json,
    /// There is no `Content-Type`.
    Missing,
    /// There is more than one: whoever reads the other one than we do sees another request.
    Several,
    /// JSON, but in another charset.
    Charset,
    /// `multipart/form-data`: an upload.
    Multipart,
    /// Anything else.
    Other,
}

/// Reads `Content-Type`.
pub(super) fn body_type(headers: &HeaderMap) -> BodyType {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return BodyType::Missing };
    if values.next().is_some() {
        return BodyType::Several;
    }
    let Ok(value) = value.to_str() else { return BodyType::Other };
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    if media.eq_ignore_ascii_case("multipart/form-data") {
        return BodyType::Multipart;
    }
    if !media.eq_ignore_ascii_case("application/json") {
        return BodyType::Other;
    }
    let foreign = parts.any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("charset") && !is_utf8(value.trim().trim_matches('"'))
    });
    if foreign { BodyType::Charset } else { BodyType::Json }
}

fn is_utf8(charset: &str) -> bool {
    // ASCII is UTF-8 as well.
    ["utf-8", "utf8", "us-ascii"].iter().any(|name| charset.eq_ignore_ascii_case(name))
}

/// Whether a browser's address bar is asking: it wants a page, and says so first.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_welcome_type_wins() {
        let (json, graphql) = (Some(MediaType::Json), Some(MediaType::GraphqlResponse));
        for (header, expected) in [
            ("application/json", json),
            ("application/graphql-response+json", graphql),
            ("*/*", json),
            ("application/*", json),
            ("application/graphql-response+json, application/json", graphql),
            ("application/json, application/graphql-response+json", json),
            ("application/json; charset=utf-8, application/graphql-response+json;q=0.9", json),
            ("application/graphql-response+json, application/json;q=0.9", graphql),
            ("application/json;q=0.1, */*;q=0.8", graphql),
            ("application/graphql-response+json;q=0.8, */*;q=0.8", graphql),
            ("application/graphql-response+json;q=0, */*", json),
            ("text/html, */*;q=0.8", json),
            ("Application/JSON;Q=0.5", json),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;q=NaN", None),
            ("application/json; charset=utf-16", None),
            ("application/json; charset=\"UTF-8\"", json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, header.parse().expect("a header"));
            assert_eq!(accept(&headers), expected, "{header}");
        }
        assert_eq!(accept(&HeaderMap::new()), json);
    }

    #[test]
    fn several_accept_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, "text/html".parse().expect("a header"));
        headers.append(header::ACCEPT, "application/graphql-response+json".parse().expect("a header"));
        assert_eq!(accept(&headers), Some(MediaType::GraphqlResponse));
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        for (value, expected) in [
            ("application/json", BodyType::Json),
            ("application/json; charset=utf-8", BodyType::Json),
            ("APPLICATION/JSON;charset=\"UTF-8\"", BodyType::Json),
            ("application/json; charset=latin1", BodyType::Charset),
            ("text/plain", BodyType::Other),
            ("application/graphql", BodyType::Other),
            ("application/graphql-response+json", BodyType::Other),
            ("application/json, text/plain", BodyType::Other),
            ("application/json; charset=utf-8; charset=latin1", BodyType::Charset),
            ("multipart/form-data; boundary=x", BodyType::Multipart),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().expect("a header"));
            assert_eq!(body_type(&headers), expected, "{value}");
        }
        assert_eq!(body_type(&HeaderMap::new()), BodyType::Missing);
        let mut twice = HeaderMap::new();
        twice.append(header::CONTENT_TYPE, "application/json".parse().expect("a header"));
        twice.append(header::CONTENT_TYPE, "application/json".parse().expect("a header"));
        assert_eq!(body_type(&twice), BodyType::Several);
    }
}
