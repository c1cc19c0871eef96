//! Random operations on any schema. They need not be valid: the caller validates, and takes the next one.

use apollo_compiler::Schema;
use apollo_compiler::schema::{ExtendedType, FieldDefinition, Type};
use serde_json::{Map, Value, json};

use super::rng::Rng;

struct Writer<'a> {
    rng: &'a mut Rng,
    schema: &'a Schema,
    /// Fields that may still be written.
    budget: usize,
    aliases: usize,
    fragments: Vec<String>,
    uses: [bool; 3],
}

/// An operation's text and its variables.
pub(crate) fn random(rng: &mut Rng, schema: &Schema) -> (String, Map<String, Value>) {
    let budget = rng.between(3, 40);
    let mut writer = Writer { rng, schema, budget, aliases: 0, fragments: Vec::new(), uses: [false; 3] };
    let is_mutation = schema.get_object("Mutation").is_some() && writer.rng.percent(15);
    let body = writer.selection(if is_mutation { "Mutation" } else { "Query" }, 0);
    let Writer { fragments, uses, .. } = writer;
    let declared = ["$yes: Boolean!", "$no: Boolean = false", "$x: Int"];
    let declared: Vec<&str> = declared.iter().zip(uses).filter(|(_, used)| *used).map(|(text, _)| *text).collect();
    let head = match (is_mutation, declared.join(", ")) {
        (false, declared) if declared.is_empty() => String::new(),
        (true, declared) if declared.is_empty() => "mutation ".into(),
        (false, declared) => format!("query ({declared}) "),
        (true, declared) => format!("mutation ({declared}) "),
    };
    let mut variables = Map::new();
    if uses[0] {
        variables.insert("yes".into(), rng.percent(60).into());
    }
    if uses[1] && rng.percent(50) {
        variables.insert("no".into(), rng.percent(50).into());
    }
    if uses[2] && rng.percent(70) {
        variables.insert("x".into(), if rng.percent(20) { Value::Null } else { json!(rng.below(5)) });
    }
    (format!("{head}{body}\n{}", fragments.join("\n")), variables)
}

impl Writer<'_> {
    fn selection(&mut self, type_name: &str, depth: usize) -> String {
        let mut items = Vec::new();
        let wanted = self.rng.between(1, 4);
        for _ in 0..wanted {
            if self.rng.percent(20) && depth > 0 {
                items.extend(self.fragment(type_name, depth));
            } else {
                items.extend(self.field(type_name, depth));
            }
        }
        if items.is_empty() {
            items.push("__typename".into());
        }
        format!("{{ {} }}", items.join(" "))
    }

    fn fields(&self, type_name: &str) -> Vec<FieldDefinition> {
        let fields = match self.schema.types.get(type_name) {
            Some(ExtendedType::Object(ty)) => &ty.fields,
            Some(ExtendedType::Interface(ty)) => &ty.fields,
            _ => return Vec::new(),
        };
        fields.values().map(|field| (***field).clone()).collect()
    }

    fn field(&mut self, type_name: &str, depth: usize) -> Option<String> {
        let mut fields = self.fields(type_name);
        let leaf =
            |ty: &Type| self.schema.types.get(ty.inner_named_type()).is_some_and(|ty| ty.is_scalar() || ty.is_enum());
        if depth > 5 || self.budget == 0 {
            fields.retain(|field| leaf(&field.ty));
        }
        if fields.is_empty() || self.rng.percent(6) {
            return (fields.is_empty() && depth > 0 || self.rng.percent(40)).then(|| {
                let alias = if self.rng.percent(30) { "t: " } else { "" };
                format!("{alias}__typename")
            });
        }
        self.budget = self.budget.saturating_sub(1);
        let field = self.rng.pick(&fields).clone();
        let mut text = String::new();
        let mut arguments = String::new();
        if let Some(argument) = field.arguments.first() {
            if argument.name == "id" {
                let instance = self.rng.below(5);
                let id = format!("{}{instance}", field.ty.inner_named_type().to_lowercase());
                arguments = format!("(id: \"{id}\")");
            } else if self.rng.percent(70) {
                arguments = match self.rng.below(3) {
                    0 => {
                        self.uses[2] = true;
                        "(x: $x)".into()
                    }
                    1 => "(x: null)".into(),
                    _ => format!("(x: {})", self.rng.below(3)),
                };
            }
        }
        if self.rng.percent(if arguments.is_empty() { 12 } else { 70 }) {
            self.aliases += 1;
            let alias = if self.rng.percent(80) {
                format!("a{}", self.aliases)
            } else {
                self.rng.pick(&fields).name.to_string()
            };
            text.push_str(&format!("{alias}: "));
        }
        text.push_str(&format!("{}{arguments}", field.name));
        text.push_str(&self.condition());
        if !leaf(&field.ty) {
            let below = self.selection(field.ty.inner_named_type(), depth + 1);
            text.push_str(&format!(" {below}"));
        }
        Some(text)
    }

    fn condition(&mut self) -> String {
        if !self.rng.percent(8) {
            return String::new();
        }
        let directive = *self.rng.pick(&["skip", "include"]);
        let value = match self.rng.below(3) {
            0 => {
                self.uses[0] = true;
                "$yes"
            }
            1 => {
                self.uses[1] = true;
                "$no"
            }
            _ => *self.rng.pick(&["true", "false"]),
        };
        format!(" @{directive}(if: {value})")
    }

    fn fragment(&mut self, type_name: &str, depth: usize) -> Option<String> {
        let types: Vec<String> = self
            .schema
            .types
            .iter()
            .filter(|(name, ty)| {
                !ty.is_built_in()
                    && (ty.is_object() || ty.is_interface() || ty.is_union())
                    && !["Query", "Mutation"].contains(&name.as_str())
            })
            .map(|(name, _)| name.to_string())
            .filter(|name| self.overlaps(type_name, name))
            .collect();
        if types.is_empty() {
            return None;
        }
        let condition = self.rng.pick(&types).clone();
        let body = self.selection(&condition, depth);
        let directive = self.condition();
        if self.rng.percent(15) {
            let name = format!("F{}", self.fragments.len());
            self.fragments.push(format!("fragment {name} on {condition} {body}"));
            return Some(format!("...{name}{directive}"));
        }
        Some(format!("... on {condition}{directive} {body}"))
    }

    fn overlaps(&self, one: &str, other: &str) -> bool {
        let possible = |name: &str| -> Vec<String> {
            match self.schema.types.get(name) {
                Some(ExtendedType::Object(_)) => vec![name.to_owned()],
                Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.to_string()).collect(),
                Some(ExtendedType::Interface(_)) => {
                    let objects = self.schema.types.iter().filter_map(|(_, ty)| ty.as_object());
                    let implementing = objects.filter(|object| object.implements_interfaces.contains(name));
                    implementing.map(|object| object.name.to_string()).collect()
                }
                _ => Vec::new(),
            }
        };
        let of_other = possible(other);
        possible(one).iter().any(|name| of_other.contains(name))
    }
}
