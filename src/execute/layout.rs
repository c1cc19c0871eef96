//! How the members of a service's answer find their slots: compiled once per plan.
//!
//! In: the shapes of a plan, and for a connector what its mapping picks. Out: [`Layout`], nodes that say
//! for each key of an object of the answer where its value goes. Plain data.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::json;
use crate::connect::mapping::PickField;
use crate::planner::plan::{Shape, ShapeId, ShapeValue, SlotId};

/// Index of a [`Node`]. The node of a shape as it stands has the shape's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) u32);

/// The layout of all answers of a plan.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    nodes: Vec<Node>,
}

/// What is expected in one kind of object.
#[derive(Debug)]
pub(crate) struct Node {
    /// The record that its values go to.
    pub(crate) shape: ShapeId,
    /// In the order in which they are expected.
    pub(crate) members: Vec<Member>,
    /// Members by their keys, where there are too many to look through.
    by_key: Option<HashMap<Box<[u8]>, u32>>,
    /// For objects of HTTP services: keys of their type, each as the ways to its values. An object that has none of its
    /// keys is null.
    pub(crate) keys: Vec<Vec<Vec<SlotId>>>,
}

/// One expected key.
#[derive(Debug)]
pub(crate) struct Member {
    /// The key as JSON, with its quotes.
    pub(crate) quoted: Box<[u8]>,
    /// The key as text.
    key: Box<[u8]>,
    /// What becomes of its value; a picked value may be wanted more than once.
    pub(crate) uses: Vec<Use>,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    /// It is the value of that field of the node's shape; objects in it are read by this node.
    Field(u32, NodeId),
    /// It is an object from which the same record is filled: a path in a mapping.
    Within(NodeId),
}

/// Objects with more members than this have an index.
const LOOK_THROUGH_MAX: usize = 8;

impl Layout {
    /// The layout of answers that stand as their shapes say.
    pub(crate) fn new(shapes: &[Shape]) -> Self {
        let nodes = shapes.iter().enumerate().map(|(index, shape)| {
            let members = shape.fields.iter().enumerate().map(|(field, expected)| {
                Member::new(&expected.key, vec![Use::Field(field as u32, as_it_stands(&expected.value))])
            });
            Node::new(ShapeId(index as u32), members.collect())
        });
        Self { nodes: nodes.collect() }
    }

    /// Adds the layout of an object from which a mapping picks these members; the rest of `shape` stays absent.
    /// `None`: they cannot be read where they stand.
    pub(crate) fn add_pick(&mut self, shapes: &[Shape], shape: ShapeId, picks: &[PickField]) -> Option<NodeId> {
        let mut ways = Ways::default();
        for (index, field) in shapes[shape.0 as usize].fields.iter().enumerate() {
            let Some(picked) = picks.iter().find(|picked| picked.name == field.key.as_str()) else { continue };
            let inner = match (&field.value, &picked.pick.fields) {
                (value, None) => as_it_stands(value),
                (ShapeValue::Object(inner), Some(picks)) => self.add_pick(shapes, *inner, picks)?,
                (ShapeValue::Leaf(_), Some(_)) => return None,
            };
            let (last, way) = picked.pick.path.split_last()?;
            let mut at = &mut ways;
            for key in way {
                at = &mut at.0.entry(key.clone()).or_default().1;
            }
            at.0.entry(last.clone()).or_default().0.push(Use::Field(index as u32, inner));
        }
        let node = self.add_ways(shape, ways);
        self.nodes[node.0 as usize].keys = self.nodes[shape.0 as usize].keys.clone();
        Some(node)
    }

    fn add_ways(&mut self, shape: ShapeId, ways: Ways) -> NodeId {
        let mut members = Vec::with_capacity(ways.0.len());
        for (key, (mut uses, further)) in ways.0 {
            if !further.0.is_empty() {
                uses.push(Use::Within(self.add_ways(shape, further)));
            }
            members.push(Member::new(&key, uses));
        }
        self.nodes.push(Node::new(shape, members));
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// Says what keys the objects of a shape have.
    pub(crate) fn set_keys(&mut self, shape: ShapeId, keys: Vec<Vec<Vec<SlotId>>>) {
        self.nodes[shape.0 as usize].keys = keys;
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

impl Node {
    fn new(shape: ShapeId, members: Vec<Member>) -> Self {
        let by_key = (members.len() > LOOK_THROUGH_MAX).then(|| {
            let keys = members.iter().enumerate().map(|(index, member)| (member.key().into(), index as u32));
            keys.collect()
        });
        Self { shape, members, by_key, keys: Vec::new() }
    }

    /// The member with this (unescaped) key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        match &self.by_key {
            Some(index) => index.get(key).map(|index| *index as usize),
            None => self.members.iter().position(|member| member.key() == key),
        }
    }
}

impl Member {
    /// The first field that the value is.
    pub(crate) fn field(&self) -> Option<(u32, NodeId)> {
        self.uses.iter().find_map(|used| match *used {
            Use::Field(index, inner) => Some((index, inner)),
            Use::Within(_) => None,
        })
    }

    fn new(key: &str, uses: Vec<Use>) -> Self {
        let mut quoted = Vec::with_capacity(key.len() + 2);
        json::write_string(key, &mut quoted);
        Self { quoted: quoted.into(), key: key.as_bytes().into(), uses }
    }

    fn key(&self) -> &[u8] {
        &self.key
    }
}

/// Keys of nested objects, and what becomes of their values.
#[derive(Debug, Default)]
struct Ways(IndexMap<String, (Vec<Use>, Ways)>);

/// The node that reads the objects of a field as they stand. Without a meaning for leaves.
fn as_it_stands(value: &ShapeValue) -> NodeId {
    match value {
        ShapeValue::Object(shape) => NodeId(shape.0),
        ShapeValue::Leaf(_) => NodeId(u32::MAX),
    }
}
