//! `@lookup` fields: which key they find an entity by, and how their arguments are filled from it.
//!
//! In: a root field and the `@is` of its arguments. Out: [`Lookup`], plain data, or what is wrong with it.
//! Source: GraphQL Composite Schemas draft, `@lookup` and `@is`.

use apollo_compiler::ast::{FieldDefinition, Type};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Schema};

use super::mapping::nearest;
use super::{KeyBinding, LookupArgument};

/// A lookup field, understood.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The object or interface type that it finds.
    pub type_name: Name,
    /// It answers a list, for the list of keys in exactly one of its arguments; otherwise one entity for one key.
    pub is_list: bool,
    /// The arguments that are filled from the key, in their order.
    pub arguments: Vec<LookupArgument>,
}

/// What is wrong with a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError {
    /// One sentence.
    pub message: String,
    /// The argument that it is about, or the field itself.
    pub argument: Option<Name>,
    /// Bytes of that argument's `@is(field:)`, where it is about a part of that.
    pub offset: Option<usize>,
    /// How to mend it.
    pub help: Option<String>,
}

impl LookupError {
    fn new(argument: Option<&Name>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), argument: argument.cloned(), offset: None, help: Some(help.into()) }
    }
}

impl Lookup {
    /// The key's fields as `@key(fields:)` would write them: `branch { code } number`.
    pub fn key(&self) -> String {
        let paths: Vec<&[Name]> = self.arguments.iter().flat_map(|argument| argument.from.paths()).collect();
        let mut text = String::new();
        write_paths(&paths, &mut text);
        text
    }

    /// The paths that an answer must hold, so that it can be matched to its key: those in the list of keys. What
    /// partitions a batch counts as given.
    pub fn matched_paths(&self) -> Vec<&[Name]> {
        self.arguments.iter().filter(|a| a.from.is_list()).flat_map(|argument| argument.from.paths()).collect()
    }

    /// Whether two lookups find the same type by the same key, however it is written.
    pub fn finds_the_same(&self, other: &Self) -> bool {
        self.type_name == other.type_name && self.sorted_paths() == other.sorted_paths()
    }

    fn sorted_paths(&self) -> Vec<&[Name]> {
        let mut paths: Vec<&[Name]> = self.arguments.iter().flat_map(|argument| argument.from.paths()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

fn write_paths(paths: &[&[Name]], text: &mut String) {
    let mut groups: IndexMap<&Name, Vec<&[Name]>> = IndexMap::default();
    for path in paths {
        if let Some((first, rest)) = path.split_first() {
            let group = groups.entry(first).or_default();
            if !rest.is_empty() {
                group.push(rest);
            }
        }
    }
    for (index, (name, inner)) in groups.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(name);
        if !inner.is_empty() {
            text.push_str(" { ");
            write_paths(inner, text);
            text.push_str(" }");
        }
    }
}

/// Of lookups that find the same type by the same key, one joins: the one that takes a list, or the first.
/// Returns the indexes of those that join.
pub fn joining(lookups: &[Lookup]) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    for (index, lookup) in lookups.iter().enumerate() {
        match kept.iter_mut().find(|known| lookups[**known].finds_the_same(lookup)) {
            Some(known) if lookup.is_list && !lookups[*known].is_list => *known = index,
            Some(_) => {}
            None => kept.push(index),
        }
    }
    kept
}

/// `@is` where the author left it out: the key field of the argument's name, in a list for an argument that is one.
/// `None` when the type has no such field.
pub fn default_is(schema: &Schema, field: &FieldDefinition, argument: &Name) -> Option<String> {
    let definition = field.arguments.iter().find(|definition| definition.name == *argument)?;
    let target = fields_of(schema, field.ty.inner_named_type())?.get(argument)?;
    let is_list = field.ty.is_list() && definition.ty.is_list() && !target.ty.is_list();
    Some(if is_list { format!("[{argument}]") } else { argument.to_string() })
}

/// Reads a lookup field. `is` gives the text of an argument's `@is(field:)`, written or by default.
pub fn read_lookup(
    schema: &Schema,
    field: &FieldDefinition,
    is: impl Fn(&Name) -> Option<String>,
) -> Result<Lookup, Vec<LookupError>> {
    let mut errors = Vec::new();
    let name = &field.name;
    let type_name = field.ty.inner_named_type();
    let is_entity = matches!(schema.types.get(type_name), Some(ExtendedType::Object(_) | ExtendedType::Interface(_)));
    if !is_entity || nesting(&field.ty) > 1 {
        let message =
            format!("The lookup `{name}` returns `{}`, which is neither an entity nor a list of them.", field.ty);
        errors.push(LookupError::new(
            None,
            message,
            "Return an object or interface type with a `@key`, or a list of it.",
        ));
    }
    let mut arguments = Vec::new();
    for definition in &field.arguments {
        let argument = &definition.name;
        let Some(text) = is(argument) else {
            if definition.ty.is_non_null() && definition.default_value.is_none() {
                let message = format!("Nothing fills the argument `{argument}` of the lookup `{name}`.");
                let help = format!("Say which key field it takes: `{argument}: {} @is(field: \"…\")`.", definition.ty);
                errors.push(LookupError::new(Some(argument), message, help));
            }
            continue;
        };
        match KeyBinding::parse(&text) {
            Err(error) => errors.push(LookupError {
                message: format!("`@is` of the argument `{argument}` cannot be read. {}", error.message),
                argument: Some(argument.clone()),
                offset: Some(error.offset),
                help: error.help,
            }),
            Ok(from) => {
                check_argument(schema, field, argument, &definition.ty, &from, &mut errors);
                arguments.push(LookupArgument { name: argument.clone(), from });
            }
        }
    }
    let is_list = field.ty.is_list();
    let lists: Vec<&Name> = arguments.iter().filter(|a| a.from.is_list()).map(|a| &a.name).collect();
    match (is_list, lists.as_slice()) {
        // Missing arguments may be a consequence of what was told above.
        _ if !errors.is_empty() => {}
        (true, []) => errors.push(LookupError::new(
            None,
            format!("The lookup `{name}` returns a list, but none of its arguments is a list of keys."),
            "Take the keys of a whole batch: `ids: [ID!]! @is(field: \"[id]\")`; or return one entity.",
        )),
        (true, [_, second, ..]) => errors.push(LookupError::new(
            Some(second),
            format!("The lookup `{name}` has more than one list of keys."),
            "Take one list of input objects, `@is(field: \"[{ a b }]\")`, or let one argument partition the batch.",
        )),
        (false, [list, ..]) => errors.push(LookupError::new(
            Some(list),
            format!("The lookup `{name}` takes a list of keys, but returns one entity."),
            format!("Return a list: `[{type_name}]!`."),
        )),
        (_, _) if arguments.is_empty() => errors.push(LookupError::new(
            None,
            format!("The lookup `{name}` takes no key."),
            "Give it an argument for each key field: `id: ID! @is(field: \"id\")`.",
        )),
        _ => {}
    }
    if errors.is_empty() { Ok(Lookup { type_name: type_name.clone(), is_list, arguments }) } else { Err(errors) }
}

/// Whether the binding fits the argument's type and the entity's fields.
fn check_argument(
    schema: &Schema,
    field: &FieldDefinition,
    argument: &Name,
    ty: &Type,
    from: &KeyBinding,
    errors: &mut Vec<LookupError>,
) {
    let found = field.ty.inner_named_type();
    let mut leads_to_list = false;
    for path in from.paths() {
        match walk(schema, found, path) {
            Ok(None) => {}
            Ok(Some(ty)) => leads_to_list |= ty.is_list(),
            Err((message, help)) => {
                errors.push(LookupError { message, argument: Some(argument.clone()), offset: None, help });
                return;
            }
        }
    }
    if from.is_list() && !ty.is_list() {
        let message = format!("The argument `{argument}` takes a list of keys, but its type is `{ty}`.");
        errors.push(LookupError::new(Some(argument), message, format!("Make it a list: `[{ty}]!`.")));
    }
    if let (KeyBinding::Value(path), true, false) = (from, ty.is_list(), leads_to_list) {
        let path = path.iter().map(Name::as_str).collect::<Vec<_>>().join(".");
        let message = format!("The argument `{argument}` is a list, but takes a single `{path}`.");
        let help = format!("Take the keys of a whole batch: `@is(field: \"[{path}]\")`.");
        errors.push(LookupError::new(Some(argument), message, help));
    }
    if let KeyBinding::Object(fields) | KeyBinding::ListOfObjects(fields) = from {
        check_input(schema, argument, ty, fields, errors);
    }
}

/// Whether the input object has the fields that are bound, and needs no others.
fn check_input(
    schema: &Schema,
    argument: &Name,
    ty: &Type,
    bound: &[(Name, Vec<Name>)],
    errors: &mut Vec<LookupError>,
) {
    let type_name = ty.inner_named_type();
    let Some(input) = schema.get_input_object(type_name) else {
        // A custom scalar takes any object; a type that does not exist is told by whoever validates the schema.
        if matches!(schema.types.get(type_name), Some(ExtendedType::Enum(_))) || is_built_in_scalar(type_name) {
            let message = format!("The argument `{argument}` takes an input object, but its type is `{ty}`.");
            errors.push(LookupError::new(Some(argument), message, "Declare an input type with those fields."));
        }
        return;
    };
    for (name, _) in bound {
        if !input.fields.contains_key(name) {
            let message = format!("The input type `{type_name}` has no field `{name}`.");
            let help = match nearest(name, input.fields.keys().map(Name::as_str)) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "An input field that is called otherwise is named first: `{ code: branch.code }`.".to_owned(),
            };
            errors.push(LookupError::new(Some(argument), message, help));
        }
    }
    for (name, field) in &input.fields {
        if field.is_required() && !bound.iter().any(|(known, _)| known == name) {
            let message = format!("Nothing fills the field `{name}` of the input type `{type_name}`.");
            errors.push(LookupError::new(Some(argument), message, "Bind it to a key field as well."));
        }
    }
}

/// The type at the end of a path below a type; `None` where the schema does not tell.
fn walk(schema: &Schema, type_name: &Name, path: &[Name]) -> Result<Option<Type>, (String, Option<String>)> {
    let mut current = type_name;
    let mut ty = None;
    for name in path {
        let Some(fields) = fields_of(schema, current) else { return Ok(None) };
        let Some(field) = fields.get(name) else {
            let help = nearest(name, fields.keys().map(Name::as_str)).map(|near| format!("Did you mean `{near}`?"));
            return Err((format!("`{current}` has no field `{name}` in this fragment."), help));
        };
        ty = Some(field.ty.clone());
        current = field.ty.inner_named_type();
    }
    Ok(ty)
}

/// The fields of an object or interface type.
pub(super) fn fields_of<'s>(
    schema: &'s Schema,
    type_name: &str,
) -> Option<&'s IndexMap<Name, Component<FieldDefinition>>> {
    match schema.types.get(type_name)? {
        ExtendedType::Object(ty) => Some(&ty.fields),
        ExtendedType::Interface(ty) => Some(&ty.fields),
        _ => None,
    }
}

pub(super) fn is_built_in_scalar(name: &str) -> bool {
    matches!(name, "Int" | "Float" | "String" | "Boolean" | "ID")
}

fn nesting(ty: &Type) -> usize {
    let mut depth = 0;
    let mut ty = ty;
    while let Type::List(inner) | Type::NonNullList(inner) = ty {
        depth += 1;
        ty = inner;
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(field: &str) -> Result<Lookup, Vec<LookupError>> {
        let text = format!(
            "type Query {{ {field} }}
             type Seat {{ number: Int! branch: Branch! tags: [String!] }}
             type Branch {{ code: ID! }}
             input SeatKey {{ code: ID! number: Int! }}
             directive @is(field: String!) on ARGUMENT_DEFINITION"
        );
        let schema = Schema::parse(text, "x.graphql").unwrap();
        let field = schema.get_object("Query").unwrap().fields.values().next().unwrap();
        read_lookup(&schema, field, |name| {
            let argument = field.arguments.iter().find(|argument| argument.name == *name)?;
            match argument.directives.get("is") {
                Some(is) => Some(is.specified_argument_by_name("field")?.as_str()?.to_owned()),
                None => default_is(&schema, field, name),
            }
        })
    }

    #[test]
    fn keys_are_found() {
        let cases = [
            ("f(number: Int!): Seat", "number", false),
            ("f(number: [Int!]!): [Seat]", "number", true),
            (
                "f(n: [Int!]! @is(field: \"[number]\"), c: ID! @is(field: \"branch.code\")): [Seat]",
                "number branch { code }",
                true,
            ),
            (
                "f(k: [SeatKey!]! @is(field: \"[{ code: branch.code number }]\")): [Seat]!",
                "branch { code } number",
                true,
            ),
            ("f(tags: [String!]): Seat", "tags", false),
            ("f(number: Int!, verbose: Boolean): Seat", "number", false),
        ];
        for (field, key, is_list) in cases {
            let lookup = read(field).unwrap();
            assert_eq!((lookup.key().as_str(), lookup.is_list), (key, is_list), "{field}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let cases = [
            ("f(id: ID!): Seat", "Nothing fills the argument `id`"),
            ("f(n: Int! @is(field: \"numbr\")): Seat", "`Seat` has no field `numbr`"),
            ("f(n: Int! @is(field: \"number |\")): Seat", "cannot be read. Choices"),
            ("f(number: Int!): [Seat]", "none of its arguments is a list"),
            ("f(number: [Int!]!): Seat", "is a list, but takes a single `number`"),
            ("f(n: [Int!]! @is(field: \"[number]\")): Seat", "returns one entity"),
            (
                "f(n: [Int!] @is(field: \"[number]\"), c: [ID!] @is(field: \"[branch.code]\")): [Seat]",
                "more than one list",
            ),
            ("f(n: Int! @is(field: \"[number]\")): [Seat]", "its type is `Int!`"),
            ("f(k: SeatKey! @is(field: \"{ number }\")): Seat", "Nothing fills the field `code`"),
            ("f(k: SeatKey! @is(field: \"{ code: branch.code number no: number }\")): Seat", "has no field `no`"),
            ("f(k: ID! @is(field: \"{ number }\")): Seat", "takes an input object"),
            ("f(verbose: Boolean): Seat", "takes no key"),
            ("f(number: Int!): Int", "neither an entity"),
            ("f(number: [Int!]!): [[Seat]]", "neither an entity"),
        ];
        for (field, message) in cases {
            let errors = read(field).unwrap_err();
            assert!(errors.iter().any(|error| error.message.contains(message)), "{field}: {errors:?}");
        }
    }

    #[test]
    fn the_list_joins() {
        let one = read("f(number: Int!): Seat").unwrap();
        let list = read("f(number: [Int!]!): [Seat]").unwrap();
        let other = read("f(c: ID! @is(field: \"branch.code\")): Seat").unwrap();
        assert_eq!(joining(&[one.clone(), other.clone(), list.clone()]), [2, 1]);
        assert_eq!(joining(&[list, one, other]), [0, 2]);
    }
}
