//! Connectors in the graph: what an answer gives is what its mapping can produce, no more.

use apollo_compiler::Name;
use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use std::sync::Arc;

use super::Connected;
use super::build::Builder;
use super::views::{View, field_type, possible_in};
use crate::connect::MappingShape;
use crate::supergraph::{ConnectorId, FieldSet, FieldSetItem, Subgraph};

/// A mapping's text bounds its depth; this bounds what is made of it.
const DEPTH_MAX: usize = 64;

impl Builder<'_> {
    /// What a connector's answer gives on a type.
    pub(super) fn connector_view(&self, subgraph: &Subgraph, connector: ConnectorId, type_name: &Name) -> View {
        let shape = subgraph.connectors.get(connector.0 as usize).map(|connector| connector.selection.shape());
        match shape {
            Some(shape @ MappingShape::Object(_)) => View::Only(fields(&subgraph.schema, type_name, &shape, 0)),
            // Whatever the service sends: then all that the subgraph says of the type.
            _ => View::Default(FieldSet::default()),
        }
    }

    /// Fields that connectors fetch one by one.
    pub(super) fn connected(&mut self) {
        for (index, subgraph) in self.supergraph.subgraphs.iter().enumerate() {
            let id = crate::supergraph::SubgraphId(index as u32);
            for (type_name, facts) in &subgraph.types {
                for (field_name, field) in &facts.fields {
                    let Some(connector) = field.connector else { continue };
                    let selection = match field_type(&subgraph.schema, type_name, field_name) {
                        Some(target) => match self.connector_view(subgraph, connector, &target) {
                            View::Only(fields) => fields,
                            View::Default(_) => FieldSet::default(),
                        },
                        None => FieldSet::default(),
                    };
                    let only = FieldSetItem::Field { name: field_name.clone(), arguments: Vec::new(), selection };
                    let node = self.node(id, type_name, View::Only(FieldSet { items: vec![only] }));
                    let requires = field.requires.clone().map(Arc::new);
                    let connected = Connected { subgraph: id, connector, requires, node };
                    let key = (self.sym(type_name), self.sym(field_name));
                    self.graph.connected.entry(key).or_default().push(connected);
                }
            }
        }
    }
}

/// A mapping's members as a field set on a type: those that the type (or, for an abstract one, any type that can stand
/// there) has.
fn fields(schema: &Schema, type_name: &Name, shape: &MappingShape, depth: usize) -> FieldSet {
    let mut items = Vec::new();
    if depth > DEPTH_MAX {
        return FieldSet { items };
    }
    let objects = match schema.types.get(type_name) {
        Some(ExtendedType::Object(_)) => vec![type_name.clone()],
        _ => possible_in(schema, type_name),
    };
    let is_object = objects.first() == Some(type_name);
    for object in &objects {
        let mut selection = FieldSet::default();
        for member in shape.fields() {
            let Ok(name) = Name::new(&member.name) else { continue };
            let Some(target) = field_type(schema, object, &name) else { continue };
            if name == "__typename" {
                continue;
            }
            let inner = fields(schema, &target, &member.shape, depth + 1);
            selection.items.push(FieldSetItem::Field { name, arguments: Vec::new(), selection: inner });
        }
        if is_object {
            return selection;
        }
        if !selection.is_empty() {
            items.push(FieldSetItem::Inline { type_condition: object.clone(), selection });
        }
    }
    FieldSet { items }
}
