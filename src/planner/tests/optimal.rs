//! Small random graphs: the plan makes as few calls as any, and among those as few steps.

use std::collections::HashMap;
use std::fmt::Write;

use super::random::Random;
use super::{Plan, plan_text, supergraph};

const SUBGRAPHS: usize = 5;
const FIELDS: usize = 6;
const KEYS: usize = 3;

/// One entity type: which subgraphs have which of its fields, and can be entered by which keys. A key is one field, or two.
struct World {
    /// Per subgraph, a set of fields.
    has: Vec<u32>,
    /// Per subgraph, sets of key fields; all of them it has.
    keys: Vec<Vec<u32>>,
    /// Subgraphs with the root field.
    roots: u32,
}

fn world(seed: u64) -> World {
    let mut random = Random(seed);
    let mut has = vec![0u32; SUBGRAPHS];
    let mut keys = vec![Vec::new(); SUBGRAPHS];
    // Fields 0..KEYS are key fields.
    for subgraph in 0..SUBGRAPHS {
        for _ in 0..1 + random.below(2) {
            let key = 1 << random.below(KEYS) | if random.below(4) == 0 { 1 << random.below(KEYS) } else { 0 };
            keys[subgraph].push(key);
            has[subgraph] |= key;
        }
        for field in 0..KEYS + FIELDS {
            if random.below(3) == 0 {
                has[subgraph] |= 1 << field;
            }
        }
    }
    World { has, keys, roots: 1 + random.below((1 << SUBGRAPHS) - 1) as u32 }
}

impl World {
    fn sdl(&self) -> String {
        let mut out = String::from(
            "schema @link(url: \"https://specs.apollo.dev/link/v1.0\") @link(url: \"https://specs.apollo.dev/join/v0.5\", for: EXECUTION) { query: Query }\nenum join__Graph {",
        );
        for s in 0..SUBGRAPHS {
            let _ = write!(out, " G{s} @join__graph(name: \"g{s}\", url: \"http://g{s}.test\")");
        }
        out.push_str(" }\ntype Query");
        (0..SUBGRAPHS).for_each(|s| write!(out, " @join__type(graph: G{s})").unwrap());
        out.push_str(" { root: T");
        for s in (0..SUBGRAPHS).filter(|s| self.roots & (1 << s) != 0) {
            let _ = write!(out, " @join__field(graph: G{s})");
        }
        out.push_str(" }\ntype T");
        for s in 0..SUBGRAPHS {
            for key in &self.keys[s] {
                let fields: Vec<String> = (0..KEYS).filter(|f| key & (1 << f) != 0).map(|f| format!("f{f}")).collect();
                let _ = write!(out, " @join__type(graph: G{s}, key: \"{}\")", fields.join(" "));
            }
        }
        out.push_str(" {");
        for field in 0..KEYS + FIELDS {
            let holders: Vec<usize> = (0..SUBGRAPHS).filter(|s| self.has[*s] & (1 << field) != 0).collect();
            if holders.is_empty() {
                continue;
            }
            let _ = write!(out, " f{field}: Int");
            holders.iter().for_each(|s| write!(out, " @join__field(graph: G{s})").unwrap());
        }
        out.push_str(" }\n");
        out
    }

    /// (calls, steps) of the best plan for a set of fields: every way to enter one subgraph after the other is tried.
    fn best(&self, wanted: u32) -> Option<(usize, u32)> {
        // Step at which each subgraph is entered; 0 for not.
        let mut best: Option<(usize, u32)> = None;
        let mut pending: Vec<Vec<u32>> = (0..SUBGRAPHS)
            .filter(|s| self.roots & (1 << s) != 0)
            .map(|s| (0..SUBGRAPHS).map(|other| u32::from(other == s)).collect())
            .collect();
        let mut seen: HashMap<Vec<u32>, ()> = HashMap::new();
        while let Some(steps) = pending.pop() {
            if seen.insert(steps.clone(), ()).is_some() {
                continue;
            }
            let known = self.known(&steps, u32::MAX);
            if known & wanted == wanted {
                let cost = (steps.iter().filter(|s| **s > 0).count(), *steps.iter().max().unwrap());
                if best.is_none_or(|best| cost < best) {
                    best = Some(cost);
                }
                continue;
            }
            for subgraph in (0..SUBGRAPHS).filter(|s| steps[*s] == 0) {
                let ready = self.keys[subgraph].iter().filter(|key| known & **key == **key);
                let ready = ready.filter_map(|key| (1..).find(|step| self.known(&steps, *step) & key == *key)).min();
                if let Some(step) = ready {
                    let mut next = steps.clone();
                    next[subgraph] = step + 1;
                    pending.push(next);
                }
            }
        }
        best
    }

    fn known(&self, steps: &[u32], until: u32) -> u32 {
        (0..SUBGRAPHS).filter(|s| steps[*s] > 0 && steps[*s] <= until).fold(0, |known, s| known | self.has[s])
    }
}

fn steps_of(plan: &Plan) -> u32 {
    let mut levels: Vec<u32> = Vec::new();
    for fetch in &plan.fetches {
        levels.push(1 + fetch.after.iter().map(|id| levels[id.0 as usize]).max().unwrap_or(0));
    }
    levels.into_iter().max().unwrap_or(0)
}

#[test]
fn plans_are_as_short_as_any() {
    let count: u64 = std::env::var("RANDOM_GRAPHS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let mut reached = 0;
    for seed in 0..count {
        let world = world(seed * 104_729 + 7);
        let mut random = Random(seed);
        let present = world.has.iter().fold(0, |all, has| all | has);
        let wanted = present & (random.below(1 << (KEYS + FIELDS)) as u32);
        if wanted == 0 {
            continue;
        }
        let sdl = world.sdl();
        let supergraph = supergraph(&sdl);
        let fields: Vec<String> =
            (0..KEYS + FIELDS).filter(|f| wanted & (1 << f) != 0).map(|f| format!("f{f}")).collect();
        let query = format!("{{ root {{ {} }} }}", fields.join(" "));
        match (world.best(wanted), plan_text(&supergraph, &query)) {
            (Some((calls, steps)), Ok(plan)) => {
                reached += 1;
                let made = (plan.fetches.len(), steps_of(&plan));
                // Asking the root in two subgraphs is better still at times.
                assert!(made <= (calls, steps), "seed {seed}: {query}\n{sdl}\n{plan}\ninstead of {calls} in {steps}");
            }
            // Two root fetches together may reach what one cannot.
            (None, Ok(_)) => {}
            (None, Err(_)) => {}
            (Some(_), Err(error)) => panic!("seed {seed}: {error}: {query}\n{sdl}"),
        }
    }
    assert!(reached > count as usize / 2, "only {reached} graphs could answer");
}
