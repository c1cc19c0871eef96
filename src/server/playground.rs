//! `/playground`: the page where people explore the graph.
//!
//! In: the files that the build found in `playground/dist/`, compressed then. Out: these files, and nothing from any
//! other host: the content security policy forbids it. Without them, a plain page that says how to build them; where the
//! playground is off or could not read the schema, one that says how to turn it on.

use std::io::Read;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::App;
use super::refusal::Refusal;

/// One embedded file.
struct Asset {
    /// Below `/playground/`.
    path: &'static str,
    content_type: &'static str,
    /// Of the file's content, with its quotes.
    etag: &'static str,
    /// The content has a hash in its name, so that it never changes under it.
    immutable: bool,
    gzip: &'static [u8],
}

// `static ASSETS: &[Asset]`, sorted by path.
include!(concat!(env!("OUT_DIR"), "/playground.rs"));

/// Nothing is loaded from, and nothing is sent to, another host. Editors put styles into the page and run as workers.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A plain page in the playground's place: what the file says, in the frame that all of them have.
macro_rules! plain_page {
    ($content:literal) => {
        concat!(include_str!("page_head.html"), include_str!($content), "</html>\n")
    };
}

const NOT_BUILT: &str = plain_page!("playground_not_built.html");
const NO_SCHEMA: &str = plain_page!("playground_no_schema.html");
const OFF: &str = plain_page!("playground_off.html");

pub(super) async fn index(headers: HeaderMap) -> Response {
    match find("index.html") {
        Some(asset) => serve(asset, &headers),
        None => page(StatusCode::OK, NOT_BUILT),
    }
}

/// In the playground's place where there is none: why, and how to get one.
pub(super) async fn off(State(app): State<Arc<App>>) -> Response {
    let why = if app.gateway.settings().introspection { OFF } else { NO_SCHEMA };
    page(StatusCode::NOT_FOUND, why)
}

fn page(status: StatusCode, html: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    secure((status, headers, html).into_response())
}

pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match find(&path) {
        Some(asset) => serve(asset, &headers),
        None => Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", "the playground has no such file").into_response(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|index| &ASSETS[index])
}

fn serve(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = if known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if accepts_gzip(headers) {
        ([(header::CONTENT_ENCODING, "gzip")], Bytes::from_static(asset.gzip)).into_response()
    } else {
        let mut plain = Vec::new();
        match GzDecoder::new(asset.gzip).read_to_end(&mut plain) {
            Ok(_) => plain.into_response(),
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    secure(response)
}

fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused = parts.any(|parameter| parameter.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)));
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_clients_that_take_it() {
        for (value, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("br", false),
            ("identity", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn assets_can_be_found_by_their_path() {
        assert!(ASSETS.is_sorted_by(|a, b| a.path < b.path), "binary search needs an order");
        assert!(ASSETS.iter().all(|asset| find(asset.path).is_some()));
        assert!(find("../Cargo.toml").is_none());
    }
}
