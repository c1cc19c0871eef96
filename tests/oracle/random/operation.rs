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
    /// Condition and text.
    fragments: Vec<(String, String)>,
    /// Declared ones: name, type, and its declaration.
    declared: Vec<(String, Type, String)>,
    variables: Map<String, Value>,
}

/// An operation's text and its variables.
pub(crate) fn random(rng: &mut Rng, schema: &Schema) -> (String, Map<String, Value>) {
    let budget = rng.between(3, 40);
    let (fragments, declared, variables) = (Vec::new(), Vec::new(), Map::new());
    let mut writer = Writer { rng, schema, budget, aliases: 0, fragments, declared, variables };
    let is_mutation = schema.get_object("Mutation").is_some() && writer.rng.percent(15);
    let body = writer.selection(if is_mutation { "Mutation" } else { "Query" }, 0);
    let Writer { fragments, declared, variables, .. } = writer;
    let declared: Vec<String> = declared.into_iter().map(|(.., text)| text).collect();
    let head = match (is_mutation, declared.join(", ")) {
        (false, declared) if declared.is_empty() => String::new(),
        (true, declared) if declared.is_empty() => "mutation ".into(),
        (false, declared) => format!("query ({declared}) "),
        (true, declared) => format!("mutation ({declared}) "),
    };
    let fragments: Vec<String> = fragments.into_iter().map(|(_, text)| text).collect();
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
        let arguments = self.arguments(&field);
        if self.rng.percent(if arguments.is_empty() { 12 } else { 70 }) {
            self.aliases += 1;
            let alias = match self.rng.below(10) {
                0 => self.rng.pick(&fields).name.to_string(),
                // Keys that other selections have too: the members of an abstract type may mean different things by one.
                1..=2 => format!("k{}", self.rng.below(4)),
                _ => format!("a{}", self.aliases),
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

    /// With the parentheses around them; empty for none.
    fn arguments(&mut self, field: &FieldDefinition) -> String {
        let mut given = Vec::new();
        for argument in &field.arguments {
            if argument.name == "id" {
                let id = format!("{}{}", field.ty.inner_named_type().to_lowercase(), self.rng.below(5));
                given.push(format!("id: \"{id}\""));
            } else if argument.is_required() || self.rng.percent(65) {
                given.push(format!(
                    "{}: {}",
                    argument.name,
                    self.value(&argument.ty, argument.default_value.is_some(), 0)
                ));
            }
        }
        if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) }
    }

    /// A literal or a variable, for an input position of that type.
    fn value(&mut self, ty: &Type, has_default: bool, depth: usize) -> String {
        if self.rng.percent(if depth == 0 { 35 } else { 12 }) {
            // (Of a variable that is left out inside an input object, the unsplit executor makes a null.)
            return self.variable(ty, has_default, depth > 0);
        }
        let may_be_deep = depth < 2;
        if !ty.is_non_null() && self.rng.percent(15) {
            return "null".into();
        }
        if ty.is_list() {
            // One value stands for a list of it.
            if self.rng.percent(15) && !self.is_input(ty) {
                // No variable of the item's type may stand here.
                return match self.leaf(ty) {
                    Value::String(name) if self.is_enum(ty) => name,
                    value => value.to_string(),
                };
            }
            let items: Vec<String> =
                (0..self.rng.below(3)).map(|_| self.value(ty.item_type(), false, depth + 1)).collect();
            return format!("[{}]", items.join(", "));
        }
        if let Some(ExtendedType::InputObject(input)) = self.schema.types.get(ty.inner_named_type()) {
            let mut members = Vec::new();
            for field in input.clone().fields.values() {
                let is_deep =
                    matches!(self.schema.types.get(field.ty.inner_named_type()), Some(it) if it.is_input_object());
                if field.is_required() || ((may_be_deep || !is_deep) && self.rng.percent(50)) {
                    let value = self.value(&field.ty, field.default_value.is_some(), depth + 1);
                    members.push(format!("{}: {value}", field.name));
                }
            }
            return format!("{{{}}}", members.join(", "));
        }
        match self.leaf(ty) {
            Value::String(name) if self.is_enum(ty) => name,
            value => value.to_string(),
        }
    }

    fn is_input(&self, ty: &Type) -> bool {
        self.schema.types.get(ty.inner_named_type()).is_some_and(ExtendedType::is_input_object)
    }

    fn is_enum(&self, ty: &Type) -> bool {
        self.schema.types.get(ty.inner_named_type()).is_some_and(ExtendedType::is_enum)
    }

    fn leaf(&mut self, ty: &Type) -> Value {
        match ty.inner_named_type().as_str() {
            "Int" => self.rng.below(5).into(),
            "Float" => [json!(0.5), json!(2), json!(-1e3)][self.rng.below(3)].clone(),
            "Boolean" => self.rng.percent(50).into(),
            "ID" => ["7", "e00", "a b/c?d"][self.rng.below(3)].into(),
            name => match self.schema.types.get(name) {
                Some(ExtendedType::Enum(ty)) => {
                    let values: Vec<&str> = ty.values.keys().map(|value| value.as_str()).collect();
                    (*self.rng.pick(&values)).into()
                }
                _ => ["", "plain", "\u{e4} \"quoted\" \\ & ="][self.rng.below(3)].into(),
            },
        }
    }

    /// A value as a client sends it in `variables`.
    fn sent(&mut self, ty: &Type, depth: usize) -> Value {
        if !ty.is_non_null() && self.rng.percent(20) {
            return Value::Null;
        }
        if ty.is_list() {
            if self.rng.percent(15) {
                return self.sent(&ty.item_type().clone().non_null(), depth + 1);
            }
            return (0..self.rng.below(3)).map(|_| self.sent(ty.item_type(), depth + 1)).collect();
        }
        let Some(ExtendedType::InputObject(input)) = self.schema.types.get(ty.inner_named_type()) else {
            return self.leaf(ty);
        };
        let mut members = Map::new();
        for field in input.clone().fields.values() {
            let is_deep =
                matches!(self.schema.types.get(field.ty.inner_named_type()), Some(it) if it.is_input_object());
            if field.is_required() || ((depth < 2 || !is_deep) && self.rng.percent(50)) {
                members.insert(field.name.to_string(), self.sent(&field.ty, depth + 1));
            }
        }
        members.into()
    }

    fn variable(&mut self, ty: &Type, has_default: bool, is_given: bool) -> String {
        let fits = |name: &String, known: &Type| known == ty && (!is_given || self.variables.contains_key(name));
        let known = self.declared.iter().filter(|(name, known, _)| fits(name, known));
        let known: Vec<String> = known.map(|(name, ..)| name.clone()).collect();
        if !known.is_empty() && self.rng.percent(50) {
            return format!("${}", self.rng.pick(&known));
        }
        let name = format!("v{}", self.declared.len());
        // A variable that may be left out is allowed where there is a default.
        let own = if has_default && self.rng.percent(30) { ty.clone().nullable() } else { ty.clone() };
        let default = match self.rng.percent(25) {
            true => {
                let leaf = |writer: &mut Self| match writer.leaf(&own) {
                    Value::String(name) if writer.is_enum(&own) => name,
                    value => value.to_string(),
                };
                let is_input =
                    matches!(self.schema.types.get(own.inner_named_type()), Some(it) if it.is_input_object());
                match (own.is_list(), is_input) {
                    (true, _) => " = []".to_owned(),
                    // The unsplit executor forgets the defaults of its fields.
                    (_, true) => String::new(),
                    _ => format!(" = {}", leaf(self)),
                }
            }
            false => String::new(),
        };
        let is_required = own.is_non_null() && default.is_empty();
        if is_required || is_given || self.rng.percent(65) {
            let value = self.sent(&own, 0);
            self.variables.insert(name.clone(), value);
        }
        self.declared.push((name.clone(), own.clone(), format!("${name}: {own}{default}")));
        format!("${name}")
    }

    fn condition(&mut self) -> String {
        if !self.rng.percent(8) {
            return String::new();
        }
        let directive = *self.rng.pick(&["skip", "include"]);
        let ty = Type::NonNullNamed(apollo_compiler::name!("Boolean"));
        let value =
            if self.rng.percent(60) { self.variable(&ty, false, false) } else { self.rng.percent(50).to_string() };
        // Now and then both.
        let other = if self.rng.percent(10) { " @include(if: true)" } else { "" };
        let other = if directive == "skip" { other } else { "" };
        format!(" @{directive}(if: {value}){other}")
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
        let directive = self.condition();
        // A fragment that others spread as well.
        let known: Vec<usize> =
            (0..self.fragments.len()).filter(|index| types.contains(&self.fragments[*index].0)).collect();
        if !known.is_empty() && self.rng.percent(20) {
            return Some(format!("...F{}{directive}", self.rng.pick(&known)));
        }
        if self.rng.percent(8) {
            let body = self.selection(type_name, depth);
            return Some(format!("...{directive} {body}"));
        }
        let condition = self.rng.pick(&types).clone();
        let body = self.selection(&condition, depth);
        if self.rng.percent(15) {
            let name = format!("F{}", self.fragments.len());
            self.fragments.push((condition.clone(), format!("fragment {name} on {condition} {body}")));
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
