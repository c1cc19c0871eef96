//! Compares two responses, and two schemas.
//!
//! Data must be equal to the last byte, in the order of its keys. Errors are compared by what they did: every null that one
//! side's errors caused must be explained by an error of the other side. More is not comparable, because who stops at the first error
//! below a non-null field, and in which order, is left open by the specification.

use std::collections::BTreeSet;

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use serde_json::Value;

const NOT_NULL: &str = " (which is not null)";

/// What differs between the unsplit answer and the gateway's.
/// `named`: a place by the names of its fields. Of an error of a service below a null, the gateway tells one of the places at which
/// aliases ask for the same (see `aliases_fail_together` in the open cases).
pub(crate) fn responses(expected: &Value, actual: &Value, named: impl Fn(&str) -> String) -> Vec<String> {
    let mut found = Vec::new();
    let null = Value::Null;
    let data = |response: &Value| response.get("data").unwrap_or(&null).to_string();
    if data(expected) != data(actual) {
        found.push(format!("data differs:\n  expected {}\n  actual   {}", data(expected), data(actual)));
        return found;
    }
    let (told, other_told) = (nulls(expected, true), nulls(actual, false));
    // Of one load, the gateway tells no more than the first hundred.
    let is_summarized = actual.to_string().contains(" of which the first ");
    let told_by_name: BTreeSet<String> = other_told.iter().map(|null| named(null)).collect();
    let is_strict = std::env::var("STRICT").is_ok();
    let is_told = |null: &&String| is_summarized || (!is_strict && told_by_name.contains(&named(null)));
    for missing in told.difference(&other_told).filter(|null| !is_told(null)) {
        found.push(format!("no error explains the null at {missing}"));
    }
    let explained = nulls(expected, false);
    // What two services both failed to give, or what failed below a null, has no place of its own any more.
    let is_above = |extra: &String| {
        let place = extra.strip_suffix(NOT_NULL);
        std::env::var("STRICT").is_err()
            && place.is_some_and(|place| explained.iter().any(|null| null.starts_with(place)))
    };
    for extra in other_told.difference(&explained).filter(|extra| !is_above(extra)) {
        found.push(format!("an error that the unsplit service does not have, for {extra}"));
    }
    found
}

/// What is wrong with an answer that may lack something: it has all that the worst one has, nothing but what the best one has, and errors
/// explain what it lacks.
pub(crate) fn between(best: &Value, actual: &Value, worst: &Value) -> Vec<String> {
    fn compare(best: &Value, actual: &Value, worst: &Value, path: &str, lost: &mut Vec<String>) -> Result<(), String> {
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match (best, actual) {
            (Value::Null, Value::Null) => Ok(()),
            (_, Value::Null) if !worst.is_null() => Err(format!("{path} is null, and no failure makes it so: {worst}")),
            (_, Value::Null) => {
                lost.push(path.to_owned());
                Ok(())
            }
            (Value::Object(best), Value::Object(actual)) if best.keys().eq(actual.keys()) => {
                best.iter().try_for_each(|(key, best)| {
                    let worst = worst.get(key).unwrap_or(&Value::Null);
                    compare(best, &actual[key], worst, &at(&format!("{key:?}")), lost)
                })
            }
            (Value::Array(best), Value::Array(actual)) if best.len() == actual.len() => {
                best.iter().zip(actual).enumerate().try_for_each(|(index, (best, actual))| {
                    let worst = worst.get(index).unwrap_or(&Value::Null);
                    compare(best, actual, worst, &at(&index.to_string()), lost)
                })
            }
            (best, actual) if best == actual && !best.is_object() && !best.is_array() => Ok(()),
            _ => Err(format!("{path} is {actual}, the data has {best}")),
        }
    }
    let null = Value::Null;
    let data = |response: &'_ Value| response.get("data").unwrap_or(&null).clone();
    let mut lost = Vec::new();
    let mut found = Vec::new();
    if let Err(wrong) = compare(&data(best), &data(actual), &data(worst), "", &mut lost) {
        found.push(format!("data differs: {wrong}"));
    }
    let explained = nulls(actual, false);
    found.extend(
        lost.iter()
            .filter(|null| !explained.contains(*null))
            .map(|null| format!("no error explains the null at {null}")),
    );
    found
}

/// The nulls that the errors explain. `certain`: without those whose errors may as well not be told: a type or an enum value
/// that clients do not know becomes null, with or without a word.
fn nulls(response: &Value, certain: bool) -> BTreeSet<String> {
    let errors = response.get("errors").and_then(Value::as_array).into_iter().flatten();
    let message = |error: &Value| error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_hidden = |error: &Value| {
        let message = message(error);
        message.contains("not defined in the schema") || message.contains(", expected enum ")
    };
    errors.filter(|error| !(certain && is_hidden(error))).map(|error| null_of(response, error)).collect()
}

/// Where an error's path meets a null.
fn null_of(response: &Value, error: &Value) -> String {
    let path = error.get("path").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut at = response.get("data").unwrap_or(&Value::Null);
    let mut reached = Vec::new();
    for segment in path {
        let next = match segment {
            Value::String(key) => at.get(key),
            Value::Number(index) => index.as_u64().and_then(|index| at.get(index as usize)),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
        reached.push(segment.to_string());
    }
    match at {
        Value::Null => reached.join("."),
        // An error with nothing null at its place, or without a path.
        _ => format!("{}{NOT_NULL}", reached.join(".")),
    }
}

/// What differs between the schema that clients should see and the one that was composed.
pub(crate) fn schemas(expected: &Schema, actual: &Schema) -> Vec<String> {
    let (expected, actual) = (facts(expected), facts(actual));
    let missing = expected.difference(&actual).map(|fact| format!("the composed schema lacks: {fact}"));
    let extra = actual.difference(&expected).map(|fact| format!("the composed schema has too: {fact}"));
    missing.chain(extra).collect()
}

fn facts(schema: &Schema) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for (kind, name) in schema.schema_definition.iter_root_operations() {
        facts.insert(format!("{}: {name}", kind.name(), name = name.name));
    }
    for (name, ty) in schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        let (interfaces, fields) = match ty {
            ExtendedType::Object(ty) => (Some(&ty.implements_interfaces), Some(&ty.fields)),
            ExtendedType::Interface(ty) => (Some(&ty.implements_interfaces), Some(&ty.fields)),
            _ => (None, None),
        };
        facts.insert(format!("type {name}"));
        facts.extend(interfaces.into_iter().flatten().map(|interface| format!("{name} implements {}", interface.name)));
        for (field, definition) in fields.into_iter().flatten() {
            facts.insert(format!("{name}.{field}: {}", definition.ty));
            for argument in &definition.arguments {
                let default = argument.default_value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
                facts.insert(format!("{name}.{field}({}: {}{default})", argument.name, argument.ty));
            }
        }
        match ty {
            ExtendedType::Union(union) => {
                facts.extend(union.members.iter().map(|member| format!("{name} | {}", member.name)))
            }
            ExtendedType::Enum(ty) => facts.extend(ty.values.keys().map(|value| format!("{name}.{value}"))),
            ExtendedType::InputObject(input) => {
                for (field, definition) in &input.fields {
                    let default = definition.default_value.as_ref().map(|value| format!(" = {value}"));
                    facts.insert(format!("{name}.{field}: {}{}", definition.ty, default.unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::responses;

    #[test]
    fn what_must_not_differ() {
        let expected = json!({"data": {"a": 1, "b": null}, "errors": [{"message": "no", "path": ["b", "c"]}]});
        let same = |data: &str, errors: serde_json::Value| {
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            responses(&expected, &json!({"data": data, "errors": errors}), str::to_owned).is_empty()
        };
        let (data, errors) = (r#"{"a":1,"b":null}"#, json!([{"message": "failed", "path": ["b"]}]));
        assert!(same(data, errors.clone()), "another message, and the place that is null");
        assert!(!same(r#"{"b":null,"a":1}"#, errors.clone()), "the order of keys");
        assert!(!same(r#"{"a":2,"b":null}"#, errors.clone()), "a value");
        assert!(!same(r#"{"a":1,"b":null,"c":1}"#, errors), "another key");
        assert!(!same(data, json!([])), "nothing explains the null");
        assert!(
            !same(data, json!([{"message": "no", "path": ["b"]}, {"message": "odd", "path": ["a"]}])),
            "an error too many"
        );
    }
}
