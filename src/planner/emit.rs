//! Selections → the text of a downstream operation, valid against the subgraph's own schema.
//!
//! A field is asked for directly where every type that can stand there has it, and on each concrete type (or on an interface
//! of the subgraph that has exactly those) where not. No type condition is sent that the subgraph does not know.

use std::fmt::Write;

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

use super::draft::{CtxId, Draft, Entry, JobKind, Origin, SelId, Static};
use super::graph::{NodeId, NodeKind, ResolverMode, Sym};
use super::parts::Part;
use super::plan::DownstreamOperation;
use crate::operation::{Operation, OperationType, Variable};

/// A longer text is refused: only selections that multiply over nested abstract types get there.
const TEXT_BYTES_MAX: usize = 512 * 1024;

/// The text would be longer than any service should read.
#[derive(Debug)]
pub(super) struct TooLong;

/// A place where a variable stands: the type there, and whether it has a default.
type Usage = (Type, bool);

struct Emitter<'d, 'a> {
    draft: &'d Draft<'a>,
    schema: &'a Schema,
    /// What is being asked for.
    part: Option<&'d Part>,
    out: String,
    used: IndexMap<Name, Vec<Usage>>,
}

/// What a call sends, and for each of its inputs the variable of the representations.
pub(super) fn operation(
    draft: &Draft<'_>,
    client: &Operation,
    parts: &[Part],
) -> Result<(DownstreamOperation, Vec<String>), TooLong> {
    let Some(first) = parts.first().map(|part| draft.job(part.job)) else {
        return Ok((DownstreamOperation { text: String::new(), name: None, variables: Vec::new() }, Vec::new()));
    };
    let schema = &draft.supergraph.subgraph(first.subgraph).schema;
    let mut emitter = Emitter { draft, schema, part: None, out: String::new(), used: IndexMap::default() };
    let (mut names, mut definitions) = (Vec::new(), Vec::new());
    if first.kind == JobKind::Root {
        if let Some(sel) = draft.ctx(first.ctx).sel {
            emitter.braces(sel)?;
        }
    } else {
        let is_free = |name: &str| client.variables.iter().all(|variable| variable.name.as_str() != name);
        emitter.out.push('{');
        for (index, part) in parts.iter().enumerate() {
            let (job, is_only) = (draft.job(part.job), parts.len() == 1);
            emitter.part = Some(part);
            let sel = draft.ctx(job.ctx).sel.expect("jobs of which nothing is taken do not travel");
            let mut name = if is_only { "representations".to_owned() } else { format!("r{index}") };
            while !is_free(&name) {
                name.push('_');
            }
            emitter.separate();
            match (job.is_root_jump(), is_only) {
                (true, true) => {
                    emitter.selection(sel)?;
                    name.clear();
                }
                (true, false) => {
                    let _ = write!(emitter.out, "...@include(if:${name})");
                    emitter.braces(sel)?;
                    definitions.push(format!("${name}:Boolean!"));
                }
                (false, _) => {
                    if !is_only {
                        let _ = write!(emitter.out, "_e{index}:");
                    }
                    let _ = write!(emitter.out, "_entities(representations:${name})");
                    emitter.braces(sel)?;
                    definitions.push(format!("${name}:[_Any!]!"));
                }
            }
            names.push(name);
        }
        emitter.out.push('}');
    }
    let mut variables = Vec::new();
    for variable in &client.variables {
        let Some(usages) = emitter.used.get(&variable.name) else { continue };
        let ty = declared(&variable.ty, usages);
        definitions.push(format!("${}:{ty}", variable.name));
        variables.push(Variable { name: variable.name.clone(), ty: ty.into() });
    }
    let keyword = match client.kind {
        OperationType::Mutation if first.kind == JobKind::Root => "mutation",
        _ => "query",
    };
    let text = match (keyword, definitions.is_empty()) {
        ("query", true) => emitter.out,
        (keyword, true) => format!("{keyword}{}", emitter.out),
        (keyword, false) => format!("{keyword}({}){}", definitions.join(","), emitter.out),
    };
    Ok((DownstreamOperation { text, name: None, variables }, names))
}

/// The type that a variable is declared with downstream: the client's, unless the subgraph is stricter somewhere.
fn declared(client: &Type, usages: &[Usage]) -> Type {
    let fits = |ty: &Type, (location, has_default): &Usage| {
        ty.is_assignable_to(location) || (*has_default && ty.is_assignable_to(&location.clone().nullable()))
    };
    if usages.iter().all(|usage| fits(client, usage)) {
        return client.clone();
    }
    let strict = client.clone().non_null();
    if usages.iter().all(|usage| fits(&strict, usage)) {
        return strict;
    }
    let stricter =
        usages.iter().map(|(location, _)| location).find(|location| usages.iter().all(|u| fits(location, u)));
    stricter.unwrap_or(client).clone()
}

impl<'a> Emitter<'_, 'a> {
    fn braces(&mut self, sel: SelId) -> Result<(), TooLong> {
        self.out.push('{');
        let start = self.out.len();
        self.selection(sel)?;
        if self.out.len() == start {
            self.out.push_str("__typename");
        }
        self.out.push('}');
        if self.out.len() > TEXT_BYTES_MAX { Err(TooLong) } else { Ok(()) }
    }

    fn selection(&mut self, sel: SelId) -> Result<(), TooLong> {
        let ctx = self.draft.sel(sel).ctx;
        match &self.draft.ctx(ctx).shape {
            Static::Node(node) => {
                let context = self.draft.ctx(ctx);
                let is_entity = context.origin == Origin::Jump && !self.draft.job(context.job).is_root_jump();
                if is_entity {
                    let name = self.draft.graph.name(self.draft.graph.node(*node).type_name);
                    self.separate();
                    let _ = write!(self.out, "...on {name}{{");
                    let start = self.out.len();
                    self.node_selection(sel, ctx, *node)?;
                    if self.out.len() == start {
                        self.out.push_str("__typename");
                    }
                    self.out.push('}');
                    Ok(())
                } else {
                    self.node_selection(sel, ctx, *node)
                }
            }
            Static::Entities(types) => {
                let possible: Vec<(Sym, NodeId)> = types.clone();
                let entries: Vec<usize> = (0..self.draft.sel(sel).entries.len()).collect();
                self.by_type(sel, &entries, &possible, false)
            }
        }
    }

    fn node_selection(&mut self, sel: SelId, ctx: CtxId, id: NodeId) -> Result<(), TooLong> {
        let node = self.draft.graph.node(id);
        let name = self.draft.graph.name(node.type_name).clone();
        if node.kind != NodeKind::Abstract {
            let is_top = self.draft.ctx(ctx).origin == Origin::Jump;
            for index in 0..self.draft.sel(sel).entries.len() {
                let entry = &self.draft.sel(sel).entries[index];
                if !is_top || self.part.is_none_or(|part| part.wants(entry)) {
                    self.entry(sel, index, &name)?;
                }
            }
            return Ok(());
        }
        // Types that no client can see need not be asked, but may be.
        let visible = self.draft.graph.type_info(self.draft.pos(self.draft.ctx(ctx).pos).declared);
        let must: Vec<Sym> = node
            .possible
            .iter()
            .map(|(object, _)| *object)
            .filter(|object| visible.is_none_or(|info| info.visible.contains(self.draft.graph.name(*object))))
            .collect();
        let mut rest = Vec::new();
        for index in 0..self.draft.sel(sel).entries.len() {
            let entry = &self.draft.sel(sel).entries[index];
            let is_everywhere = entry.types.iter().all(|object| !must.is_empty() && must.contains(object))
                && must.iter().all(|object| entry.types.contains(object));
            let is_wider = must.iter().all(|object| entry.types.contains(object));
            if entry.field == self.draft.graph.typename
                || ((is_everywhere || is_wider) && self.interface_has(&name, entry))
            {
                self.entry(sel, index, &name)?;
            } else {
                rest.push(index);
            }
        }
        let possible = node.possible.clone();
        self.by_type(sel, &rest, &possible, true)
    }

    /// Whether a subgraph's interface declares a field as its objects do, near enough for the same selection below it.
    fn interface_has(&self, interface: &Name, entry: &Entry) -> bool {
        let Some(ExtendedType::Interface(interface)) = self.schema.types.get(interface) else { return false };
        let Some(field) = interface.fields.get(self.draft.graph.name(entry.field)) else { return false };
        let has_arguments = entry.args.iter().all(|(name, _)| field.argument_by_name(name).is_some());
        has_arguments && entry.ty.as_ref().is_some_and(|ty| ty.inner_named_type() == field.ty.inner_named_type())
    }

    /// Fields on some of the concrete types.
    fn by_type(
        &mut self,
        sel: SelId,
        entries: &[usize],
        possible: &[(Sym, NodeId)],
        is_exact: bool,
    ) -> Result<(), TooLong> {
        // (types as the subgraph names them, what is asked of them)
        let mut groups: IndexMap<Vec<usize>, Vec<Name>> = IndexMap::default();
        for (object, node) in possible {
            let asked: Vec<usize> = entries
                .iter()
                .copied()
                .filter(|index| self.draft.sel(sel).entries[*index].types.contains(object))
                .collect();
            if asked.is_empty() {
                continue;
            }
            let name = self.draft.graph.name(self.draft.graph.node(*node).type_name);
            let names = groups.entry(asked).or_default();
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let all: Vec<Name> = possible
            .iter()
            .map(|(_, node)| self.draft.graph.name(self.draft.graph.node(*node).type_name).clone())
            .collect();
        for (asked, names) in groups {
            let conditions = match self.interface_of(sel, &asked, &names, &all, is_exact) {
                Some(interface) => vec![interface],
                None => names,
            };
            for condition in conditions {
                self.separate();
                let _ = write!(self.out, "...on {condition}{{");
                for index in &asked {
                    self.entry(sel, *index, &condition)?;
                }
                self.out.push('}');
            }
        }
        Ok(())
    }

    /// An interface of the subgraph that stands for exactly `names` among the types that can come.
    fn interface_of(&self, sel: SelId, asked: &[usize], names: &[Name], all: &[Name], is_exact: bool) -> Option<Name> {
        if names.len() < 2 {
            return None;
        }
        let first = self.schema.get_object(&names[0])?;
        let stands = |interface: &Name| {
            let has = |name: &Name| {
                self.schema.get_object(name).is_some_and(|object| object.implements_interfaces.contains(interface))
            };
            // What is sent decides what comes back for entities; else others of its types must not be asked in vain.
            names.iter().all(has)
                && (!is_exact && names.len() == all.len() || all.iter().all(|n| names.contains(n) || !has(n)))
        };
        let entries = &self.draft.sel(sel).entries;
        first
            .implements_interfaces
            .iter()
            .map(|interface| &interface.name)
            .find(|interface| stands(interface) && asked.iter().all(|i| self.interface_has(interface, &entries[*i])))
            .cloned()
    }

    fn separate(&mut self) {
        if !self.out.ends_with(['{', '}']) {
            self.out.push(' ');
        }
    }

    fn entry(&mut self, sel: SelId, index: usize, on: &Name) -> Result<(), TooLong> {
        let draft = self.draft;
        let entry = &draft.sel(sel).entries[index];
        let field = draft.graph.name(entry.field);
        self.separate();
        if entry.key != *field {
            let _ = write!(self.out, "{}:", entry.key);
        }
        self.out.push_str(field);
        if !entry.args.is_empty() {
            self.out.push('(');
            for (index, (name, value)) in entry.args.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                let _ = write!(self.out, "{comma}{name}:{}", value.serialize().no_indent());
                let definition = self.schema.type_field(on, field).ok();
                if let Some(argument) = definition.and_then(|field| field.argument_by_name(name)) {
                    let (ty, has_default) = (Type::clone(&argument.ty), argument.default_value.is_some());
                    self.usages(value, &ty, has_default);
                }
            }
            self.out.push(')');
        }
        match entry.sub {
            Some(sub) => self.braces(sub),
            None => Ok(()),
        }
    }

    /// Where variables stand in a value of a type.
    fn usages(&mut self, value: &Value, ty: &Type, has_default: bool) {
        match value {
            Value::Variable(name) => self.used.entry(name.clone()).or_default().push((ty.clone(), has_default)),
            Value::List(items) => {
                let inner = ty.item_type().clone();
                items.iter().for_each(|item| self.usages(item, &inner, false));
            }
            Value::Object(members) => {
                let schema = self.schema;
                let definition = schema.get_input_object(ty.inner_named_type());
                for (name, value) in members {
                    match definition.and_then(|definition| definition.fields.get(name)) {
                        Some(field) => self.usages(value, &field.ty, field.default_value.is_some()),
                        // Below a custom scalar, any type will do.
                        None => {
                            let mut names = Default::default();
                            crate::operation::value_variables(value, &mut names);
                            let mut names: Vec<Name> = names.into_iter().collect();
                            names.sort();
                            names.into_iter().for_each(|name| {
                                self.used.entry(name).or_default();
                            });
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether an entity job's representations need no concrete type.
pub(super) fn fixed_typename(mode: ResolverMode) -> Option<Sym> {
    match mode {
        ResolverMode::Concrete | ResolverMode::Root => None,
        ResolverMode::InterfaceObject(interface) | ResolverMode::Interface(interface) => Some(interface),
    }
}
