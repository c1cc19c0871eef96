//! Random operations on the cases' graphs: each gets a plan, and each plan is sound and valid downstream.

use std::fmt::Write;

use apollo_compiler::Schema;
use apollo_compiler::ast::Type;
use apollo_compiler::schema::{ExtendedType, FieldDefinition};

use super::{cases, plan_text, supergraph};

/// A small generator of numbers, so that a failing operation is the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

struct Generator<'s> {
    schema: &'s Schema,
    random: Random,
    aliases: usize,
    out: String,
}

/// A valid operation: unique response keys, random fields, fragments on possible types.
pub(crate) fn operation(schema: &Schema, seed: u64) -> String {
    let mut generator = Generator { schema, random: Random(seed), aliases: 0, out: String::new() };
    let is_mutation = seed % 5 == 4 && schema.schema_definition.mutation.is_some();
    let definition = &schema.schema_definition;
    let root = if is_mutation { &definition.mutation } else { &definition.query };
    generator.out.push_str(if is_mutation { "mutation" } else { "query" });
    generator.selection(root.as_ref().unwrap().as_str(), 0);
    generator.out
}

impl Generator<'_> {
    fn selection(&mut self, type_name: &str, depth: usize) {
        self.out.push('{');
        let start = self.out.len();
        self.fields(type_name, depth);
        if depth > 0 && (self.out.len() == start || self.random.below(4) == 0) {
            let alias = self.alias();
            let _ = write!(self.out, " {alias}__typename");
        }
        if self.out.len() == start {
            self.out.push_str(" __typename");
        }
        self.out.push('}');
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        if self.aliases > 25 { String::new() } else { format!("k{}: ", self.aliases) }
    }

    fn fields(&mut self, type_name: &str, depth: usize) {
        let schema = self.schema;
        let fields: Vec<_> = match schema.types.get(type_name) {
            Some(ExtendedType::Object(object)) => object.fields.values().collect(),
            Some(ExtendedType::Interface(interface)) => interface.fields.values().collect(),
            _ => Vec::new(),
        };
        for field in fields {
            let is_leaf = !self.is_composite(field.ty.inner_named_type());
            let chance = if is_leaf { 2 } else { 2 + depth };
            if (depth > 4 && !is_leaf) || self.random.below(chance) != 0 {
                continue;
            }
            let alias = self.alias();
            if alias.is_empty() {
                return;
            }
            let _ = write!(self.out, " {alias}{}", field.name);
            self.arguments(field);
            if !is_leaf {
                self.selection(field.ty.inner_named_type(), depth + 1);
            }
        }
        if schema.get_object(type_name).is_none() {
            for object in crate::operation::possible_types(schema, &apollo_compiler::Name::new(type_name).unwrap()) {
                if self.random.below(2) == 0 && self.aliases < 25 {
                    let _ = write!(self.out, " ... on {object}");
                    self.selection(&object, depth + 1);
                }
            }
        }
    }

    fn is_composite(&self, name: &str) -> bool {
        let ty = self.schema.types.get(name);
        matches!(ty, Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_)))
    }

    fn arguments(&mut self, field: &FieldDefinition) {
        let mut given = Vec::new();
        for argument in &field.arguments {
            if argument.is_required() || self.random.below(2) == 0 {
                given.push(format!("{}: {}", argument.name, self.value(&argument.ty)));
            }
        }
        if !given.is_empty() {
            let _ = write!(self.out, "({})", given.join(", "));
        }
    }

    fn value(&mut self, ty: &Type) -> String {
        if ty.is_list() {
            return format!("[{}]", self.value(ty.item_type()));
        }
        match self.schema.types.get(ty.inner_named_type()) {
            Some(ExtendedType::Enum(values)) => {
                let index = self.random.below(values.values.len());
                values.values.keys().nth(index).unwrap().to_string()
            }
            Some(ExtendedType::InputObject(input)) => {
                let fields: Vec<String> = input
                    .fields
                    .values()
                    .filter(|field| field.is_required())
                    .map(|field| format!("{}: {}", field.name, self.value(&field.ty)))
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
            _ => match ty.inner_named_type().as_str() {
                "Int" | "Float" | "ID" => self.random.below(3).to_string(),
                "Boolean" => "true".to_owned(),
                _ => "\"x\"".to_owned(),
            },
        }
    }
}

#[test]
fn random_operations_have_sound_plans() {
    let count: u64 = std::env::var("RANDOM_OPERATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    for case in cases() {
        let supergraph = supergraph(&std::fs::read_to_string(case.join("supergraph.graphql")).unwrap());
        for seed in 0..count {
            let text = operation(&supergraph.api, seed * 7919 + 13);
            let planned = std::panic::catch_unwind(|| plan_text(&supergraph, &text));
            match planned {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => panic!("{}: {error}\n{text}", case.display()),
                Err(_) => panic!("{}: panicked at\n{text}", case.display()),
            }
        }
    }
}
