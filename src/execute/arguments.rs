//! What a client gives a connected field: its arguments, as JSON.
//!
//! In: the literals of the operation, and the variables. Out: values, coerced to the declared types.
//! Source: GraphQL specification, "Coercing Field Arguments" and "Input Coercion".

use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};
use serde_json::{Map, Value};

use crate::connect::Connector;
use crate::operation::Variables;

/// The arguments of a connected field, as the client gave them: coerced to their declared types, and those left out
/// left out.
pub(crate) fn given(
    schema: &Schema,
    connector: &Connector,
    literals: &[(Name, Node<Literal>)],
    variables: &Variables,
) -> Map<String, Value> {
    let definition = schema.type_field(&connector.type_name, &connector.field_name).ok();
    let mut arguments = Map::new();
    for (name, literal) in literals {
        let argument = definition.and_then(|field| field.argument_by_name(name));
        let ty = argument.map(|argument| &*argument.ty);
        let given = coerce(schema, ty, literal, variables);
        // A variable that was left out leaves the argument out.
        let default = || coerce(schema, ty, argument?.default_value.as_ref()?, variables);
        if let Some(value) = given.or_else(default) {
            arguments.insert(name.to_string(), value);
        }
    }
    arguments
}

/// A literal as JSON; `None` for a variable that has no value. The recursion is bounded by the operation's text.
fn coerce(schema: &Schema, ty: Option<&Type>, literal: &Literal, variables: &Variables) -> Option<Value> {
    if let Literal::Variable(name) = literal {
        return variables.get(name.as_str()).cloned();
    }
    if let Some(Type::List(item) | Type::NonNullList(item)) = ty
        && !matches!(literal, Literal::List(_) | Literal::Null)
    {
        // One item stands for a list of it.
        return Some(Value::Array(vec![coerce(schema, Some(item), literal, variables)?]));
    }
    let is_id = ty.is_some_and(|ty| ty.inner_named_type() == "ID");
    Some(match literal {
        Literal::Null | Literal::Variable(_) => Value::Null,
        Literal::Enum(name) => Value::String(name.to_string()),
        Literal::String(text) => Value::String(text.clone()),
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Int(number) if is_id => Value::String(number.as_str().to_owned()),
        Literal::Int(number) => serde_json::from_str(number.as_str()).unwrap_or(Value::Null),
        Literal::Float(number) => serde_json::from_str(number.as_str()).unwrap_or(Value::Null),
        Literal::List(items) => {
            let item_type = ty.map(Type::item_type);
            let item = |item: &Node<Literal>| coerce(schema, item_type, item, variables).unwrap_or(Value::Null);
            Value::Array(items.iter().map(item).collect())
        }
        Literal::Object(fields) => {
            let input = ty.and_then(|ty| match schema.types.get(ty.inner_named_type()) {
                Some(ExtendedType::InputObject(input)) => Some(input),
                _ => None,
            });
            let mut object = Map::new();
            for (name, value) in fields {
                let ty = input.and_then(|input| input.fields.get(name)).map(|field| &*field.ty);
                if let Some(value) = coerce(schema, ty, value, variables) {
                    object.insert(name.to_string(), value);
                }
            }
            for field in input.iter().flat_map(|input| input.fields.values()) {
                if let Some(default) = &field.default_value
                    && !object.contains_key(field.name.as_str())
                    && let Some(value) = coerce(schema, Some(&field.ty), default, variables)
                {
                    object.insert(field.name.to_string(), value);
                }
            }
            Value::Object(object)
        }
    })
}
