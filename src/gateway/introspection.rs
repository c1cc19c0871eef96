//! `__schema` and `__type`, answered from the API schema.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::introspection::{check_max_depth, partial_execute};
use apollo_compiler::response::JsonMap;
use apollo_compiler::response::serde_json_bytes;
use apollo_compiler::validation::Valid;

use super::snapshot::Parsed;
use super::{Outcome, RequestError, Snapshot};
use crate::operation::Variables;

/// Answers the introspection fields of an operation: JSON texts by response key.
/// Errors: the operation nests lists of types too deeply.
pub(super) async fn answer(
    snapshot: &Arc<Snapshot>,
    parsed: &Arc<Parsed>,
    operation_name: Option<&str>,
    variables: &Variables,
) -> Result<HashMap<Name, Vec<u8>>, Vec<RequestError>> {
    let (of, parsed) = (Arc::clone(snapshot), Arc::clone(parsed));
    let operation_name = operation_name.map(str::to_owned);
    let mut values = JsonMap::new();
    for (name, value) in variables {
        let value = serde_json_bytes::to_value(value).map_err(|_| vec![RequestError::internal()])?;
        values.insert(name.as_str(), value);
    }
    let values = Valid::assume_valid(values);
    snapshot.blocking(move || answer_now(&of, &parsed, operation_name.as_deref(), &values)).await
}

fn answer_now(
    snapshot: &Snapshot,
    parsed: &Parsed,
    operation_name: Option<&str>,
    variables: &Valid<JsonMap>,
) -> Result<HashMap<Name, Vec<u8>>, Vec<RequestError>> {
    let document = parsed.document.executable();
    let refused = |error: apollo_compiler::request::RequestError| {
        let error = error.to_graphql_error(&document.sources);
        let locations = error.locations.iter().map(|at| (at.line, at.column)).collect();
        vec![RequestError {
            message: error.message,
            locations,
            code: "OPERATION_TOO_COMPLEX",
            outcome: Outcome::Refused,
        }]
    };
    let operation = document.operations.get(operation_name).map_err(refused)?;
    check_max_depth(document, operation).map_err(refused)?;
    let api = &snapshot.supergraph.api;
    let answered = partial_execute(api, &snapshot.implementers, document, operation, variables).map_err(refused)?;
    let mut texts = HashMap::new();
    for (key, value) in answered.data.iter().flatten() {
        if let (Ok(name), Ok(text)) = (Name::new(key.as_str()), serde_json::to_vec(value)) {
            texts.insert(name, text);
        }
    }
    Ok(texts)
}
