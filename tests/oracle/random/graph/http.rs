//! A subgraph of a random graph as an HTTP/JSON fragment: connectors that follow the convention of `oracle::http`.

use std::collections::BTreeSet;

use super::arguments::Arguments;
use super::{Field, Graph, Inner, View};

const IMPORTS: &str = r#""@source", "@connect", "@key", "@lookup", "@is", "@require", "@internal", "@shareable""#;

impl Graph {
    /// One of so many, always the same for the same text.
    pub(super) fn choice(&self, text: &str, of: usize) -> usize {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = text.bytes().fold(self.salt ^ 0xcbf2_9ce4_8422_2325, mix);
        ((hash >> 20) % of as u64) as usize
    }

    pub(super) fn http_fragment(&self, subgraph: usize) -> String {
        let owned = |field: &&Field| field.owners.contains(&subgraph);
        let mut out = String::new();
        let mut lines = |head: &str, fields: Vec<String>| {
            if !fields.is_empty() {
                out.push_str(&format!("{head} {{\n  {}\n}}\n", fields.join("\n  ")));
            }
        };
        let mut query: Vec<String> =
            self.roots.iter().filter(owned).map(|field| self.connected(subgraph, "Query", field)).collect();
        let mut inputs = Vec::new();
        for (index, entity) in self.entities.iter().enumerate() {
            if let Some(view) = entity.views.get(&subgraph).filter(|view| !view.is_stub) {
                for (number, key) in view.keys.iter().enumerate() {
                    query.push(self.lookup(subgraph, index, number, key, &mut inputs));
                }
            }
        }
        lines("type Query", query);
        let mutations = self.mutations.iter().filter(owned);
        lines("type Mutation", mutations.map(|field| self.connected(subgraph, "Mutation", field)).collect());
        for (index, entity) in self.entities.iter().enumerate() {
            let Some(view) = entity.views.get(&subgraph) else { continue };
            let mut head = format!("type {}{}", entity.name, self.implements(index, Some(subgraph)));
            view.keys.iter().for_each(|key| head.push_str(&format!(" @key(fields: \"{key}\")")));
            let mut fields: Vec<String> = view.key_lines().map(|(_, line)| line.to_owned()).collect();
            fields.extend(entity.fields.iter().filter(owned).map(|field| match field.is_connected() {
                true => self.connected(subgraph, &entity.name, field),
                false => self.line(field, Some(subgraph), true),
            }));
            lines(&head, fields);
        }
        for (index, value) in self.values.iter().enumerate() {
            let fields = value.iter().filter(owned).map(|field| self.line(field, Some(subgraph), true)).collect();
            lines(&format!("type V{index}"), fields);
        }
        for interface in &self.interfaces {
            let Some(names) = interface.fields.get(&subgraph) else { continue };
            let above = self.implemented(interface, Some(subgraph));
            lines(
                &format!("interface {}{above}", interface.name),
                names.iter().map(|name| self.common_line(name)).collect(),
            );
        }
        out.push_str(&inputs.concat());
        self.add_shared_types(subgraph, &mut out);
        let link = "https://specs.weft.graph/fragment/v1.0";
        let source = format!("@source(name: \"main\", http: {{baseURL: \"http://s{subgraph}.test\"}})");
        format!("extend schema\n  @link(url: \"{link}\", import: [{IMPORTS}])\n  {source}\n{out}")
    }

    /// A field with a call of its own.
    fn connected(&self, subgraph: usize, type_name: &str, field: &Field) -> String {
        let mut arguments = Vec::new();
        let mut names = Vec::new();
        let mut path = format!("/{type_name}/{}", field.name);
        if let Some(own) = field.arguments {
            arguments.push(own.declared().to_owned());
            names.extend(own.names().iter().map(ToString::to_string));
        }
        if field.by_id {
            arguments.push("id: ID!".into());
            match self.choice(&path, 2) {
                0 => path.push_str("/{$args.id}"),
                _ => names.push("id".into()),
            }
        }
        if !matches!(type_name, "Query" | "Mutation") {
            arguments.push("key: ID! @require(field: \"id\")".into());
            names.push("key".into());
        }
        for (number, (required, ty)) in field.required.iter().enumerate() {
            arguments.push(format!("n{number}: {ty} @require(field: \"{required}\")"));
            names.push(format!("n{number}"));
        }
        let passed: Vec<String> = names.iter().map(|name| format!("{name}: $args.{name}")).collect();
        let passed = passed.join(" ");
        let is_plain = field.arguments.is_none_or(Arguments::is_plain);
        let is_get = is_plain && type_name == "Query" && self.choice(&field.name, 2) == 0;
        let call = match (is_get, passed.as_str()) {
            (true, "") => format!("GET: \"{path}\""),
            (true, passed) => format!("GET: \"{path}\", queryParams: \"{passed}\""),
            (false, "") => format!("POST: \"{path}\""),
            (false, passed) => format!("POST: \"{path}\", body: \"{passed}\""),
        };
        let picks = self.picks(subgraph, field.inner, &field.name);
        let selection = match picks.as_str() {
            "" => "$.result".to_owned(),
            picks if self.choice(&picks.repeat(2), 3) == 0 => format!("$.result {{ {picks} }}"),
            picks => picks.to_owned(),
        };
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let ty = field.wrap.replace('@', &self.type_name(field.inner));
        let shareable = if field.shareable { " @shareable" } else { "" };
        let name = &field.name;
        format!(
            "{name}{arguments}: {ty}{shareable} @connect(source: \"main\", http: {{{call}}}, selection: \"{selection}\")"
        )
    }

    fn lookup(&self, subgraph: usize, entity: usize, number: usize, key: &str, inputs: &mut Vec<String>) -> String {
        let ty = &self.entities[entity].name;
        let name = format!("{}By{number}", ty.to_lowercase());
        // The key's parts: the path, and its type.
        let parts: Vec<(&str, &str)> = match key {
            "id" => vec![("id", "ID!")],
            "code" => vec![("code", "String!")],
            "id code" => vec![("id", "ID!"), ("code", "String!")],
            "id ref { n }" => vec![("id", "ID!"), ("ref.n", "Int!")],
            other => unreachable!("a key {other}"),
        };
        let how = self.choice(&format!("{name} of {subgraph}"), 4);
        let mut arguments = Vec::new();
        let is_list = how != 0;
        match (how, &parts[..]) {
            // Each part by itself; one of them a list, but for the first way.
            (0 | 1, parts) | (_, parts @ [_]) => {
                for (at, (path, ty)) in parts.iter().enumerate() {
                    let name = path.replace("ref.", "");
                    match is_list && at == 0 {
                        true => arguments.push((format!("{name}s"), format!("[{ty}]!"), format!("[{path}]"))),
                        false => arguments.push((name, (*ty).to_owned(), (*path).to_owned())),
                    }
                }
            }
            (_, parts) => {
                let member = |(path, _): &(&str, &str)| match path.strip_prefix("ref.") {
                    Some(name) => format!("{name}: {path}"),
                    None => (*path).to_owned(),
                };
                let of = parts.iter().map(member).collect::<Vec<_>>().join(" ");
                let fields: Vec<String> =
                    parts.iter().map(|(path, ty)| format!("{}: {ty}", path.replace("ref.", ""))).collect();
                let input = format!("{ty}Key{number}In{subgraph}");
                inputs.push(format!("input {input} {{ {} }}\n", fields.join(" ")));
                arguments.push(("keys".into(), format!("[{input}!]!"), format!("[{{ {of} }}]")));
            }
        }
        let in_path = how == 0 && self.choice(&name, 2) == 0;
        let declared: Vec<String> =
            arguments.iter().map(|(name, ty, of)| format!("{name}: {ty} @is(field: \"{of}\")")).collect();
        let mut path = format!("/Query/{name}");
        let passed: Vec<String> = arguments.iter().map(|(name, ..)| format!("{name}: $args.{name}")).collect();
        let call = if in_path {
            arguments.iter().for_each(|(name, ..)| path.push_str(&format!("/{{$args.{name}}}")));
            format!("GET: \"{path}\"")
        } else {
            format!("POST: \"{path}\", body: \"{}\"", passed.join(" "))
        };
        let view = &self.entities[entity].views[&subgraph];
        let mut picks = self.key_picks(view);
        for field in &self.entities[entity].fields {
            if field.owners.contains(&subgraph) && !field.is_connected() {
                picks.push(self.pick(subgraph, field));
            }
        }
        let (ty, batch) = match is_list {
            true => (format!("[{ty}]!"), ["", ", batch: {maxSize: 2}"][usize::from(self.choice(&path, 4) == 0)]),
            false => (ty.clone(), ""),
        };
        let (declared, picks) = (declared.join(", "), picks.join(" "));
        format!(
            "{name}({declared}): {ty} @lookup @internal @connect(source: \"main\", http: {{{call}}}{batch}, selection: \"{picks}\")"
        )
    }

    fn key_picks(&self, view: &View) -> Vec<String> {
        let pick = |(name, _)| if name == "ref" { "ref { n }".to_owned() } else { String::from(name) };
        view.key_lines().map(pick).collect()
    }

    /// A field, as a selection picks it.
    fn pick(&self, subgraph: usize, field: &Field) -> String {
        let key = if self.choice(&format!("key of {}", field.name), 3) == 0 { ": j_" } else { "" };
        let key = if key.is_empty() { String::new() } else { format!("{key}{}", field.name) };
        let below = self.picks(subgraph, field.inner, &field.name);
        let below = if below.is_empty() { below } else { format!(" {{ {below} }}") };
        format!("{}{key}{below}", field.name)
    }

    /// What is picked of an object.
    fn picks(&self, subgraph: usize, inner: Inner, at: &str) -> String {
        let members = match inner {
            Inner::Value(value) => {
                let owned = self.values[value].iter().filter(|field| field.owners.contains(&subgraph));
                return owned.map(|field| self.pick(subgraph, field)).collect::<Vec<_>>().join(" ");
            }
            Inner::Entity(entity) => return self.members_picks(subgraph, &[entity], at).join(" "),
            Inner::Interface(index) => &self.interfaces[index].known[&subgraph],
            Inner::Union(index) => &self.unions[index].known[&subgraph],
            _ => return String::new(),
        };
        let mut picks = vec!["__typename: kind".to_owned()];
        picks.extend(self.members_picks(subgraph, members, at));
        picks.join(" ")
    }

    /// Keys, and some of the leaves.
    fn members_picks(&self, subgraph: usize, members: &[usize], at: &str) -> Vec<String> {
        let mut picks = BTreeSet::new();
        for member in members {
            let entity = &self.entities[*member];
            picks.extend(self.key_picks(&entity.views[&subgraph]));
            for field in &entity.fields {
                let is_plain = field.is_leaf() && !field.is_connected() && field.owners.contains(&subgraph);
                if is_plain && self.choice(&format!("{at} {}", field.name), 3) == 0 {
                    picks.insert(field.name.clone());
                }
            }
        }
        picks.into_iter().collect()
    }
}
