//! Random graphs: a schema, and how it is split.
//!
//! The split is made so that it can always be composed: whatever is refused is a finding. What it covers: several keys, composite
//! and nested ones that must be collected, stubs, `@shareable`, keyless types split below keyed ones and below roots,
//! `@requires` (chains, circles, arguments, nested objects, entities), `@provides`, interfaces and unions whose members
//! differ per subgraph and nest, implementations that promise more than their interfaces, interface objects, hidden fields, types and
//! enum values, enums that differ, custom scalars, query roots below objects. Some subgraphs are HTTP/JSON ones, some Federation 1.

mod abstracts;
mod arguments;
mod hidden;
mod http;
mod needs;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use super::rng::Rng;
use arguments::Arguments;

/// What a field holds, without its lists and nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inner {
    Int,
    Text,
    Flag,
    Float,
    Id,
    Color,
    /// An enum that has other values in each subgraph.
    Shade,
    /// A scalar that holds any JSON.
    Blob,
    Value(usize),
    Entity(usize),
    Interface(usize),
    Union(usize),
    /// The query root, below an object.
    Root,
}

/// Lists and nulls around it; `@` is the type.
pub(crate) const WRAPS: [&str; 6] = ["@", "@!", "[@]", "[@!]!", "[[@]]", "[@!]"];

/// One of the first so many.
fn wrap(rng: &mut Rng, of: usize) -> &'static str {
    WRAPS[rng.below(of)]
}

/// A field of the unsplit schema, and where it is resolved.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) inner: Inner,
    pub(crate) wrap: &'static str,
    pub(crate) arguments: Option<Arguments>,
    /// On a root: has the argument `id: ID!`, by which the entity is found.
    pub(crate) by_id: bool,
    pub(crate) owners: Vec<usize>,
    pub(crate) shareable: bool,
    pub(crate) requires: Option<String>,
    /// In an HTTP/JSON fragment: what `@require` reads, and its type.
    required: Vec<(String, String)>,
    pub(crate) provides: Option<String>,
    /// The subgraph that it was taken over from; it need not exist.
    pub(crate) overrides: Option<usize>,
    /// Others need its value: its data never fails.
    pub(crate) protected: bool,
    /// Clients do not see it.
    is_hidden: bool,
}

impl Field {
    fn new(name: String, inner: Inner, wrap: &'static str, owners: Vec<usize>) -> Field {
        let shareable = owners.len() > 1;
        let (requires, provides) = (None, None);
        Field {
            name,
            inner,
            wrap,
            arguments: None,
            by_id: false,
            owners,
            shareable,
            requires,
            required: Vec::new(),
            provides,
            overrides: None,
            protected: false,
            is_hidden: false,
        }
    }

    /// In an HTTP/JSON fragment: it has a call of its own.
    fn is_connected(&self) -> bool {
        self.arguments.is_some() || !self.required.is_empty()
    }

    fn is_leaf(&self) -> bool {
        let inner = self.inner;
        !matches!(inner, Inner::Value(_) | Inner::Entity(_) | Inner::Interface(_) | Inner::Union(_) | Inner::Root)
    }
}

/// An entity in one subgraph.
#[derive(Clone, Debug, Default)]
struct View {
    keys: BTreeSet<&'static str>,
    /// `@external` fields, as they are written.
    external: BTreeMap<String, String>,
    is_stub: bool,
    /// The subgraph cannot be entered by its keys.
    is_closed: bool,
}

impl View {
    /// The fields of its keys.
    fn key_lines(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let lines = [("id", "id: ID!"), ("code", "code: String!"), ("ref", "ref: Ref!"), ("refs", "refs: [Ref!]!")];
        lines.into_iter().filter(|(name, _)| self.keys.iter().any(|key| key.split(' ').any(|word| word == *name)))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    views: BTreeMap<usize, View>,
    has_code: bool,
}

/// An interface or a union.
#[derive(Clone, Debug)]
pub(crate) struct Abstract {
    pub(crate) name: String,
    pub(crate) members: Vec<usize>,
    /// The members that each subgraph knows.
    pub(crate) known: BTreeMap<usize, Vec<usize>>,
    /// An interface's fields in each subgraph.
    fields: BTreeMap<usize, BTreeSet<String>>,
    /// The interfaces that it implements in each subgraph.
    implements: BTreeMap<usize, Vec<usize>>,
}

/// Fields that a subgraph of its own adds to an interface, as an interface object.
#[derive(Clone, Debug)]
pub(crate) struct InterfaceObject {
    pub(crate) interface: usize,
    owner: usize,
    pub(crate) subgraph: usize,
    pub(crate) fields: Vec<Field>,
    external: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub(crate) subgraphs: usize,
    /// The HTTP/JSON ones.
    http: BTreeSet<usize>,
    /// Those that are written as Federation 1.
    old: BTreeSet<usize>,
    /// Clients do not see it.
    hidden_entity: Option<usize>,
    /// What the choices of how to write it depend on.
    salt: u64,
    pub(crate) entities: Vec<Entity>,
    pub(crate) values: Vec<Vec<Field>>,
    pub(crate) interfaces: Vec<Abstract>,
    pub(crate) unions: Vec<Abstract>,
    pub(crate) roots: Vec<Field>,
    pub(crate) mutations: Vec<Field>,
    pub(crate) interface_object: Option<InterfaceObject>,
    /// Value types in subgraphs that only require them: (value, subgraph) → fields.
    required_values: BTreeMap<(usize, usize), BTreeSet<String>>,
}

/// Fields of one name and type, wherever they appear: what interfaces can have.
const COMMON: [(&str, Inner, &str); 3] =
    [("name", Inner::Text, "@"), ("size", Inner::Int, "@"), ("color", Inner::Color, "@!")];

impl Graph {
    pub(crate) fn random(rng: &mut Rng) -> Graph {
        let subgraphs = rng.between(2, 4);
        let all: Vec<usize> = (0..subgraphs).collect();
        let mut graph = Graph {
            subgraphs,
            http: all.iter().copied().filter(|_| rng.percent(30)).collect(),
            old: BTreeSet::new(),
            hidden_entity: None,
            salt: rng.below(usize::MAX) as u64,
            entities: Vec::new(),
            values: Vec::new(),
            interfaces: Vec::new(),
            unions: Vec::new(),
            roots: Vec::new(),
            mutations: Vec::new(),
            interface_object: None,
            required_values: BTreeMap::new(),
        };
        for index in 0..rng.between(2, 4) {
            graph.add_entity(rng, index, &all);
        }
        let entities: Vec<usize> = (0..graph.entities.len()).collect();
        for index in 0..rng.below(3) {
            let name = format!("I{index}");
            graph.interfaces.push(Abstract {
                name,
                members: rng.some(&entities),
                known: BTreeMap::new(),
                fields: BTreeMap::new(),
                implements: BTreeMap::new(),
            });
        }
        for index in 0..rng.below(2) {
            let name = format!("U{index}");
            graph.unions.push(Abstract {
                name,
                members: rng.some(&entities),
                known: BTreeMap::new(),
                fields: BTreeMap::new(),
                implements: BTreeMap::new(),
            });
        }
        for entity in 0..graph.entities.len() {
            graph.add_fields(rng, entity);
        }
        for subgraph in 0..subgraphs {
            for _ in 0..rng.between(1, 2) {
                graph.add_root(rng, subgraph, &all);
            }
        }
        for number in 0..rng.below(4) {
            let owner = rng.below(subgraphs);
            let (inner, owners) = match rng.percent(40) {
                true => (Inner::Int, rng.some(&all)),
                false => (Inner::Entity(rng.below(graph.entities.len())), vec![owner]),
            };
            graph.settle(rng, inner, &owners);
            let mut field = Field::new(format!("m{number}"), inner, "@", owners);
            field.arguments = rng.percent(50).then(|| Arguments::random(rng));
            graph.mutations.push(field);
        }
        graph.add_root_below(rng);
        graph.add_interface_object(rng);
        for entity in 0..graph.entities.len() {
            graph.add_requires(rng, entity);
        }
        graph.add_provides(rng);
        graph.choose_interface_fields(rng);
        graph.nest_interfaces(rng);
        graph.close_stubs(rng);
        graph.age(rng);
        graph.hide(rng);
        graph
    }

    fn add_entity(&mut self, rng: &mut Rng, index: usize, all: &[usize]) {
        let homes = rng.some(all);
        let has_code = rng.percent(40);
        let linker = *rng.pick(&homes);
        let mut views = BTreeMap::new();
        for home in homes {
            let mut keys = BTreeSet::new();
            let has_lists = has_code && !self.http.contains(&home) && !self.http.contains(&linker);
            if home == linker {
                keys.extend(if has_code { &["id", "code", "id ref { n }"][..] } else { &["id"][..] });
                if has_lists {
                    keys.insert("refs { n }");
                }
            } else if has_lists && rng.percent(25) {
                keys.insert("refs { n }");
            } else if has_code {
                keys.insert(*rng.pick(&["id", "code", "id code", "id ref { n }"]));
                if rng.percent(30) {
                    keys.insert(*rng.pick(&["id", "code"]));
                }
            } else {
                keys.insert("id");
            }
            views.insert(home, View { keys, ..View::default() });
        }
        self.entities.push(Entity { name: format!("E{index}"), fields: Vec::new(), views, has_code });
    }

    /// Where a subgraph has nothing of an entity but keys, its keys need not be resolvable.
    fn close_stubs(&mut self, rng: &mut Rng) {
        let is_keyed = |interface: &Abstract, subgraph: usize| {
            let object = self.interface_object.as_ref();
            object.is_some_and(|object| {
                object.owner == subgraph && self.interfaces[object.interface].name == interface.name
            })
        };
        let members: BTreeSet<(usize, usize)> = self
            .interfaces
            .iter()
            .flat_map(|interface| interface.known.iter().map(move |(subgraph, known)| (interface, *subgraph, known)))
            .filter(|(interface, subgraph, _)| is_keyed(interface, *subgraph))
            .flat_map(|(_, subgraph, known)| known.iter().map(move |entity| (*entity, subgraph)))
            .collect();
        for (index, entity) in self.entities.iter_mut().enumerate() {
            for (subgraph, view) in &mut entity.views {
                let owns = entity.fields.iter().any(|field| field.owners.contains(subgraph));
                let is_member = members.contains(&(index, *subgraph));
                view.is_closed = view.is_stub && !owns && !is_member && rng.percent(40);
            }
        }
    }

    /// Lets an entity lead back to the query root.
    fn add_root_below(&mut self, rng: &mut Rng) {
        let entity = rng.below(self.entities.len());
        let homes: Vec<usize> = self.homes(entity).into_iter().filter(|home| !self.http.contains(home)).collect();
        if !homes.is_empty() && rng.percent(20) {
            let field = Field::new("up".into(), Inner::Root, "@", vec![*rng.pick(&homes)]);
            self.entities[entity].fields.push(Field { protected: true, ..field });
        }
    }

    /// Writes a subgraph as Federation 1, where it has nothing that is newer.
    fn age(&mut self, rng: &mut Rng) {
        let subgraph = rng.below(self.subgraphs);
        let object = self.interface_object.as_ref();
        let is_new = self.http.contains(&subgraph)
            || object.is_some_and(|object| object.subgraph == subgraph || object.owner == subgraph)
            || self.entities.iter().flat_map(|entity| &entity.fields).any(|field| {
                (field.owners.contains(&subgraph) && field.overrides.is_some()) || field.overrides == Some(subgraph)
            });
        if is_new || rng.percent(60) {
            return;
        }
        self.old.insert(subgraph);
        for entity in &mut self.entities {
            if let Some(view) = entity.views.get_mut(&subgraph) {
                view.is_closed = false;
            }
        }
    }

    fn homes(&self, entity: usize) -> Vec<usize> {
        self.entities[entity].views.iter().filter(|(_, view)| !view.is_stub).map(|(home, _)| *home).collect()
    }

    /// Makes an entity known to a subgraph.
    fn know(&mut self, rng: &mut Rng, entity: usize, subgraph: usize, by_id: bool) {
        let entity = &mut self.entities[entity];
        let key = if entity.has_code && !by_id && rng.percent(40) { "code" } else { "id" };
        let view = entity.views.entry(subgraph).or_insert_with(|| View { is_stub: true, ..View::default() });
        if view.keys.is_empty() || (by_id && !view.keys.contains("id")) {
            view.keys.insert(if by_id { "id" } else { key });
        }
    }

    /// Makes what a field holds known to its owners.
    fn settle(&mut self, rng: &mut Rng, inner: Inner, owners: &[usize]) {
        for owner in owners {
            match inner {
                Inner::Entity(entity) => self.know(rng, entity, *owner, false),
                Inner::Interface(index) => {
                    let known = self.interfaces[index].known.get(owner).cloned();
                    let known = known.unwrap_or_else(|| rng.some(&self.interfaces[index].members));
                    known.iter().for_each(|entity| self.know(rng, *entity, *owner, true));
                    self.interfaces[index].known.insert(*owner, known);
                }
                Inner::Union(index) => {
                    let known = self.unions[index].known.get(owner).cloned();
                    let known = known.unwrap_or_else(|| rng.some(&self.unions[index].members));
                    known.iter().for_each(|entity| self.know(rng, *entity, *owner, false));
                    self.unions[index].known.insert(*owner, known);
                }
                _ => {}
            }
        }
    }

    fn leaf(rng: &mut Rng) -> Inner {
        let rare = [Inner::Flag, Inner::Float, Inner::Id, Inner::Color, Inner::Shade, Inner::Blob];
        if rng.percent(50) { *rng.pick(&[Inner::Int, Inner::Text]) } else { *rng.pick(&rare) }
    }

    fn object(&self, rng: &mut Rng) -> Inner {
        let entity = Inner::Entity(rng.below(self.entities.len()));
        match rng.below(10) {
            0..=2 if !self.interfaces.is_empty() => Inner::Interface(rng.below(self.interfaces.len())),
            3..=4 if !self.unions.is_empty() => Inner::Union(rng.below(self.unions.len())),
            _ => entity,
        }
    }

    /// A keyless type below one field, split over that field's owners.
    fn add_value(&mut self, rng: &mut Rng, owners: &[usize], depth: usize) -> usize {
        let index = self.values.len();
        self.values.push(Vec::new());
        let mut fields = Vec::new();
        for number in 0..owners.len().max(rng.between(1, 4)) {
            let mut of = vec![owners[number % owners.len()]];
            if rng.percent(25) {
                of = rng.some(owners);
                of.push(owners[number % owners.len()]);
                of.sort_unstable();
                of.dedup();
            }
            let (inner, wrap) = if depth < 2 && rng.percent(25) {
                of = rng.some(owners);
                (Inner::Value(self.add_value(rng, &of, depth + 1)), wrap(rng, WRAPS.len()))
            } else if rng.percent(15) {
                let of = Inner::Entity(rng.below(self.entities.len()));
                (of, wrap(rng, WRAPS.len()))
            } else {
                (Graph::leaf(rng), wrap(rng, 4))
            };
            self.settle(rng, inner, &of);
            fields.push(Field::new(format!("v{index}{number}"), inner, wrap, of));
        }
        // Each owner has something of its own, or the type would be empty there.
        for owner in owners {
            if !fields.iter().any(|field: &Field| field.owners.contains(owner)) {
                fields.push(Field::new(format!("v{index}o{owner}"), Inner::Int, "@", vec![*owner]));
            }
        }
        self.values[index] = fields;
        index
    }

    fn add_fields(&mut self, rng: &mut Rng, entity: usize) {
        let homes = self.homes(entity);
        let mut fields = Vec::new();
        for (name, inner, wrap) in COMMON {
            if rng.percent(70) {
                let owners = if rng.percent(30) { rng.some(&homes) } else { vec![*rng.pick(&homes)] };
                // A type may promise more than its interfaces do.
                let promised = if rng.percent(30) { "@!" } else { wrap };
                // The unsplit executor goes by the interface's type, so that must not show in nulls.
                let protected = promised != wrap;
                fields.push(Field { protected, ..Field::new(name.to_owned(), inner, promised, owners) });
            }
        }
        if !self.interfaces.is_empty() && rng.percent(60) {
            let owner = *rng.pick(&homes);
            self.settle(rng, Inner::Interface(0), &[owner]);
            let known = self.interfaces[0].known[&owner].clone();
            let inner = if rng.percent(40) { Inner::Interface(0) } else { Inner::Entity(*rng.pick(&known)) };
            // (Objects that clients do not see are null.)
            let is_open = inner == Inner::Interface(0);
            let wrap = if is_open { "[@]" } else { *rng.pick(&["[@]", "[@]!"]) };
            fields.push(Field { protected: true, ..Field::new("link".into(), inner, wrap, vec![owner]) });
        }
        for number in 0..rng.between(3, 6) {
            let name = format!("f{entity}{number}");
            let mut owners = vec![*rng.pick(&homes)];
            let kind = rng.below(100);
            let field = match kind {
                0..=44 => {
                    if rng.percent(15) {
                        owners = rng.some(&homes);
                    }
                    let inner = Graph::leaf(rng);
                    let mut field = Field::new(name, inner, wrap(rng, 4), owners);
                    let others: Vec<usize> =
                        homes.iter().copied().filter(|home| !field.owners.contains(home)).collect();
                    let others: Vec<usize> = others.into_iter().filter(|home| !self.http.contains(home)).collect();
                    let is_graphql = !self.http.contains(&field.owners[0]);
                    if field.owners.len() == 1 && is_graphql && !others.is_empty() && rng.percent(15) {
                        field.overrides = Some(if rng.percent(15) { 99 } else { *rng.pick(&others) });
                    }
                    if inner == Inner::Text && field.wrap == "@" && rng.percent(50) {
                        field.arguments = Some(Arguments::random(rng));
                    }
                    field
                }
                45..=64 => {
                    owners = rng.some(&homes);
                    let value = self.add_value(rng, &owners, 0);
                    Field::new(name, Inner::Value(value), wrap(rng, WRAPS.len()), owners)
                }
                _ => {
                    let inner = self.object(rng);
                    Field::new(name, inner, wrap(rng, WRAPS.len()), owners)
                }
            };
            self.settle(rng, field.inner, &field.owners);
            fields.push(field);
        }
        // A subgraph in which an entity has nothing but its key is a stub of several keys, which is fine.
        self.entities[entity].fields = fields;
    }

    fn add_root(&mut self, rng: &mut Rng, subgraph: usize, all: &[usize]) {
        let name = format!("r{}", self.roots.len());
        let mut owners = vec![subgraph];
        let field = if rng.percent(20) {
            owners = rng.some(all);
            let value = self.add_value(rng, &owners, 0);
            Field::new(name, Inner::Value(value), wrap(rng, WRAPS.len()), owners)
        } else {
            let inner = self.object(rng);
            let by_id = matches!(inner, Inner::Entity(_)) && rng.percent(25);
            let mut field = Field::new(name, inner, if by_id { "@" } else { wrap(rng, WRAPS.len()) }, owners);
            field.by_id = by_id;
            field
        };
        self.settle(rng, field.inner, &field.owners);
        self.roots.push(field);
    }

    /// A subgraph that may lack an entity which others know: nobody reaches it there otherwise, and all that is lost may be null.
    pub(crate) fn may_lack(&self, entity: usize) -> Option<usize> {
        let it = &self.entities[entity];
        let may = |subgraph: &usize| {
            let refers = |field: &Field| {
                let leads = match field.inner {
                    Inner::Entity(other) => other == entity,
                    Inner::Interface(index) => self.interfaces[index].members.contains(&entity),
                    Inner::Union(index) => self.unions[index].members.contains(&entity),
                    _ => false,
                };
                leads && field.owners.contains(subgraph)
            };
            let fields = self.entities.iter().flat_map(|entity| &entity.fields).chain(self.values.iter().flatten());
            let lost = |field: &Field| {
                !field.owners.contains(subgraph)
                    || (field.owners.len() == 1 && !field.wrap.ends_with('!') && !field.shareable)
            };
            let is_keyed = |object: &InterfaceObject| {
                object.owner == *subgraph && self.interfaces[object.interface].members.contains(&entity)
            };
            !fields.chain(&self.roots).chain(&self.mutations).any(refers)
                && it.fields.iter().all(lost)
                && !self.interface_object.as_ref().is_some_and(is_keyed)
        };
        (!it.has_code).then(|| self.homes(entity).into_iter().find(may)).flatten()
    }
}

fn field_index(fields: &[Field], name: &str) -> usize {
    fields.iter().position(|field| field.name == name).expect("it has the field")
}
