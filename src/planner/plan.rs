//! A plan: fetches in order, the shapes of their answers, and the projection of the response.
//!
//! Vocabulary. A *position* is a place of the response (or of an internal requirement) where objects stand:
//! `currentProfile`, `currentProfile.allVideosRated.@`. A *record* is what one fetch answered for one object: a
//! run of slots laid out by a [`Shape`]. An object at a position has one record per fetch that
//! contributes to it; nothing is merged, a link slot in one record points at the next.
//! A *slot* holds a scalar's bytes, null, an error, a nested record, a list of these, or a link.
//!
//! Everything here depends only on the operation and the graph, so it is built once and kept with the plan.

use std::sync::Arc;

use apollo_compiler::ast::{Type, Value};
use apollo_compiler::{Name, Node};

use crate::operation::{OperationType, Variable};
use crate::supergraph::{CacheScope, ConnectorId, Fallback, LookupArgument, RequiredArgument, SubgraphId};

/// Index in [`Plan::fetches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchId(pub u32);

/// Index in [`Plan::shapes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId(pub u32);

/// Index in [`Plan::positions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PositionId(pub u32);

/// Index of a slot within a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u32);

/// Index of a record among [`Position::records`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(pub u32);

/// How an operation is answered.
#[derive(Debug)]
pub struct Plan {
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// Each one after all that it depends on. For a mutation the root fetches stand in the client's order, and each
    /// depends on the one before it and on all that hangs below that one.
    pub fetches: Vec<Fetch>,
    /// The layouts of records.
    pub shapes: Vec<Shape>,
    /// The places of the response; the first one is the root. A parent stands before its children.
    pub positions: Vec<Position>,
    /// How the response is written.
    pub projection: ObjectProjection,
}

/// The layout of a record: what is expected in one object of a service's answer.
///
/// For GraphQL, `key` is the response key that the downstream operation asks for (an internal alias where two members
/// would conflict). For a connector it is the field's schema name: the shape is that of the *mapped* answer.
#[derive(Debug, Default)]
pub struct Shape {
    /// In the order in which they are asked for.
    pub fields: Vec<ShapeField>,
    /// Slots in a record: one per field (fields that no object has together may share one), and the link slots after them.
    pub slots: u32,
}

/// One expected member of an object.
#[derive(Debug)]
pub struct ShapeField {
    /// Its name there.
    pub key: Name,
    /// Where its value goes. Aliases of one field, each for other concrete types, go to one slot.
    pub slot: SlotId,
    /// Lists around the value: 0 for none. Nullability is the projection's business.
    pub list_depth: u32,
    /// What is expected inside the lists.
    pub value: ShapeValue,
    /// In the record that a fetch answers: how old an earlier value may be that stands in for a failed one, the longest that any of the
    /// concrete types allows. What each allows is in [`ProjectionField::fallback`].
    pub stale_ms: Option<u64>,
}

/// What a slot expects.
#[derive(Clone, Debug, PartialEq)]
pub enum ShapeValue {
    /// A scalar or an enum value; anything else is an error in the slot.
    Leaf(Leaf),
    /// An object.
    Object(ShapeId),
}

/// How a leaf is checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf {
    /// A whole number of 32 bits (`1.0` counts).
    Int,
    /// A finite number.
    Float,
    /// A string.
    String,
    /// `true` or `false`.
    Boolean,
    /// A string, or a whole number, which is written as a string.
    Id,
    /// A string among these, the values of the merged enum; `visible` are those of the API.
    Enum {
        /// All values that a service may send.
        known: Arc<[Name]>,
        /// The values that a client may see; the others become null.
        visible: Arc<[Name]>,
    },
    /// Any JSON: a custom scalar.
    Any,
    /// The name of a concrete type.
    Typename,
}

/// A place where objects stand.
#[derive(Debug)]
pub struct Position {
    /// Where it hangs; `None` for the root.
    pub parent: Option<PositionId>,
    /// The response key that leads to it from its parent (the field's name for an internal requirement);
    /// empty for the root. For display and for messages.
    pub label: String,
    /// Lists around its objects below the parent.
    pub list_depth: u32,
    /// The records of one object here, in an order in which each refers to earlier ones only.
    pub records: Vec<RecordSource>,
    /// The concrete type of the objects here.
    pub typename: TypenameSource,
}

/// Where a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordSource {
    /// The answer of a root fetch (root position only).
    Root(FetchId),
    /// A nested object: a slot in a record of the parent position. Through lists, elements pair up by index.
    Nested(RecordId, SlotId),
    /// An entity that a later fetch answered: a link slot in an earlier record of this position.
    Link(RecordId, SlotId),
}

/// How the concrete type of an object is known.
#[derive(Clone, Debug, PartialEq)]
pub enum TypenameSource {
    /// Only one is possible.
    Known(Name),
    /// The first of these slots that holds one. Without any slot the type is not known and nobody needs it: no fetch
    /// filters by it, and the projection has at most one branch, which is then written for every object (what stands
    /// there is told by a service that knows an interface only as an object).
    Slots(Vec<(RecordId, SlotId)>),
}

/// One call to one service (or one per chunk of keys, or one per object, see [`Call`]).
#[derive(Debug)]
pub struct Fetch {
    /// Whom to ask.
    pub subgraph: SubgraphId,
    /// The service's name, and for a connector what it asks for: `rating`, `rating POST /ratings/batch`. For people.
    pub title: String,
    /// What must have been answered (or have failed) before.
    pub after: Vec<FetchId>,
    /// What to ask.
    pub call: Call,
    /// The bound of the load, retries included. `None`: the configuration's default.
    pub timeout_ms: Option<u64>,
    /// How long its answer, or each entity of it, may be reused. `None`: not at all.
    pub cache: Option<Reuse>,
    /// How old an earlier answer may be that stands in where this fetch fails: the longest that any of its fields
    /// allows. `None`: no field does, or nothing may be kept.
    pub stale_ms: Option<u64>,
}

/// How long an answer may be reused, and by whom. The service's own headers may shorten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Seconds, from 1.
    pub max_age_s: u32,
    /// Who may share it.
    pub scope: CacheScope,
}

/// What a fetch asks.
#[derive(Debug)]
pub enum Call {
    /// A GraphQL operation on the root; its answer's `data` is a record of the root position.
    Root {
        /// What is sent.
        operation: DownstreamOperation,
        /// The shape of `data`.
        shape: ShapeId,
    },
    /// `_entities` of a GraphQL subgraph, for each of the inputs under an alias of its own (`_e0`, `_e1`, …; a single
    /// input has no alias). Each input sends its representations in its own [`EntityInput::variable`]. An input may ask
    /// for fields of the query root instead ([`AskedFor::Root`]): under keys of its own (`_e0_…`, `_e1_…`; as they are for a
    /// single input), and if there are other inputs, where its variable is true.
    Entities {
        /// What is sent.
        operation: DownstreamOperation,
        /// Whose entities are asked for.
        inputs: Vec<EntityInput>,
    },
    /// A connector on a root field. Its mapped answer becomes the value of `field` in a record of the root position.
    ConnectRoot {
        /// In the fetch's subgraph.
        connector: ConnectorId,
        /// All of the field's arguments, defaults filled in.
        arguments: Vec<(Name, Node<Value>)>,
        /// A shape with the one field.
        shape: ShapeId,
    },
    /// A connector on a lookup field: loads entities by key, those of all inputs together. A key that several inputs have is
    /// asked for once, and its answer is read along the shape of each.
    ConnectLookup {
        /// In the fetch's subgraph.
        connector: ConnectorId,
        /// How the lookup's arguments are bound from the key.
        bindings: Vec<LookupArgument>,
        /// Paths of the key's fields, the same in a key and in a mapped answer, to match answers to keys. Empty for a lookup
        /// that answers a single entity.
        matched_by: Vec<Vec<Name>>,
        /// Whose entities are asked for. The representations are the keys, and alike for all inputs.
        inputs: Vec<EntityInput>,
    },
    /// A connector on a field of an object: one call per object (equal calls are made once, whatever input they are
    /// for). Its mapped answer becomes the value of that field in a record that is linked to the object.
    ConnectField {
        /// In the fetch's subgraph.
        connector: ConnectorId,
        /// The client's arguments, defaults filled in.
        arguments: Vec<(Name, Node<Value>)>,
        /// Arguments filled from the object's representation.
        required: Vec<RequiredArgument>,
        /// The objects. The representations hold what `required` needs, alike for all inputs; the shape of each has the
        /// one field.
        inputs: Vec<EntityInput>,
    },
}

/// A downstream GraphQL operation.
#[derive(Debug)]
pub struct DownstreamOperation {
    /// Its text, minified, ready to send. Valid against the subgraph's schema.
    pub text: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The client's variables that it uses, and sends under the same names.
    pub variables: Vec<Variable>,
}

/// The objects that an entity fetch is asked for, and where its answers go.
#[derive(Debug)]
pub struct EntityInput {
    /// Where the objects stand.
    pub position: PositionId,
    /// Only objects of these concrete types are sent. Empty: all.
    pub types: Vec<Name>,
    /// Where the answer is linked: a slot in an earlier record of the position.
    pub link: (RecordId, SlotId),
    /// What a GraphQL subgraph is asked for.
    pub asked: AskedFor,
    /// What identifies an object, and what all that is asked of it requires; empty where it is the query root.
    pub representation: Representation,
    /// What some of its fields require; empty for connectors, of which each call gives what it requires itself.
    pub requirements: Vec<Requirement>,
    /// The layout of an answered entity, or of the root's fields.
    pub shape: ShapeId,
    /// For [`Call::Entities`], the variable that its representations are sent in: `representations` for a single input, else
    /// `r0`, `r1`, …, unless the client uses that name itself. Of a root, whether it is wanted at all. Empty for
    /// connectors, and for a root that is the single input.
    pub variable: String,
}

/// A field of an entity that needs more than the key. Where that could not be had, the others are asked for without it.
#[derive(Debug)]
pub struct Requirement {
    /// Which members of the answer it is: indices in the fields of the input's shape. (One field may have several aliases.)
    pub fields: Vec<usize>,
    /// What it needs, per concrete type; all of it is also in the input's representation. An object of another type needs nothing.
    pub branches: Vec<RepresentationBranch>,
}

/// What an input of [`Call::Entities`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedFor {
    /// The entities that its representations identify.
    Entities,
    /// Fields of the subgraph's query root, once for all objects: each of them is the query root.
    Root,
}

/// What is sent to identify an object: a small projection of what is known of it.
#[derive(Debug, PartialEq)]
pub struct Representation {
    /// `__typename`, as the subgraph knows it.
    pub typename: RepresentationTypename,
    /// Per concrete type; the first that matches is sent, an object that none matches is not sent.
    pub branches: Vec<RepresentationBranch>,
}

/// The `__typename` of a representation.
#[derive(Debug, PartialEq)]
pub enum RepresentationTypename {
    /// None: a connector's key.
    None,
    /// Always this one: the subgraph's interface object, or the only possible type.
    Fixed(Name),
    /// The object's own concrete type.
    OfObject,
}

/// The fields of a representation for some concrete types.
#[derive(Debug, PartialEq)]
pub struct RepresentationBranch {
    /// Concrete types; empty: any.
    pub types: Vec<Name>,
    /// In the order of the key and the requirements.
    pub fields: Vec<RepresentationField>,
}

/// One member of a representation.
#[derive(Debug, PartialEq)]
pub struct RepresentationField {
    /// Its name, as the subgraph expects it.
    pub name: Name,
    /// Sources of its value: the first record slot that is present.
    pub from: Vec<(RecordId, SlotId)>,
    /// Part of the key: where it is null, the object is not sent. A required field may be null, but not have failed.
    pub is_key: bool,
    /// For objects (and lists of them): what is sent of each.
    pub nested: Option<Box<NestedRepresentation>>,
}

/// An object inside a representation.
#[derive(Debug, PartialEq)]
pub struct NestedRepresentation {
    /// Where those objects stand.
    pub position: PositionId,
    /// What is sent of each.
    pub representation: Representation,
}

/// How the objects of a position are written.
#[derive(Debug)]
pub struct ObjectProjection {
    /// Where they stand.
    pub position: PositionId,
    /// All concrete types of the API that can stand here; an object of any other type is null.
    pub possible: Arc<[Name]>,
    /// What is written, per concrete type. A possible type without a branch is `{}`.
    pub branches: Vec<ProjectionBranch>,
}

/// What is written of objects of some concrete types.
#[derive(Debug)]
pub struct ProjectionBranch {
    /// Concrete types; never empty.
    pub types: Vec<Name>,
    /// In response order.
    pub fields: Vec<ProjectionField>,
}

/// One member of a response object.
#[derive(Debug)]
pub struct ProjectionField {
    /// `Type.field` in the supergraph, for messages.
    pub type_name: Name,
    /// See `type_name`.
    pub field_name: Name,
    /// The response key.
    pub response_key: Name,
    /// The type in the API schema: lists and nullability.
    pub ty: Type,
    /// Where the value comes from.
    pub value: ProjectionValue,
    /// What stands in when it fails, as its owner declared.
    pub fallback: Option<Arc<Fallback>>,
}

/// Where a response member comes from.
#[derive(Debug)]
pub enum ProjectionValue {
    /// The object's concrete type.
    Typename,
    /// `__schema` or `__type` on the query root: answered by the gateway itself under this response key.
    Introspection,
    /// Null, because the client may not see it, which is told.
    Denied,
    /// A scalar or enum value.
    Leaf {
        /// The first of these slots that is present. More than one only where services share the field.
        from: Vec<(RecordId, SlotId)>,
        /// How it is written and checked.
        leaf: Leaf,
    },
    /// An object, or lists of objects.
    Object {
        /// As for a leaf. The child position's `Nested` records name the same slots.
        from: Vec<(RecordId, SlotId)>,
        /// What is written of each object. Shared by all members that write the same of the same objects, so that a projection
        /// is as large as what the client wrote, not as what its types multiply that to: whoever walks it must not walk a
        /// shared part twice.
        object: Arc<ObjectProjection>,
    },
}
