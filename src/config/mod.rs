//! What the process runs with, decided once at its start.
//!
//! In: flags, `WEFT_*` variables, `weft.yaml`, and the defaults, in this order of strength. Out: [`Config`],
//! plain values; nothing below `server` and `main` sees anything else of it.
//! Deliberately absent: reloading. Fragments are watched, the configuration is not.

mod authentication;
mod expand;
mod file;
mod units;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Source, Span};
pub use authentication::{Authentication, Jwt, KeySet, Unauthorized};
use expand::ExpandError;
use file::Scalar;
use units::{ByteSize, Header, HttpUrl, Origin};
pub(crate) use units::{LogFilter, Setting};

/// The file that is read when it exists and `--config` names none.
pub const DEFAULT_FILE: &str = "weft.yaml";

/// Everything that can be set, resolved.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients are served.
    pub listen: SocketAddr,
    /// Where operators are served; `None` when the admin listener is off.
    pub admin_listen: Option<SocketAddr>,
    /// The folder of schema fragments.
    pub schema: PathBuf,
    /// A ready supergraph file, in the place of the folder.
    pub supergraph: Option<PathBuf>,
    /// Whether a change of the files recomposes the graph.
    pub watch: bool,
    /// Whether this is a developer's machine: turns introspection and the playground on.
    pub dev: bool,
    /// Whether clients may introspect the schema.
    pub introspection: bool,
    /// Whether `/playground` is served.
    pub playground: bool,
    /// Whether answers are compressed for clients that accept it.
    pub compression: bool,
    /// Which other origins may call from a browser.
    pub cors: Cors,
    /// Request headers that show that a browser asked first: a query by GET with cookies needs one of them.
    pub csrf_headers: Vec<http::HeaderName>,
    /// Headers of the client's request that every GraphQL service gets.
    pub headers: Vec<http::HeaderName>,
    /// What is logged, and how.
    pub logging: Logging,
    /// How clients show who they are.
    pub authentication: Authentication,
    /// What happens to an operation that selects what its client may not see.
    pub unauthorized: Unauthorized,
    /// Every bound.
    pub limits: Limits,
    /// Settings of single services, by the fragment's name. Those that only variables set have the name that the
    /// variable suggests, until [`Config::name_services`] is told better.
    pub services: IndexMap<String, Service>,
    /// Variables that look like settings and are none.
    pub hints: Vec<Diagnostic>,
}

/// Variables of the program's that are no settings: they are read elsewhere.
const OTHER_VARIABLES: [&str; 4] = ["WEFT_CONFIG", "WEFT_DEMO_PORTS", "WEFT_VERSION", "WEFT_COMMIT"];

/// What a variable that sets something of a service begins with.
const SERVICES: &str = "WEFT_SERVICES_";

/// Which other origins may call from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Exact origins, or `*` alone; empty for the same origin only.
    pub origins: Vec<String>,
    /// Whether browsers send cookies along.
    pub credentials: bool,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// A tracing filter: `info`, or `info,weft=debug`.
    pub level: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

impl Setting for LogFormat {
    const EXPECTED: &'static str = "`auto`, `text` or `json`";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Every bound, with its unit last. The defaults and their reasons are in docs/configuration.md.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each name is the setting's name and its unit")]
pub struct Limits {
    pub body_bytes: usize,
    pub header_bytes: usize,
    pub header_count: usize,
    pub operation_bytes: usize,
    pub tokens: usize,
    pub recursion: usize,
    pub depth: usize,
    pub aliases: usize,
    pub root_fields: usize,
    pub directives: usize,
    pub fields: usize,
    pub planning_steps: usize,
    pub document_bytes: usize,
    pub plan_bytes: usize,
    pub connections: usize,
    pub request_timeout: Duration,
    pub header_timeout: Duration,
    pub shutdown_timeout: Duration,
    pub response_bytes: usize,
    pub service_timeout: Duration,
    pub service_connect_timeout: Duration,
    pub service_idle_timeout: Duration,
    pub service_connections: usize,
    pub service_body_bytes: usize,
    pub batch_keys: usize,
    pub cache_bytes: usize,
}

/// Settings of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// Replaces the address that the fragment gives.
    pub url: Option<String>,
    /// Headers of the client's request that are sent along, beside those that the fragment names.
    pub headers: Vec<http::HeaderName>,
    /// In the place of `@timeout` on the fragment's schema.
    pub timeout: Option<Duration>,
    /// What its mappings see as `$config`.
    pub config: Option<Map<String, Value>>,
    /// Only variables tell of it, so that its name is what they suggest.
    pub from_variables: bool,
}

/// What the command line gives: `None` leaves it to the variables, the file and the defaults.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "the fields are those of `Config`")]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub admin_listen: Option<SocketAddr>,
    pub schema: Option<PathBuf>,
    pub supergraph: Option<PathBuf>,
    pub watch: Option<bool>,
    pub dev: Option<bool>,
    pub log_level: Option<String>,
    pub log_format: Option<LogFormat>,
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file that `--config` or `WEFT_CONFIG` names cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// What is wrong in the file and in the variables, all of it.
    Invalid(Vec<Diagnostic>),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) if error.kind() == std::io::ErrorKind::NotFound => {
                write!(f, "the configuration file {} does not exist", path.display())
            }
            Self::Unreadable(path, error) => {
                write!(f, "the configuration file {} cannot be read: {error}", path.display())
            }
            Self::Invalid(diagnostics) => {
                for (index, diagnostic) in diagnostics.iter().enumerate() {
                    write!(f, "{}{diagnostic}", if index > 0 { "\n" } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the process's variables and the file, which may be absent unless it was named.
    ///
    /// Errors: the file cannot be read, or something in it or in a variable is no such setting.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let named =
            flags.config.clone().or_else(|| env.get("WEFT_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
        let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => None,
            Err(error) => return Err(ConfigError::Unreadable(path, error)),
        };
        Self::resolve(flags, &env, text.map(|text| (path.as_path(), text)), &RefCell::default())
    }

    /// Decides every setting. Relative paths in the file are relative to the file's folder. `asked` gets the names of all
    /// variables that there are.
    fn resolve(
        flags: &Flags,
        env: &BTreeMap<String, String>,
        file: Option<(&Path, String)>,
        asked: &RefCell<BTreeSet<String>>,
    ) -> Result<Self, ConfigError> {
        let folder = file.as_ref().and_then(|(path, _)| path.parent()).map(Path::to_path_buf);
        let source = file.map(|(path, text)| Arc::new(Source { name: path.display().to_string(), text }));
        let (raw, errors) = source.as_ref().map(file::parse).unwrap_or_default();
        let in_folder = |path: PathBuf| folder.as_ref().map_or(path.clone(), |folder| folder.join(path));

        let mut r = Resolver { env, asked, errors };
        let dev = r.pick(flags.dev, "WEFT_DEV", &raw.dev, false);
        let schema = r.path(flags.schema.clone(), "WEFT_SCHEMA", &raw.schema, &in_folder);
        let supergraph = r.path(flags.supergraph.clone(), "WEFT_SUPERGRAPH", &raw.supergraph, &in_folder);
        // The stronger layer decides which of the two it is; within one layer, having both is a mistake.
        let (schema, supergraph) = match (schema, supergraph) {
            (Some((schema_layer, schema)), Some((layer, supergraph))) if schema_layer == layer => {
                r.errors.push(
                    Diagnostic::error(
                        "CONFIG_CONFLICT",
                        format!(
                            "both a schema folder ({}) and a supergraph file ({}) are given",
                            schema.display(),
                            supergraph.display()
                        ),
                    )
                    .help("keep one of them: a folder of fragments is composed, a supergraph file is served as it is"),
                );
                (schema, None)
            }
            (Some((schema_layer, schema)), Some((layer, _))) if schema_layer < layer => (schema, None),
            (schema, supergraph) => {
                (schema.map_or_else(|| PathBuf::from("schema"), |(_, path)| path), supergraph.map(|(_, path)| path))
            }
        };
        let admin = r.pick(None, "WEFT_ADMIN_ENABLED", &raw.admin.enabled, true);
        let admin_listen = r.pick(
            flags.admin_listen,
            "WEFT_ADMIN_LISTEN",
            &raw.admin.listen,
            SocketAddr::from(([127, 0, 0, 1], 9090)),
        );
        let credentials = r.pick(None, "WEFT_CORS_CREDENTIALS", &raw.cors.credentials, false);
        let origins: Vec<Origin> = r.list("WEFT_CORS_ORIGINS", raw.cors.origins.as_deref()).unwrap_or_default();
        if credentials && origins.iter().any(|origin| origin.0 == "*") {
            r.errors.push(
                Diagnostic::error("CONFIG_CONFLICT", "`cors.credentials` cannot be combined with the origin `*`")
                    .help("name the origins that may send cookies"),
            );
        }
        let csrf_headers = r.list("WEFT_CSRF_HEADERS", raw.csrf.headers.as_deref()).unwrap_or_else(|| {
            ["graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"]
                .map(|name| Header(http::HeaderName::from_static(name)))
                .to_vec()
        });
        let headers: Vec<Header> = r.list("WEFT_HEADERS", raw.headers.as_deref()).unwrap_or_default();
        let limits = r.limits(&raw.limits);
        let services = r.services(raw.services);
        let listen = r.pick(flags.listen, "WEFT_LISTEN", &raw.listen, SocketAddr::from(([127, 0, 0, 1], 4000)));
        let mut config = Self {
            listen,
            admin_listen: admin.then_some(admin_listen),
            schema,
            supergraph,
            watch: r.pick(flags.watch, "WEFT_WATCH", &raw.watch, true),
            dev,
            introspection: r.pick(None, "WEFT_INTROSPECTION", &raw.introspection, dev),
            playground: r.pick(None, "WEFT_PLAYGROUND", &raw.playground, dev),
            compression: r.pick(None, "WEFT_COMPRESSION", &raw.compression, true),
            cors: Cors { origins: origins.into_iter().map(|origin| origin.0).collect(), credentials },
            headers: headers.into_iter().map(|header| header.0).collect(),
            csrf_headers: csrf_headers.into_iter().map(|header| header.0).collect(),
            logging: Logging {
                level: r
                    .pick(
                        flags.log_level.clone().map(LogFilter),
                        "WEFT_LOGGING_LEVEL",
                        &raw.logging.level,
                        LogFilter("info".into()),
                    )
                    .0,
                format: r.pick(flags.log_format, "WEFT_LOGGING_FORMAT", &raw.logging.format, LogFormat::Auto),
            },
            authentication: r.authentication(&raw.authentication.jwt, &in_folder),
            unauthorized: r.pick(
                None,
                "WEFT_AUTHORIZATION_UNAUTHORIZED",
                &raw.authorization.unauthorized,
                Unauthorized::Filter,
            ),
            limits,
            services,
            hints: Vec::new(),
        };
        config.hints = r.unknown_variables();
        // People read a file from its top; variables, which have no place, come first.
        r.errors.sort_by_key(|error| error.labels.first().map(|label| label.span.start));
        if r.errors.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(r.errors)) }
    }

    /// Gives settings that only variables made the names of the services that they are for: `WEFT_SERVICES_MY_SHOP_URL`
    /// may mean `my-shop` as well as `my_shop`, which only the graph knows.
    pub fn name_services(&mut self, known: &[&str]) {
        let mut renamed = Vec::new();
        for name in known {
            let suggested = in_variables(name).to_ascii_lowercase();
            if self.services.contains_key(*name) {
                continue;
            }
            if let Some(service) = self.services.get(&suggested).filter(|service| service.from_variables) {
                let service = Service { from_variables: false, ..service.clone() };
                self.services.insert((*name).to_owned(), service);
                renamed.push(suggested);
            }
        }
        for suggested in renamed.iter().filter(|suggested| !known.contains(&suggested.as_str())) {
            self.services.shift_remove(suggested);
        }
    }
}

/// The shape of `weft.yaml` as JSON Schema has it, for editors. It is in docs/weft.schema.json, with what the documentation says of each setting.
pub fn json_schema() -> Value {
    file::schema()
}

/// A service's name as variables have it.
fn in_variables(name: &str) -> String {
    name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Reads an address as a flag, a variable or the file gives it. The error says what it has to be.
pub fn parse_address(text: &str) -> Result<SocketAddr, String> {
    SocketAddr::parse(text).ok_or_else(|| format!("this has to be {}", SocketAddr::EXPECTED))
}

/// A layer's strength: the command line is 0.
type Layer = u8;

/// Picks each setting from the strongest layer that has it, and collects every mistake on the way.
struct Resolver<'a> {
    env: &'a BTreeMap<String, String>,
    /// The variables that there are, whether they are set or not.
    asked: &'a RefCell<BTreeSet<String>>,
    errors: Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn look_up(&self, name: &str) -> Option<String> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.env.get(name).cloned()
    }

    /// Services that the file names, then those that only variables do.
    fn services(&mut self, raw: IndexMap<String, file::Service>) -> IndexMap<String, Service> {
        let named: BTreeSet<String> = raw.keys().map(|name| in_variables(name)).collect();
        let mut services: IndexMap<_, _> =
            raw.into_iter().map(|(name, service)| self.service(name, &service, false)).collect();
        let only_in_variables: BTreeSet<&str> = self
            .env
            .keys()
            .filter_map(|variable| variable.strip_prefix(SERVICES))
            .filter_map(|rest| ["_URL", "_TIMEOUT", "_HEADERS"].iter().find_map(|end| rest.strip_suffix(end)))
            .filter(|name| !name.is_empty() && !named.contains(*name))
            .collect();
        for name in only_in_variables {
            let (name, service) = self.service(name.to_ascii_lowercase(), &file::Service::default(), true);
            services.insert(name, service);
        }
        services
    }

    fn service(&mut self, name: String, raw: &file::Service, from_variables: bool) -> (String, Service) {
        let key = format!("{SERVICES}{}", in_variables(&name));
        let url = self.optional::<HttpUrl>(&format!("{key}_URL"), &raw.url).map(|url| url.0);
        let headers: Vec<Header> = self.list(&format!("{key}_HEADERS"), raw.headers.as_deref()).unwrap_or_default();
        let timeout = self.optional(&format!("{key}_TIMEOUT"), &raw.timeout);
        let headers = headers.into_iter().map(|header| header.0).collect();
        let config = raw.config.as_ref().map(|config| {
            let span = Some(&config.span);
            config.value.iter().map(|(key, value)| (key.clone(), self.expanded(value, span))).collect()
        });
        (name, Service { url, headers, timeout, config, from_variables })
    }

    /// Hints and no errors: platforms set variables of their own for a service that happens to be called `weft`.
    fn unknown_variables(&self) -> Vec<Diagnostic> {
        let asked = self.asked.borrow();
        let known = || asked.iter().map(String::as_str).chain(OTHER_VARIABLES);
        let unknown = self.env.keys().filter(|name| name.starts_with("WEFT_") && known().all(|known| known != *name));
        unknown
            .map(|name| {
                let message = format!("the variable {name} is no setting and is ignored");
                let hint = Diagnostic::hint("UNKNOWN_VARIABLE", message);
                match file::nearest(name, known()) {
                    Some(near) => hint.help(format!("did you mean `{near}`?")),
                    None => hint,
                }
            })
            .collect()
    }

    fn pick<T: Setting>(&mut self, flag: Option<T>, name: &str, raw: &Option<Scalar>, default: T) -> T {
        let lower = self.optional(name, raw);
        flag.or(lower).unwrap_or(default)
    }

    fn optional<T: Setting>(&mut self, name: &str, raw: &Option<Scalar>) -> Option<T> {
        self.layered(name, raw).map(|(_, value)| value)
    }

    fn layered<T: Setting>(&mut self, name: &str, raw: &Option<Scalar>) -> Option<(Layer, T)> {
        // The file's value is read even where a variable wins, so that a mistake in it is told today.
        let from_file = raw.as_ref().and_then(|scalar| self.scalar(scalar));
        self.variable(name).map(|value| (1, value)).or(from_file.map(|value| (2, value)))
    }

    fn path(
        &mut self,
        flag: Option<PathBuf>,
        name: &str,
        raw: &Option<Scalar>,
        in_folder: &dyn Fn(PathBuf) -> PathBuf,
    ) -> Option<(Layer, PathBuf)> {
        let lower = self.layered(name, raw);
        flag.map(|path| (0, path))
            .or(lower.map(|(layer, path)| (layer, if layer == 2 { in_folder(path) } else { path })))
    }

    fn list<T: Setting>(&mut self, name: &str, raw: Option<&[Scalar]>) -> Option<Vec<T>> {
        self.layered_list(name, raw).map(|(_, list)| list)
    }

    fn layered_list<T: Setting>(&mut self, name: &str, raw: Option<&[Scalar]>) -> Option<(Layer, Vec<T>)> {
        let from_file: Option<Vec<T>> = raw.map(|raw| raw.iter().filter_map(|scalar| self.scalar(scalar)).collect());
        match self.look_up(name) {
            Some(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some((1, items.filter_map(|item| self.parse_variable(name, item)).collect()))
            }
            None => from_file.map(|list| (2, list)),
        }
    }

    fn variable<T: Setting>(&mut self, name: &str) -> Option<T> {
        let text = self.look_up(name).filter(|text| !text.is_empty())?;
        self.parse_variable(name, &text)
    }

    fn parse_variable<T: Setting>(&mut self, name: &str, text: &str) -> Option<T> {
        let value = T::parse(text.trim());
        if value.is_none() {
            let message = format!("the variable {name} has to be {}", T::EXPECTED);
            self.errors.push(Diagnostic::error("CONFIG_VALUE", message));
        }
        value
    }

    fn scalar<T: Setting>(&mut self, scalar: &Scalar) -> Option<T> {
        let text = self.expand(&scalar.text, Some(&scalar.span))?;
        let value = T::parse(text.trim());
        if value.is_none() {
            // The message never repeats the value, which a variable may have filled with a secret.
            self.errors.push(
                Diagnostic::error("CONFIG_VALUE", format!("this has to be {}", T::EXPECTED))
                    .at(Some(scalar.span.clone()), ""),
            );
        }
        value
    }

    /// Texts are expanded, wherever they are; everything else stays as it was written. The parser bounds the depth.
    fn expanded(&mut self, value: &Value, span: Option<&Span>) -> Value {
        match value {
            Value::String(text) => self.expand(text, span).map_or(Value::Null, Value::String),
            Value::Array(items) => items.iter().map(|item| self.expanded(item, span)).collect(),
            Value::Object(object) => {
                Value::Object(object.iter().map(|(key, value)| (key.clone(), self.expanded(value, span))).collect())
            }
            other => other.clone(),
        }
    }

    fn expand(&mut self, text: &str, span: Option<&Span>) -> Option<String> {
        let diagnostic = match expand::expand(text, &|name| self.env.get(name).cloned()) {
            Ok(text) => return Some(text),
            Err(ExpandError::Unset(name)) => {
                Diagnostic::error("CONFIG_VARIABLE", format!("the variable {name} is not set"))
                    .help(format!("set it, or give a default: `${{{name}:-…}}`"))
            }
            Err(ExpandError::Unclosed) => Diagnostic::error("CONFIG_VARIABLE", "`${` without a closing `}`")
                .help("write `$${` for a literal `${`"),
            Err(ExpandError::BadName(name)) => {
                Diagnostic::error("CONFIG_VARIABLE", format!("`{name}` is not the name of a variable"))
                    .help("the forms are `${NAME}` and `${NAME:-default}`")
            }
        };
        self.errors.push(diagnostic.at(span.cloned(), ""));
        None
    }

    fn limits(&mut self, raw: &file::Limits) -> Limits {
        let s = Duration::from_secs;
        Limits {
            body_bytes: self.bytes("WEFT_LIMITS_BODY", &raw.body, 2_000_000),
            header_bytes: self.bytes("WEFT_LIMITS_HEADERS", &raw.headers, 64 << 10),
            header_count: self.pick(None, "WEFT_LIMITS_HEADER_COUNT", &raw.header_count, 100),
            operation_bytes: self.bytes("WEFT_LIMITS_OPERATION", &raw.operation, 32 << 10),
            tokens: self.pick(None, "WEFT_LIMITS_TOKENS", &raw.tokens, 15_000),
            recursion: self.pick(None, "WEFT_LIMITS_RECURSION", &raw.recursion, 64),
            depth: self.pick(None, "WEFT_LIMITS_DEPTH", &raw.depth, 100),
            aliases: self.pick(None, "WEFT_LIMITS_ALIASES", &raw.aliases, 30),
            root_fields: self.pick(None, "WEFT_LIMITS_ROOT_FIELDS", &raw.root_fields, 20),
            directives: self.pick(None, "WEFT_LIMITS_DIRECTIVES", &raw.directives, 50),
            fields: self.pick(None, "WEFT_LIMITS_FIELDS", &raw.fields, 3_500),
            planning_steps: self.pick(None, "WEFT_LIMITS_PLANNING_STEPS", &raw.planning_steps, 5_000_000),
            document_bytes: self.bytes("WEFT_LIMITS_DOCUMENTS", &raw.documents, 2 << 20),
            plan_bytes: self.bytes("WEFT_LIMITS_PLANS", &raw.plans, 64 << 20),
            connections: self.pick(None, "WEFT_LIMITS_CONNECTIONS", &raw.connections, 10_000),
            request_timeout: self.pick(None, "WEFT_LIMITS_REQUEST_TIMEOUT", &raw.request_timeout, s(60)),
            header_timeout: self.pick(None, "WEFT_LIMITS_HEADER_TIMEOUT", &raw.header_timeout, s(10)),
            shutdown_timeout: self.pick(None, "WEFT_LIMITS_SHUTDOWN_TIMEOUT", &raw.shutdown_timeout, s(30)),
            response_bytes: self.bytes("WEFT_LIMITS_RESPONSE", &raw.response, 64 << 20),
            service_timeout: self.pick(None, "WEFT_LIMITS_SERVICE_TIMEOUT", &raw.service_timeout, s(30)),
            service_connect_timeout: self.pick(
                None,
                "WEFT_LIMITS_SERVICE_CONNECT_TIMEOUT",
                &raw.service_connect_timeout,
                s(1),
            ),
            service_idle_timeout: self.pick(None, "WEFT_LIMITS_SERVICE_IDLE_TIMEOUT", &raw.service_idle_timeout, s(50)),
            service_connections: self.pick(None, "WEFT_LIMITS_SERVICE_CONNECTIONS", &raw.service_connections, 100),
            service_body_bytes: self.bytes("WEFT_LIMITS_SERVICE_BODY", &raw.service_body, 32 << 20),
            batch_keys: self.pick(None, "WEFT_LIMITS_BATCH", &raw.batch, 100),
            cache_bytes: self.bytes("WEFT_LIMITS_CACHE", &raw.cache, 64 << 20),
        }
    }

    fn bytes(&mut self, name: &str, raw: &Option<Scalar>, default: usize) -> usize {
        self.pick(None, name, raw, ByteSize(default)).0
    }
}

#[cfg(test)]
mod tests;
