//! What a fragment says, read without the code that is tested: its plain schema, and its federation directives.

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast::{DirectiveList, Document, Selection, Value};
use apollo_compiler::schema::{ComponentName, ExtendedType, FieldDefinition};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema, schema};

use super::http::Connect;

/// A subgraph.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(crate) name: String,
    /// It has connectors.
    pub(crate) is_http: bool,
    /// Without federation's directives, with its `_entities`.
    pub(crate) schema: Valid<Schema>,
    pub(crate) types: HashMap<String, TypeFacts>,
}

/// What federation's directives say of a type.
#[derive(Debug, Default)]
pub(crate) struct TypeFacts {
    /// The fields of each `@key`, and whether it is resolvable.
    pub(crate) keys: Vec<(Vec<Selection>, bool)>,
    pub(crate) is_interface_object: bool,
    pub(crate) fields: HashMap<String, FieldFacts>,
}

/// What they say of a field.
#[derive(Debug, Default)]
pub(crate) struct FieldFacts {
    pub(crate) external: bool,
    /// Another subgraph says `@override` of it.
    pub(crate) overridden: bool,
    pub(crate) requires: Option<Vec<Selection>>,
    pub(crate) provides: Option<Vec<Selection>>,
    overrides: Option<String>,
    pub(crate) connect: Option<Connect>,
}

/// Whether a fragment has connectors.
pub(crate) fn is_http(text: &str) -> bool {
    text.contains("@connect(")
}

const MACHINERY: &str = "scalar _Any\nscalar _FieldSet\ntype _Service { sdl: String }\n";

/// Reads all fragments of a case. Panics with what is wrong with one.
pub(crate) fn read_all(fragments: &[(String, String)]) -> Vec<Fragment> {
    let mut read: Vec<Fragment> = fragments.iter().map(|(name, text)| Fragment::read(name, text)).collect();
    let overrides: Vec<(String, String, String)> = read
        .iter()
        .flat_map(|fragment| &fragment.types)
        .flat_map(|(type_name, facts)| facts.fields.iter().map(move |field| (type_name, field)))
        .filter_map(|(ty, (field, facts))| Some((facts.overrides.clone()?, ty.clone(), field.clone())))
        .collect();
    for (from, type_name, field) in overrides {
        let fragment = read.iter_mut().find(|fragment| fragment.name == from);
        let facts = fragment.and_then(|fragment| fragment.types.get_mut(&type_name)?.fields.get_mut(&field));
        if let Some(facts) = facts {
            facts.overridden = true;
        }
    }
    read
}

impl Fragment {
    fn read(name: &str, text: &str) -> Fragment {
        let builder = Schema::builder().adopt_orphan_extensions().ignore_builtin_redefinitions();
        let schema = builder.parse(text, format!("{name}.graphql")).build();
        let mut schema = schema.unwrap_or_else(|errors| panic!("fragment {name}: {errors}"));
        let is_federation_1 = !text.contains("specs.apollo.dev/federation");
        let mut types: HashMap<String, TypeFacts> =
            schema.types.iter().map(|(name, ty)| (name.to_string(), TypeFacts::read(ty))).collect();
        if is_federation_1 {
            make_keys_readable(&schema, &mut types);
        }
        strip(&mut schema);
        let schema = with_machinery(&schema, &types);
        let schema = Schema::parse_and_validate(&schema, format!("{name}.graphql"));
        let schema = schema.unwrap_or_else(|errors| panic!("fragment {name}: {errors}"));
        Fragment { name: name.to_owned(), is_http: is_http(text), schema, types }
    }

    pub(crate) fn field(&self, type_name: &str, field: &str) -> Option<&FieldFacts> {
        self.types.get(type_name)?.fields.get(field)
    }

    /// Whether the field is at the top of a key of its type.
    pub(crate) fn is_in_key(&self, type_name: &str, field: &str) -> bool {
        let keys = self.types.get(type_name).into_iter().flat_map(|facts| &facts.keys);
        keys.flat_map(|(key, _)| key).any(|item| matches!(item, Selection::Field(item) if item.name == field))
    }
}

impl TypeFacts {
    fn read(ty: &ExtendedType) -> TypeFacts {
        let fields = match ty {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            _ => return TypeFacts::default(),
        };
        let directives: DirectiveList = ty.directives().iter().map(|directive| directive.node.clone()).collect();
        let key = |key: &Node<apollo_compiler::ast::Directive>| {
            let resolvable = key.specified_argument_by_name("resolvable").and_then(|value| value.to_bool());
            (parse_field_set(&text(key, "fields")), resolvable.unwrap_or(true))
        };
        let read = |(name, field): (&Name, &schema::Component<FieldDefinition>)| {
            let set = |directive: &str| {
                field.directives.get(directive).map(|applied| parse_field_set(&text(applied, "fields")))
            };
            let facts = FieldFacts {
                external: field.directives.has("external") || directives.has("external"),
                overridden: false,
                requires: set("requires"),
                provides: set("provides"),
                overrides: field.directives.get("override").map(|applied| text(applied, "from")),
                connect: Connect::read(field),
            };
            (name.to_string(), facts)
        };
        TypeFacts {
            keys: directives.get_all("key").map(key).collect(),
            is_interface_object: directives.has("interfaceObject"),
            fields: fields.iter().map(read).collect(),
        }
    }
}

pub(crate) fn text(directive: &apollo_compiler::ast::Directive, argument: &str) -> String {
    match directive.specified_argument_by_name(argument).map(|value| value.as_ref()) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::List(items)) => items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(" "),
        other => panic!("@{} has {other:?} as its `{argument}`", directive.name),
    }
}

fn parse_field_set(text: &str) -> Vec<Selection> {
    let document = Document::parse(format!("{{ {text} }}"), "field set").expect("a field set");
    let operation = document.definitions.iter().find_map(|definition| definition.as_operation_definition());
    operation.expect("a field set").selection_set.clone()
}

/// Federation 1 writes `@external` on the key fields of extensions, which the subgraph knows all the same.
fn make_keys_readable(schema: &Schema, types: &mut HashMap<String, TypeFacts>) {
    fn collect(schema: &Schema, type_name: &str, items: &[Selection], found: &mut HashSet<(String, String)>) {
        for item in items {
            let Selection::Field(field) = item else { continue };
            found.insert((type_name.to_owned(), field.name.to_string()));
            if let Ok(definition) = schema.type_field(type_name, &field.name) {
                collect(schema, definition.ty.inner_named_type(), &field.selection_set, found);
            }
        }
    }
    let mut found = HashSet::new();
    for (name, facts) in &*types {
        facts.keys.iter().for_each(|(key, _)| collect(schema, name, key, &mut found));
    }
    for (type_name, field) in found {
        if let Some(facts) = types.get_mut(&type_name).and_then(|facts| facts.fields.get_mut(&field)) {
            facts.external = false;
        }
    }
}

fn strip(schema: &mut Schema) {
    schema.schema_definition.make_mut().directives.clear();
    let built_in = ["skip", "include", "deprecated", "specifiedBy", "oneOf"];
    schema.directive_definitions.retain(|name, _| built_in.contains(&name.as_str()));
    let own = |name: &Name| matches!(name.as_str(), "deprecated" | "specifiedBy" | "oneOf");
    let fields = |fields: &mut apollo_compiler::collections::IndexMap<Name, schema::Component<FieldDefinition>>| {
        for field in fields.values_mut() {
            let field = field.make_mut();
            field.directives.retain(|directive| own(&directive.name));
            field.arguments.iter_mut().for_each(|argument| argument.make_mut().directives.clear());
        }
    };
    for ty in schema.types.values_mut().filter(|ty| !ty.is_built_in()) {
        match ty {
            ExtendedType::Object(ty) => {
                let ty = ty.make_mut();
                ty.directives.clear();
                fields(&mut ty.fields);
            }
            ExtendedType::Interface(ty) => {
                let ty = ty.make_mut();
                ty.directives.clear();
                fields(&mut ty.fields);
            }
            ExtendedType::Union(ty) => ty.make_mut().directives.clear(),
            ExtendedType::Scalar(ty) => ty.make_mut().directives.clear(),
            ExtendedType::Enum(ty) => {
                let ty = ty.make_mut();
                ty.directives.clear();
                ty.values.values_mut().for_each(|value| value.make_mut().directives.clear());
            }
            ExtendedType::InputObject(ty) => {
                let ty = ty.make_mut();
                ty.directives.retain(|directive| own(&directive.name));
                ty.fields.values_mut().for_each(|field| field.make_mut().directives.clear());
            }
        }
    }
}

fn with_machinery(schema: &Schema, types: &HashMap<String, TypeFacts>) -> String {
    let mut schema = schema.clone();
    let query = schema.schema_definition.query.as_ref().map_or("Query", |query| query.name.as_str()).to_owned();
    let is_object = |name: &&String| schema.types.get(name.as_str()).is_some_and(ExtendedType::is_object);
    let keyed = types.iter().filter(|(_, facts)| !facts.keys.is_empty()).map(|(name, _)| name);
    let mut entities: Vec<&String> = keyed.filter(is_object).collect();
    entities.sort();
    let entities = entities.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" | ");
    let has_query = schema.get_object(&query).is_some_and(|query| !query.fields.is_empty());
    if !has_query {
        schema.types.shift_remove(query.as_str());
        let root = Name::new(&query).expect("a name");
        schema.schema_definition.make_mut().query = Some(ComponentName::from(root));
    }
    let mut machinery = MACHINERY.to_owned();
    machinery.push_str(&format!("{} type {query} {{ _service: _Service!", if has_query { "extend" } else { "" }));
    if entities.is_empty() {
        machinery.push_str(" }\n");
    } else {
        machinery
            .push_str(&format!(" _entities(representations: [_Any!]!): [_Entity]! }}\nunion _Entity = {entities}\n"));
    }
    format!("{schema}\n{machinery}")
}
