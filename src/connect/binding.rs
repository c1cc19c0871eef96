//! Where the arguments of lookups and of connected fields come from: `@is(field:)` and `@require(field:)`.
//!
//! In: the text of a field selection map. Out: [`KeyBinding`], plain data, and the paths that must be known of an
//! object. Deliberately absent: choices (`a | b`), type conditions and input objects in input objects, which are
//! refused by name.
//! Source: GraphQL Composite Schemas draft, "Field Selection Maps".

use apollo_compiler::Name;
use serde_json::{Map, Value};

use super::mapping::MappingError;

/// One argument that is filled from the object itself: `@require(field:)`.
#[derive(Clone, Debug)]
pub struct RequiredArgument {
    /// The argument's name, as `$args.name` knows it.
    pub name: Name,
    /// Where in the object its value comes from: a value or an object.
    pub from: KeyBinding,
    /// Its type is non-null: a null there skips the call, and the field is null.
    pub non_null: bool,
}

/// One argument of a lookup: `@is(field:)`.
#[derive(Clone, Debug)]
pub struct LookupArgument {
    /// The argument's name, as `$args.name` knows it.
    pub name: Name,
    /// Where in the key its value comes from.
    pub from: KeyBinding,
}

/// Where an argument's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyBinding {
    /// `"branch.code"`: one value; calls are partitioned by it. A path that meets a list goes through all of its
    /// elements (`"items[sku]"`).
    Value(Vec<Name>),
    /// `"[id]"`: the list of that field of all keys of a batch.
    ListOfValues(Vec<Name>),
    /// `"[{ branchCode: branch.code day }]"`: a list of input objects, one per key of a batch:
    /// (input field, path in the key).
    ListOfObjects(Vec<(Name, Vec<Name>)>),
    /// `"{ branchCode day }"`: one input object; calls are partitioned by it.
    Object(Vec<(Name, Vec<Name>)>),
}

impl KeyBinding {
    /// Reads a field selection map.
    pub fn parse(text: &str) -> Result<KeyBinding, MappingError> {
        let mut reader = Reader { text, offset: 0 };
        let binding = reader.top()?;
        reader.end()?;
        Ok(binding)
    }

    /// Whether it takes the keys of a whole batch.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::ListOfValues(_) | Self::ListOfObjects(_))
    }

    /// The paths that must be known of an object, in the order in which they were written.
    pub fn paths(&self) -> Vec<&[Name]> {
        match self {
            Self::Value(path) | Self::ListOfValues(path) => vec![path.as_slice()],
            Self::ListOfObjects(fields) | Self::Object(fields) => {
                fields.iter().map(|(_, path)| path.as_slice()).collect()
            }
        }
    }

    /// The argument's value for one object (for a list binding: the element that this object contributes).
    /// What is missing or null on the way is null.
    pub fn bind(&self, object: &Value) -> Value {
        match self {
            Self::Value(path) | Self::ListOfValues(path) => at_path(object, path),
            Self::ListOfObjects(fields) | Self::Object(fields) => Value::Object(
                fields.iter().map(|(name, path)| (name.to_string(), at_path(object, path))).collect::<Map<_, _>>(),
            ),
        }
    }
}

fn at_path(value: &Value, path: &[Name]) -> Value {
    let Some((first, rest)) = path.split_first() else { return value.clone() };
    match value {
        Value::Object(fields) => fields.get(first.as_str()).map_or(Value::Null, |value| at_path(value, rest)),
        Value::Array(items) => Value::Array(items.iter().map(|item| at_path(item, path)).collect()),
        _ => Value::Null,
    }
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
}

const EXAMPLES: &str = r#"Write a field ("id"), a path ("branch.code"), a list for a batch ("[id]", "[{ code day }]") or an input object ("{ code: branch.code day }")."#;

impl Reader<'_> {
    fn top(&mut self) -> Result<KeyBinding, MappingError> {
        match self.peek() {
            Some('[') => {
                self.offset += 1;
                let inner = self.value()?;
                self.expect(']')?;
                match inner {
                    KeyBinding::Value(path) => Ok(KeyBinding::ListOfValues(path)),
                    KeyBinding::Object(fields) => Ok(KeyBinding::ListOfObjects(fields)),
                    _ => Err(self.error("A list in a list cannot be bound.").with_help(EXAMPLES)),
                }
            }
            _ => self.value(),
        }
    }

    /// A path, an object, or an object below a path.
    fn value(&mut self) -> Result<KeyBinding, MappingError> {
        let binding = match self.peek() {
            Some('{') => KeyBinding::Object(self.object(&[])?),
            Some('[') => return Err(self.error("A list in a list cannot be bound.").with_help(EXAMPLES)),
            _ => {
                let (path, below) = self.path()?;
                if below { KeyBinding::Object(self.object(&path)?) } else { KeyBinding::Value(path) }
            }
        };
        if self.peek() == Some('|') {
            return Err(self
                .error("Choices (`|`) are not supported.")
                .with_help("Declare one lookup (or one argument) for each of the alternatives."));
        }
        Ok(binding)
    }

    /// `a.b`, `a[b]`; true when `.{` follows.
    fn path(&mut self) -> Result<(Vec<Name>, bool), MappingError> {
        let mut path = vec![self.name()?];
        let mut open = 0_usize;
        loop {
            match self.peek() {
                Some('.') => {
                    self.offset += 1;
                    if self.peek() == Some('{') {
                        if open > 0 {
                            return Err(self.error("A list of objects cannot be taken apart here."));
                        }
                        return Ok((path, true));
                    }
                    path.push(self.name()?);
                }
                Some('[') => {
                    self.offset += 1;
                    open += 1;
                    if self.peek() == Some('{') {
                        return Err(self
                            .error("A list of objects cannot be taken apart here.")
                            .with_help("Require one field of the list's objects for each argument: `items[sku]`."));
                    }
                    path.push(self.name()?);
                }
                _ => break,
            }
        }
        for _ in 0..open {
            self.expect(']')?;
        }
        Ok((path, false))
    }

    /// `{ name: path name … }`
    fn object(&mut self, prefix: &[Name]) -> Result<Vec<(Name, Vec<Name>)>, MappingError> {
        self.expect('{')?;
        let mut fields: Vec<(Name, Vec<Name>)> = Vec::new();
        loop {
            match self.peek() {
                Some('}') if !fields.is_empty() => {
                    self.offset += 1;
                    return Ok(fields);
                }
                Some(',') if !fields.is_empty() => self.offset += 1,
                _ => {
                    let start = self.offset;
                    let name = self.name()?;
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(MappingError::new(start, format!("`{name}` stands here twice.")));
                    }
                    let path = if self.peek() == Some(':') {
                        self.offset += 1;
                        if let Some('{' | '[') = self.peek() {
                            return Err(self
                                .error("An input object within an input object cannot be bound.")
                                .with_help("Bind the inner fields to arguments of their own."));
                        }
                        let (path, below) = self.path()?;
                        if below {
                            return Err(self.error("An input object within an input object cannot be bound."));
                        }
                        path
                    } else {
                        vec![name.clone()]
                    };
                    if self.peek() == Some('|') {
                        return Err(self.error("Choices (`|`) are not supported."));
                    }
                    fields.push((name, prefix.iter().cloned().chain(path).collect()));
                }
            }
        }
    }

    fn name(&mut self) -> Result<Name, MappingError> {
        match self.peek() {
            Some('<') => {
                return Err(self
                    .error("Type conditions (`<Type>`) are not supported.")
                    .with_help("Declare the lookup for the concrete type itself."));
            }
            Some('|') => return Err(self.error("Choices (`|`) are not supported.")),
            _ => {}
        }
        let rest = &self.text[self.offset..];
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        match Name::new(&rest[..len]) {
            Ok(name) => {
                self.offset += len;
                Ok(name)
            }
            Err(_) => Err(self.error(&format!("A field's name is expected{}.", self.instead())).with_help(EXAMPLES)),
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), MappingError> {
        if self.peek() == Some(wanted) {
            self.offset += 1;
            return Ok(());
        }
        Err(self.error(&format!("`{wanted}` is expected{}.", self.instead())).with_help(EXAMPLES))
    }

    fn end(&mut self) -> Result<(), MappingError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error(&format!("The text should end here{}.", self.instead())).with_help(EXAMPLES)),
        }
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.offset..];
        self.offset += rest.len() - rest.trim_start().len();
        self.text[self.offset..].chars().next()
    }

    fn instead(&self) -> String {
        match self.text[self.offset..].chars().next() {
            Some(found) => format!(", not `{found}`"),
            None => " before the end".to_owned(),
        }
    }

    fn error(&self, message: &str) -> MappingError {
        MappingError::new(self.offset, message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<Name> {
        path.split('.').map(|name| Name::new(name).unwrap()).collect()
    }

    fn field(name: &str, path: &str) -> (Name, Vec<Name>) {
        (Name::new(name).unwrap(), names(path))
    }

    #[test]
    fn every_form_is_read() {
        let cases = [
            ("id", KeyBinding::Value(names("id"))),
            (" branch . code ", KeyBinding::Value(names("branch.code"))),
            ("[id]", KeyBinding::ListOfValues(names("id"))),
            ("[branch.code]", KeyBinding::ListOfValues(names("branch.code"))),
            ("{ code day }", KeyBinding::Object(vec![field("code", "code"), field("day", "day")])),
            ("{ code: branch.code, day }", KeyBinding::Object(vec![field("code", "branch.code"), field("day", "day")])),
            (
                "[{ branchCode day }]",
                KeyBinding::ListOfObjects(vec![field("branchCode", "branchCode"), field("day", "day")]),
            ),
            ("dimensions.{ weight }", KeyBinding::Object(vec![field("weight", "dimensions.weight")])),
            ("[branch.{ code }]", KeyBinding::ListOfObjects(vec![field("code", "branch.code")])),
            ("items[sku]", KeyBinding::Value(names("items.sku"))),
        ];
        for (text, expected) in cases {
            assert_eq!(KeyBinding::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let cases = [
            ("id | name", 3, "Choices"),
            ("{ a: b | c }", 7, "Choices"),
            ("<Movie>.id", 0, "Type conditions"),
            ("[[id]]", 1, "list in a list"),
            ("{ a: { b } }", 5, "within an input object"),
            ("items[{ sku }]", 6, "list of objects"),
            ("", 0, "name is expected before the end"),
            ("{ }", 2, "not `}`"),
            ("id name", 3, "should end here"),
            ("{ a a }", 4, "twice"),
            ("[id", 3, "`]` is expected"),
            ("1a", 0, "name is expected"),
        ];
        for (text, offset, message) in cases {
            let error = KeyBinding::parse(text).unwrap_err();
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert_eq!(error.offset, offset, "{text}");
        }
    }

    #[test]
    fn values_are_taken_from_the_object() {
        let object = serde_json::json!({"id": 1, "branch": {"code": "b"}, "items": [{"sku": "x"}, {}]});
        let cases = [
            ("id", serde_json::json!(1)),
            ("branch.code", serde_json::json!("b")),
            ("items[sku]", serde_json::json!(["x", null])),
            ("{ c: branch.code id }", serde_json::json!({"c": "b", "id": 1})),
            ("nothing.there", serde_json::json!(null)),
        ];
        for (text, expected) in cases {
            assert_eq!(KeyBinding::parse(text).unwrap().bind(&object), expected, "{text}");
        }
    }
}
