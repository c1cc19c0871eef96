//! The resolved configuration → the plain values that each room takes.

use weft::authorization::{self, KeySource};
use weft::config::{Config, KeySet, Unauthorized};
use weft::control::{SchemaSource, ServiceSettings, Services, Texts};
use weft::{gateway, operation, planner, server};

pub(super) fn source(config: &Config) -> SchemaSource {
    match &config.supergraph {
        Some(supergraph) => SchemaSource::Supergraph(supergraph.clone()),
        None => SchemaSource::Fragments(config.schema.clone()),
    }
}

/// Tells the configuration which services there are. Texts that cannot be read are told when they are composed.
pub(super) fn name_services(config: &mut Config) {
    if !config.services.values().any(|service| service.from_variables) {
        return;
    }
    match source(config).read() {
        Ok(Texts::Fragments(fragments)) => {
            let names: Vec<_> = fragments.iter().map(|fragment| fragment.name.as_str()).collect();
            config.name_services(&names);
        }
        Ok(Texts::Supergraph(source)) => {
            if let (Some(supergraph), _) = weft::supergraph::read::supergraph(&source) {
                let names: Vec<_> = supergraph.subgraphs.iter().map(|subgraph| &*subgraph.name).collect();
                config.name_services(&names);
            }
        }
        Err(_) => {}
    }
}

pub(super) fn services(config: &Config) -> Services {
    let settings = |service: &weft::config::Service| ServiceSettings {
        url: service.url.clone(),
        timeout_ms: service.timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok()),
        headers: service.headers.clone(),
    };
    config.services.iter().map(|(name, service)| (name.clone(), settings(service))).collect()
}

pub(super) fn gateway(config: &Config) -> gateway::Settings {
    let headers = config.services.iter().map(|(name, service)| (name.clone(), service.headers.clone()));
    let limits = &config.limits;
    gateway::Settings {
        introspection: config.introspection,
        unauthorized: match config.unauthorized {
            Unauthorized::Filter => gateway::Unauthorized::Null,
            Unauthorized::Refuse => gateway::Unauthorized::Refuse,
        },
        service_timeout: limits.service_timeout,
        forward_headers: gateway::ForwardHeaders { all: config.headers.clone(), by_service: headers.collect() },
        connect_config: config
            .services
            .iter()
            .filter_map(|(name, service)| Some((name.clone(), service.config.clone()?.into())))
            .collect(),
        limits: operation::Limits {
            text_bytes: limits.operation_bytes,
            tokens: limits.tokens,
            recursion: limits.recursion,
            depth: wide(limits.depth),
            aliases: wide(limits.aliases),
            root_fields: wide(limits.root_fields),
            directives: wide(limits.directives),
            fields: wide(limits.fields),
            ..operation::Limits::default()
        },
        planning: planner::Budget { steps_max: wide(limits.planning_steps), ..planner::Budget::default() },
        document_cache_bytes_max: wide(limits.document_bytes),
        plan_cache_bytes_max: wide(limits.plan_bytes),
        response_bytes_max: limits.response_bytes,
        ..gateway::Settings::default()
    }
}

/// `None`: clients cannot show who they are.
pub(super) fn authentication(config: &Config) -> Option<authorization::Settings> {
    let jwt = config.authentication.jwt.as_ref()?;
    let source = |key: &KeySet| match key {
        KeySet::File(path) => KeySource::File(path.clone()),
        KeySet::Url(url) => KeySource::Url(url.clone()),
    };
    Some(authorization::Settings {
        keys: jwt.jwks.iter().map(source).collect(),
        issuers: jwt.issuers.clone(),
        audiences: jwt.audiences.clone(),
        header: jwt.header.clone(),
        leeway: jwt.leeway,
        refresh: jwt.refresh,
        scope_claims: jwt.scope_claims.clone(),
        policy_claims: jwt.policy_claims.clone(),
    })
}

pub(super) fn loaders(config: &Config) -> weft_loaders::Settings {
    let limits = &config.limits;
    weft_loaders::Settings {
        response_bytes_max: limits.service_body_bytes,
        connect_timeout: limits.service_connect_timeout,
        idle_connections_max: limits.service_connections,
        idle_timeout: limits.service_idle_timeout,
        batch_keys_max: limits.batch_keys,
        cache_bytes_max: wide(limits.cache_bytes),
        ..weft_loaders::Settings::default()
    }
}

pub(super) fn server(config: &Config) -> server::Settings {
    let limits = &config.limits;
    server::Settings {
        listen: config.listen,
        admin_listen: config.admin_listen,
        playground: config.playground,
        compression: config.compression,
        cors_origins: config.cors.origins.clone(),
        cors_credentials: config.cors.credentials,
        csrf_headers: config.csrf_headers.clone(),
        body_bytes_max: limits.body_bytes,
        header_bytes_max: limits.header_bytes,
        header_count_max: limits.header_count,
        connections_max: limits.connections,
        request_timeout: limits.request_timeout,
        header_timeout: limits.header_timeout,
        shutdown_timeout: limits.shutdown_timeout,
    }
}

/// A size as the rooms count it.
fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
