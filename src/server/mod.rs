//! HTTP: what clients and operators reach.
//!
//! In: sockets and a [`Control`]. Out: answers, and the mapping from how far a request came to a status code.
//! Every GraphQL request ends in the one `Gateway::execute`. What is here is plumbing, as two lists of layers.
//! Deliberately absent: TLS (a load balancer's), query batching, uploads.

mod admin;
mod control_graph;
mod graphql;
mod listener;
mod metrics;
mod negotiate;
mod observe;
mod pages;
mod parameters;
mod playground;
mod refusal;
mod writes;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{any, get};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::authorization::Authenticator;
use crate::control::Control;
use crate::gateway::Gateway;
use metrics::Metrics;
use refusal::Refusal;

/// Which build this is, for `weft --version`, the log and the control graph.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// The package's.
    pub number: &'static str,
    /// Short; known for release builds from a checkout.
    pub commit: Option<&'static str>,
}

/// This build.
pub const VERSION: Version = Version { number: env!("CARGO_PKG_VERSION"), commit: option_env!("WEFT_COMMIT") };

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.commit {
            Some(commit) => write!(f, "{} ({commit})", self.number),
            None => f.write_str(self.number),
        }
    }
}

/// Smaller answers fit into one packet anyway.
const COMPRESSED_BYTES_MIN: u64 = 1_024;

/// What the listeners go by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where clients are served.
    pub listen: SocketAddr,
    /// Where operators are served, if anywhere.
    pub admin_listen: Option<SocketAddr>,
    /// Whether `/playground` is served. Without introspection, it is a page that says so.
    pub playground: bool,
    /// Whether answers are compressed for clients that accept it.
    pub compression: bool,
    /// Origins that may call from a browser: exact ones, or `*` alone.
    pub cors_origins: Vec<String>,
    /// Whether browsers of these origins send cookies along.
    pub cors_credentials: bool,
    /// Request headers that show that a browser asked first.
    pub csrf_headers: Vec<HeaderName>,
    /// A request's body, after decompression.
    pub body_bytes_max: usize,
    /// All headers of a request.
    pub header_bytes_max: usize,
    /// Headers of a request.
    pub header_count_max: usize,
    /// Connections at a time; further ones wait in the system's queue.
    pub connections_max: usize,
    /// From a request's headers to the last byte of its answer.
    pub request_timeout: Duration,
    /// For a request's headers to arrive; an idle connection is closed after this as well.
    pub header_timeout: Duration,
    /// For what is under way when the process is told to stop.
    pub shutdown_timeout: Duration,
}

/// The reason why a listener cannot be opened, in words.
#[derive(Debug)]
pub struct BindError {
    /// Where it was to listen.
    pub address: SocketAddr,
    /// The flag that chooses another address.
    pub flag: &'static str,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, flag, error } = self;
        match error.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "{address} is in use already: stop the process that listens there, or choose another address with {flag}"
            ),
            io::ErrorKind::PermissionDenied => {
                write!(f, "there is no permission to listen on {address}: choose a port above 1023 with {flag}")
            }
            io::ErrorKind::AddrNotAvailable => {
                write!(f, "this machine has no address {}: choose another with {flag}", address.ip())
            }
            _ => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for BindError {}

/// What handlers share.
pub(crate) struct App {
    settings: Settings,
    gateway: Arc<Gateway>,
    control: Arc<Control>,
    authenticator: Arc<Authenticator>,
    metrics: Metrics,
    started: Instant,
    /// Set once the process was told to stop: load balancers then look elsewhere.
    stopping: AtomicBool,
}

impl App {
    /// Whether there is a playground that works: it has to read the schema.
    fn has_playground(&self) -> bool {
        self.settings.playground && self.gateway.settings().introspection
    }
}

/// Two open listeners that nobody serves yet.
pub struct Server {
    app: Arc<App>,
    public: TcpListener,
    admin: Option<TcpListener>,
}

impl Server {
    /// Opens the listeners. `authenticator` tells who the clients are.
    pub async fn bind(
        settings: Settings,
        control: Arc<Control>,
        authenticator: Arc<Authenticator>,
    ) -> Result<Self, BindError> {
        let public = open(settings.listen, "--listen").await?;
        let admin = match settings.admin_listen {
            Some(address) => Some(open(address, "--admin-listen").await?),
            None => None,
        };
        let gateway = Arc::clone(control.gateway());
        let metrics = Metrics::default();
        let app = App {
            settings,
            gateway,
            control,
            authenticator,
            metrics,
            started: Instant::now(),
            stopping: AtomicBool::new(false),
        };
        Ok(Self { app: Arc::new(app), public, admin })
    }

    /// Where clients are served: the port that the system chose, if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.public.local_addr().unwrap_or(self.app.settings.listen)
    }

    /// Where operators are served.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        let asked = self.app.settings.admin_listen?;
        Some(self.admin.as_ref().and_then(|admin| admin.local_addr().ok()).unwrap_or(asked))
    }

    /// Serves until `stop` becomes true, then finishes what is under way within the shutdown timeout.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self { app, public, admin } = self;
        let stopping = {
            let app = Arc::clone(&app);
            let mut stop = stop.clone();
            async move {
                // An error means that nobody can tell us to stop any more, which is told the same way.
                let _ = stop.wait_for(|stop| *stop).await;
                app.stopping.store(true, Ordering::Relaxed);
            }
        };
        let limits = listener::Limits::of(&app.settings);
        let public = listener::serve(public, public_routes(&app), limits, stop.clone());
        let admin = async {
            if let Some(admin) = admin {
                listener::serve(admin, admin_routes(&app), limits, stop.clone()).await;
            }
        };
        tokio::join!(public, admin, stopping);
        let _ = stop.borrow_and_update();
    }
}

async fn open(address: SocketAddr, flag: &'static str) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| BindError { address, flag, error })
}

/// What clients reach. The header limits are below this, in [`listener`].
fn public_routes(app: &Arc<App>) -> Router {
    let graphql = Router::new().route("/graphql", any(graphql::handle)).layer(
        ServiceBuilder::new()
            // Only an answer that a browser of another origin may read carries CORS headers, errors included.
            .layer(axum::middleware::from_fn(graphql::options))
            .option_layer(cors(&app.settings))
            // Speed before size: a gateway's answers cross a network once.
            .layer(compression(&app.settings))
            // Below the compression, so that what is timed is the answer's making; above the panics, so that those are
            // counted and logged as what clients saw.
            .layer(axum::middleware::from_fn_with_state(Arc::clone(app), observe::observe))
            // Innermost: a panic costs its own request, and everything above sees an ordinary answer.
            .layer(CatchPanicLayer::custom(panicked)),
    );
    let mut routes = Router::new()
        .merge(graphql)
        .route("/", get(pages::root))
        .route("/schema.graphql", get(pages::schema))
        .route("/health", get(pages::health))
        .route("/health/live", get(pages::live))
        .route("/health/ready", get(pages::ready));
    if app.has_playground() {
        routes = routes
            .route("/playground", get(playground::index))
            .route("/playground/", get(playground::index))
            .route("/playground/{*path}", get(playground::asset));
    } else {
        routes = routes.route("/playground", get(playground::off)).route("/playground/", get(playground::off));
    }
    routes
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(Arc::clone(app))
}

/// What operators reach.
fn admin_routes(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(admin::root))
        .route("/metrics", get(admin::metrics))
        .merge(admin::graphql(app))
        .route("/health", get(pages::health))
        .route("/health/live", get(pages::live))
        .route("/health/ready", get(pages::ready))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(Arc::clone(app))
}

/// Without origins, no header is sent: a browser then lets only pages of this very origin read answers.
fn cors(settings: &Settings) -> Option<CorsLayer> {
    if settings.cors_origins.is_empty() {
        return None;
    }
    let origins = if settings.cors_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(settings.cors_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(Duration::from_secs(600));
    // The configuration refuses credentials together with `*`, which the layer would panic on.
    let is_named = settings.cors_origins.iter().all(|origin| origin != "*");
    Some(layer.allow_credentials(settings.cors_credentials && is_named))
}

fn compression(settings: &Settings) -> CompressionLayer<SizeAbove> {
    // Switched off by a size that no answer has, so that the list of layers stays one list.
    let from_bytes = if settings.compression { COMPRESSED_BYTES_MIN } else { u64::MAX };
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(from_bytes))
}

/// What the panic said is for the log only, where the panic hook has put it.
fn panicked(_payload: Box<dyn std::any::Any + Send + 'static>) -> axum::response::Response {
    use axum::response::IntoResponse;
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "something went wrong in the gateway")
        .into_response()
}

#[cfg(test)]
mod tests;
