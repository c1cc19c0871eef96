//! The planner's index of a supergraph: who can answer which field of which object, and how one gets there.
//!
//! A *node* is a type in one subgraph, seen through a *view*: by default all that the subgraph resolves on it (no `@external`
//! and no overridden field, but every key field); below a field with `@provides` that, and what is provided; in the answer of a
//! connector only what its mapping gives. *Edges* lead from a node to the fields that can be asked there. *Resolvers* lead into a
//! subgraph, for an object whose key is known.
//!
//! Everything is asked of the subgraph's own view, never of the merged schema: which members a union has, which fields an interface
//! has and which type a field has there. Names are numbered once ([`Sym`]), so that a plan compares numbers.
//! Deliberately absent: operations, and costs.

mod build;
mod connect;
mod views;

use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::{OperationType, Type};
use apollo_compiler::collections::HashMap;

use super::plan::Leaf;
use crate::supergraph::{ConnectorId, FieldSet, SubgraphId};

/// A name of a type or of a field, numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sym(pub(crate) u32);

/// Index of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

/// See the module.
#[derive(Debug, Default)]
pub struct Graph {
    names: Vec<Name>,
    syms: HashMap<Name, Sym>,
    nodes: Vec<Node>,
    /// The root types of each subgraph that has them.
    query_roots: Vec<NodeId>,
    mutation_roots: Vec<NodeId>,
    /// Composite types of the merged schema.
    types: HashMap<Sym, TypeInfo>,
    /// Fields of the merged schema's object types.
    fields: HashMap<(Sym, Sym), FieldInfo>,
    /// Fields that a connector fetches one by one.
    connected: HashMap<(Sym, Sym), Vec<Connected>>,
    /// `__typename`.
    pub(crate) typename: Sym,
}

/// A composite type of the merged schema.
#[derive(Debug, Default)]
pub(crate) struct TypeInfo {
    pub(crate) is_object: bool,
    /// Concrete types of the merged schema, sorted by number.
    pub(crate) possible: Arc<[Sym]>,
    /// Concrete types of the API schema, sorted by name.
    pub(crate) visible: Arc<[Name]>,
    /// For an object type: ways to get at it in a subgraph.
    pub(crate) resolvers: Vec<Resolver>,
    /// For an object type: which subgraphs resolve a field of it in their default view.
    pub(crate) holders: HashMap<Sym, Vec<SubgraphId>>,
}

/// A field of a merged object type.
#[derive(Clone, Debug)]
pub(crate) struct FieldInfo {
    /// The name of the type inside the lists.
    pub(crate) named: Sym,
    pub(crate) list_depth: u32,
    /// For a scalar or an enum.
    pub(crate) leaf: Option<Leaf>,
}

/// A type in one subgraph, in one view.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) subgraph: SubgraphId,
    pub(crate) type_name: Sym,
    pub(crate) kind: NodeKind,
    /// A `__typename` that is asked here names the concrete type: there is no interface object among the possible types.
    pub(crate) trusted: bool,
    /// Concrete types of the merged schema that can stand here, sorted, and the node of each.
    /// An interface object stands for every implementation.
    pub(crate) possible: Vec<(Sym, NodeId)>,
    /// For objects.
    pub(crate) edges: HashMap<Sym, Edge>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    Object,
    InterfaceObject,
    /// An interface or a union.
    Abstract,
}

/// A field that can be asked on a node.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    /// The field's type in the subgraph.
    pub(crate) ty: Type,
    /// For composite types.
    pub(crate) target: Option<NodeId>,
    /// What must be sent along.
    pub(crate) requires: Option<Arc<FieldSet>>,
}

/// A way into a subgraph.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    pub(crate) subgraph: SubgraphId,
    /// Index in the subgraph's `resolvers`; of the query root, which of its parts.
    pub(crate) index: u32,
    pub(crate) key: Arc<FieldSet>,
    pub(crate) mode: ResolverMode,
    /// The node of the answered entity.
    pub(crate) target: NodeId,
    /// The connector of a lookup.
    pub(crate) lookup: Option<ConnectorId>,
}

/// What a representation says of an object's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ResolverMode {
    /// The concrete type: it must be known.
    Concrete,
    /// The interface, which the subgraph knows as an object.
    InterfaceObject(Sym),
    /// The interface, which the subgraph owns: it tells the concrete type. Only for objects whose type nobody told yet.
    Interface(Sym),
    /// Nothing: it is the query root, which every subgraph has at hand.
    Root,
}

/// A field that a connector fetches for one object.
#[derive(Clone, Debug)]
pub(crate) struct Connected {
    pub(crate) subgraph: SubgraphId,
    pub(crate) connector: ConnectorId,
    /// What must be known of the object.
    pub(crate) requires: Option<Arc<FieldSet>>,
    /// A node with the one field.
    pub(crate) node: NodeId,
}

impl Graph {
    pub(crate) fn sym(&self, name: &Name) -> Option<Sym> {
        self.syms.get(name).copied()
    }

    pub(crate) fn name(&self, sym: Sym) -> &Name {
        &self.names[sym.0 as usize]
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn type_info(&self, sym: Sym) -> Option<&TypeInfo> {
        self.types.get(&sym)
    }

    pub(crate) fn field_info(&self, object: Sym, field: Sym) -> Option<&FieldInfo> {
        self.fields.get(&(object, field))
    }

    pub(crate) fn roots(&self, kind: OperationType) -> &[NodeId] {
        match kind {
            OperationType::Query => &self.query_roots,
            OperationType::Mutation => &self.mutation_roots,
            OperationType::Subscription => &[],
        }
    }

    pub(crate) fn resolvers(&self, object: Sym) -> &[Resolver] {
        self.types.get(&object).map_or(&[], |info| &info.resolvers)
    }

    pub(crate) fn holders(&self, object: Sym, field: Sym) -> &[SubgraphId] {
        self.types.get(&object).and_then(|info| info.holders.get(&field)).map_or(&[], |holders| holders)
    }

    pub(crate) fn connected(&self, object: Sym, field: Sym) -> &[Connected] {
        self.connected.get(&(object, field)).map_or(&[], |connected| connected)
    }

    /// The node for a concrete type where `node` stands.
    pub(crate) fn concrete(&self, node: NodeId, object: Sym) -> Option<NodeId> {
        let possible = &self.node(node).possible;
        possible.binary_search_by_key(&object, |(sym, _)| *sym).ok().map(|index| possible[index].1)
    }

    pub(crate) fn edge(&self, concrete: NodeId, field: Sym) -> Option<&Edge> {
        self.node(concrete).edges.get(&field)
    }

    /// Whether an object of that type meets a type condition.
    pub(crate) fn is_a(&self, object: Sym, condition: Sym) -> bool {
        object == condition
            || self.types.get(&condition).is_some_and(|info| info.possible.binary_search(&object).is_ok())
    }
}
