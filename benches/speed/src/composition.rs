//! A thousand fragments, and one of them changed.

use std::time::Duration;

use crate::clock::Moment;
use crate::{graph, promise};

pub(crate) fn run(count: usize) -> bool {
    let mut texts = graph::texts(count, count, 1);
    let bytes: usize = texts.iter().map(String::len).sum();
    let start = Moment::now();
    let supergraph = graph::composed(&graph::fragments(&texts));
    let took = start.elapsed();
    println!("composition: {count} fragments of {bytes} bytes, {} types", supergraph.schema.types.len());
    let scale = count.max(1_000) as u32;
    let composed = promise("composed in", took, Duration::from_millis(2) * scale);
    texts[0].push_str("type Added { x: Int }\nextend type Query { added: Added }\n");
    let start = Moment::now();
    graph::composed(&graph::fragments(&texts));
    let recomposed = promise("one changed fragment recomposed in", start.elapsed(), Duration::from_micros(200) * scale);
    composed && recomposed
}
