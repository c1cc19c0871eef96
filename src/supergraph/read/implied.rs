//! What field sets select must be in the subgraph's view.
//!
//! Older documents leave the key fields and the external fields of extensions out; they are put back here. What the
//! merged schema does not have either is an error, so that nobody downstream meets a field set that leads nowhere.

use apollo_compiler::ast::Value;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{ExtendedType, InterfaceType, ObjectType};
use apollo_compiler::{Name, Node, Schema};

use super::Reader;
use super::joins::TypeJoins;
use super::views::View;
use crate::supergraph::{FieldSet, FieldSetItem, SubgraphField, SubgraphId, SubgraphType};

/// What a field set is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    /// A key of a type that is an extension: its external fields are readable (Federation 1).
    ExtensionKey,
    Requires,
    Provides,
}

impl Role {
    fn code(self) -> &'static str {
        match self {
            Self::Key | Self::ExtensionKey => "KEY_INVALID_FIELDS",
            Self::Requires => "REQUIRES_INVALID_FIELDS",
            Self::Provides => "PROVIDES_INVALID_FIELDS",
        }
    }

    fn directive(self) -> &'static str {
        match self {
            Self::Key | Self::ExtensionKey => "@key",
            Self::Requires => "@requires",
            Self::Provides => "@provides",
        }
    }
}

/// One field set to walk.
struct Task {
    type_name: Name,
    fields: FieldSet,
    role: Role,
    place: Option<SourceSpan>,
}

impl Reader<'_> {
    /// Walks every field set of every subgraph.
    pub(super) fn complete_field_sets(
        &mut self,
        views: &mut [View],
        merged: &Schema,
        joins: &IndexMap<Name, TypeJoins>,
    ) {
        for (view, graph) in views.iter_mut().zip((0..).map(SubgraphId)) {
            for task in tasks(view) {
                let mut walk = Walk { view, merged, joins, role: task.role, failure: None };
                walk.selection(&task.type_name, &task.fields);
                if let Some(failure) = walk.failure {
                    let graph = self.called(graph);
                    let message = format!(
                        "{}(fields: \"{}\") in subgraph {graph}: {failure}",
                        task.role.directive(),
                        task.fields
                    );
                    self.error(task.role.code(), message, task.place);
                }
            }
        }
    }
}

fn tasks(view: &View) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (type_name, ty) in &view.types {
        let places = view.places.keys.get(type_name);
        for (index, key) in ty.keys.iter().enumerate() {
            let (place, extension) = places.and_then(|places| places.get(index)).copied().unwrap_or_default();
            let role = if extension { Role::ExtensionKey } else { Role::Key };
            tasks.push(Task { type_name: type_name.clone(), fields: key.fields.clone(), role, place });
        }
        for (field_name, field) in ty.fields.iter().filter(|(_, f)| f.requires.is_some() || f.provides.is_some()) {
            let at = (type_name.clone(), field_name.clone());
            let (requires_at, provides_at) = view.places.fields.get(&at).copied().unwrap_or_default();
            if let Some(fields) = field.requires.clone() {
                let role = Role::Requires;
                tasks.push(Task { type_name: type_name.clone(), fields, role, place: requires_at });
            }
            let target = field_definition(&view.schema, type_name, field_name).map(|field| field.ty.inner_named_type());
            if let (Some(fields), Some(target)) = (field.provides.clone(), target) {
                let role = Role::Provides;
                tasks.push(Task { type_name: target.clone(), fields, role, place: provides_at });
            }
        }
    }
    // Keys first: what they put back is readable, and what a requirement or a provided selection puts back is not.
    tasks.sort_by_key(|task| !matches!(task.role, Role::Key | Role::ExtensionKey));
    tasks
}

struct Walk<'a> {
    view: &'a mut View,
    merged: &'a Schema,
    joins: &'a IndexMap<Name, TypeJoins>,
    role: Role,
    /// The first thing that is wrong.
    failure: Option<String>,
}

impl Walk<'_> {
    /// Recursion is bounded by the nesting of a field set.
    fn selection(&mut self, type_name: &Name, fields: &FieldSet) {
        for item in &fields.items {
            match item {
                FieldSetItem::Field { name, arguments, selection } => self.field(type_name, name, arguments, selection),
                FieldSetItem::Inline { type_condition, selection } => {
                    if self.has_composite(type_condition) {
                        self.selection(type_condition, selection);
                    } else {
                        self.fail(format!("there is no object, interface or union `{type_condition}`."));
                    }
                }
            }
        }
    }

    fn field(&mut self, type_name: &Name, name: &Name, arguments: &[(Name, Node<Value>)], selection: &FieldSet) {
        if name == "__typename" {
            if !selection.is_empty() || !arguments.is_empty() {
                self.fail("`__typename` has no selection.".to_owned());
            }
            return;
        }
        if !self.has_field(type_name, name) {
            return self.fail(format!("`{type_name}` has no field `{name}`."));
        }
        if self.role == Role::ExtensionKey
            && let Some(facts) = self.view.types.get_mut(type_name).and_then(|ty| ty.fields.get_mut(name))
        {
            facts.external = false;
        }
        let Some(field) = field_definition(&self.view.schema, type_name, name) else { return };
        if let Some((unknown, _)) = arguments.iter().find(|(name, _)| field.argument_by_name(name).is_none()) {
            return self.fail(format!("`{type_name}.{name}` has no argument `{unknown}`."));
        }
        if !arguments.is_empty() && self.role != Role::Requires {
            return self.fail(format!("`{name}` cannot have arguments here."));
        }
        let target = field.ty.inner_named_type().clone();
        match (self.has_composite(&target), selection.is_empty()) {
            (true, true) => self.fail(format!("`{type_name}.{name}` is an object, so it needs a selection.")),
            (false, false) => self.fail(format!("`{type_name}.{name}` has no fields to select.")),
            (true, false) => self.selection(&target, selection),
            (false, true) => {}
        }
    }

    /// Whether the view has the field, after it was put back if the merged schema knows it.
    fn has_field(&mut self, type_name: &Name, name: &Name) -> bool {
        if field_definition(&self.view.schema, type_name, name).is_some() {
            return true;
        }
        let merged = match self.merged.types.get(type_name) {
            Some(ExtendedType::Object(ty)) => ty.fields.get(name),
            Some(ExtendedType::Interface(ty)) => ty.fields.get(name),
            _ => None,
        };
        let Some(field) = merged.cloned() else { return false };
        match self.view.schema.types.get_mut(type_name) {
            Some(ExtendedType::Object(ty)) => ty.make_mut().fields.insert(name.clone(), field),
            Some(ExtendedType::Interface(ty)) => ty.make_mut().fields.insert(name.clone(), field),
            _ => return false,
        };
        let external = matches!(self.role, Role::Requires | Role::Provides);
        let facts = self.view.types.entry(type_name.clone()).or_default();
        facts.fields.insert(name.clone(), SubgraphField { external, ..SubgraphField::default() });
        true
    }

    /// Whether the view has an object, interface or union of that name, after it was put back if the merged schema
    /// knows it.
    fn has_composite(&mut self, name: &Name) -> bool {
        match self.view.schema.types.get(name) {
            Some(ty) => {
                return matches!(ty, ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_));
            }
            None if !self.joins.contains_key(name) => return false,
            None => {}
        }
        // Only what a field set selects is known to be there, so it starts without fields and implementations.
        let stub = match self.merged.types.get(name) {
            Some(ExtendedType::Object(ty)) => {
                let (fields, implements_interfaces) = Default::default();
                ExtendedType::from(Node::new(ObjectType { fields, implements_interfaces, ..ObjectType::clone(ty) }))
            }
            Some(ExtendedType::Interface(ty)) => {
                let (fields, implements_interfaces) = Default::default();
                ExtendedType::from(Node::new(InterfaceType {
                    fields,
                    implements_interfaces,
                    ..InterfaceType::clone(ty)
                }))
            }
            _ => return false,
        };
        self.view.schema.types.insert(name.clone(), stub);
        self.view.types.insert(name.clone(), SubgraphType::default());
        true
    }

    fn fail(&mut self, message: String) {
        self.failure.get_or_insert(message);
    }
}

fn field_definition<'s>(
    schema: &'s Schema,
    type_name: &Name,
    field_name: &Name,
) -> Option<&'s apollo_compiler::ast::FieldDefinition> {
    let fields = match schema.types.get(type_name)? {
        ExtendedType::Object(ty) => &ty.fields,
        ExtendedType::Interface(ty) => &ty.fields,
        _ => return None,
    };
    fields.get(field_name).map(|field| &***field)
}
