//! A plan as people read it: numbered calls in order, what each asks of whom and for which objects, and what it waits for.

use std::fmt::{self, Display, Formatter, Write};

use apollo_compiler::ast::Document;
use apollo_compiler::{Name, Node, ast};

use super::plan::{
    AskedFor, Call, EntityInput, Fetch, Leaf, Plan, PositionId, Representation, RepresentationTypename, ShapeId,
    ShapeValue,
};
use crate::supergraph::{CacheScope, KeyBinding};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let levels = self.levels();
        let steps = levels.iter().max().copied().unwrap_or(0);
        let (calls, step_s) = (plural(self.fetches.len(), "call"), plural(steps as usize, "step"));
        writeln!(f, "{} in {}", calls, step_s)?;
        for (index, fetch) in self.fetches.iter().enumerate() {
            writeln!(f)?;
            self.write_fetch(f, index, levels[index], fetch)?;
        }
        Ok(())
    }
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl Plan {
    /// The step at which each fetch runs, from 1.
    fn levels(&self) -> Vec<u32> {
        let mut levels: Vec<u32> = Vec::with_capacity(self.fetches.len());
        for fetch in &self.fetches {
            let after = fetch.after.iter().filter_map(|id| levels.get(id.0 as usize)).max();
            levels.push(after.map_or(1, |level| level + 1));
        }
        levels
    }

    fn write_fetch(&self, f: &mut Formatter<'_>, index: usize, level: u32, fetch: &Fetch) -> fmt::Result {
        write!(f, "{}. {}, step {level}", index + 1, fetch.title)?;
        if !fetch.after.is_empty() {
            let after: Vec<String> = fetch.after.iter().map(|id| (id.0 + 1).to_string()).collect();
            write!(f, ", after {}", after.join(", "))?;
        }
        if let Some(timeout) = fetch.timeout_ms {
            write!(f, ", within {timeout} ms")?;
        }
        if let Some(reuse) = fetch.cache {
            let scope = if reuse.scope == CacheScope::Private { " by the same request" } else { "" };
            write!(f, ", reused for {} s{scope}", reuse.max_age_s)?;
        }
        writeln!(f)?;
        match &fetch.call {
            Call::Root { operation, .. } => write_text(f, &operation.text),
            Call::Entities { operation, inputs } => {
                for input in inputs {
                    self.write_input(f, input, inputs.len() > 1)?;
                }
                write_text(f, &operation.text)
            }
            Call::ConnectRoot { arguments, shape, .. } => {
                write_arguments(f, arguments)?;
                self.write_shape(f, *shape)
            }
            Call::ConnectLookup { bindings, inputs, .. } => {
                self.write_inputs(f, inputs)?;
                for binding in bindings {
                    writeln!(f, "   {}: {}", binding.name, bound(&binding.from))?;
                }
                self.write_shapes(f, inputs)
            }
            Call::ConnectField { arguments, required, inputs, .. } => {
                self.write_inputs(f, inputs)?;
                write_arguments(f, arguments)?;
                for argument in required {
                    writeln!(f, "   {}: {}", argument.name, bound(&argument.from))?;
                }
                self.write_shapes(f, inputs)
            }
        }
    }

    fn write_inputs(&self, f: &mut Formatter<'_>, inputs: &[EntityInput]) -> fmt::Result {
        inputs.iter().try_for_each(|input| self.write_input(f, input, false))
    }

    /// `for currentProfile.allVideosRated.@: { __typename: "Video" id }`.
    fn write_input(&self, f: &mut Formatter<'_>, input: &EntityInput, with_variable: bool) -> fmt::Result {
        write!(f, "   for {}", self.path(input.position))?;
        if !input.types.is_empty() {
            write!(f, " ({})", names(&input.types))?;
        }
        if with_variable {
            write!(f, " as ${}", input.variable)?;
        }
        if input.asked == AskedFor::Root {
            return writeln!(f, ": the query root");
        }
        let mut text = String::new();
        write_representation(&mut text, &input.representation)?;
        writeln!(f, ": {text}")
    }

    /// Where a position is in the response; `@` stands for every element of a list.
    fn path(&self, id: PositionId) -> String {
        let mut parts = Vec::new();
        let mut at = Some(id);
        while let Some(position) = at.and_then(|id| self.positions.get(id.0 as usize)) {
            parts.extend(std::iter::repeat_n("@", position.list_depth as usize));
            if !position.label.is_empty() {
                parts.push(&position.label);
            }
            at = position.parent;
        }
        parts.reverse();
        parts.join(".")
    }

    fn write_shape(&self, f: &mut Formatter<'_>, shape: ShapeId) -> fmt::Result {
        let mut text = String::new();
        self.shape_text(&mut text, shape)?;
        writeln!(f, "   gives {text}")
    }

    /// What is read at each position; once where it is the same at all of them.
    fn write_shapes(&self, f: &mut Formatter<'_>, inputs: &[EntityInput]) -> fmt::Result {
        let mut texts = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut text = String::new();
            self.shape_text(&mut text, input.shape)?;
            texts.push(text);
        }
        let is_same = texts.windows(2).all(|pair| pair[0] == pair[1]);
        match texts.first() {
            Some(text) if is_same => writeln!(f, "   gives {text}"),
            _ => inputs
                .iter()
                .zip(&texts)
                .try_for_each(|(input, text)| writeln!(f, "   gives {text} for {}", self.path(input.position))),
        }
    }

    fn shape_text(&self, out: &mut String, shape: ShapeId) -> fmt::Result {
        out.push('{');
        for field in self.shapes.get(shape.0 as usize).iter().flat_map(|shape| &shape.fields) {
            write!(out, " {}", field.key)?;
            match &field.value {
                ShapeValue::Object(inner) => {
                    out.push(' ');
                    self.shape_text(out, *inner)?;
                }
                ShapeValue::Leaf(Leaf::Typename | _) => {}
            }
        }
        out.push_str(" }");
        Ok(())
    }
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let pretty = Document::parse(text, "").map_or_else(|_| text.to_owned(), |document| document.to_string());
    for line in pretty.lines() {
        writeln!(f, "   {line}")?;
    }
    Ok(())
}

fn write_arguments(f: &mut Formatter<'_>, arguments: &[(Name, Node<ast::Value>)]) -> fmt::Result {
    for (name, value) in arguments {
        writeln!(f, "   {name}: {}", value.serialize().no_indent())?;
    }
    Ok(())
}

fn names(names: &[Name]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

fn path(path: &[Name]) -> String {
    path.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(".")
}

fn bound(binding: &KeyBinding) -> String {
    let object = |fields: &[(Name, Vec<Name>)]| {
        let fields: Vec<String> = fields.iter().map(|(name, from)| format!("{name}: {}", path(from))).collect();
        format!("{{ {} }}", fields.join(" "))
    };
    match binding {
        KeyBinding::Value(from) => path(from),
        KeyBinding::ListOfValues(from) => format!("[{}]", path(from)),
        KeyBinding::ListOfObjects(fields) => format!("[{}]", object(fields)),
        KeyBinding::Object(fields) => object(fields),
    }
}

fn write_representation(out: &mut String, representation: &Representation) -> fmt::Result {
    out.push('{');
    match &representation.typename {
        RepresentationTypename::None => {}
        RepresentationTypename::Fixed(name) => write!(out, " __typename: {name}")?,
        RepresentationTypename::OfObject => out.push_str(" __typename"),
    }
    for branch in &representation.branches {
        if !branch.types.is_empty() {
            write!(out, " ... on {} {{", names(&branch.types))?;
        }
        for field in &branch.fields {
            write!(out, " {}", field.name)?;
            if let Some(nested) = &field.nested {
                out.push(' ');
                write_representation(out, &nested.representation)?;
            }
        }
        if !branch.types.is_empty() {
            out.push_str(" }");
        }
    }
    out.push_str(" }");
    Ok(())
}
