//! A single-pass JSON reader over bytes that nobody has checked before.
//!
//! In: UTF-8 text. Out: tokens as ranges of that text; whatever it passes over has been validated completely, so
//! that copying a range into a response can never make it invalid. Skipping a value is iterative and bounded in depth.
//! Deliberately absent: values. Nothing is unescaped, and no number is converted unless somebody asks.
//! Source: RFC 8259. A lone surrogate escape is refused, as most readers of the response would refuse it.

use std::borrow::Cow;
use std::ops::Range;

/// How deep arrays and objects may nest within a skipped value: the bits of the reader's stack.
pub(crate) const DEPTH_MAX: u32 = 128;

/// Why a text is no JSON. Says nothing of the content, so that it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It ends too early.
    #[error("the answer is cut off")]
    Truncated,
    /// A byte that cannot stand here.
    #[error("the answer is not valid JSON")]
    Syntax,
    /// Not UTF-8.
    #[error("the answer is not valid UTF-8")]
    Encoding,
    /// Deeper than [`DEPTH_MAX`].
    #[error("the answer is nested too deeply")]
    Depth,
    /// More values than a request may hold.
    #[error("the answer is too large")]
    Size,
}

/// Reads one text. `Copy`, so that a caller may look ahead.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Checks that the text is UTF-8; a byte order mark is passed over.
    pub(crate) fn new(text: &'a [u8]) -> Result<Self, Fault> {
        if std::str::from_utf8(text).is_err() {
            return Err(Fault::Encoding);
        }
        let at = if text.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        Ok(Self { text, at })
    }

    /// The bytes of a range.
    pub(crate) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        &self.text[range]
    }

    /// The next byte that is no white space, not taken.
    pub(crate) fn peek(&mut self) -> Result<u8, Fault> {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(*byte),
            }
        }
        Err(Fault::Truncated)
    }

    /// Takes the byte that [`peek`](Self::peek) saw.
    pub(crate) fn bump(&mut self) {
        self.at += 1;
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.peek()? != byte {
            return Err(Fault::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Only white space may follow.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Err(Fault::Truncated) => Ok(()),
            _ => Err(Fault::Syntax),
        }
    }

    /// After `{` or after a member: the next key with its quotes, the colon taken, or `None` at the closing brace.
    pub(crate) fn next_key(&mut self, first: bool) -> Result<Option<Range<usize>>, Fault> {
        match self.peek()? {
            b'}' => {
                self.at += 1;
                return Ok(None);
            }
            b',' if !first => {
                self.at += 1;
                self.peek()?;
            }
            b'"' if first => {}
            _ => return Err(Fault::Syntax),
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// After `[` or after an element: whether another one follows, with the comma taken.
    pub(crate) fn next_element(&mut self, first: bool) -> Result<bool, Fault> {
        match self.peek()? {
            b']' => {
                self.at += 1;
                Ok(false)
            }
            b',' if !first => {
                self.at += 1;
                // A trailing comma is found by whoever reads the element.
                Ok(true)
            }
            _ if first => Ok(true),
            _ => Err(Fault::Syntax),
        }
    }

    /// If the text goes on with exactly `expected` (a key with its quotes), takes it and the colon.
    pub(crate) fn take_key(&mut self, expected: &[u8]) -> bool {
        let rest = &self.text[self.at..];
        if rest.len() > expected.len() && rest.starts_with(expected) {
            let mut after = Self { text: self.text, at: self.at + expected.len() };
            if after.expect(b':').is_ok() {
                *self = after;
                return true;
            }
        }
        false
    }

    /// A string with its quotes.
    pub(crate) fn string(&mut self) -> Result<Range<usize>, Fault> {
        self.expect(b'"')?;
        let start = self.at - 1;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.text.get(self.at) {
                None => return Err(Fault::Truncated),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                Some(b'\\') => self.escape()?,
                Some(byte) if *byte < 0x20 => return Err(Fault::Syntax),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.text.get(self.at + 1) {
            None => Err(Fault::Truncated),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let unit = self.hex(self.at + 2)?;
                self.at += 6;
                match unit {
                    0xD800..=0xDBFF => {
                        if self.text.get(self.at..self.at + 2) != Some(b"\\u") {
                            return Err(Fault::Syntax);
                        }
                        let low = self.hex(self.at + 2)?;
                        self.at += 6;
                        if (0xDC00..=0xDFFF).contains(&low) { Ok(()) } else { Err(Fault::Syntax) }
                    }
                    0xDC00..=0xDFFF => Err(Fault::Syntax),
                    _ => Ok(()),
                }
            }
            Some(_) => Err(Fault::Syntax),
        }
    }

    fn hex(&self, at: usize) -> Result<u32, Fault> {
        let digits = self.text.get(at..at + 4).ok_or(Fault::Truncated)?;
        digits.iter().try_fold(0, |unit, digit| {
            char::from(*digit).to_digit(16).map(|digit| unit * 16 + digit).ok_or(Fault::Syntax)
        })
    }

    /// A number, by the grammar; its size is not looked at.
    pub(crate) fn number(&mut self) -> Result<Range<usize>, Fault> {
        self.peek()?;
        let start = self.at;
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        match self.text.get(self.at) {
            None => return Err(Fault::Truncated),
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            Some(_) => return Err(Fault::Syntax),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(start..self.at)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let run = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += run;
        match (run, self.text.get(self.at)) {
            (0, None) => Err(Fault::Truncated),
            (0, Some(_)) => Err(Fault::Syntax),
            _ => Ok(()),
        }
    }

    /// `true`, `false` or `null`.
    pub(crate) fn word(&mut self, word: &'static [u8]) -> Result<Range<usize>, Fault> {
        self.peek()?;
        let start = self.at;
        let rest = &self.text[start..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(start..self.at)
        } else if word.starts_with(rest) {
            Err(Fault::Truncated)
        } else {
            Err(Fault::Syntax)
        }
    }

    /// Any one value: validated and passed over, without recursion.
    pub(crate) fn skip(&mut self) -> Result<Range<usize>, Fault> {
        self.peek()?;
        let start = self.at;
        // One bit per open bracket, the innermost lowest: 1 for an object.
        let (mut open, mut depth) = (0_u128, 0_u32);
        loop {
            match self.peek()? {
                b'"' => {
                    let _ = self.string()?;
                }
                b'-' | b'0'..=b'9' => {
                    let _ = self.number()?;
                }
                b't' => {
                    let _ = self.word(b"true")?;
                }
                b'f' => {
                    let _ = self.word(b"false")?;
                }
                b'n' => {
                    let _ = self.word(b"null")?;
                }
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    let is_object = bracket == b'{';
                    let (another, closed) = if is_object {
                        let key = self.next_key(true)?.is_some();
                        (key, !key)
                    } else {
                        let element = self.next_element(true)?;
                        (element, !element)
                    };
                    if another {
                        if depth == DEPTH_MAX {
                            return Err(Fault::Depth);
                        }
                        depth += 1;
                        open = (open << 1) | u128::from(is_object);
                    }
                    if !closed {
                        continue;
                    }
                }
                _ => return Err(Fault::Syntax),
            }
            // A value ended: go on in the innermost open bracket, leaving those that close.
            loop {
                if depth == 0 {
                    return Ok(start..self.at);
                }
                let more = if open & 1 == 1 { self.next_key(false)?.is_some() } else { self.next_element(false)? };
                if more {
                    break;
                }
                open >>= 1;
                depth -= 1;
            }
        }
    }
}

/// How many bytes of a string stand as they are: no quote, no backslash, no control character.
fn plain_run(text: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut run = 0;
    // Eight bytes at a time; a byte with its high bit set is never special, and the borrow of the subtractions only
    // ever makes a block look special that is not, which the byte by byte end then settles.
    for block in text.chunks_exact(8) {
        let word = u64::from_le_bytes(block.try_into().expect("a chunk of eight bytes"));
        let quote = word ^ (LOW * u64::from(b'"'));
        let backslash = word ^ (LOW * u64::from(b'\\'));
        let special = (quote.wrapping_sub(LOW) & !quote)
            | (backslash.wrapping_sub(LOW) & !backslash)
            | (word.wrapping_sub(LOW * 0x20) & !word);
        if special & HIGH != 0 {
            break;
        }
        run += 8;
    }
    run + text[run..].iter().take_while(|byte| **byte != b'"' && **byte != b'\\' && **byte >= 0x20).count()
}

/// The text of a string token (with its quotes, validated), unescaped.
pub(crate) fn unescape(token: &[u8]) -> Cow<'_, [u8]> {
    let inner = &token[1..token.len() - 1];
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    match serde_json::from_slice::<String>(token) {
        Ok(text) => Cow::Owned(text.into_bytes()),
        // Cannot happen for a validated token; the raw text is a safe answer.
        Err(_) => Cow::Borrowed(inner),
    }
}

/// Appends `text` as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string to memory cannot fail.
    drop(serde_json::to_writer(out, text));
}

/// Appends one validated value without line breaks, which some transports would take for the end of the response.
pub(crate) fn compact(text: &[u8], out: &mut Vec<u8>) {
    if !text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    // A string holds no raw line break, so whatever stands there is white space between tokens.
    out.extend(text.iter().filter(|byte| !matches!(byte, b'\n' | b'\r')));
}

/// The elements of an array, or `None` if the value is none. The whole value is validated.
pub(crate) fn elements(text: &[u8]) -> Result<Option<Vec<Range<usize>>>, Fault> {
    let mut reader = Reader::new(text)?;
    if reader.peek()? != b'[' {
        reader.skip()?;
        reader.finish()?;
        return Ok(None);
    }
    reader.bump();
    let (mut found, mut first) = (Vec::new(), true);
    while reader.next_element(first)? {
        found.push(reader.skip()?);
        first = false;
    }
    reader.finish()?;
    Ok(Some(found))
}

/// The member of an object under a path of names, each the last of its name; `None` where there is none.
/// `text` is one validated value.
pub(crate) fn member<'a>(text: &'a [u8], path: &[&str]) -> Result<Option<&'a [u8]>, Fault> {
    let mut value = text;
    for name in path {
        let mut reader = Reader::new(value)?;
        if reader.peek()? != b'{' {
            return Ok(None);
        }
        reader.bump();
        let (mut found, mut first) = (None, true);
        while let Some(key) = reader.next_key(first)? {
            first = false;
            let range = reader.skip()?;
            if unescape(reader.slice(key)).as_ref() == name.as_bytes() {
                found = Some(range);
            }
        }
        match found {
            Some(range) => value = &value[range],
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skip_all(text: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(text)?;
        reader.skip()?;
        reader.finish()
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let at_limit = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        assert_eq!(skip_all(at_limit.as_bytes()), Ok(()));
        assert_eq!(skip_all("[".repeat(1_000_000).as_bytes()), Err(Fault::Depth));
        assert_eq!(skip_all("{\"a\":".repeat(1_000_000).as_bytes()), Err(Fault::Depth));
    }

    #[test]
    fn faults() {
        for (text, fault) in [
            (&b"{\"a\":1"[..], Fault::Truncated),
            (b"\"abc", Fault::Truncated),
            (b"tru", Fault::Truncated),
            (b"", Fault::Truncated),
            (b"<html>", Fault::Syntax),
            (b"{\"a\":1,}", Fault::Syntax),
            (b"[1,]", Fault::Syntax),
            (b"[1 2]", Fault::Syntax),
            (b"01", Fault::Syntax),
            (b"1.", Fault::Truncated),
            (b"{\"a\":1} x", Fault::Syntax),
            (b"\"\\ud800\"", Fault::Syntax),
            (b"\"\\ud800\\u0041\"", Fault::Syntax),
            (b"\"\\x\"", Fault::Syntax),
            (b"\"a\nb\"", Fault::Syntax),
            (b"\"\xff\"", Fault::Encoding),
        ] {
            assert_eq!(skip_all(text), Err(fault), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn members_are_the_last_of_their_name() {
        let text = br#"{"a":{"b":1},"a":{"b":2,"\u0062":3}}"#;
        assert_eq!(member(text, &["a", "b"]), Ok(Some(&b"3"[..])));
        assert_eq!(member(text, &["a", "b", "c"]), Ok(None));
    }

    fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        // The two readers agree on what is JSON, for real texts and for texts with a few bytes changed.
        #[test]
        fn agrees_with_serde_json(
            value in arbitrary_json(),
            pretty in any::<bool>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut text =
                if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            for (index, byte) in changes {
                let index = index.index(text.len());
                text[index] = byte;
            }
            let ours = skip_all(&text);
            // `IgnoredAny` would not check strings; a number out of the range of `f64` is JSON all the same.
            match serde_json::from_slice::<serde_json::Value>(&text) {
                Ok(_) => prop_assert_eq!(ours, Ok(())),
                Err(error) => prop_assert!(ours.is_err() || error.to_string().contains("out of range")),
            }
        }

        #[test]
        fn random_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (skip_all(&text), elements(&text), member(&text, &["a"]));
        }
    }
}
