//! Random data for a random graph.

use serde_json::{Map, Value, json};

use super::graph::{Field, Graph, Inner};
use super::rng::Rng;

const INSTANCES: usize = 4;

pub(crate) fn random(rng: &mut Rng, graph: &Graph) -> Value {
    let mut data = Map::new();
    let mut roots = Map::new();
    for field in &graph.roots {
        let value = match (field.by_id, field.inner) {
            (true, Inner::Entity(entity)) => json!({"$find": [graph.entities[entity].name]}),
            _ => value(rng, graph, field),
        };
        roots.insert(field.name.clone(), value);
    }
    data.insert("Query".into(), roots.into());
    let mutation = |field: &Field, rng: &mut Rng| match field.inner {
        Inner::Int => json!({"$count": true}),
        _ => value(rng, graph, field),
    };
    let mutations = graph.mutations.iter().map(|field| (field.name.clone(), mutation(field, rng)));
    data.insert("Mutation".into(), Value::Object(mutations.collect()));
    for (index, entity) in graph.entities.iter().enumerate() {
        let lacking = graph.may_lack(index).filter(|_| rng.percent(50));
        let mut instances = Map::new();
        for number in 0..INSTANCES {
            let id = format!("{}{number}", entity.name.to_lowercase());
            let mut fields = Map::new();
            fields.insert("id".into(), id.clone().into());
            fields.insert("code".into(), format!("c{number}").into());
            fields.insert("ref".into(), json!({"n": number}));
            fields.insert("refs".into(), json!([{"n": number}, {"n": number + 10}]));
            for field in &entity.fields {
                fields.insert(field.name.clone(), value(rng, graph, field));
            }
            if let Some(object) = &graph.interface_object
                && graph.interfaces[object.interface].members.contains(&index)
            {
                for field in &object.fields {
                    fields.insert(field.name.clone(), value(rng, graph, field));
                }
            }
            if let Some(subgraph) = lacking.filter(|_| rng.percent(40)) {
                fields.insert("$missingIn".into(), json!([format!("s{subgraph}")]));
                for field in entity.fields.iter().filter(|field| field.owners.contains(&subgraph)) {
                    fields.insert(field.name.clone(), Value::Null);
                }
            }
            instances.insert(id, fields.into());
        }
        data.insert(entity.name.clone(), instances.into());
    }
    data.into()
}

fn value(rng: &mut Rng, graph: &Graph, field: &Field) -> Value {
    // An error stands for the whole field. A null where none may be is one too.
    if !field.protected && rng.percent(2) {
        if field.inner == Inner::Blob {
            return Value::Null;
        }
        return if rng.percent(50) { Value::Null } else { json!({"$error": format!("{} failed", field.name)}) };
    }
    if field.arguments.is_some() && field.inner == Inner::Text && rng.percent(80) {
        return json!({"$echo": field.name});
    }
    wrapped(rng, graph, field, field.wrap)
}

fn wrapped(rng: &mut Rng, graph: &Graph, field: &Field, wrap: &str) -> Value {
    let (wrap, nullable) = match wrap.strip_suffix('!') {
        Some(wrap) => (wrap, false),
        None => (wrap, true),
    };
    if nullable && rng.percent(12) {
        return Value::Null;
    }
    match wrap.strip_prefix('[').and_then(|wrap| wrap.strip_suffix(']')) {
        Some(item) => (0..rng.below(4)).map(|_| wrapped(rng, graph, field, item)).collect(),
        None => inner(rng, graph, field),
    }
}

fn inner(rng: &mut Rng, graph: &Graph, field: &Field) -> Value {
    // What only one subgraph has, and perhaps hides.
    if field.inner == Inner::Shade && !field.protected && field.owners.len() == 1 && rng.percent(20) {
        return format!("ONLY_{}", field.owners[0]).into();
    }
    let mut entity = |of: &[usize]| {
        let name = &graph.entities[*rng.pick(of)].name;
        Value::String(format!("@{name}/{}{}", name.to_lowercase(), rng.below(INSTANCES)))
    };
    let known = |of: &super::graph::Abstract| of.known.get(&field.owners[0]).unwrap_or(&of.members).clone();
    match field.inner {
        Inner::Int => rng.below(100).into(),
        Inner::Text => format!("{}-{}", field.name, rng.below(100)).into(),
        Inner::Flag => rng.percent(50).into(),
        Inner::Float => [json!(0.5), json!(7.5), json!(-2.25), json!(1e21)][rng.below(4)].clone(),
        Inner::Id => ["7", "x", "\u{e9}\"\\\n\u{1F600}"][rng.below(3)].into(),
        Inner::Shade => (*rng.pick(&["DARK", "PALE"])).into(),
        Inner::Blob => {
            [json!({"__typename": "E0", "b": [1, null]}), json!([]), json!("text"), json!(1.5)][rng.below(4)].clone()
        }
        Inner::Color => (*rng.pick(&["RED", "GREEN", "BLUE"])).into(),
        Inner::Root => "@Query".into(),
        Inner::Entity(index) => entity(&[index]),
        Inner::Interface(index) => entity(&known(&graph.interfaces[index])),
        Inner::Union(index) => entity(&known(&graph.unions[index])),
        Inner::Value(index) => {
            let fields = graph.values[index].iter().map(|field| (field.name.clone(), value(rng, graph, field)));
            Value::Object(fields.collect())
        }
    }
}
