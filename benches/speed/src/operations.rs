//! Random operations that are valid for a schema.

use std::fmt::Write;

use apollo_compiler::Schema;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::schema::{Component, ExtendedType};

use crate::random::Random;

/// A selection while it grows.
struct Set {
    type_name: String,
    /// The field or fragment, and what is selected below.
    parts: Vec<(String, Option<Set>)>,
    level: usize,
}

/// The text of a query of `fields` fields, over a few root fields.
pub(crate) fn operation(schema: &Schema, fields: usize, random: &mut Random) -> String {
    let mut root = Set { type_name: "Query".to_owned(), parts: Vec::new(), level: 0 };
    let mut roots = 1 + random.below(3);
    let (mut written, mut vain) = (0, 0);
    while written < fields {
        match root.grow(schema, random, roots) {
            0 => vain += 1,
            added => written += added,
        }
        // Some roots have nothing more to select.
        if vain > 200 {
            (roots, vain) = (roots + 1, 0);
        }
    }
    let mut out = "query Q($id: ID! = \"1\", $first: Int) ".to_owned();
    root.write(&mut out);
    if !out.contains("$first,") && !out.contains("$first)") {
        out = out.replace("query Q($id: ID! = \"1\", $first: Int) ", "query Q($id: ID! = \"1\") ");
    }
    if !out.contains(": $id)") {
        out = out
            .replace("query Q($id: ID! = \"1\") ", "query Q ")
            .replace("($id: ID! = \"1\", $first: Int)", "($first: Int)");
    }
    out
}

impl Set {
    /// Adds a field somewhere; how many fields were added.
    fn grow(&mut self, schema: &Schema, random: &mut Random, roots: usize) -> usize {
        let composites: Vec<usize> = (0..self.parts.len()).filter(|index| self.parts[*index].1.is_some()).collect();
        let goes_down = !composites.is_empty() && (random.chance(75) || (self.level == 0 && composites.len() >= roots));
        if goes_down {
            let index = composites[random.below(composites.len())];
            return self.parts[index].1.as_mut().map_or(0, |set| set.grow(schema, random, roots));
        }
        let Some(ty) = schema.types.get(self.type_name.as_str()) else { return 0 };
        let none = Default::default();
        let fields = match ty {
            ExtendedType::Object(object) => &object.fields,
            ExtendedType::Interface(interface) => &interface.fields,
            _ => &none,
        };
        if !ty.is_object() && (fields.is_empty() || random.chance(60)) {
            return self.member(schema, random);
        }
        let field = &fields[random.below(fields.len())];
        let text = with_arguments(field, random);
        let key = |text: &str| text.split(['(', ' ']).next().map(str::to_owned);
        if self.parts.iter().any(|(known, _)| key(known) == key(&text)) {
            return 0;
        }
        let named = field.ty.inner_named_type();
        let is_leaf = schema.types.get(named).is_none_or(|ty| ty.is_scalar() || ty.is_enum());
        if !is_leaf && self.level > 12 || (is_leaf && self.level == 0) {
            return 0;
        }
        let mut added = 1;
        let below = (!is_leaf).then(|| {
            let mut set = Set { type_name: named.to_string(), parts: Vec::new(), level: self.level + 1 };
            while set.parts.is_empty() {
                added += set.grow(schema, random, roots);
            }
            set
        });
        self.parts.push((text, below));
        added
    }

    /// Adds a fragment on one of the concrete types.
    fn member(&mut self, schema: &Schema, random: &mut Random) -> usize {
        let members: Vec<&str> = match schema.types.get(self.type_name.as_str()) {
            Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.as_str()).collect(),
            _ => {
                let objects = schema.types.values().filter_map(ExtendedType::as_object);
                let own = objects.filter(|object| object.implements_interfaces.contains(self.type_name.as_str()));
                own.map(|object| object.name.as_str()).collect()
            }
        };
        let member = members[random.below(members.len())];
        let text = format!("... on {member}");
        if self.parts.iter().any(|(known, _)| *known == text) {
            return 0;
        }
        let mut set = Set { type_name: member.to_owned(), parts: Vec::new(), level: self.level + 1 };
        let mut added = 0;
        while set.parts.is_empty() {
            added += set.grow(schema, random, 1);
        }
        self.parts.push((text, Some(set)));
        added
    }

    fn write(&self, out: &mut String) {
        out.push_str("{ ");
        for (text, below) in &self.parts {
            let _ = write!(out, "{text} ");
            if let Some(below) = below {
                below.write(out);
            }
        }
        out.push_str("} ");
    }
}

fn with_arguments(field: &Component<FieldDefinition>, random: &mut Random) -> String {
    let mut arguments = Vec::new();
    for argument in &field.arguments {
        let value = match argument.name.as_str() {
            "id" => "$id".to_owned(),
            "first" if random.chance(30) => "$first".to_owned(),
            "filter" if random.chance(30) => "{ text: \"a\", min: 3 }".to_owned(),
            _ => continue,
        };
        arguments.push(format!("{}: {value}", argument.name));
    }
    match arguments.is_empty() {
        true => field.name.to_string(),
        false => format!("{}({})", field.name, arguments.join(", ")),
    }
}
