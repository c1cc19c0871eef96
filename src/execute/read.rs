//! Reads a service's answer along its planned shape, straight into slots.
//!
//! In: bytes, and the layout of what is expected. Out: a slot per expected value: a range of the bytes, null, a record, a list,
//! or a failure where the value is not of its declared type; that field alone then suffers. A text that is
//! no JSON is a [`Fault`]: nothing of it is kept. What is not expected is skipped.
//! The recursion follows the shape, whose depth the operation's limit bounds; the answer cannot deepen it.
//! Of a key that stands twice the last one counts, as in most readers.
//! Deliberately absent: null propagation, and what non-null types demand.

use bytes::Bytes;

use super::errors::{Code, FailureId, LoadId};
use super::json::{self, Fault, Reader, Token};
use super::layout::{Layout, NodeId, Use};
use super::slots::{Arena, Slot};
use crate::planner::plan::{Leaf, Shape, ShapeField, ShapeId, ShapeValue, SlotId};

/// Why an answer was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is no JSON, or too large.
    Fault(Fault),
    /// It is JSON, but no GraphQL response.
    NotGraphQl,
    /// A mapping's simple reading does not fit this answer (a list where it picks from an object): the
    /// mapping must be evaluated.
    NotPicked,
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// How strictly an answer has to follow its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What does not fit is a failure in its slot.
    Shape,
    /// What does not fit stops the reading: [`Unread::NotPicked`].
    Pick,
}

/// Reads one answer into an arena.
pub(crate) struct AnswerReader<'r> {
    arena: &'r mut Arena,
    shapes: &'r [Shape],
    layout: &'r Layout,
    json: Reader<'r>,
    buffer: u32,
    load: LoadId,
    mode: Mode,
    /// Elements of the lists that are being read.
    elements: Vec<Slot>,
    /// The failures of this answer, one per kind.
    wrong: Vec<(Wrong, FailureId)>,
}

/// How a value can be of the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    List,
    Object,
    Int,
    Float,
    String,
    Boolean,
    Id,
    Enum,
    Typename,
    Text,
}

impl Wrong {
    fn message(self) -> &'static str {
        match self {
            Self::List => "not a list",
            Self::Object => "not an object",
            Self::Int => "not an integer of 32 bits",
            Self::Float => "not a finite number",
            Self::String => "not a string",
            Self::Boolean => "not a boolean",
            Self::Id => "neither a string nor an integer",
            Self::Enum => "not one of the enum's values",
            Self::Typename => "not the name of a type",
            Self::Text => "not valid Unicode",
        }
    }
}

impl<'r> AnswerReader<'r> {
    /// A reader of `text`, which is kept in the arena.
    pub(crate) fn new(
        arena: &'r mut Arena,
        shapes: &'r [Shape],
        layout: &'r Layout,
        text: &'r Bytes,
        load: LoadId,
        mode: Mode,
    ) -> Self {
        let json = Reader::new(text);
        let buffer = arena.keep(text.clone());
        Self { arena, shapes, layout, json, buffer, load, mode, elements: Vec::new(), wrong: Vec::new() }
    }

    /// The whole text is one object of this node, or null.
    pub(crate) fn object(mut self, node: NodeId) -> Result<Slot, Unread> {
        let slot = self.object_or_null(node)?;
        self.json.finish()?;
        Ok(slot)
    }

    /// The whole text is the value of the only field of this shape, its objects read by this node; its record.
    pub(crate) fn only_field(mut self, shape: ShapeId, node: NodeId) -> Result<Slot, Unread> {
        let shapes = self.shapes;
        let shape = &shapes[shape.0 as usize];
        let base = self.arena.record(shape.slots)?;
        if let [field] = shape.fields.as_slice() {
            let value = self.value(field, field.list_depth, node)?;
            self.arena.set(base + field.slot.0, value);
        } else {
            self.json.skip()?;
        }
        self.json.finish()?;
        Ok(Slot::Object(base))
    }

    /// The whole text is a GraphQL answer: `data` by this node, and the text of `errors`.
    pub(crate) fn graphql(mut self, node: NodeId) -> Result<GraphQlAnswer, Unread> {
        let mut answer = GraphQlAnswer { data: None, errors: None };
        if self.json.peek()? != b'{' {
            self.json.skip()?;
            self.json.finish()?;
            return Err(Unread::NotGraphQl);
        }
        self.json.bump();
        let mut first = true;
        while let Some(key) = self.json.next_key(first)? {
            first = false;
            match json::unescape(self.json.text(), &key).as_deref() {
                Some(b"data") => answer.data = Some(self.object_or_null(node)?),
                Some(b"errors") => answer.errors = Some(self.json.skip()?.range),
                _ => {
                    let _ = self.json.skip()?;
                }
            }
        }
        self.json.finish()?;
        Ok(answer)
    }

    fn object_or_null(&mut self, node: NodeId) -> Result<Slot, Unread> {
        match self.json.peek()? {
            b'{' => self.record(node),
            b'n' => self.null(),
            _ => self.mismatch(Wrong::Object),
        }
    }

    fn null(&mut self) -> Result<Slot, Unread> {
        self.json.word(b"null")?;
        Ok(Slot::Null)
    }

    /// A new record, filled from the object that comes next.
    fn record(&mut self, node: NodeId) -> Result<Slot, Unread> {
        let shape = self.layout.node(node).shape;
        let base = self.arena.record(self.shapes[shape.0 as usize].slots)?;
        self.members(node, base)?;
        let keys = &self.layout.node(node).keys;
        // `{"id": null}` from an HTTP service is how it says that there is no such object.
        if !keys.is_empty() && keys.iter().all(|key| key.iter().any(|way| self.is_null(base, way))) {
            return Ok(Slot::Null);
        }
        Ok(Slot::Object(base))
    }

    fn is_null(&self, base: u32, way: &[SlotId]) -> bool {
        let mut value = Slot::Object(base);
        for slot in way {
            value = match value {
                Slot::Object(base) => self.arena.field(base, *slot),
                _ => return true,
            };
        }
        matches!(value, Slot::Null | Slot::Absent)
    }

    /// Fills a record from the object that comes next.
    fn members(&mut self, node: NodeId, base: u32) -> Result<(), Unread> {
        let (layout, shapes) = (self.layout, self.shapes);
        let node = layout.node(node);
        let fields = &shapes[node.shape.0 as usize].fields;
        self.json.bump();
        let (mut expected, mut first) = (0, true);
        loop {
            let index = match self.next_member(node, expected, first)? {
                Next::End => return Ok(()),
                Next::Unknown => {
                    self.json.skip()?;
                    None
                }
                Next::Member(index) => Some(index),
            };
            first = false;
            let Some(index) = index else { continue };
            expected = index + 1;
            let (last, others) = match node.members[index].uses.split_last() {
                Some(uses) => uses,
                None => {
                    self.json.skip()?;
                    continue;
                }
            };
            for other in others {
                let start = self.json;
                self.use_value(*other, fields, base)?;
                self.json = start;
            }
            self.use_value(*last, fields, base)?;
        }
    }

    fn next_member(&mut self, node: &super::layout::Node, expected: usize, first: bool) -> Result<Next, Fault> {
        // The next key is nearly always the expected one.
        if let Some(member) = node.members.get(expected) {
            let mut ahead = self.json;
            let at_key = if first {
                true
            } else if ahead.peek()? == b',' {
                ahead.bump();
                true
            } else {
                false
            };
            if at_key && ahead.peek()? == b'"' && ahead.take_key(&member.quoted) {
                self.json = ahead;
                return Ok(Next::Member(expected));
            }
        }
        let Some(key) = self.json.next_key(first)? else { return Ok(Next::End) };
        let member = json::unescape(self.json.text(), &key).and_then(|key| node.find(&key));
        Ok(member.map_or(Next::Unknown, Next::Member))
    }

    fn use_value(&mut self, used: Use, fields: &[ShapeField], base: u32) -> Result<(), Unread> {
        match used {
            Use::Field(index, node) => {
                let field = &fields[index as usize];
                let value = self.value(field, field.list_depth, node)?;
                self.arena.set(base + field.slot.0, value);
                Ok(())
            }
            Use::Within(node) => match self.json.peek()? {
                b'{' => self.members(node, base),
                b'n' => self.null().map(drop),
                _ => self.mismatch(Wrong::Object).map(drop),
            },
        }
    }

    /// A value within so many lists.
    fn value(&mut self, field: &ShapeField, list_depth: u32, node: NodeId) -> Result<Slot, Unread> {
        let next = self.json.peek()?;
        if list_depth > 0 {
            return match next {
                b'[' => self.list(field, list_depth - 1, node),
                b'n' => self.null(),
                _ => self.mismatch(Wrong::List),
            };
        }
        match &field.value {
            ShapeValue::Object(_) => self.object_or_null(node),
            ShapeValue::Leaf(_) if next == b'n' => self.null(),
            ShapeValue::Leaf(leaf) => self.leaf(leaf, next),
        }
    }

    fn list(&mut self, field: &ShapeField, list_depth: u32, node: NodeId) -> Result<Slot, Unread> {
        self.json.bump();
        let mark = self.elements.len();
        let mut first = true;
        while self.json.next_element(first)? {
            first = false;
            let element = self.value(field, list_depth, node)?;
            self.elements.push(element);
        }
        let list = self.arena.list(&self.elements[mark..])?;
        self.elements.truncate(mark);
        Ok(list)
    }

    fn leaf(&mut self, leaf: &Leaf, next: u8) -> Result<Slot, Unread> {
        let is_number = next == b'-' || next.is_ascii_digit();
        match leaf {
            Leaf::Int if is_number => self.int(),
            Leaf::Int => self.mismatch(Wrong::Int),
            Leaf::Float if is_number => {
                let range = self.json.number()?;
                match json::is_finite(self.json.slice(range.clone())) {
                    true => Ok(self.arena.scalar(self.buffer, range)?),
                    false => Ok(self.wrong(Wrong::Float)),
                }
            }
            Leaf::Float => self.mismatch(Wrong::Float),
            Leaf::String if next == b'"' => self.string(),
            Leaf::String => self.mismatch(Wrong::String),
            Leaf::Boolean if next == b't' || next == b'f' => {
                let range = self.json.word(if next == b't' { b"true" } else { b"false" })?;
                Ok(self.arena.scalar(self.buffer, range)?)
            }
            Leaf::Boolean => self.mismatch(Wrong::Boolean),
            Leaf::Id if next == b'"' => self.string(),
            Leaf::Id if is_number => {
                let range = self.json.number()?;
                let digits = self.json.slice(range);
                if digits.iter().all(|byte| *byte == b'-' || byte.is_ascii_digit()) {
                    return Ok(self.arena.rewrite(&[b"\"", digits, b"\""])?);
                }
                match json::whole_number(digits) {
                    Some(number) => Ok(self.arena.rewrite(&[b"\"", number.to_string().as_bytes(), b"\""])?),
                    None => Ok(self.wrong(Wrong::Id)),
                }
            }
            Leaf::Id => self.mismatch(Wrong::Id),
            Leaf::Enum { known, .. } if next == b'"' => {
                let name = |name: &[u8]| known.iter().any(|known| known.as_bytes() == name);
                self.name(Wrong::Enum, name)
            }
            Leaf::Enum { .. } => self.mismatch(Wrong::Enum),
            Leaf::Typename if next == b'"' => self.name(Wrong::Typename, is_name),
            Leaf::Typename => self.mismatch(Wrong::Typename),
            Leaf::Any => {
                let value = self.json.skip()?;
                self.text(value)
            }
        }
    }

    fn string(&mut self) -> Result<Slot, Unread> {
        let string = self.json.string()?;
        self.text(string)
    }

    /// What can be copied into a response, and nothing else.
    fn text(&mut self, token: Token) -> Result<Slot, Unread> {
        match token.is_text {
            true => Ok(self.arena.scalar(self.buffer, token.range)?),
            false => Ok(self.wrong(Wrong::Text)),
        }
    }

    /// A string that is a name, and among the known ones. Kept without escapes, so that names can be compared as bytes.
    fn name(&mut self, wrong: Wrong, is_known: impl Fn(&[u8]) -> bool) -> Result<Slot, Unread> {
        let token = self.json.string()?;
        let name = match json::unescape(self.json.text(), &token) {
            Some(name) if is_known(&name) => name,
            _ => return Ok(self.wrong(wrong)),
        };
        if name.len() + 2 == token.range.len() {
            return Ok(self.arena.scalar(self.buffer, token.range)?);
        }
        Ok(self.arena.rewrite(&[b"\"", &name, b"\""])?)
    }

    fn int(&mut self) -> Result<Slot, Unread> {
        let range = self.json.number()?;
        let text = self.json.slice(range.clone());
        match json::whole_number(text).map(i32::try_from) {
            // `1.0` and `1e3` are written as the whole numbers that they are.
            Some(Ok(number)) if text == b"-0" || text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
                Ok(self.arena.rewrite(&[number.to_string().as_bytes()])?)
            }
            Some(Ok(_)) => Ok(self.arena.scalar(self.buffer, range)?),
            _ => Ok(self.wrong(Wrong::Int)),
        }
    }

    /// Skips the value, which is of the wrong type.
    fn mismatch(&mut self, wrong: Wrong) -> Result<Slot, Unread> {
        let structural = matches!(wrong, Wrong::List | Wrong::Object);
        let nested = matches!(self.json.peek()?, b'{' | b'[');
        self.json.skip()?;
        if self.mode == Mode::Pick && (structural || nested) {
            return Err(Unread::NotPicked);
        }
        Ok(self.wrong(wrong))
    }

    fn wrong(&mut self, wrong: Wrong) -> Slot {
        if let Some((_, failure)) = self.wrong.iter().find(|(known, _)| *known == wrong) {
            return Slot::Failed(*failure);
        }
        let failure = self.arena.failures.add(self.load, Code::InvalidResponse, wrong.message());
        self.wrong.push((wrong, failure));
        Slot::Failed(failure)
    }
}

enum Next {
    End,
    Unknown,
    Member(usize),
}

/// What a GraphQL service answered.
#[derive(Debug)]
pub(crate) struct GraphQlAnswer {
    /// `data`: a record, null, or a failure where it is no object; `None` where there is no `data`.
    pub(crate) data: Option<Slot>,
    /// Where the value of `errors` is.
    pub(crate) errors: Option<std::ops::Range<usize>>,
}

fn is_name(text: &[u8]) -> bool {
    !text.is_empty()
        && !text[0].is_ascii_digit()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}
