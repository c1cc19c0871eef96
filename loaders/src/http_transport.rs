//! HTTP exchanges, over reqwest.
//!
//! In: a call. Out: its answer with the whole body, decompressed and within the limit.
//! Deliberately absent: redirects (a service must not send the gateway to another address: a 3xx is an answer like any other), proxies from
//! the environment, cookies, and every retry. Failures are told in fixed words that name no address.

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, EXPECT, HeaderName, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Request, Response, Url, redirect, retry};

use crate::{Answer, Call, Exchange, LoadError, Settings, Transport};

/// Headers that belong to a connection or to the form of a message, which are this module's: forwarding a client's
/// would let it speak for the gateway.
const OWN_HEADERS: [HeaderName; 11] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What is reserved at most on the word of a `Content-Length`.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// The client: one pool of connections for all services.
pub(crate) struct Http {
    /// The error is told by each exchange, since a gateway that cannot start serves nobody.
    client: Result<Client, LoadError>,
    response_bytes_max: usize,
}

impl Http {
    pub(crate) fn new(settings: &Settings) -> Http {
        let client = tls().and_then(|tls| {
            Client::builder()
                .tls_backend_preconfigured(tls)
                .dns_resolver(Arc::new(SystemNames))
                .no_proxy()
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .referer(false)
                .user_agent(concat!("weft/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(settings.connect_timeout)
                .pool_max_idle_per_host(settings.idle_connections_max)
                .pool_idle_timeout(settings.idle_timeout)
                .build()
                .map_err(|_| LoadError::Unavailable("the HTTP client could not be built"))
        });
        Http { client, response_bytes_max: settings.response_bytes_max }
    }

    async fn exchange(&self, call: &Call) -> Result<Answer, LoadError> {
        let client = self.client.as_ref().map_err(LoadError::clone)?;
        let response = client.execute(request(call)?).await.map_err(|error| failure(&error))?;
        let status = response.status();
        // It is taken away where the client understood it.
        if let Some(encoding) = response.headers().get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(LoadError::Invalid("the answer is compressed in a way that was not asked for".into()));
        }
        let headers = response.headers().clone();
        let body = self.body(response).await?;
        Ok(Answer { status, headers, body })
    }

    /// The whole body; the limit holds for what is held, whatever was announced and however it was compressed.
    async fn body(&self, mut response: Response) -> Result<Bytes, LoadError> {
        let limit = self.response_bytes_max;
        let too_long = || LoadError::Invalid(format!("the answer is longer than {limit} bytes"));
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(too_long());
        }
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            let held = first.len() + whole.len();
            if chunk.len() > limit - held {
                return Err(too_long());
            }
            if held == 0 {
                // Most bodies are one chunk, which need not be copied.
                first = chunk;
                continue;
            }
            if whole.is_empty() {
                whole.reserve(announced.min(RESERVE_BYTES_MAX).max(held + chunk.len()));
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }
}

impl Transport for Http {
    fn exchange<'a>(&'a self, call: &'a Call) -> Exchange<'a> {
        Box::pin(self.exchange(call))
    }
}

fn request(call: &Call) -> Result<Request, LoadError> {
    let url = Url::parse(&call.url).map_err(|_| LoadError::Unavailable("the address is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(LoadError::Unavailable("the address is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LoadError::Unavailable("the address must not hold credentials; send them in a header"));
    }
    let mut request = Request::new(call.method.clone(), url);
    request.headers_mut().clone_from(&call.headers);
    for name in &OWN_HEADERS {
        request.headers_mut().remove(name);
    }
    if !call.body.is_empty() {
        *request.body_mut() = Some(call.body.clone().into());
    }
    Ok(request)
}

/// The system's certificate authorities. Without any, services are reached by plain HTTP only.
fn tls() -> Result<rustls::ClientConfig, LoadError> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!("no certificate authorities on this system: no service can be reached by https");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| LoadError::Unavailable("TLS could not be set up"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Names by the system's resolver, with an error that can be told from others.
struct SystemNames;

#[derive(Debug, thiserror::Error)]
#[error("unresolved")]
struct Unresolved;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| Unresolved)?;
            let addresses: Addrs = Box::new(addresses.collect::<Vec<_>>().into_iter());
            Ok(addresses)
        })
    }
}

/// What an error means to people. The error's own text can name addresses and is dropped.
fn failure(error: &reqwest::Error) -> LoadError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(known) = known(error) {
            return known;
        }
        cause = error.source();
    }
    // The only time limit that the client itself keeps.
    if error.is_timeout() {
        LoadError::Unavailable("no connection in time")
    } else if error.is_decode() {
        LoadError::Invalid("the answer cannot be decompressed".into())
    } else if error.is_connect() {
        LoadError::Unavailable("no connection")
    } else if error.is_builder() {
        LoadError::Unavailable("the request cannot be sent")
    } else {
        LoadError::Unavailable("the exchange failed")
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<LoadError> {
    if error.is::<Unresolved>() {
        return Some(LoadError::Unavailable("the address cannot be resolved"));
    }
    if error.is::<rustls::Error>() {
        return Some(LoadError::Unavailable("the TLS handshake failed"));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        if error.is_parse() {
            return Some(LoadError::Invalid("the answer is no HTTP".into()));
        }
        if error.is_incomplete_message() {
            return Some(CUT_OFF);
        }
        // What goes wrong inside a body is told by the error below.
        let below = error.source()?;
        return known(below).or_else(|| match below.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::UnexpectedEof => Some(CUT_OFF),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Some(LoadError::Invalid("the answer is no HTTP".into()))
            }
            _ => None,
        });
    }
    let error = error.downcast_ref::<io::Error>()?;
    // What an I/O error wraps is not its source.
    if let Some(known) = error.get_ref().and_then(|inner| known(inner)) {
        return Some(known);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(LoadError::Unavailable("connection refused")),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Some(LoadError::Unavailable("connection reset"))
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(LoadError::Unavailable("the address cannot be reached"))
        }
        _ => None,
    }
}

/// The connection ended before the answer did.
const CUT_OFF: LoadError = LoadError::Unavailable("the answer was cut off");
