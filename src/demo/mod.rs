//! The three services behind the demo graph: profile (GraphQL), video and rating (HTTP and JSON).
//!
//! In: ports. Out: services that listen on 127.0.0.1, each on a socket of its own, on which anybody may call them:
//! they are what a team has before there is a graph, and none of them knows the gateway. The gateway is not
//! started here, and nothing here is used by it.
//!
//! | file | what |
//! |---|---|
//! | `catalogue` | videos, people, profiles: generated, the same on every machine |
//! | `ratings` | thumbs, which `rateVideo` changes |
//! | `profile`, `video`, `rating` | the services |
//! | `fault`, `stats` | what each of them can also do: misbehave on demand, and count its calls |
//! | `client` | `weft demo fault` |

mod catalogue;
mod client;
mod fault;
mod http;
mod profile;
mod rating;
mod ratings;
mod stats;
mod video;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use catalogue::Catalogue;
pub use client::{FaultArgs, Reset, fault, stats};
pub use fault::{Fault, Pause, Rubbish};
use ratings::Ratings;
use stats::Counter;
pub use stats::Stats;

/// The request header that says which profile looks. The gateway must forward it to *profile*, which is a GraphQL
/// service; the fragment of *rating* forwards it by itself.
pub const PROFILE_HEADER: &str = "x-profile-id";

/// Who looks if nobody says.
const PAUL: &str = "p1";

/// How long a shutdown waits for calls in flight.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Service {
    /// Who watches (GraphQL)
    Profile,
    /// What can be watched (HTTP/JSON)
    Video,
    /// What they think of it (HTTP/JSON)
    Rating,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Profile, Self::Video, Self::Rating];

    /// The name of its fragment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Video => "video",
            Self::Rating => "rating",
        }
    }

    /// Its fragment, as it stands in `schema/`.
    pub fn fragment(self) -> &'static str {
        match self {
            Self::Profile => include_str!("../../schema/profile.graphql"),
            Self::Video => include_str!("../../schema/video.graphql"),
            Self::Rating => include_str!("../../schema/rating.graphql"),
        }
    }

    /// Where its fragment expects it, if it listens at that address: what goes in `services: {name: {url}}`.
    pub fn url(self, address: SocketAddr) -> String {
        match self {
            Self::Profile => format!("http://{address}/graphql"),
            Self::Video | Self::Rating => format!("http://{address}"),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Names and texts of the demo's fragments, so that the demo runs from any folder.
pub fn fragments() -> [(&'static str, &'static str); 3] {
    Service::ALL.map(|service| (service.name(), service.fragment()))
}

/// Names and texts of the queries to try, the one that started it all first.
pub fn queries() -> [(&'static str, &'static str); 6] {
    [
        ("rated", include_str!("../../schema/queries/rated.graphql")),
        ("adapter", include_str!("../../schema/queries/adapter.graphql")),
        ("search", include_str!("../../schema/queries/search.graphql")),
        ("series", include_str!("../../schema/queries/series.graphql")),
        ("household", include_str!("../../schema/queries/household.graphql")),
        ("rate", include_str!("../../schema/queries/rate.graphql")),
    ]
}

/// Where the services listen: the ports of profile, video and rating. 0 means any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports(pub [u16; 3]);

impl Ports {
    fn of(self, service: Service) -> u16 {
        self.0[service as usize]
    }
}

/// Those that the fragments name.
impl Default for Ports {
    fn default() -> Self {
        Self([4101, 4102, 4103])
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ports: Option<Vec<u16>> = text.split(',').map(|port| port.trim().parse().ok()).collect();
        ports
            .and_then(|ports| ports.try_into().ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` are not three ports; write them like {}", Self::default()))
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [profile, video, rating] = self.0;
        write!(f, "{profile},{video},{rating}")
    }
}

/// Which services run, and where.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Run this service alone, without the gateway
    #[arg(long, value_enum, value_name = "SERVICE")]
    pub only: Option<Service>,
    /// Where the services listen
    #[arg(long, value_name = "PROFILE,VIDEO,RATING", default_value_t, env = "WEFT_DEMO_PORTS")]
    pub ports: Ports,
}

/// Why the demo does not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Somebody else listens there.
    #[error(
        "the {service} service cannot start: port {port} of 127.0.0.1 is in use; \
         stop what listens there (another demo?), or choose other ports with --ports"
    )]
    PortInUse {
        /// Which one.
        service: Service,
        /// Which port.
        port: u16,
    },
    /// The port cannot be had for another reason.
    #[error("the {service} service cannot listen on port {port} of 127.0.0.1: {source}")]
    Bind {
        /// Which one.
        service: Service,
        /// Which port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing answers there.
    #[error("the {service} service does not answer on port {port} of 127.0.0.1; is the demo running?")]
    Unreachable {
        /// Which one.
        service: Service,
        /// Which port.
        port: u16,
        /// What was tried.
        source: reqwest::Error,
    },
    /// The service said no.
    #[error("the {service} service refused: {message}")]
    Refused {
        /// Which one.
        service: Service,
        /// Its reason.
        message: String,
    },
    /// Something answers, but not this service.
    #[error("port {port} of 127.0.0.1 answers, but not as the {service} service does")]
    NotOurs {
        /// Which one was expected.
        service: Service,
        /// Which port.
        port: u16,
    },
}

/// Services that run. Dropping it ends them.
#[derive(Debug)]
pub struct Running {
    services: Vec<RunningService>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct RunningService {
    service: Service,
    address: SocketAddr,
    switch: Arc<fault::Switch>,
}

/// Starts the services. They listen when this returns.
pub async fn start(options: &Options) -> Result<Running, DemoError> {
    let wanted: Vec<Service> = options.only.map_or(Service::ALL.to_vec(), |only| vec![only]);
    // All ports first: a catalogue is not worth making for a demo that cannot start.
    let mut listeners = Vec::new();
    for service in wanted {
        listeners.push((service, listen(service, options.ports.of(service)).await?));
    }
    let catalogue = Arc::new(Catalogue::generate());
    let ratings = Arc::new(Ratings::generate(&catalogue));
    let (stop, _) = watch::channel(false);
    let mut running = Running { services: Vec::new(), tasks: JoinSet::new(), stop };
    for (service, (listener, address)) in listeners {
        let switch = Arc::new(fault::Switch::default());
        let router = router(service, &catalogue, &ratings, &switch);
        let mut stop = running.stop.subscribe();
        running.tasks.spawn(async move {
            // It fails only once the sender is gone, and then it is time to stop as well.
            let stopped = async move { _ = stop.wait_for(|stop| *stop).await };
            // axum's server retries what fails: it ends only when it is told to.
            _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        running.services.push(RunningService { service, address, switch });
    }
    Ok(running)
}

/// `weft demo --only rating`: says what is there, and runs until `stop` comes.
pub async fn run(options: &Options, stop: impl Future<Output = ()>) -> Result<(), DemoError> {
    let running = start(options).await?;
    for RunningService { service, address, .. } in &running.services {
        println!("{service:>8}  {}", service.url(*address));
    }
    println!("          GET /stats counts calls, PUT /fault breaks things; Ctrl-C ends it");
    stop.await;
    running.shutdown().await;
    Ok(())
}

impl Running {
    /// Where a service listens, if it was started.
    pub fn address(&self, service: Service) -> Option<SocketAddr> {
        self.services.iter().find(|running| running.service == service).map(|running| running.address)
    }

    /// Names of the fragments, and the URLs at which their services answer now.
    pub fn urls(&self) -> Vec<(&'static str, String)> {
        let url = |running: &RunningService| (running.service.name(), running.service.url(running.address));
        self.services.iter().map(url).collect()
    }

    /// Stops listening, lets calls in flight finish, and then ends.
    pub async fn shutdown(mut self) {
        for running in &self.services {
            running.switch.off();
        }
        self.stop.send_replace(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        // Whoever is late is aborted when `self` is dropped.
        _ = tokio::time::timeout(SHUTDOWN, finished).await;
    }
}

async fn listen(service: Service, port: u16) -> Result<(TcpListener, SocketAddr), DemoError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => DemoError::PortInUse { service, port },
        _ => DemoError::Bind { service, port, source },
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// A service, and what each of them can also do.
fn router(service: Service, catalogue: &Arc<Catalogue>, ratings: &Arc<Ratings>, switch: &Arc<fault::Switch>) -> Router {
    let counter = Counter::default();
    let (catalogue, ratings) = (Arc::clone(catalogue), Arc::clone(ratings));
    let business = match service {
        Service::Profile => profile::router(catalogue, ratings, counter.clone()),
        Service::Video => video::router(catalogue),
        Service::Rating => rating::router(catalogue, ratings),
    };
    business
        .layer(from_fn_with_state(Arc::clone(switch), fault::apply))
        .layer(from_fn_with_state(counter.clone(), stats::count))
        .merge(fault::routes(Arc::clone(switch)))
        .merge(stats::routes(counter))
}
