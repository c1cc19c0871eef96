//! A case: a folder, or what the random generator made.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// One schema, its split, data, and operations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The unsplit schema: what clients see.
    pub(crate) schema: String,
    /// Name and text.
    pub(crate) fragments: Vec<(String, String)>,
    /// A supergraph that another tool might have composed of the fragments; without it, they are composed here.
    pub(crate) supergraph: Option<String>,
    pub(crate) data: Value,
    pub(crate) queries: Vec<Query>,
}

/// An operation of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) variables: Map<String, Value>,
    pub(crate) expect: Expect,
}

/// What else is expected of an operation, beside the right answer: `<query>.expect.json`.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// Calls: how many, or per subgraph.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) calls: Value,
    /// The unsplit service answers with errors: without this it must not, since a mistake in a case's data would look like that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) errors: bool,
    /// Errors may be there or not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) errors_allowed: bool,
    /// Subgraphs that answer nothing but errors while it runs. The answer may then lack what it takes them for, each loss explained
    /// by an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failing: Vec<String>,
    /// The operation must be refused: it is not valid for clients.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) refused: bool,
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Case {
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let json = |path: &Path| -> Value {
            serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let list = |folder: &Path| {
            let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files
        };
        let stem = |path: &Path| path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
        let is_query = |path: &Path| path.to_str().unwrap().ends_with(".query.graphql");
        let queries = list(folder).into_iter().filter(|path| is_query(path)).map(|path| {
            let name = stem(&path);
            let optional = |kind: &str| {
                let path = folder.join(format!("{name}.{kind}.json"));
                if path.exists() { json(&path) } else { Value::Object(Map::new()) }
            };
            let expect = optional("expect");
            let expect = serde_json::from_value(expect).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Value::Object(variables) = optional("variables") else { panic!("{name}: variables are an object") };
            Query { text: text(&path), variables, expect, name }
        });
        let supergraph = folder.join("supergraph.graphql");
        Case {
            name: stem(folder),
            schema: text(&folder.join("schema.graphql")),
            fragments: list(&folder.join("subgraphs")).iter().map(|path| (stem(path), text(path))).collect(),
            supergraph: supergraph.exists().then(|| text(&supergraph)),
            data: json(&folder.join("data.json")),
            queries: queries.collect(),
        }
    }

    /// Writes it as a folder that [`Case::read`] reads.
    pub(crate) fn write(&self, folder: &Path) {
        let pretty = |value: &Value| format!("{}\n", serde_json::to_string_pretty(value).unwrap());
        let put = |name: String, text: &str| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        };
        put("schema.graphql".into(), &self.schema);
        put("data.json".into(), &pretty(&self.data));
        self.fragments.iter().for_each(|(name, text)| put(format!("subgraphs/{name}.graphql"), text));
        if let Some(supergraph) = &self.supergraph {
            put("supergraph.graphql".into(), supergraph);
        }
        for query in &self.queries {
            put(format!("{}.query.graphql", query.name), &query.text);
            if !query.variables.is_empty() {
                let variables = Value::Object(query.variables.clone());
                put(format!("{}.variables.json", query.name), &pretty(&variables));
            }
            let expect = serde_json::to_value(&query.expect).unwrap();
            if expect.as_object().is_some_and(|expect| !expect.is_empty()) {
                put(format!("{}.expect.json", query.name), &pretty(&expect));
            }
        }
    }
}
