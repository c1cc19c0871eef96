//! A random graph as text: the unsplit schema, and the fragments.

use std::collections::BTreeSet;

use super::{Abstract, COMMON, Field, Graph, Inner, field_index};

impl Graph {
    pub(super) fn type_name(&self, inner: Inner) -> String {
        match inner {
            Inner::Int => "Int".into(),
            Inner::Text => "String".into(),
            Inner::Flag => "Boolean".into(),
            Inner::Float => "Float".into(),
            Inner::Id => "ID".into(),
            Inner::Color => "Color".into(),
            Inner::Shade => "Shade".into(),
            Inner::Blob => "Blob".into(),
            Inner::Value(index) => format!("V{index}"),
            Inner::Entity(index) => self.entities[index].name.clone(),
            Inner::Interface(index) => self.interfaces[index].name.clone(),
            Inner::Union(index) => self.unions[index].name.clone(),
            Inner::Root => "Query".into(),
        }
    }

    /// A field's definition: in a subgraph with its directives, or as clients see it.
    pub(super) fn line(&self, field: &Field, subgraph: Option<usize>, federated: bool) -> String {
        let ty = field.wrap.replace('@', &self.type_name(field.inner));
        let arguments = match (field.arguments, field.by_id) {
            (Some(arguments), _) => format!("({})", arguments.declared()),
            (_, true) => "(id: ID!)".to_owned(),
            _ => String::new(),
        };
        let mut text = format!("{}{arguments}: {ty}", field.name);
        if !federated {
            return text;
        }
        if field.shareable && subgraph.is_some_and(|subgraph| !self.old.contains(&subgraph)) {
            text.push_str(" @shareable");
        }
        if field.is_hidden && subgraph.is_some_and(|subgraph| self.hides(subgraph, &field.owners)) {
            text.push_str(" @inaccessible");
        }
        if let Some(requires) = &field.requires {
            text.push_str(&format!(" @requires(fields: \"{requires}\")"));
        }
        if let Some(from) = field.overrides {
            text.push_str(&format!(" @override(from: \"s{from}\")"));
        }
        if let Some(provides) = &field.provides {
            text.push_str(&format!(" @provides(fields: \"{provides}\")"));
        }
        text
    }

    /// The interfaces that an entity implements in a subgraph, or anywhere.
    pub(super) fn implements(&self, entity: usize, subgraph: Option<usize>) -> String {
        let known = |interface: &&Abstract| match subgraph {
            Some(subgraph) => interface.known.get(&subgraph).is_some_and(|known| known.contains(&entity)),
            None => interface.known.values().any(|known| known.contains(&entity)),
        };
        let names: Vec<&str> = self.interfaces.iter().filter(known).map(|interface| interface.name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(" implements {}", names.join(" & ")) }
    }

    /// The interfaces that an interface implements in a subgraph, or anywhere.
    pub(super) fn implemented(&self, interface: &Abstract, subgraph: Option<usize>) -> String {
        let above: BTreeSet<usize> = match subgraph {
            Some(subgraph) => interface.implements.get(&subgraph).into_iter().flatten().copied().collect(),
            None => interface.implements.values().flatten().copied().collect(),
        };
        let names: Vec<&str> = above.into_iter().map(|above| self.interfaces[above].name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(" implements {}", names.join(" & ")) }
    }

    pub(super) fn common_line(&self, name: &str) -> String {
        match COMMON.iter().find(|(common, ..)| *common == name) {
            Some((_, inner, wrap)) => format!("{name}: {}", wrap.replace('@', &self.type_name(*inner))),
            None if name == "link" => format!("link: [{}]", self.interfaces[0].name),
            None => "id: ID!".into(),
        }
    }

    /// The unsplit schema.
    pub(crate) fn schema(&self) -> String {
        let mut out = String::new();
        let mut lines = |head: String, fields: Vec<String>| {
            out.push_str(&format!("{head} {{\n  {}\n}}\n", fields.join("\n  ")));
        };
        lines("type Query".into(), self.roots.iter().map(|field| self.line(field, None, false)).collect());
        if !self.mutations.is_empty() {
            lines("type Mutation".into(), self.mutations.iter().map(|field| self.line(field, None, false)).collect());
        }
        let object_fields = |index: usize| {
            let object = self.interface_object.iter().filter(move |object| object.interface == index);
            object.flat_map(|object| &object.fields).map(|field| self.line(field, None, false))
        };
        let has_ref = self.entities.iter().any(|entity| entity.has_code);
        for (index, entity) in self.entities.iter().enumerate().filter(|(index, _)| self.hidden_entity != Some(*index))
        {
            let mut fields = vec!["id: ID!".to_owned()];
            if entity.has_code {
                fields.extend(["code: String!".to_owned(), "ref: Ref!".to_owned()]);
            }
            if entity.views.values().any(|view| view.key_lines().any(|(name, _)| name == "refs")) {
                fields.push("refs: [Ref!]!".to_owned());
            }
            fields.extend(
                entity.fields.iter().filter(|field| !field.is_hidden).map(|field| self.line(field, None, false)),
            );
            for (at, interface) in self.interfaces.iter().enumerate() {
                if interface.members.contains(&index) {
                    fields.extend(object_fields(at));
                }
            }
            lines(format!("type {}{}", entity.name, self.implements(index, None)), fields);
        }
        for (index, value) in self.values.iter().enumerate() {
            lines(format!("type V{index}"), value.iter().map(|field| self.line(field, None, false)).collect());
        }
        for (index, interface) in self.interfaces.iter().enumerate().filter(|(_, it)| !it.known.is_empty()) {
            let names: BTreeSet<&String> = interface.fields.values().flatten().collect();
            let own = names.into_iter().map(|name| self.common_line(name));
            let above = self.implemented(interface, None);
            lines(format!("interface {}{above}", interface.name), own.chain(object_fields(index)).collect());
        }
        if has_ref {
            lines("type Ref".into(), vec!["n: Int!".into()]);
        }
        for union in self.unions.iter().filter(|union| !union.known.is_empty()) {
            let members: BTreeSet<&str> = union
                .known
                .values()
                .flatten()
                .filter(|it| self.hidden_entity != Some(**it))
                .map(|entity| self.entities[*entity].name.as_str())
                .collect();
            out.push_str(&format!("union {} = {}\n", union.name, members.into_iter().collect::<Vec<_>>().join(" | ")));
        }
        // What only hidden fields use is there all the same.
        let all = self.entities.iter().flat_map(|entity| &entity.fields).map(|field| self.line(field, None, false));
        let mentioned = format!("{out}{}", all.collect::<Vec<_>>().join(" "));
        add_inputs(&mut out, &mentioned);
        if mentioned.contains("Shade") {
            let has = |subgraph: &usize| {
                let text = self.fragment(*subgraph);
                text.contains("enum Shade") && !text.contains(&format!("ONLY_{subgraph} @inaccessible"))
            };
            let own = (0..self.subgraphs).filter(has).map(|subgraph| format!(" ONLY_{subgraph}"));
            out.push_str(&format!("enum Shade {{ DARK PALE{} }}\n", own.collect::<String>()));
        }
        out
    }

    /// The fragments, by name.
    pub(crate) fn fragments(&self) -> Vec<(String, String)> {
        (0..self.subgraphs).map(|subgraph| (format!("s{subgraph}"), self.fragment(subgraph))).collect()
    }

    /// Unions, and types that are the same wherever they are used.
    pub(super) fn add_shared_types(&self, subgraph: usize, out: &mut String) {
        for union in &self.unions {
            let Some(known) = union.known.get(&subgraph) else { continue };
            let members: Vec<&str> = known.iter().map(|entity| self.entities[*entity].name.as_str()).collect();
            out.push_str(&format!("union {} = {}\n", union.name, members.join(" | ")));
        }
        if out.contains("Ref!") {
            let shareable = if self.old.contains(&subgraph) { "" } else { " @shareable" };
            out.push_str(&format!("type Ref{shareable} {{\n  n: Int!\n}}\n"));
        }
        if out.contains("Shade") {
            // What no other subgraph has is never in the data.
            let is_hidden = self.may_say_inaccessible(subgraph) && self.choice(&format!("shade {subgraph}"), 3) == 0;
            let hidden = if is_hidden { " @inaccessible" } else { "" };
            out.push_str(&format!("enum Shade {{ DARK PALE ONLY_{subgraph}{hidden} }}\n"));
        }
        let mentioned = out.clone();
        add_inputs(out, &mentioned);
    }

    fn fragment(&self, subgraph: usize) -> String {
        if self.http.contains(&subgraph) {
            let text = self.http_fragment(subgraph);
            // Without a call of its own it is one of a GraphQL service.
            if text.contains("@connect(") {
                return text;
            }
        }
        let mut out = String::new();
        let mut lines = |head: String, fields: Vec<String>| {
            if !fields.is_empty() {
                out.push_str(&format!("{head} {{\n  {}\n}}\n", fields.join("\n  ")));
            }
        };
        let owned = |fields: &[Field]| -> Vec<String> {
            let owned = fields.iter().filter(|field| field.owners.contains(&subgraph));
            owned.map(|field| self.line(field, Some(subgraph), true)).collect()
        };
        lines("type Query".into(), owned(&self.roots));
        lines("type Mutation".into(), owned(&self.mutations));
        for (index, entity) in self.entities.iter().enumerate() {
            let Some(view) = entity.views.get(&subgraph) else { continue };
            let is_old = self.old.contains(&subgraph);
            // Who comes first describes the entity, others extend it.
            let is_extension = is_old && entity.views.keys().next() != Some(&subgraph);
            let extend = if is_extension { "extend " } else { "" };
            let mut head = format!("{extend}type {}{}", entity.name, self.implements(index, Some(subgraph)));
            let homes: Vec<usize> = entity.views.keys().copied().collect();
            if self.hidden_entity == Some(index) && self.hides(subgraph, &homes) {
                head.push_str(" @inaccessible");
            }
            let closed = if view.is_closed { ", resolvable: false" } else { "" };
            view.keys.iter().for_each(|key| head.push_str(&format!(" @key(fields: \"{key}\"{closed})")));
            let external = if is_extension { " @external" } else { "" };
            let mut fields: Vec<String> = view.key_lines().map(|(_, line)| format!("{line}{external}")).collect();
            let own = owned(&entity.fields);
            fields.extend(own);
            fields.extend(view.external.values().cloned());
            let lost = entity.fields.iter().filter(|field| field.overrides == Some(subgraph));
            fields.extend(lost.map(|field| self.line(field, None, false)));
            lines(head, fields);
        }
        for (index, value) in self.values.iter().enumerate() {
            let mut fields = owned(value);
            for name in self.required_values.get(&(index, subgraph)).into_iter().flatten() {
                let field = &value[field_index(value, name)];
                fields.push(format!("{} @external", self.line(field, None, false)));
            }
            lines(format!("type V{index}"), fields);
        }
        for (index, interface) in self.interfaces.iter().enumerate() {
            let Some(names) = interface.fields.get(&subgraph) else { continue };
            let object = self.interface_object.as_ref();
            let is_keyed = object.is_some_and(|object| object.interface == index && object.owner == subgraph);
            let key = if is_keyed { " @key(fields: \"id\")" } else { "" };
            let above = self.implemented(interface, Some(subgraph));
            lines(
                format!("interface {}{above}{key}", interface.name),
                names.iter().map(|name| self.common_line(name)).collect(),
            );
        }
        if let Some(object) = self.interface_object.as_ref().filter(|object| object.subgraph == subgraph) {
            let name = &self.interfaces[object.interface].name;
            let mut fields = vec!["id: ID!".to_owned()];
            fields.extend(owned(&object.fields));
            fields.extend(object.external.iter().map(|name| format!("{} @external", self.common_line(name))));
            lines(format!("type {name} @interfaceObject @key(fields: \"id\")"), fields);
        }
        self.add_shared_types(subgraph, &mut out);
        let directives =
            ["key", "override", "shareable", "external", "requires", "provides", "interfaceObject", "inaccessible"];
        let used: Vec<String> = directives
            .iter()
            .filter(|name| out.contains(&format!("@{name}")))
            .map(|name| format!("\"@{name}\""))
            .collect();
        if self.old.contains(&subgraph) {
            return out;
        }
        let link = "https://specs.apollo.dev/federation/v2.9";
        format!("extend schema @link(url: \"{link}\", import: [{}])\n{out}", used.join(", "))
    }
}

/// What arguments and leaves are made of.
fn add_inputs(out: &mut String, mentioned: &str) {
    if mentioned.contains("Filter") {
        out.push_str(super::arguments::FILTER);
    }
    if mentioned.contains("Color") || mentioned.contains("Filter") {
        out.push_str("enum Color { RED GREEN BLUE }\n");
    }
    if mentioned.contains("Blob") {
        out.push_str("scalar Blob\n");
    }
}
