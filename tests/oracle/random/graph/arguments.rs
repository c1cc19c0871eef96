//! Arguments of random fields: a few shapes, from one scalar to nested input objects.

use super::super::rng::Rng;

/// What stands behind the field's name: the names of the arguments, and how they are declared.
struct Shape {
    names: &'static [&'static str],
    declared: &'static str,
    /// As a requirement may pass them.
    literals: &'static [&'static str],
}

const SHAPES: [Shape; 7] = [
    Shape { names: &["x"], declared: "x: Int = 3", literals: &["x: 0", "x: 1", "x: null"] },
    Shape { names: &["x"], declared: "x: Int = 3", literals: &["x: 2", ""] },
    Shape { names: &["x", "c"], declared: "x: Int = 3, c: Color = RED", literals: &["c: BLUE", "x: 1", ""] },
    Shape { names: &["f"], declared: "f: Filter", literals: &["f: {a: 1}", "f: {b: [RED], deep: {c: RED}}", ""] },
    Shape {
        names: &["f", "l"],
        declared: "f: Filter! = {a: 1, c: BLUE}, l: [Int!]",
        literals: &["l: [1, 2]", "f: {}, l: null", ""],
    },
    Shape { names: &["l"], declared: "l: [[Int]] = [[1], null]", literals: &["l: [[1, null]]", ""] },
    Shape {
        names: &["t", "b", "n", "i"],
        declared: "t: String, b: Boolean = false, n: Float, i: ID",
        literals: &["b: true", "n: 1.5", ""],
    },
];

/// What the shapes are made of.
pub(super) const FILTER: &str =
    "input Filter {\n  a: Int = 2\n  b: [Color!]\n  c: Color = GREEN\n  s: String\n  deep: Filter\n}\n";

/// Arguments that a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arguments(usize);

impl Arguments {
    pub(super) fn random(rng: &mut Rng) -> Arguments {
        Arguments(rng.below(SHAPES.len()))
    }

    pub(super) fn names(self) -> &'static [&'static str] {
        SHAPES[self.0].names
    }

    pub(super) fn declared(self) -> &'static str {
        SHAPES[self.0].declared
    }

    /// With parentheses, or nothing.
    pub(super) fn literal(self, rng: &mut Rng) -> String {
        let literal = *rng.pick(SHAPES[self.0].literals);
        if literal.is_empty() { String::new() } else { format!("({literal})") }
    }

    /// Whether a URL's query can carry them.
    pub(super) fn is_plain(self) -> bool {
        self.0 < 3
    }
}
