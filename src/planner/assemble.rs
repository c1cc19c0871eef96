//! A finished draft → [`Plan`]: fetches in order, layouts of records, and the projection.

use std::rc::Rc;
use std::sync::Arc;

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::collections::{HashMap, IndexMap};
use apollo_compiler::{Name, Node};

use super::draft::{CtxId, Draft, Entry, Job, JobId, JobKind, NeedId, Origin, PosId, Sel, SelId, common, sorted};
use super::emit::{self, TooLong, fixed_typename};
use super::graph::{ResolverMode, Sym};
use super::merge::Group;
use super::parts::{self, Part};
use super::plan::{
    AskedFor, Call, EntityInput, Fetch, FetchId, Leaf, NestedRepresentation, ObjectProjection, Plan, Position,
    PositionId, ProjectionBranch, ProjectionField, ProjectionValue, RecordId, RecordSource, Representation,
    RepresentationBranch, RepresentationField, RepresentationTypename, Requirement, Shape, ShapeField, ShapeId,
    ShapeValue, SlotId, TypenameSource,
};
use super::{policy, stale};
use crate::connect::TemplatePart;
use crate::operation::{Field, Operation, OperationType, SelectionSet};
use crate::supergraph::{ConnectorId, FieldSet, FieldSetItem, ResolverVia, SubgraphId};

/// The needs that give a field of objects of one type, and the contexts that tell it from others: see `told_apart`.
type Read = (Vec<NeedId>, Vec<CtxId>);

/// One field of a representation: its name, whether it is part of a key, what is read below, and the need behind it.
type Wanted = (Name, bool, FieldSet, Vec<(Name, Node<Value>)>);

struct Assembler<'d, 'a> {
    draft: &'d Draft<'a>,
    operation: &'a Operation,
    /// Records by context.
    records: HashMap<CtxId, RecordId>,
    /// Link slots by job.
    links: HashMap<JobId, SlotId>,
    /// What is written of the objects of a position, by what is selected of them.
    projections: HashMap<(PosId, &'a SelectionSet), Arc<ObjectProjection>>,
}

/// Puts the plan together.
pub(super) fn plan<'a>(draft: &mut Draft<'a>, operation: &'a Operation, groups: &[Group]) -> Result<Plan, TooLong> {
    for job in groups.iter().flat_map(|group| &group.jobs) {
        add_keys_to_match(draft, *job);
    }
    groups.iter().for_each(|group| keep_roots_apart(draft, group));
    let (records, links, projections) = Default::default();
    let mut assembler = Assembler { draft, operation, records, links, projections };
    let fetch_of = groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| group.jobs.iter().map(move |job| (*job, index as u32)))
        .collect();
    let mut shapes = assembler.shapes();
    let mut positions = assembler.positions(&fetch_of);
    assembler.link(groups, &mut shapes, &mut positions);
    let mut fetches = Vec::with_capacity(groups.len());
    for group in groups {
        fetches.push(assembler.fetch(group)?);
    }
    let projection = assembler.object(PosId(0), &operation.selection);
    Ok(Plan { kind: operation.kind, fetches, shapes, positions, projection })
}

/// The answers of a batch are matched to keys by key, so the key must be read from them.
fn add_keys_to_match(draft: &mut Draft<'_>, id: JobId) {
    let job = draft.job(id);
    let JobKind::ConnectLookup { key, resolver, .. } = job.kind.clone() else { return };
    let (subgraph, ctx) = (job.subgraph, job.ctx);
    if !is_batch(draft, subgraph, resolver) {
        return;
    }
    if let Some(sel) = draft.ctx(ctx).sel {
        let types = job.types.clone();
        add_key_entries(draft, sel, subgraph, &types, &key);
    }
}

/// Fields of the query root that travel with something else get keys that tell whose they are.
fn keep_roots_apart(draft: &mut Draft<'_>, group: &Group) {
    let parts = parts::of_call(draft, &group.jobs);
    if parts.len() < 2 {
        return;
    }
    for (input, Part { job, .. }) in parts.into_iter().enumerate() {
        if !draft.job(job).is_root_jump() {
            continue;
        }
        let Some(sel) = draft.ctx(draft.job(job).ctx).sel else { continue };
        for entry in &mut draft.sels[sel.index()].entries {
            let key = Name::new(&format!("_e{input}_{}", entry.key));
            entry.key = key.expect("a name with letters before it is a name");
        }
    }
}

/// Whether a lookup is asked for many entities at once.
pub(super) fn is_batch(draft: &Draft<'_>, subgraph: SubgraphId, resolver: u32) -> bool {
    match draft.supergraph.subgraph(subgraph).resolvers.get(resolver as usize).map(|resolver| &resolver.via) {
        Some(ResolverVia::Lookup { arguments, .. }) => arguments.iter().any(|argument| argument.from.is_list()),
        _ => false,
    }
}

fn add_key_entries(draft: &mut Draft<'_>, sel: SelId, subgraph: SubgraphId, types: &[Sym], fields: &FieldSet) {
    for item in &fields.items {
        let FieldSetItem::Field { name, selection, .. } = item else { continue };
        let Some(field) = draft.graph.sym(name) else { continue };
        let Some(object) = types.first().copied() else { continue };
        let Some(info) = draft.graph.field_info(object, field).cloned() else { continue };
        let schema = &draft.supergraph.subgraph(subgraph).schema;
        let ty = schema.type_field(draft.graph.name(object), name).ok().map(|field| field.ty.clone());
        let known = draft.sel(sel).entries.iter().position(|entry| entry.field == field);
        let index = known.unwrap_or_else(|| {
            let (args, types, leaf) = ([].into(), types.to_vec(), info.leaf.clone());
            draft.sels[sel.index()].entries.push(Entry { key: name.clone(), field, args, ty, types, sub: None, leaf });
            draft.sel(sel).entries.len() - 1
        });
        if info.leaf.is_some() {
            continue;
        }
        let sub = draft.sel(sel).entries[index].sub.unwrap_or_else(|| {
            let sub = SelId(draft.sels.len() as u32);
            let ctx = draft.sel(sel).ctx;
            draft.sels.push(Sel { ctx, entries: Vec::new() });
            draft.sels[sel.index()].entries[index].sub = Some(sub);
            sub
        });
        add_key_entries(draft, sub, subgraph, &[info.named], selection);
    }
}

impl<'a> Assembler<'_, 'a> {
    /// A layout per selection; link slots follow.
    fn shapes(&self) -> Vec<Shape> {
        self.draft
            .sels
            .iter()
            .enumerate()
            .map(|(id, sel)| {
                let is_top = stale::is_top(self.draft, SelId(id as u32));
                let slots: Vec<usize> = (0..sel.entries.len()).map(|index| slot_of(sel, index)).collect();
                let mut stale_ms = vec![None; slots.len()];
                for (entry, slot) in sel.entries.iter().zip(&slots).filter(|_| is_top) {
                    stale_ms[*slot] = stale_ms[*slot].max(stale::of_entry(self.draft, sel.ctx, entry));
                }
                let fields = sel.entries.iter().enumerate().map(|(index, entry)| ShapeField {
                    key: entry.key.clone(),
                    slot: SlotId(slots[index] as u32),
                    list_depth: entry.ty.as_ref().map_or(0, list_depth),
                    value: match (entry.sub, &entry.leaf) {
                        (Some(sub), _) => ShapeValue::Object(ShapeId(sub.0)),
                        (None, leaf) => ShapeValue::Leaf(leaf.clone().unwrap_or(Leaf::Any)),
                    },
                    stale_ms: stale_ms[slots[index]],
                });
                Shape { fields: fields.collect(), slots: sel.entries.len() as u32 }
            })
            .collect()
    }

    /// Positions, with the records that do not need a link.
    fn positions(&mut self, fetch_of: &HashMap<JobId, u32>) -> Vec<Position> {
        let draft = self.draft;
        let mut positions = Vec::with_capacity(draft.positions.len());
        for (index, position) in draft.positions.iter().enumerate() {
            let mut contexts: Vec<CtxId> =
                position.contexts.iter().copied().filter(|ctx| draft.ctx(*ctx).sel.is_some()).collect();
            contexts.sort_by_key(|ctx| {
                let context = draft.ctx(*ctx);
                let order = fetch_of.get(&context.job).copied().unwrap_or(u32::MAX);
                (context.origin == Origin::Jump, position.base != Some(*ctx), order, *ctx)
            });
            for (record, ctx) in contexts.iter().enumerate() {
                self.records.insert(*ctx, RecordId(record as u32));
            }
            let records = contexts.iter().map(|ctx| match draft.ctx(*ctx).origin {
                Origin::Nested(parent) => {
                    let slot = draft.entry_of_child(parent, *ctx).unwrap_or_default();
                    RecordSource::Nested(self.records[&parent], SlotId(slot as u32))
                }
                // The slot of a link is known once all layouts are.
                Origin::Root | Origin::Jump => {
                    RecordSource::Root(FetchId(fetch_of.get(&draft.ctx(*ctx).job).copied().unwrap_or_default()))
                }
            });
            let records = records.collect();
            let (parent, label) = match position.parent {
                Some((parent, need)) => {
                    let name = draft.graph.name(draft.need(need).field);
                    (Some(PositionId(parent.0)), self.label(parent, need).unwrap_or_else(|| name.to_string()))
                }
                None => (None, String::new()),
            };
            let typename = self.typename(PosId(index as u32));
            positions.push(Position { parent, label, list_depth: position.list_depth, records, typename });
        }
        positions
    }

    /// The first response key under which the client asks for it.
    fn label(&self, parent: PosId, need: NeedId) -> Option<String> {
        let need = self.draft.need(need);
        let fields = self.draft.pos(parent).client.iter().flat_map(|set| &set.branches).flat_map(|b| &b.fields);
        let is_same = |field: &&Field| {
            field.arguments == *need.args
                && self.draft.graph.sym(&field.name) == Some(need.field)
                && field.selection.as_ref().is_some_and(|s| need.client.contains(&s))
        };
        fields.into_iter().find(is_same).map(|field| field.response_key.to_string())
    }

    fn typename(&self, pos: PosId) -> TypenameSource {
        let position = self.draft.pos(pos);
        if position.is_object {
            return TypenameSource::Known(self.draft.graph.name(position.declared).clone());
        }
        let mut slots = Vec::new();
        for need in self.draft.needs_of(pos, self.draft.graph.typename, &[]) {
            for (ctx, _) in &self.draft.need(need).sources {
                slots.extend(self.slot(*ctx, need, &[]));
            }
        }
        TypenameSource::Slots(slots)
    }

    /// Where a leaf need stands in a record.
    fn slot(&self, ctx: CtxId, need: NeedId, types: &[Sym]) -> Option<(RecordId, SlotId)> {
        let need = self.draft.need(need);
        let is_http = self.draft.is_http(self.draft.job(self.draft.ctx(ctx).job).subgraph);
        let sel = self.draft.sel(self.draft.ctx(ctx).sel?);
        let index = sel.entries.iter().position(|entry| {
            entry.field == need.field
                && entry.sub.is_none()
                && (is_http || entry.args == need.args)
                && (types.is_empty() || !common(&entry.types, types).is_empty())
        })?;
        Some((*self.records.get(&ctx)?, SlotId(slot_of(sel, index) as u32)))
    }

    /// Gives every entity fetch a slot in a record that each of its objects has.
    fn link(&mut self, groups: &[Group], shapes: &mut [Shape], positions: &mut [Position]) {
        for job in groups.iter().flat_map(|group| &group.jobs).copied() {
            let ctx = self.draft.job(job).ctx;
            if self.draft.ctx(ctx).origin != Origin::Jump {
                continue;
            }
            let pos = self.draft.job(job).pos;
            let Some(base) = self.draft.pos(pos).base else { continue };
            let (Some(sel), Some(record)) = (self.draft.ctx(base).sel, self.records.get(&base).copied()) else {
                continue;
            };
            let shape = &mut shapes[sel.index()];
            let slot = SlotId(shape.slots);
            shape.slots += 1;
            self.links.insert(job, slot);
            if let Some(own) = self.records.get(&ctx) {
                positions[pos.index()].records[own.0 as usize] = RecordSource::Link(record, slot);
            }
        }
    }

    fn fetch(&self, group: &Group) -> Result<Fetch, TooLong> {
        let draft = self.draft;
        let first = draft.job(group.jobs[0]);
        let sel = |job: JobId| draft.ctx(draft.job(job).ctx).sel.unwrap_or(SelId(0));
        let parts = parts::of_call(draft, &group.jobs);
        let shape = |part: &Part| ShapeId(sel(part.job).0);
        let connected_inputs = || parts.iter().map(|part| self.input(part, shape(part), String::new())).collect();
        let call = match &first.kind {
            JobKind::Root => {
                let (operation, _) = emit::operation(draft, self.operation, &parts)?;
                Call::Root { operation, shape: ShapeId(sel(group.jobs[0]).0) }
            }
            JobKind::Entities { .. } => {
                let (operation, variables) = emit::operation(draft, self.operation, &parts)?;
                let inputs = parts.iter().zip(variables);
                let inputs = inputs.map(|(part, variable)| self.input(part, shape(part), variable));
                Call::Entities { operation, inputs: inputs.collect() }
            }
            JobKind::ConnectRoot { connector, need } => Call::ConnectRoot {
                connector: *connector,
                arguments: self.arguments(first.subgraph, *connector, *need),
                shape: ShapeId(sel(group.jobs[0]).0),
            },
            JobKind::ConnectLookup { connector, resolver, key } => {
                let resolvers = &draft.supergraph.subgraph(first.subgraph).resolvers;
                let bindings = match resolvers.get(*resolver as usize).map(|resolver| &resolver.via) {
                    Some(ResolverVia::Lookup { arguments, .. }) => arguments.clone(),
                    _ => Vec::new(),
                };
                let mut matched_by = Vec::new();
                if is_batch(draft, first.subgraph, *resolver) {
                    key_paths(key, &mut Vec::new(), &mut matched_by);
                }
                Call::ConnectLookup { connector: *connector, bindings, matched_by, inputs: connected_inputs() }
            }
            JobKind::ConnectField { connector, need } => {
                let required = self.connector_facts(first.subgraph, *connector);
                let required = required.map(|facts| facts.required_arguments.clone()).unwrap_or_default();
                Call::ConnectField {
                    connector: *connector,
                    arguments: self.arguments(first.subgraph, *connector, *need),
                    required,
                    inputs: connected_inputs(),
                }
            }
        };
        let is_write = self.operation.kind == OperationType::Mutation
            && matches!(first.kind, JobKind::Root | JobKind::ConnectRoot { .. });
        let (mut cache, mut stale_ms) = (None, None);
        if !is_write {
            stale_ms = stale::of_jobs(draft, &group.jobs);
            let each = group.jobs.iter().map(|job| {
                let job = draft.job(*job);
                let sel = draft.ctx(job.ctx).sel.unwrap_or(SelId(0));
                policy::reuse(draft, sel, job.is_of_entities().then_some(&job.types[..]))
            });
            // One that must not be reused keeps the others from it.
            cache = each.reduce(policy::both).flatten();
        }
        let after = group.after.iter().map(|index| FetchId(*index as u32)).collect();
        let title = self.title(first);
        Ok(Fetch { subgraph: first.subgraph, title, after, call, timeout_ms: first.timeout_ms, cache, stale_ms })
    }

    fn title(&self, job: &Job) -> String {
        let subgraph = self.draft.supergraph.subgraph(job.subgraph);
        let connector = match &job.kind {
            JobKind::Root | JobKind::Entities { .. } => None,
            JobKind::ConnectRoot { connector, .. }
            | JobKind::ConnectLookup { connector, .. }
            | JobKind::ConnectField { connector, .. } => subgraph.connectors.get(connector.0 as usize),
        };
        match connector {
            None => subgraph.name.to_string(),
            Some(connector) => {
                let url: String = connector
                    .url
                    .parts
                    .iter()
                    .map(|part| match part {
                        TemplatePart::Text(text) => text.clone(),
                        TemplatePart::Expression(mapping) => format!("{{{}}}", mapping.text),
                    })
                    .collect();
                format!("{} {} {url}", subgraph.name, connector.method)
            }
        }
    }

    fn connector_facts(&self, subgraph: SubgraphId, id: ConnectorId) -> Option<&'a crate::supergraph::SubgraphField> {
        let connector = self.draft.supergraph.subgraph(subgraph).connectors.get(id.0 as usize)?;
        policy::field_facts(self.draft.supergraph, subgraph, &connector.type_name, &connector.field_name)
    }

    /// The client's arguments of a connected field, defaults filled in.
    fn arguments(&self, subgraph: SubgraphId, id: ConnectorId, need: NeedId) -> Vec<(Name, Node<Value>)> {
        let mut arguments = self.draft.need(need).args.to_vec();
        let source = self.draft.supergraph.subgraph(subgraph);
        let Some(connector) = source.connectors.get(id.0 as usize) else { return arguments };
        let Ok(field) = source.schema.type_field(&connector.type_name, &connector.field_name) else { return arguments };
        for definition in &field.arguments {
            if let Some(default) = &definition.default_value
                && arguments.iter().all(|(name, _)| *name != definition.name)
            {
                arguments.push((definition.name.clone(), default.clone()));
            }
        }
        arguments
    }

    fn input(&self, part: &Part, shape: ShapeId, variable: String) -> EntityInput {
        let draft = self.draft;
        let (id, job) = (part.job, draft.job(part.job));
        let asked_types = part.types.as_ref().unwrap_or(&job.types);
        let position = draft.pos(job.pos);
        let record = position.base.and_then(|base| self.records.get(&base).copied()).unwrap_or(RecordId(0));
        let link = (record, self.links.get(&id).copied().unwrap_or(SlotId(0)));
        let is_all = position.types.iter().all(|object| asked_types.contains(object));
        // Where the concrete type decides the representation, an object of a type that nobody expects is not sent.
        let is_by_type =
            matches!(job.kind, JobKind::Entities { mode: ResolverMode::Concrete | ResolverMode::Root, .. });
        let is_untyped = matches!(job.kind, JobKind::Entities { mode: ResolverMode::Interface(_), .. })
            || draft.needs_of(job.pos, draft.graph.typename, &[]).is_empty();
        let types = if position.is_object || is_untyped || (is_all && !is_by_type) {
            Vec::new()
        } else {
            asked_types.iter().map(|object| draft.graph.name(*object).clone()).collect()
        };
        let (typename, key) = match &job.kind {
            JobKind::Entities { mode: ResolverMode::Root, .. } => (RepresentationTypename::None, None),
            JobKind::Entities { key, mode } => {
                let typename = match fixed_typename(*mode) {
                    Some(interface) => RepresentationTypename::Fixed(draft.graph.name(interface).clone()),
                    None if position.is_object => {
                        RepresentationTypename::Fixed(draft.graph.name(position.declared).clone())
                    }
                    None => RepresentationTypename::OfObject,
                };
                (typename, Some(&**key))
            }
            JobKind::ConnectLookup { key, .. } => (RepresentationTypename::None, Some(&**key)),
            _ => (RepresentationTypename::None, None),
        };
        let branches = self.branches(job.pos, asked_types, |object| {
            let mut wanted = Vec::new();
            if let Some(key) = key {
                self.wanted(object, key, true, &mut wanted);
            }
            for (_, types, fields) in &job.requires {
                if types.contains(&object) {
                    self.wanted(object, fields, false, &mut wanted);
                }
            }
            wanted
        });
        EntityInput {
            position: PositionId(job.pos.0),
            types,
            link,
            asked: if job.is_root_jump() { AskedFor::Root } else { AskedFor::Entities },
            representation: Representation { typename, branches },
            requirements: self.requirements(job),
            shape,
            variable,
        }
    }

    /// What each field of an entity fetch requires for itself.
    fn requirements(&self, job: &Job) -> Vec<Requirement> {
        let sel = match (&job.kind, self.draft.ctx(job.ctx).sel) {
            (JobKind::Entities { .. }, Some(sel)) => self.draft.sel(sel),
            _ => return Vec::new(),
        };
        let of = |(field, types, required): &(Sym, Vec<Sym>, Rc<FieldSet>)| {
            let is_of = |entry: &Entry| entry.field == *field && !common(&entry.types, types).is_empty();
            let fields = sel.entries.iter().enumerate().filter(|(_, entry)| is_of(entry)).map(|(index, _)| index);
            let branches = self.branches(job.pos, &job.types, |object| {
                let mut wanted = Vec::new();
                if types.contains(&object) {
                    self.wanted(object, required, false, &mut wanted);
                }
                wanted
            });
            Requirement { fields: fields.collect(), branches }
        };
        job.requires.iter().map(of).collect()
    }

    /// What a field set reads of an object of one type.
    fn wanted(&self, object: Sym, fields: &FieldSet, is_key: bool, into: &mut Vec<Wanted>) {
        for item in &fields.items {
            match item {
                FieldSetItem::Inline { type_condition, selection } => {
                    let condition = self.draft.graph.sym(type_condition);
                    if condition.is_some_and(|condition| self.draft.graph.is_a(object, condition)) {
                        self.wanted(object, selection, is_key, into);
                    }
                }
                FieldSetItem::Field { name, arguments, selection } => {
                    let arguments = sorted(arguments);
                    match into.iter_mut().find(|(known, _, _, args)| known == name && *args == arguments) {
                        Some((_, key, below, _)) => {
                            *key |= is_key;
                            below.items.extend(selection.items.iter().cloned());
                        }
                        None => into.push((name.clone(), is_key, selection.clone(), arguments)),
                    }
                }
            }
        }
    }

    /// Branches for types of which the same is sent.
    fn branches(&self, pos: PosId, types: &[Sym], wanted: impl Fn(Sym) -> Vec<Wanted>) -> Vec<RepresentationBranch> {
        let mut groups: IndexMap<Vec<(Wanted, Read)>, Vec<Sym>> = IndexMap::default();
        for object in types {
            let fields = wanted(*object).into_iter().map(|wanted| {
                let field = self.draft.graph.sym(&wanted.0);
                let needs = field.map(|field| self.draft.needs_of(pos, field, &wanted.3)).unwrap_or_default();
                let needs = needs.into_iter().filter(|need| self.draft.need(*need).types.contains(object));
                let needs: Vec<NeedId> = needs.collect();
                let apart = self.told_apart(&needs, *object);
                (wanted, (needs, apart))
            });
            groups.entry(fields.collect()).or_default().push(*object);
        }
        let mut branches: Vec<RepresentationBranch> = Vec::new();
        for (fields, types) in groups {
            let names = types.iter().map(|object| self.draft.graph.name(*object).clone());
            let fields = fields.into_iter().filter_map(|((name, is_key, below, _), (needs, _))| {
                self.representation_field(name, is_key, &below, &needs, &types)
            });
            let fields: Vec<RepresentationField> = fields.collect();
            // Different needs may well read the same, and where all types do, the type need not be known.
            match branches.iter_mut().find(|known| known.fields == fields) {
                Some(known) => known.types.extend(names),
                None => branches.push(RepresentationBranch { types: names.collect(), fields }),
            }
        }
        if let [only] = branches.as_mut_slice() {
            only.types.clear();
        }
        branches
    }

    fn representation_field(
        &self,
        name: Name,
        is_key: bool,
        below: &FieldSet,
        needs: &[NeedId],
        types: &[Sym],
    ) -> Option<RepresentationField> {
        let draft = self.draft;
        if name == "__typename" {
            return None;
        }
        let mut from = Vec::new();
        let mut nested = None;
        for id in needs {
            let need = draft.need(*id);
            for (ctx, given) in &need.sources {
                if !common(given, types).is_empty() {
                    from.extend(self.slot(*ctx, *id, types));
                }
            }
            let Some(child) = need.child else { continue };
            from.extend(self.object_slots(child));
            let position = draft.pos(child);
            let typename =
                if position.is_object { RepresentationTypename::None } else { RepresentationTypename::OfObject };
            let branches = self.branches(child, &position.types, |object| {
                let mut wanted = Vec::new();
                self.wanted(object, below, is_key, &mut wanted);
                wanted
            });
            let representation = Representation { typename, branches };
            nested = Some(Box::new(NestedRepresentation { position: PositionId(child.0), representation }));
        }
        from.dedup();
        Some(RepresentationField { name, from, is_key, nested })
    }

    /// The slots that hold the objects of a position in the records of the position above, the decisive one first.
    fn object_slots(&self, child: PosId) -> Vec<(RecordId, SlotId)> {
        let draft = self.draft;
        let position = draft.pos(child);
        let mut contexts: Vec<CtxId> =
            position.contexts.iter().copied().filter(|ctx| draft.ctx(*ctx).sel.is_some()).collect();
        contexts.sort_by_key(|ctx| (position.base != Some(*ctx), *ctx));
        let slots = contexts.into_iter().filter_map(|ctx| match draft.ctx(ctx).origin {
            Origin::Nested(parent) => {
                let slot = draft.entry_of_child(parent, ctx)?;
                Some((*self.records.get(&parent)?, SlotId(slot as u32)))
            }
            _ => None,
        });
        slots.collect()
    }

    /// Many members can write the same of the same objects: that is laid out once.
    fn shared_object(&mut self, pos: PosId, set: &'a SelectionSet) -> Arc<ObjectProjection> {
        if let Some(known) = self.projections.get(&(pos, set)) {
            return Arc::clone(known);
        }
        let object = Arc::new(self.object(pos, set));
        self.projections.insert((pos, set), Arc::clone(&object));
        object
    }

    fn object(&mut self, pos: PosId, set: &'a SelectionSet) -> ObjectProjection {
        let draft = self.draft;
        let position = draft.pos(pos);
        let possible = draft.graph.type_info(position.declared).map(|info| Arc::clone(&info.visible));
        let mut branches = Vec::new();
        for branch in &set.branches {
            let objects: Vec<Sym> = branch.types.iter().filter_map(|name| draft.graph.sym(name)).collect();
            let objects = common(&objects, &position.types);
            // Types that read a field from different places part.
            let mut groups: IndexMap<Vec<Read>, Vec<Sym>> = IndexMap::default();
            for object in objects {
                let needs = branch.fields.iter().map(|field| {
                    let needs = self.needs_for(pos, field, object);
                    let apart = self.told_apart(&needs, object);
                    (needs, apart)
                });
                groups.entry(needs.collect()).or_default().push(object);
            }
            for (needs, types) in groups {
                let fields = branch.fields.iter().zip(&needs);
                let fields = fields.map(|(field, (needs, _))| self.field(pos, field, needs, &types)).collect();
                let types = types.iter().map(|object| draft.graph.name(*object).clone()).collect();
                branches.push(ProjectionBranch { types, fields });
            }
        }
        ObjectProjection { position: PositionId(pos.0), possible: possible.unwrap_or_default(), branches }
    }

    /// What types are told apart by beside their needs: where a leaf is read, if an HTTP/JSON service is among the sources. Such a
    /// service cannot be asked for a field of some types only, so what it says of it for others must not be looked at.
    fn told_apart(&self, needs: &[NeedId], object: Sym) -> Vec<CtxId> {
        let draft = self.draft;
        let sources = || needs.iter().flat_map(|need| &draft.need(*need).sources);
        let is_http = |ctx: CtxId| draft.is_http(draft.job(draft.ctx(ctx).job).subgraph);
        if !sources().any(|(ctx, _)| is_http(*ctx)) {
            return Vec::new();
        }
        sources().filter(|(_, types)| types.contains(&object)).map(|(ctx, _)| *ctx).collect()
    }

    /// The needs that answer a client's field of objects of one type: one, but for what the gateway answers itself.
    fn needs_for(&self, pos: PosId, field: &Field, object: Sym) -> Vec<NeedId> {
        let Some(sym) = self.draft.graph.sym(&field.name).filter(|_| !field.is_denied) else { return Vec::new() };
        let mut needs = self.draft.all_needs_of(pos, sym, &field.arguments);
        if pos == PosId(0) && self.operation.kind == OperationType::Mutation {
            // Equal root fields of a mutation are needs of their own, in the client's order.
            let fields = self.operation.selection.branches.iter().flat_map(|branch| &branch.fields);
            let before = fields
                .take_while(|other| !std::ptr::eq(*other, field))
                .filter(|other| other.name == field.name && other.arguments == field.arguments && !other.is_denied);
            return needs.nth(before.count()).into_iter().collect();
        }
        let answers = |id: &NeedId| {
            let need = self.draft.need(*id);
            let is_same =
                |set: &SelectionSet| need.client.iter().any(|client| std::ptr::eq(*client, set) || *client == set);
            need.types.contains(&object) && field.selection.as_ref().is_none_or(is_same)
        };
        needs.filter(answers).collect()
    }

    fn field(&mut self, pos: PosId, field: &'a Field, needs: &[NeedId], types: &[Sym]) -> ProjectionField {
        let draft = self.draft;
        let type_name = types.first().map_or_else(|| field.name.clone(), |object| draft.graph.name(*object).clone());
        let mut fallback = None;
        let value = match field.name.as_str() {
            _ if field.is_denied => ProjectionValue::Denied,
            "__typename" => ProjectionValue::Typename,
            "__schema" | "__type" if pos == PosId(0) => ProjectionValue::Introspection,
            _ => {
                let need = needs.first().copied();
                let child = need.and_then(|need| draft.need(need).child);
                match (child, &field.selection) {
                    (Some(child), Some(selection)) => {
                        let base = draft.pos(child).base.map(|ctx| draft.ctx(ctx).origin);
                        if let (Some(Origin::Nested(parent)), Some(need)) = (base, need) {
                            fallback = self.fallback(parent, need, types);
                        }
                        let object = self.shared_object(child, selection);
                        ProjectionValue::Object { from: self.object_slots(child), object }
                    }
                    _ => {
                        let mut from = Vec::new();
                        for need in needs {
                            for (ctx, given) in &draft.need(*need).sources {
                                if !common(given, types).is_empty() {
                                    from.extend(self.slot(*ctx, *need, types));
                                    fallback = fallback.or_else(|| self.fallback(*ctx, *need, types));
                                }
                            }
                        }
                        let info = types.first().zip(draft.graph.sym(&field.name));
                        let info = info.and_then(|(object, field)| draft.graph.field_info(*object, field));
                        let leaf = info.and_then(|info| info.leaf.clone()).unwrap_or(Leaf::Any);
                        ProjectionValue::Leaf { from, leaf }
                    }
                }
            }
        };
        let (field_name, response_key, ty) = (field.name.clone(), field.response_key.clone(), field.ty.clone());
        ProjectionField { type_name, field_name, response_key, ty, value, fallback }
    }

    /// What the owner of a field declared to stand in for it.
    fn fallback(&self, ctx: CtxId, need: NeedId, types: &[Sym]) -> Option<Arc<crate::supergraph::Fallback>> {
        let draft = self.draft;
        let node = types.iter().find_map(|object| draft.concrete(ctx, *object))?;
        let type_name = draft.graph.name(draft.graph.node(node).type_name);
        let subgraph = draft.job(draft.ctx(ctx).job).subgraph;
        let field = draft.graph.name(draft.need(need).field);
        policy::field_facts(draft.supergraph, subgraph, type_name, field)?.policy.fallback.clone()
    }
}

/// Where an entry's value goes. What was asked under several keys, because the subgraph's types of the field differ from one
/// concrete type to the next, is one value: an object has only one of those keys.
fn slot_of(sel: &Sel, index: usize) -> usize {
    let entry = &sel.entries[index];
    let same = |other: &Entry| other.field == entry.field && other.args == entry.args && other.sub == entry.sub;
    sel.entries.iter().position(same).unwrap_or(index)
}

/// The paths of a key's leaves.
fn key_paths(fields: &FieldSet, path: &mut Vec<Name>, into: &mut Vec<Vec<Name>>) {
    for item in &fields.items {
        let FieldSetItem::Field { name, selection, .. } = item else { continue };
        path.push(name.clone());
        match selection.is_empty() {
            true => into.push(path.clone()),
            false => key_paths(selection, path, into),
        }
        path.pop();
    }
}

fn list_depth(ty: &Type) -> u32 {
    match ty {
        Type::Named(_) | Type::NonNullNamed(_) => 0,
        Type::List(inner) | Type::NonNullList(inner) => 1 + list_depth(inner),
    }
}
