//! How the members of a service's answer find their slots: compiled once per plan.
//!
//! In: the shapes of a plan, and for a connector what its mapping picks. Out: [`Layout`], nodes that say
//! for each key of an object of the answer where its value goes. Plain data.

use std::collections::HashMap;

use crate::planner::plan::{Shape, ShapeId};

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
}

/// One expected key.
#[derive(Debug)]
pub(crate) struct Member {
    /// The key with its quotes.
    pub(crate) quoted: Box<[u8]>,
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
            let members = shape.fields.iter().enumerate().map(|(field, expected)| Member {
                quoted: quoted(&expected.key),
                uses: vec![Use::Field(field as u32, expected.inner_node())],
            });
            Node::new(ShapeId(index as u32), members.collect())
        });
        Self { nodes: nodes.collect() }
    }

    /// Adds a node.
    pub(crate) fn add(&mut self, shape: ShapeId, members: Vec<Member>) -> NodeId {
        self.nodes.push(Node::new(shape, members));
        NodeId(self.nodes.len() as u32 - 1)
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
        Self { shape, members, by_key }
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

    fn key(&self) -> &[u8] {
        &self.quoted[1..self.quoted.len() - 1]
    }
}

/// A name with its quotes. Keys that a mapping reads may be any text.
pub(crate) fn quoted(key: &str) -> Box<[u8]> {
    [b"\"", key.as_bytes(), b"\""].concat().into()
}

impl crate::planner::plan::ShapeField {
    /// The node that reads the objects of this field as they stand. Without a meaning for leaves.
    fn inner_node(&self) -> NodeId {
        match self.value {
            crate::planner::plan::ShapeValue::Object(shape) => NodeId(shape.0),
            crate::planner::plan::ShapeValue::Leaf(_) => NodeId(u32::MAX),
        }
    }
}
