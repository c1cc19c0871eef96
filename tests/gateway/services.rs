//! The services of a case, in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apollo_compiler::Schema;
use apollo_compiler::response::JsonMap;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use weft::supergraph::{Subgraph, SubgraphType};

use crate::data::{Data, Server};

/// A running service.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) calls: Arc<AtomicUsize>,
}

/// A federation subgraph over the data. A downstream operation that is not valid for it fails the case, by its answer.
pub(crate) async fn graphql(subgraph: &Subgraph, data: Arc<Data>) -> Result<Service, String> {
    let schema = Arc::new(executable(subgraph)?);
    let subgraph = Arc::new(clone_facts(subgraph));
    let answer = move |request: Value| {
        let variables: JsonMap = serde_json::from_value(request["variables"].clone()).unwrap_or_default();
        let query = request["query"].as_str().unwrap_or_default();
        let server = Server { data: &data, schema: &schema, subgraph: Some(&subgraph) };
        server.execute(query, &variables).unwrap_or_else(|message| json!({"errors": [{"message": message}]}))
    };
    let answer = Arc::new(answer);
    Ok(serve(move |request| {
        let answer = Arc::clone(&answer);
        async move {
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let answer = answer(serde_json::from_slice(&body).unwrap());
            ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
        }
    })
    .await)
}

/// What `http.json` says: by `METHOD path?query body`, `{"status": 200, "body": …}` or the body itself.
pub(crate) async fn http(name: String, table: Arc<Map<String, Value>>) -> Service {
    serve(move |request| {
        let (table, name) = (Arc::clone(&table), name.clone());
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let body: Bytes = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let line = format!("{line} {}", String::from_utf8_lossy(&body));
            let Some(answer) = table.get(line.trim_end()) else {
                return (StatusCode::NOT_IMPLEMENTED, format!("{name} has no answer for {line}")).into_response();
            };
            let status = answer.get("status").and_then(Value::as_u64).unwrap_or(200);
            let body = answer.get("body").unwrap_or(answer);
            let status = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
    })
    .await
}

pub(crate) async fn serve<F>(answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static) -> Service
where
    F: Future<Output = Response> + Send + 'static,
{
    let calls: Arc<AtomicUsize> = Arc::default();
    let counter = Arc::clone(&calls);
    let router = Router::new().fallback(move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        answer(request)
    });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Service { url, calls }
}

/// The subgraph's schema, executable.
fn executable(subgraph: &Subgraph) -> Result<Schema, String> {
    let text = subgraph.schema.serialize().no_indent().to_string();
    match Schema::parse_and_validate(&text, "subgraph.graphql") {
        Ok(schema) => Ok(schema.into_inner()),
        Err(invalid) => Err(format!("{}: {}\n{text}", subgraph.name, invalid.errors)),
    }
}

/// What the data needs to know of a subgraph, in a copy of its own.
fn clone_facts(subgraph: &Subgraph) -> Subgraph {
    let types = subgraph.types.iter().map(|(name, of)| {
        let keys = of
            .keys
            .iter()
            .map(|key| weft::supergraph::EntityKey { fields: key.fields.clone(), resolvable: key.resolvable });
        let fields = of.fields.iter().map(|(name, field)| {
            (name.clone(), weft::supergraph::SubgraphField { external: field.external, ..Default::default() })
        });
        let of = SubgraphType {
            keys: keys.collect(),
            is_interface_object: of.is_interface_object,
            fields: fields.collect(),
            ..Default::default()
        };
        (name.clone(), of)
    });
    Subgraph {
        name: Arc::clone(&subgraph.name),
        url: None,
        kind: subgraph.kind,
        schema: subgraph.schema.clone(),
        types: types.collect(),
        resolvers: Vec::new(),
        connectors: Vec::new(),
        timeout_ms: None,
    }
}
