//! Supergraph → [`Graph`].

use std::collections::BTreeMap;
use std::sync::Arc;

use apollo_compiler::ast::Type;
use apollo_compiler::collections::{HashMap, IndexMap};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema, name};

use super::views::{View, below, normal_form, on_object, possible_in, resolves};
use super::{Edge, FieldInfo, Graph, Node, NodeId, NodeKind, Resolver, ResolverMode, Sym, TypeInfo};
use crate::operation::possible_types;
use crate::planner::plan::Leaf;
use crate::planner::policy;
use crate::supergraph::{EntityResolver, FieldSet, ResolverVia, Subgraph, SubgraphId, SubgraphKind, Supergraph};

impl Graph {
    /// Indexes a supergraph.
    pub fn new(supergraph: &Supergraph) -> Self {
        let mut builder = Builder {
            supergraph,
            graph: Self::default(),
            known: HashMap::default(),
            pending: Vec::new(),
            implementers: IndexMap::default(),
        };
        builder.graph.typename = builder.sym(&name!("__typename"));
        builder.merged_types();
        builder.roots();
        builder.resolvers();
        builder.connected();
        builder.drain();
        builder.holders();
        builder.drain();
        builder.root_jumps();
        builder.graph
    }
}

pub(super) struct Builder<'a> {
    pub(super) supergraph: &'a Supergraph,
    pub(super) graph: Graph,
    known: HashMap<(SubgraphId, Sym, View), NodeId>,
    pending: Vec<(NodeId, View)>,
    /// Concrete types of each merged interface.
    implementers: IndexMap<Sym, Arc<[Sym]>>,
}

impl<'a> Builder<'a> {
    pub(super) fn sym(&mut self, name: &Name) -> Sym {
        if let Some(sym) = self.graph.syms.get(name) {
            return *sym;
        }
        let sym = Sym(self.graph.names.len() as u32);
        self.graph.names.push(name.clone());
        self.graph.syms.insert(name.clone(), sym);
        sym
    }

    fn subgraphs(&self) -> impl Iterator<Item = (SubgraphId, &'a Subgraph)> + use<'a> {
        self.supergraph.subgraphs.iter().enumerate().map(|(index, subgraph)| (SubgraphId(index as u32), subgraph))
    }

    fn merged_types(&mut self) {
        let merged = &self.supergraph.schema;
        let api: &Schema = &self.supergraph.api;
        let mut leaves = HashMap::default();
        for (type_name, ty) in &merged.types {
            if !(ty.is_object() || ty.is_interface() || ty.is_union()) {
                continue;
            }
            let sym = self.sym(type_name);
            let mut possible: Vec<Sym> = possible_types(merged, type_name).iter().map(|name| self.sym(name)).collect();
            possible.sort();
            let possible: Arc<[Sym]> = possible.into();
            if ty.is_interface() {
                self.implementers.insert(sym, Arc::clone(&possible));
            }
            let visible = possible_types(api, type_name).into();
            let info = TypeInfo { is_object: ty.is_object(), possible, visible, ..TypeInfo::default() };
            self.graph.types.insert(sym, info);
            let Some(object) = ty.as_object() else { continue };
            for (field_name, field) in &object.fields {
                let named = self.sym(field.ty.inner_named_type());
                let leaf = leaf(merged, api, field.ty.inner_named_type(), &mut leaves);
                let info = FieldInfo { named, list_depth: list_depth(&field.ty), leaf };
                let field = self.sym(field_name);
                self.graph.fields.insert((sym, field), info);
            }
        }
    }

    fn roots(&mut self) {
        for (id, subgraph) in self.subgraphs() {
            let definition = &subgraph.schema.schema_definition;
            // A connector's root fields are asked one by one.
            if subgraph.kind == SubgraphKind::Http {
                continue;
            }
            if let Some(root) = &definition.query {
                let root = self.node(id, &root.name, View::Default(FieldSet::default()));
                self.graph.query_roots.push(root);
            }
            if let Some(root) = &definition.mutation {
                let root = self.node(id, &root.name, View::Default(FieldSet::default()));
                self.graph.mutation_roots.push(root);
            }
        }
    }

    fn resolvers(&mut self) {
        for (id, subgraph) in self.subgraphs() {
            for (index, resolver) in subgraph.resolvers.iter().enumerate() {
                self.resolver(id, subgraph, index as u32, resolver);
            }
        }
    }

    fn resolver(&mut self, id: SubgraphId, subgraph: &Subgraph, index: u32, resolver: &EntityResolver) {
        let type_sym = self.sym(&resolver.type_name);
        let is_interface_object =
            subgraph.types.get(&resolver.type_name).is_some_and(|facts| facts.is_interface_object);
        let is_interface = matches!(subgraph.schema.types.get(&resolver.type_name), Some(ExtendedType::Interface(_)));
        let mode = match (is_interface_object, is_interface) {
            (true, _) => ResolverMode::InterfaceObject(type_sym),
            (_, true) => ResolverMode::Interface(type_sym),
            _ => ResolverMode::Concrete,
        };
        let (view, lookup) = match &resolver.via {
            ResolverVia::Entities => (View::Default(FieldSet::default()), None),
            ResolverVia::Lookup { connector, .. } => {
                (self.connector_view(subgraph, *connector, &resolver.type_name), Some(*connector))
            }
        };
        let target = self.node(id, &resolver.type_name, view);
        let key = Arc::new(resolver.key.clone());
        let entered: Vec<Sym> = match mode {
            ResolverMode::Concrete => vec![type_sym],
            _ => self.implementers.get(&type_sym).map(|types| types.to_vec()).unwrap_or_default(),
        };
        if matches!(mode, ResolverMode::Interface(_)) {
            // Sent by the interface's name, an object can be any of its types.
            let known = possible_in(&subgraph.schema, &resolver.type_name);
            if !entered.iter().all(|object| known.contains(self.graph.name(*object))) {
                return;
            }
        }
        for object in entered {
            if let Some(info) = self.graph.types.get_mut(&object) {
                let key = Arc::clone(&key);
                info.resolvers.push(Resolver { subgraph: id, index, key, mode, target, lookup });
            }
        }
    }

    /// Where the query root stands as the value of a field, any subgraph's root can be asked: there is only one such
    /// object. Fields whose owner set different time limits are asked apart, as at the root of an operation.
    fn root_jumps(&mut self) {
        let key = Arc::new(FieldSet::default());
        for root in self.graph.query_roots.clone() {
            let Node { subgraph, type_name, .. } = self.graph.nodes[root.0 as usize];
            let name = self.graph.name(type_name).clone();
            let mut by_timeout: BTreeMap<Option<u64>, HashMap<Sym, Edge>> = BTreeMap::new();
            for (field, edge) in &self.graph.nodes[root.0 as usize].edges {
                let timeout = policy::root_timeout(self.supergraph, subgraph, &name, self.graph.name(*field));
                by_timeout.entry(timeout).or_default().insert(*field, edge.clone());
            }
            let is_one = by_timeout.len() == 1;
            for (index, edges) in by_timeout.into_values().enumerate() {
                let target = if is_one { root } else { self.part_of_root(root, edges) };
                let (key, mode) = (Arc::clone(&key), ResolverMode::Root);
                let resolver = Resolver { subgraph, index: index as u32, key, mode, target, lookup: None };
                if let Some(info) = self.graph.types.get_mut(&type_name) {
                    info.resolvers.push(resolver);
                }
            }
        }
    }

    fn part_of_root(&mut self, root: NodeId, edges: HashMap<Sym, Edge>) -> NodeId {
        let Node { subgraph, type_name, kind, trusted, .. } = self.graph.nodes[root.0 as usize];
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(Node { subgraph, type_name, kind, trusted, possible: vec![(type_name, id)], edges });
        id
    }

    /// Which subgraphs resolve which fields of an object type, wherever they meet it.
    fn holders(&mut self) {
        for (id, subgraph) in self.subgraphs() {
            for (type_name, facts) in &subgraph.types {
                let type_sym = self.sym(type_name);
                let objects: Vec<Sym> = if facts.is_interface_object {
                    self.implementers.get(&type_sym).map(|types| types.to_vec()).unwrap_or_default()
                } else if subgraph.schema.get_object(type_name).is_some() {
                    vec![type_sym]
                } else {
                    continue;
                };
                for field_name in facts.fields.keys() {
                    if !resolves(subgraph, type_name, field_name) {
                        continue;
                    }
                    let field = self.sym(field_name);
                    for object in &objects {
                        if let Some(info) = self.graph.types.get_mut(object) {
                            info.holders.entry(field).or_default().push(id);
                        }
                    }
                }
            }
        }
    }

    /// The node of a type in a view; its edges follow in [`Self::drain`].
    pub(super) fn node(&mut self, subgraph: SubgraphId, type_name: &Name, view: View) -> NodeId {
        let view = match view {
            View::Default(extra) => View::Default(normal_form(self.supergraph.subgraph(subgraph), type_name, &extra)),
            only => only,
        };
        let type_sym = self.sym(type_name);
        let key = (subgraph, type_sym, view);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(Node {
            subgraph,
            type_name: type_sym,
            kind: NodeKind::Object,
            trusted: true,
            possible: Vec::new(),
            edges: HashMap::default(),
        });
        self.pending.push((id, key.2.clone()));
        self.known.insert(key, id);
        id
    }

    /// Completes every node that was named, and those that they name.
    fn drain(&mut self) {
        while let Some((id, view)) = self.pending.pop() {
            let Node { subgraph, type_name, .. } = self.graph.nodes[id.0 as usize];
            let name = self.graph.name(type_name).clone();
            let schema = &self.supergraph.subgraph(subgraph).schema;
            if schema.get_object(&name).is_some() {
                self.object(id, subgraph, &name, &view);
            } else {
                self.abstract_type(id, subgraph, &name, &view);
            }
        }
    }

    fn object(&mut self, id: NodeId, subgraph: SubgraphId, name: &Name, view: &View) {
        let source = self.supergraph.subgraph(subgraph);
        let (Some(object), Some(facts)) = (source.schema.get_object(name), source.types.get(name)) else { return };
        let sym = self.graph.nodes[id.0 as usize].type_name;
        let (kind, trusted, possible) = if facts.is_interface_object {
            let types = self.implementers.get(&sym).map(|types| types.to_vec()).unwrap_or_default();
            (NodeKind::InterfaceObject, false, types)
        } else {
            (NodeKind::Object, true, vec![sym])
        };
        let (readable, only) = match view {
            View::Default(extra) => {
                let mut readable = on_object(&source.schema, extra, name);
                readable.items.extend(on_object(&source.schema, &source.readable_keys(name), name).items);
                (readable, false)
            }
            View::Only(fields) => (on_object(&source.schema, fields, name), true),
        };
        let mut edges = HashMap::default();
        for (field_name, field) in &object.fields {
            let Some(field_facts) = facts.fields.get(field_name) else { continue };
            let inner = below(&readable, field_name);
            let resolved = !only && field_facts.connector.is_none() && resolves(source, name, field_name);
            if !resolved && inner.is_none() {
                continue;
            }
            let target_name = field.ty.inner_named_type();
            let is_composite = matches!(
                source.schema.types.get(target_name),
                Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
            );
            let target = is_composite.then(|| {
                let mut inner = inner.clone().unwrap_or_default();
                if only && !inner.is_empty() {
                    return self.node(subgraph, target_name, View::Only(inner));
                }
                if let Some(provides) = &field_facts.provides {
                    inner.items.extend(provides.items.iter().cloned());
                }
                self.node(subgraph, target_name, View::Default(inner))
            });
            // What is provided, or part of a key, is at hand: nothing needs to be sent for it.
            let requires = field_facts.requires.clone().filter(|_| !only).map(Arc::new);
            let edge = Edge { ty: field.ty.clone(), target, requires };
            let field = self.sym(field_name);
            edges.insert(field, edge);
        }
        let node = &mut self.graph.nodes[id.0 as usize];
        node.kind = kind;
        node.trusted = trusted;
        node.possible = possible.into_iter().map(|object| (object, id)).collect();
        node.edges = edges;
    }

    fn abstract_type(&mut self, id: NodeId, subgraph: SubgraphId, name: &Name, view: &View) {
        let source = self.supergraph.subgraph(subgraph);
        let mut possible: Vec<(Sym, NodeId)> = Vec::new();
        let mut trusted = true;
        for object in possible_in(&source.schema, name) {
            let view = match view {
                View::Default(extra) => View::Default(on_object(&source.schema, extra, &object)),
                View::Only(fields) => View::Only(on_object(&source.schema, fields, &object)),
            };
            let node = self.node(subgraph, &object, view);
            let sym = self.sym(&object);
            if source.types.get(&object).is_some_and(|facts| facts.is_interface_object) {
                trusted = false;
                let types = self.implementers.get(&sym).map(|types| types.to_vec()).unwrap_or_default();
                possible.extend(types.into_iter().map(|object| (object, node)));
            } else {
                possible.push((sym, node));
            }
        }
        possible.sort();
        possible.dedup_by_key(|(object, _)| *object);
        let node = &mut self.graph.nodes[id.0 as usize];
        node.kind = NodeKind::Abstract;
        node.trusted = trusted;
        node.possible = possible;
    }
}

/// Lists around a type.
pub(super) fn list_depth(ty: &Type) -> u32 {
    match ty {
        Type::Named(_) | Type::NonNullNamed(_) => 0,
        Type::List(inner) | Type::NonNullList(inner) => 1 + list_depth(inner),
    }
}

fn leaf(merged: &Schema, api: &Schema, name: &Name, known: &mut HashMap<Name, Leaf>) -> Option<Leaf> {
    if let Some(leaf) = known.get(name) {
        return Some(leaf.clone());
    }
    let leaf = match merged.types.get(name)? {
        ExtendedType::Scalar(_) => match name.as_str() {
            "Int" => Leaf::Int,
            "Float" => Leaf::Float,
            "String" => Leaf::String,
            "Boolean" => Leaf::Boolean,
            "ID" => Leaf::Id,
            _ => Leaf::Any,
        },
        ExtendedType::Enum(definition) => {
            let visible = match api.types.get(name) {
                Some(ExtendedType::Enum(definition)) => definition.values.keys().cloned().collect(),
                _ => Arc::default(),
            };
            Leaf::Enum { known: definition.values.keys().cloned().collect(), visible }
        }
        _ => return None,
    };
    known.insert(name.clone(), leaf.clone());
    Some(leaf)
}
