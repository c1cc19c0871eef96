//! What random fields require of others, and what they provide.

use super::super::rng::Rng;
use super::{COMMON, Field, Graph, Inner, field_index};

impl Graph {
    pub(super) fn add_requires(&mut self, rng: &mut Rng, entity: usize) {
        for index in 0..self.entities[entity].fields.len() {
            let field = &self.entities[entity].fields[index];
            if field.owners.len() > 1 || field.requires.is_some() || rng.percent(60) {
                continue;
            }
            let owner = field.owners[0];
            if self.http.contains(&owner) {
                self.add_required(rng, entity, index, owner);
                continue;
            }
            let mut needed = Vec::new();
            for other in 0..index {
                if needed.len() == 2 || rng.percent(50) {
                    continue;
                }
                needed.extend(self.require(rng, entity, other, owner));
            }
            if !needed.is_empty() {
                self.entities[entity].fields[index].requires = Some(needed.join(" "));
            }
        }
    }

    /// As `add_requires`, for a field of an HTTP/JSON fragment.
    fn add_required(&mut self, rng: &mut Rng, entity: usize, index: usize, by: usize) {
        let name = self.entities[entity].fields[index].name.clone();
        if name == "link" || COMMON.iter().any(|(common, ..)| *common == name) {
            return;
        }
        for other in 0..index {
            let field = &self.entities[entity].fields[other];
            if rng.percent(60) || field.owners.contains(&by) || field.arguments.is_some() {
                continue;
            }
            let own = field.wrap;
            let (path, ty) = match field.inner {
                Inner::Value(value) => {
                    let fits = |field: &&Field| field.is_leaf() && field.inner != Inner::Shade;
                    let leaves = self.values[value].iter().filter(fits).cloned();
                    let leaves: Vec<Field> = leaves.collect();
                    if leaves.is_empty() || self.can_fail(value) || own == "[[@]]" {
                        continue;
                    }
                    let leaf = rng.pick(&leaves).clone();
                    self.protect(value);
                    let ty = leaf.wrap.replace('@', &self.type_name(leaf.inner));
                    let name = &self.entities[entity].fields[other].name;
                    match own.starts_with('[') {
                        true => (format!("{name}[{}]", leaf.name), format!("[{}]", ty.trim_end_matches('!'))),
                        false => (format!("{name}.{}", leaf.name), ty.trim_end_matches('!').to_owned()),
                    }
                }
                // As an argument's type, it would have to be the same everywhere.
                Inner::Shade => continue,
                _ if field.is_leaf() => (field.name.clone(), own.replace('@', &self.type_name(field.inner))),
                _ => continue,
            };
            self.entities[entity].fields[other].protected = true;
            self.entities[entity].fields[index].required.push((path, ty));
        }
    }

    /// Lets a subgraph require a field, if it can.
    fn require(&mut self, rng: &mut Rng, entity: usize, field: usize, by: usize) -> Option<String> {
        let required = self.entities[entity].fields[field].clone();
        if required.owners.contains(&by) || required.provides.is_some() || required.overrides == Some(by) {
            return None;
        }
        let selection = match required.inner {
            Inner::Value(value) => {
                let leaves: Vec<usize> =
                    (0..self.values[value].len()).filter(|at| self.values[value][*at].is_leaf()).collect();
                if leaves.is_empty() || self.can_fail(value) {
                    return None;
                }
                let mut names = Vec::new();
                for at in rng.some(&leaves) {
                    let name = self.values[value][at].name.clone();
                    self.required_values.entry((value, by)).or_default().insert(name.clone());
                    names.push(name);
                }
                self.protect(value);
                format!(" {{ {} }}", names.join(" "))
            }
            Inner::Entity(other) => {
                let leaf = |field: &Field| {
                    field.is_leaf()
                        && field.arguments.is_none()
                        && field.requires.is_none()
                        && field.overrides != Some(by)
                        && !field.owners.contains(&by)
                };
                let leaves: Vec<usize> = (0..self.entities[other].fields.len())
                    .filter(|at| leaf(&self.entities[other].fields[*at]))
                    .collect();
                if leaves.is_empty() || other == entity {
                    return None;
                }
                let at = *rng.pick(&leaves);
                self.know(rng, other, by, false);
                self.protect_entity(other);
                let text = self.line(&self.entities[other].fields[at], None, false);
                let name = self.entities[other].fields[at].name.clone();
                let view = self.entities[other].views.get_mut(&by).expect("it is known");
                view.external.insert(name.clone(), format!("{text} @external"));
                format!(" {{ {name} }}")
            }
            Inner::Root => return None,
            Inner::Interface(_) | Inner::Union(_) => self.require_members(rng, entity, &required, by)?,
            _ => required.arguments.map(|arguments| arguments.literal(rng)).unwrap_or_default(),
        };
        let field = &mut self.entities[entity].fields[field];
        field.protected = true;
        let text = self.line(
            &self.entities[entity].fields[field_index(&self.entities[entity].fields, &required.name)],
            None,
            false,
        );
        let view = self.entities[entity].views.get_mut(&by).expect("its fields have an owner who knows it");
        view.external.insert(required.name.clone(), format!("{text} @external"));
        Some(match selection.strip_prefix('(') {
            Some(_) => format!("{}{selection}", required.name),
            None => format!("{}{selection}", required.name),
        })
    }

    /// Whether an entity below, which others may null, can null a value.
    fn can_fail(&self, value: usize) -> bool {
        self.values[value].iter().any(|field| match field.inner {
            Inner::Entity(_) => field.wrap.contains('!'),
            Inner::Value(below) => self.can_fail(below),
            _ => false,
        })
    }

    /// What else is read of a required value must not null it.
    fn protect(&mut self, value: usize) {
        for at in 0..self.values[value].len() {
            self.values[value][at].protected = true;
            if let Inner::Value(below) = self.values[value][at].inner {
                self.protect(below);
            }
        }
    }

    /// As `protect`, for an entity and what it cannot be without.
    fn protect_entity(&mut self, entity: usize) {
        for at in 0..self.entities[entity].fields.len() {
            let field = &mut self.entities[entity].fields[at];
            if std::mem::replace(&mut field.protected, true) {
                continue;
            }
            match field.inner {
                Inner::Entity(below) if field.wrap.contains('!') => self.protect_entity(below),
                Inner::Value(below) => self.protect(below),
                _ => {}
            }
        }
    }

    pub(super) fn add_provides(&mut self, rng: &mut Rng) {
        for entity in 0..self.entities.len() {
            for index in 0..self.entities[entity].fields.len() {
                let field = &self.entities[entity].fields[index];
                let [owner] = field.owners[..] else { continue };
                let inner = field.inner;
                if rng.percent(60) || self.http.contains(&owner) {
                    continue;
                }
                let members = match inner {
                    Inner::Entity(other) => vec![other],
                    Inner::Interface(index) => self.interfaces[index].known[&owner].clone(),
                    Inner::Union(index) => self.unions[index].known[&owner].clone(),
                    _ => continue,
                };
                let mut provided = Vec::new();
                for other in members {
                    if matches!(inner, Inner::Entity(_)) {
                        provided.extend(self.provide(rng, other, owner, true));
                    } else if rng.percent(60) {
                        let of = self.provide(rng, other, owner, true);
                        provided.extend(of.map(|of| format!("... on {} {{ {of} }}", self.entities[other].name)));
                    }
                }
                if !provided.is_empty() {
                    self.entities[entity].fields[index].provides = Some(provided.join(" "));
                }
            }
        }
    }

    /// A field of an entity that a subgraph brings along, with what it brings below.
    fn provide(&mut self, rng: &mut Rng, entity: usize, by: usize, may_nest: bool) -> Option<String> {
        let fits = |field: &Field| {
            let nested = matches!(field.inner, Inner::Entity(_)) && may_nest;
            // (A provider must know all values of an enum.)
            (field.is_leaf() || nested)
                && field.inner != Inner::Shade
                && field.arguments.is_none()
                && field.requires.is_none()
                && field.required.is_empty()
                && field.overrides.is_none()
                && !field.owners.contains(&by)
                // In an HTTP/JSON fragment, one field is never provided.
                && !field.owners.iter().any(|owner| self.http.contains(owner) && field.is_connected())
        };
        let all = 0..self.entities[entity].fields.len();
        let fitting: Vec<usize> = all.filter(|at| fits(&self.entities[entity].fields[*at])).collect();
        if fitting.is_empty() {
            return None;
        }
        let at = *rng.pick(&fitting);
        let below = match self.entities[entity].fields[at].inner {
            Inner::Entity(below) => {
                self.know(rng, below, by, true);
                let more = if below != entity { self.provide(rng, below, by, false) } else { None };
                format!(" {{ id {} }}", more.unwrap_or_default())
            }
            _ => String::new(),
        };
        self.entities[entity].fields[at].shareable = true;
        let field = &self.entities[entity].fields[at];
        let (text, name) = (self.line(field, None, false), field.name.clone());
        let view = self.entities[entity].views.get_mut(&by).expect("it is known");
        view.external.insert(name.clone(), format!("{text} @external"));
        Some(format!("{name}{below}"))
    }

    /// What a subgraph requires of the members of an abstract type, all of which it must know.
    fn require_members(&mut self, rng: &mut Rng, entity: usize, required: &Field, by: usize) -> Option<String> {
        let owner = required.owners[0];
        let known = |graph: &Graph, subgraph: usize| match required.inner {
            Inner::Interface(index) => graph.interfaces[index].known.get(&subgraph).cloned(),
            Inner::Union(index) => graph.unions[index].known.get(&subgraph).cloned(),
            _ => None,
        };
        let members = known(self, owner)?;
        if required.owners.len() > 1 || members.contains(&entity) || known(self, by).is_some_and(|own| own != members) {
            return None;
        }
        match required.inner {
            Inner::Interface(index) => self.interfaces[index].known.insert(by, members.clone()),
            Inner::Union(index) => self.unions[index].known.insert(by, members.clone()),
            _ => None,
        };
        let mut parts = Vec::new();
        for member in members {
            self.know(rng, member, by, true);
            let leaf = |field: &Field| {
                field.is_leaf()
                    && field.arguments.is_none()
                    && field.requires.is_none()
                    && field.overrides != Some(by)
                    && !field.owners.contains(&by)
            };
            let all = 0..self.entities[member].fields.len();
            let leaves: Vec<usize> = all.filter(|at| leaf(&self.entities[member].fields[*at])).collect();
            self.protect_entity(member);
            if leaves.is_empty() || rng.percent(30) {
                continue;
            }
            let field = &self.entities[member].fields[*rng.pick(&leaves)];
            let (text, name) = (self.line(field, None, false), field.name.clone());
            let view = self.entities[member].views.get_mut(&by).expect("it is known");
            view.external.insert(name.clone(), format!("{text} @external"));
            parts.push(format!("... on {} {{ {name} }}", self.entities[member].name));
        }
        if matches!(required.inner, Inner::Interface(_)) {
            parts.push("id".into());
        }
        (!parts.is_empty()).then(|| format!(" {{ {} }}", parts.join(" ")))
    }
}
