//! A plan while it is being made.
//!
//! What the client's selection and every key and requirement want is the same thing here: a [`Need`], one field (by name and
//! arguments, so that aliases of the same field share it) of the objects at a position, for some concrete types. Aliases
//! that select different things of an object are needs of their own, and are asked for apart: a null that must not be in what
//! one of them selects takes away the whole object, and the others must keep theirs. What can
//! give it is a [`Ctx`]: a place in a fetch where objects of that position stand. A context of a nested object exists as soon
//! as its parent's does, but costs nothing until something is taken from it; then it is *materialized*: asked for.
//! Fetches are [`Job`]s here; see `merge` for how they travel together.

use std::rc::Rc;

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::collections::{HashMap, IndexMap};
use apollo_compiler::{Name, Node};

use super::graph::{Graph, NodeId, ResolverMode, Sym};
use super::plan::Leaf;
use super::policy;
use crate::operation::SelectionSet;
use crate::supergraph::{ConnectorId, FieldSet, FieldSetItem, SubgraphId, SubgraphKind, Supergraph};

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(super) struct $name(pub(super) u32);

        impl $name {
            pub(super) fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(PosId, "Index of a position.");
id!(NeedId, "Index of a need.");
id!(CtxId, "Index of a context.");
id!(SelId, "Index of a selection.");
id!(JobId, "Index of a job.");

/// Arguments, sorted by name.
pub(super) type Args = Rc<[(Name, Node<Value>)]>;

/// A place where objects stand.
#[derive(Debug)]
pub(super) struct Pos<'a> {
    /// The position above, and the need there that this one is the value of.
    pub(super) parent: Option<(PosId, NeedId)>,
    /// The merged type that is declared.
    pub(super) declared: Sym,
    /// The merged type is an object, so that its name is known.
    pub(super) is_object: bool,
    pub(super) list_depth: u32,
    /// The concrete types that matter: those that the base can answer.
    pub(super) types: Vec<Sym>,
    /// What the client selects here; empty for what only a key or a requirement reads.
    pub(super) client: Vec<&'a SelectionSet>,
    pub(super) needs: Vec<NeedId>,
    /// The context that decides which objects there are, and of which type.
    pub(super) base: Option<CtxId>,
    pub(super) contexts: Vec<CtxId>,
    /// Contexts of the parent position, and what they became here.
    pub(super) derived: HashMap<CtxId, CtxId>,
    /// Which root field of a mutation it hangs below.
    pub(super) ordinal: u32,
}

/// A field that is wanted of the objects at a position.
#[derive(Debug)]
pub(super) struct Need<'a> {
    pub(super) pos: PosId,
    pub(super) field: Sym,
    pub(super) args: Args,
    /// For these concrete types; sorted.
    pub(super) types: Vec<Sym>,
    /// For an object: what the client selects of it, and where its objects stand once that is known.
    pub(super) client: Vec<&'a SelectionSet>,
    pub(super) is_composite: bool,
    /// For an object: another need has the same field for these types. Keys and requirements are read from that one.
    pub(super) is_twin: bool,
    pub(super) child: Option<PosId>,
    /// For a leaf: where it is taken from, and for which types.
    pub(super) sources: Vec<(CtxId, Vec<Sym>)>,
}

/// A place in a fetch where objects of a position stand.
#[derive(Debug)]
pub(super) struct Ctx {
    pub(super) pos: PosId,
    pub(super) job: JobId,
    pub(super) shape: Static,
    pub(super) origin: Origin,
    /// Once something is taken from it.
    pub(super) sel: Option<SelId>,
}

/// What stands at a context, as its subgraph declares it.
#[derive(Debug, Clone)]
pub(super) enum Static {
    Node(NodeId),
    /// Entities of these types.
    Entities(Vec<(Sym, NodeId)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The root of a root fetch.
    Root,
    /// What an entity fetch answers.
    Jump,
    /// The value of a field in another context.
    Nested(CtxId),
}

/// A selection set of a downstream operation.
#[derive(Debug)]
pub(super) struct Sel {
    /// Whose it is.
    pub(super) ctx: CtxId,
    pub(super) entries: Vec<Entry>,
}

/// A field that is asked for.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Name,
    pub(super) field: Sym,
    pub(super) args: Args,
    /// Its type in the subgraph.
    pub(super) ty: Option<Type>,
    /// On objects of these types.
    pub(super) types: Vec<Sym>,
    pub(super) sub: Option<SelId>,
    pub(super) leaf: Option<Leaf>,
}

/// A fetch.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) subgraph: SubgraphId,
    pub(super) kind: JobKind,
    /// The position whose objects it answers.
    pub(super) pos: PosId,
    pub(super) ctx: CtxId,
    /// Which of its position's types it is asked for.
    pub(super) types: Vec<Sym>,
    /// An estimate of when it runs, from 1: greater than that of anything it needs.
    pub(super) step: u32,
    /// Requirements that its representations carry: (field, types, what it requires).
    pub(super) requires: Vec<(Sym, Vec<Sym>, Rc<FieldSet>)>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) ordinal: u32,
}

impl Job {
    /// It answers entities, not fields of a root.
    pub(super) fn is_of_entities(&self) -> bool {
        match self.kind {
            JobKind::Entities { mode, .. } => mode != ResolverMode::Root,
            JobKind::ConnectLookup { .. } => true,
            JobKind::Root | JobKind::ConnectRoot { .. } | JobKind::ConnectField { .. } => false,
        }
    }

    /// It asks a query root below an object.
    pub(super) fn is_root_jump(&self) -> bool {
        matches!(self.kind, JobKind::Entities { mode: ResolverMode::Root, .. })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum JobKind {
    Root,
    Entities { key: std::sync::Arc<FieldSet>, mode: ResolverMode },
    ConnectRoot { connector: ConnectorId, need: NeedId },
    ConnectLookup { connector: ConnectorId, key: std::sync::Arc<FieldSet>, resolver: u32 },
    ConnectField { connector: ConnectorId, need: NeedId },
}

/// See the module.
pub(super) struct Draft<'a> {
    pub(super) graph: &'a Graph,
    pub(super) supergraph: &'a Supergraph,
    pub(super) positions: Vec<Pos<'a>>,
    pub(super) needs: Vec<Need<'a>>,
    pub(super) contexts: Vec<Ctx>,
    pub(super) sels: Vec<Sel>,
    pub(super) jobs: Vec<Job>,
}

impl<'a> Draft<'a> {
    pub(super) fn pos(&self, id: PosId) -> &Pos<'a> {
        &self.positions[id.index()]
    }

    pub(super) fn need(&self, id: NeedId) -> &Need<'a> {
        &self.needs[id.index()]
    }

    pub(super) fn ctx(&self, id: CtxId) -> &Ctx {
        &self.contexts[id.index()]
    }

    pub(super) fn sel(&self, id: SelId) -> &Sel {
        &self.sels[id.index()]
    }

    pub(super) fn job(&self, id: JobId) -> &Job {
        &self.jobs[id.index()]
    }

    pub(super) fn step(&self, ctx: CtxId) -> u32 {
        self.job(self.ctx(ctx).job).step
    }

    pub(super) fn is_http(&self, subgraph: SubgraphId) -> bool {
        self.supergraph.subgraph(subgraph).kind == SubgraphKind::Http
    }

    /// The node of objects of a concrete type in a context, if it can hold any.
    pub(super) fn concrete(&self, ctx: CtxId, object: Sym) -> Option<NodeId> {
        let ctx = self.ctx(ctx);
        if ctx.origin == Origin::Jump && !self.job(ctx.job).types.contains(&object) {
            return None;
        }
        match &ctx.shape {
            Static::Node(node) => self.graph.concrete(*node, object),
            Static::Entities(types) => types.iter().find(|(sym, _)| *sym == object).map(|(_, node)| *node),
        }
    }

    /// Whether a `__typename` that is asked there names the concrete type.
    pub(super) fn is_trusted(&self, ctx: CtxId) -> bool {
        match &self.ctx(ctx).shape {
            // The call for one field of an object says nothing of the object itself.
            _ if self.fetched_for(ctx).is_some() => false,
            Static::Node(node) => self.graph.node(*node).trusted,
            Static::Entities(_) => true,
        }
    }

    /// The edge to a field that can be asked in a context right away: nothing needs to be sent for it, or it has been sent.
    pub(super) fn edge(&self, ctx: CtxId, object: Sym, field: Sym) -> Option<&'a super::graph::Edge> {
        let graph: &'a Graph = self.graph;
        let edge = graph.edge(self.concrete(ctx, object)?, field)?;
        let context = self.ctx(ctx);
        let is_sent = || {
            let requires = &self.job(context.job).requires;
            context.origin == Origin::Jump
                && requires.iter().any(|(f, types, _)| *f == field && types.contains(&object))
        };
        (edge.requires.is_none() || is_sent()).then_some(edge)
    }

    /// As [`Self::edge`], for a need: what a connector fetched for one need is for that need alone, as its arguments may differ.
    pub(super) fn edge_for(&self, ctx: CtxId, object: Sym, need: NeedId) -> Option<&'a super::graph::Edge> {
        if let Some(owner) = self.fetched_for(ctx)
            && owner != need
        {
            let (owner, other) = (self.need(owner), self.need(need));
            if owner.args != other.args {
                return None;
            }
        }
        self.edge(ctx, object, self.need(need).field)
    }

    /// The one need that a context is for: that of a connected field.
    pub(super) fn fetched_for(&self, ctx: CtxId) -> Option<NeedId> {
        if matches!(self.ctx(ctx).origin, Origin::Nested(_)) {
            return None;
        }
        match self.job(self.ctx(ctx).job).kind {
            JobKind::ConnectRoot { need, .. } | JobKind::ConnectField { need, .. } => Some(need),
            _ => None,
        }
    }

    /// Root fields whose owner set different time limits are fetched apart.
    fn is_in_time(&self, ctx: CtxId, need: NeedId) -> bool {
        let job = self.job(self.ctx(ctx).job);
        if self.ctx(ctx).origin != Origin::Root || job.kind != JobKind::Root {
            return true;
        }
        let (object, field) = (self.graph.name(self.pos(job.pos).declared), self.graph.name(self.need(need).field));
        policy::root_timeout(self.supergraph, job.subgraph, object, field) == job.timeout_ms
    }

    /// What a composite need is in a context that can answer it for all of its types.
    fn target(&self, ctx: CtxId, need: NeedId) -> Option<NodeId> {
        let types = &self.need(need).types;
        let mut targets = types.iter().map(|object| self.edge_for(ctx, *object, need)?.target);
        let first = targets.next()??;
        targets.all(|target| target == Some(first)).then_some(first)
    }

    /// All contexts of a position. Those of nested objects come into being here.
    pub(super) fn contexts(&mut self, pos: PosId) -> Vec<CtxId> {
        if let Some((parent, need)) = self.pos(pos).parent {
            for above in self.contexts(parent) {
                if self.pos(pos).derived.contains_key(&above) {
                    continue;
                }
                let job = self.ctx(above).job;
                // What one root field of a mutation answers is not taken from another one.
                if self.job(job).ordinal != self.pos(pos).ordinal || !self.is_in_time(above, need) {
                    continue;
                }
                let Some(node) = self.target(above, need) else { continue };
                let id = CtxId(self.contexts.len() as u32);
                let origin = Origin::Nested(above);
                self.contexts.push(Ctx { pos, job, shape: Static::Node(node), origin, sel: None });
                let position = &mut self.positions[pos.index()];
                position.derived.insert(above, id);
                position.contexts.push(id);
            }
        }
        self.pos(pos).contexts.clone()
    }

    /// Makes a context's objects part of its fetch.
    pub(super) fn materialize(&mut self, id: CtxId) -> SelId {
        if let Some(sel) = self.ctx(id).sel {
            return sel;
        }
        let sel = match self.ctx(id).origin {
            Origin::Root | Origin::Jump => self.new_sel(id),
            Origin::Nested(parent) => {
                let above = self.materialize(parent);
                let need = match self.pos(self.ctx(id).pos).parent {
                    Some((_, need)) => need,
                    // A nested context always has a parent position.
                    None => return self.new_sel(id),
                };
                let is_http = self.is_http(self.job(self.ctx(id).job).subgraph);
                let Need { field, args, types, .. } = self.need(need);
                let (field, args, types) = (*field, Rc::clone(args), types.clone());
                // A connector answers under the field's own name, once for all who read it.
                let shared = self.sel(above).entries.iter().position(|entry| is_http && entry.field == field);
                if let Some(index) = shared {
                    let entry = &mut self.sels[above.index()].entries[index];
                    add_types(&mut entry.types, &types);
                    match entry.sub {
                        Some(sub) => sub,
                        None => self.new_sel(id),
                    }
                } else {
                    let sub = self.new_sel(id);
                    // As for leaves: what the subgraph declares differently goes under keys of its own, with one selection.
                    let mut groups: IndexMap<Option<Type>, Vec<Sym>> = IndexMap::default();
                    for object in types {
                        let ty = self.edge(parent, object, field).map(|edge| edge.ty.clone());
                        match groups.last_mut().filter(|_| is_http) {
                            Some((_, objects)) => objects.push(object),
                            None => groups.entry(ty).or_default().push(object),
                        }
                    }
                    for (ty, types) in groups {
                        let key = self.unused_key(above, field);
                        let entry = Entry { key, field, args: Rc::clone(&args), ty, types, sub: Some(sub), leaf: None };
                        self.sels[above.index()].entries.push(entry);
                    }
                    sub
                }
            }
        };
        self.contexts[id.index()].sel = Some(sel);
        sel
    }

    fn new_sel(&mut self, ctx: CtxId) -> SelId {
        let id = SelId(self.sels.len() as u32);
        self.sels.push(Sel { ctx, entries: Vec::new() });
        id
    }

    /// Takes a leaf from a context.
    pub(super) fn take_leaf(&mut self, ctx: CtxId, need: NeedId, types: &[Sym]) {
        let Need { field, args, .. } = self.need(need);
        let (field, args) = (*field, Rc::clone(args));
        let sel = self.materialize(ctx);
        // Types whose subgraph types differ are different entries: one response key cannot have both.
        let mut groups: Vec<(Option<Type>, Option<Leaf>, Vec<Sym>)> = Vec::new();
        for object in types {
            let ty = self.edge(ctx, *object, field).map(|edge| edge.ty.clone());
            let leaf = if field == self.graph.typename {
                Some(Leaf::Typename)
            } else {
                self.graph.field_info(*object, field).and_then(|info| info.leaf.clone())
            };
            match groups.iter_mut().find(|(other, l, _)| *other == ty && *l == leaf) {
                Some((_, _, objects)) => objects.push(*object),
                None => groups.push((ty, leaf, vec![*object])),
            }
        }
        let is_http = self.is_http(self.job(self.ctx(ctx).job).subgraph);
        for (ty, leaf, objects) in groups {
            let same = |entry: &&mut Entry| {
                entry.field == field && entry.sub.is_none() && (is_http || (entry.args == args && entry.ty == ty))
            };
            if let Some(entry) = self.sels[sel.index()].entries.iter_mut().find(same) {
                add_types(&mut entry.types, &objects);
                if entry.leaf != leaf {
                    // One member of a mapped answer with a type per object: the projection checks each.
                    entry.leaf = Some(Leaf::Any);
                }
                continue;
            }
            let key = if is_http { self.graph.name(field).clone() } else { self.unused_key(sel, field) };
            let entry = Entry { key, field, args: Rc::clone(&args), ty, types: objects, sub: None, leaf };
            self.sels[sel.index()].entries.push(entry);
        }
        let sources = &mut self.needs[need.index()].sources;
        match sources.iter_mut().find(|(source, _)| *source == ctx) {
            Some((_, known)) => add_types(known, types),
            None => sources.push((ctx, types.to_vec())),
        }
    }

    /// A response key for a field: its name, or an internal alias where that is taken.
    fn unused_key(&self, sel: SelId, field: Sym) -> Name {
        let name = self.graph.name(field);
        let is_used = |key: &str| self.sel(sel).entries.iter().any(|entry| entry.key.as_str() == key);
        if !is_used(name) {
            return name.clone();
        }
        (1..)
            .map(|index| format!("{name}_{index}"))
            .find(|key| !is_used(key))
            .and_then(|key| Name::new(&key).ok())
            .unwrap_or_else(|| name.clone())
    }

    /// The first entry of a composite need in a context, once it is materialized. Others differ in their types only.
    pub(super) fn entry_of_child(&self, parent: CtxId, child: CtxId) -> Option<usize> {
        let sub = self.ctx(child).sel?;
        self.sel(self.ctx(parent).sel?).entries.iter().position(|entry| entry.sub == Some(sub))
    }

    /// Needs of a position with that field and arguments, each for other types.
    pub(super) fn needs_of(&self, pos: PosId, field: Sym, args: &[(Name, Node<Value>)]) -> Vec<NeedId> {
        self.all_needs_of(pos, field, args).filter(|id| !self.need(*id).is_twin).collect()
    }

    /// As [`Self::needs_of`], with those that only select something else of the same objects.
    pub(super) fn all_needs_of(
        &self,
        pos: PosId,
        field: Sym,
        args: &[(Name, Node<Value>)],
    ) -> impl Iterator<Item = NeedId> {
        let same = move |id: &NeedId| self.need(*id).field == field && *self.need(*id).args == *args;
        self.pos(pos).needs.iter().copied().filter(same)
    }

    /// The contexts that a field set of objects of some types is read from, once there is a source for all of it.
    pub(super) fn sources_of(&self, pos: PosId, types: &[Sym], fields: &FieldSet, into: &mut Vec<CtxId>) {
        for item in &fields.items {
            match item {
                FieldSetItem::Inline { type_condition, selection } => {
                    let Some(condition) = self.graph.sym(type_condition) else { continue };
                    let types: Vec<Sym> =
                        types.iter().copied().filter(|object| self.graph.is_a(*object, condition)).collect();
                    self.sources_of(pos, &types, selection, into);
                }
                FieldSetItem::Field { name, arguments, selection } => {
                    let Some(field) = self.graph.sym(name) else { continue };
                    for need in self.needs_of(pos, field, &sorted(arguments)) {
                        let need = self.need(need);
                        if common(&need.types, types).is_empty() {
                            continue;
                        }
                        let sources = need.sources.iter().filter(|(_, given)| !common(given, types).is_empty());
                        into.extend(sources.map(|(ctx, _)| *ctx));
                        if let Some(child) = need.child {
                            let child_pos = self.pos(child);
                            into.extend(child_pos.base);
                            self.sources_of(child, &child_pos.types, selection, into);
                        }
                    }
                }
            }
        }
    }
}

/// Arguments in the order in which they are compared.
pub(super) fn sorted(arguments: &[(Name, Node<Value>)]) -> Vec<(Name, Node<Value>)> {
    let mut arguments = arguments.to_vec();
    arguments.sort_by(|a, b| a.0.cmp(&b.0));
    arguments
}

/// Adds to a sorted list.
pub(super) fn add_types(to: &mut Vec<Sym>, types: &[Sym]) {
    for object in types {
        if let Err(index) = to.binary_search(object) {
            to.insert(index, *object);
        }
    }
}

/// The types in both lists, in the order of the first.
pub(super) fn common(a: &[Sym], b: &[Sym]) -> Vec<Sym> {
    a.iter().copied().filter(|object| b.contains(object)).collect()
}
