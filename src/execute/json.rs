//! A single-pass JSON reader over bytes that nobody has checked before.
//!
//! In: bytes. Out: tokens as ranges of them; whatever it passes over has been validated completely, so that copying a
//! range into a response can never make it invalid. Skipping a value is iterative and bounded in depth.
//! A string can be well-formed and still be no text: with bytes that are no UTF-8, or an escape that is half a surrogate pair,
//! which many readers of the response would refuse. That spoils the string alone; each token says whether it [is text](Token::is_text).
//! Deliberately absent: values. Nothing is unescaped, and no number is converted unless somebody asks.
//! Source: RFC 8259, sections 8.1 and 8.2.

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
    /// Deeper than [`DEPTH_MAX`].
    #[error("the answer is nested too deeply")]
    Depth,
    /// More values than a request may hold.
    #[error("the answer is too large")]
    Size,
}

/// A value that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where it stands.
    pub(crate) range: Range<usize>,
    /// All strings in it are text. What is not must not be copied into a response.
    pub(crate) is_text: bool,
}

/// Reads one text. `Copy`, so that a caller may look ahead.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// All of it is UTF-8, so that no string needs to be looked at for that.
    is_utf8: bool,
}

impl<'a> Reader<'a> {
    /// A byte order mark is passed over.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let at = if text.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
        Self { text, at, is_utf8: std::str::from_utf8(text).is_ok() }
    }

    /// All that it reads.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
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
    pub(crate) fn next_key(&mut self, first: bool) -> Result<Option<Token>, Fault> {
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

    fn pass_key(&mut self, first: bool, is_text: &mut bool) -> Result<bool, Fault> {
        let key = self.next_key(first)?;
        *is_text &= key.as_ref().is_none_or(|key| key.is_text);
        Ok(key.is_some())
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
            let mut after = Self { at: self.at + expected.len(), ..*self };
            if after.expect(b':').is_ok() {
                *self = after;
                return true;
            }
        }
        false
    }

    /// A string with its quotes.
    pub(crate) fn string(&mut self) -> Result<Token, Fault> {
        self.expect(b'"')?;
        let start = self.at - 1;
        let mut is_text = true;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.text.get(self.at) {
                None => return Err(Fault::Truncated),
                Some(b'"') => {
                    self.at += 1;
                    let range = start..self.at;
                    is_text &= self.is_utf8 || std::str::from_utf8(&self.text[range.clone()]).is_ok();
                    return Ok(Token { range, is_text });
                }
                Some(b'\\') => is_text &= self.escape()?,
                Some(byte) if *byte < 0x20 => return Err(Fault::Syntax),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Whether it stands for a character, alone or with the escape after it.
    fn escape(&mut self) -> Result<bool, Fault> {
        match self.text.get(self.at + 1) {
            None => Err(Fault::Truncated),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(true)
            }
            Some(b'u') => {
                let unit = self.hex(self.at + 2)?;
                self.at += 6;
                match unit {
                    0xD800..=0xDBFF if self.text.get(self.at..self.at + 2) == Some(b"\\u") => {
                        let is_pair = (0xDC00..=0xDFFF).contains(&self.hex(self.at + 2)?);
                        if is_pair {
                            self.at += 6;
                        }
                        Ok(is_pair)
                    }
                    0xD800..=0xDFFF => Ok(false),
                    _ => Ok(true),
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
    pub(crate) fn skip(&mut self) -> Result<Token, Fault> {
        self.peek()?;
        let start = self.at;
        let mut is_text = true;
        // One bit per open bracket, the innermost lowest: 1 for an object.
        let (mut open, mut depth) = (0_u128, 0_u32);
        loop {
            match self.peek()? {
                b'"' => is_text &= self.string()?.is_text,
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
                    let another = if is_object { self.pass_key(true, &mut is_text)? } else { self.next_element(true)? };
                    if another {
                        if depth == DEPTH_MAX {
                            return Err(Fault::Depth);
                        }
                        depth += 1;
                        open = (open << 1) | u128::from(is_object);
                        continue;
                    }
                }
                _ => return Err(Fault::Syntax),
            }
            // A value ended: go on in the innermost open bracket, leaving those that close.
            loop {
                if depth == 0 {
                    return Ok(Token { range: start..self.at, is_text });
                }
                let more = if open & 1 == 1 { self.pass_key(false, &mut is_text)? } else { self.next_element(false)? };
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

/// The text of a string token (with its quotes, validated), unescaped; `None` if it is none.
pub(crate) fn unescape<'a>(text: &'a [u8], token: &Token) -> Option<Cow<'a, [u8]>> {
    let quoted = &text[token.range.clone()];
    let inner = &quoted[1..quoted.len() - 1];
    match (token.is_text, inner.contains(&b'\\')) {
        (false, _) => None,
        (true, false) => Some(Cow::Borrowed(inner)),
        (true, true) => serde_json::from_slice::<String>(quoted).ok().map(|text| Cow::Owned(text.into_bytes())),
    }
}

/// The same JSON with `replacement` for everything in its strings that is no text.
pub(crate) fn repaired(text: &[u8], replacement: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        // An escape is ASCII, so no chunk ends within one; and a backslash stands in strings alone.
        let mut rest = chunk.valid().as_bytes();
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            let mut reader = Reader { text: rest, at, is_utf8: true };
            out.extend_from_slice(&rest[..at]);
            match reader.escape() {
                Ok(true) => out.extend_from_slice(&rest[at..reader.at]),
                Ok(false) => out.extend_from_slice(replacement.as_bytes()),
                // Not JSON: nobody asks for that.
                Err(_) => break,
            }
            rest = &rest[reader.at..];
        }
        out.extend_from_slice(rest);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(replacement.as_bytes());
        }
    }
    out
}

/// Whether a number token is one that a double holds.
pub(crate) fn is_finite(number: &[u8]) -> bool {
    // Without an exponent it takes more than 300 digits to leave the range.
    let plain = number.len() < 300 && !number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    plain || std::str::from_utf8(number).is_ok_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite))
}

/// The whole number that a number token is: `1.0` and `1e3` are as well. `None` beyond what a double holds exactly.
pub(crate) fn whole_number(number: &[u8]) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let text = std::str::from_utf8(number).ok()?;
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    // `parse` has read all that look like whole numbers; another one of those is too long.
    let number: f64 = text.contains(['.', 'e', 'E']).then(|| text.parse().ok())??;
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

/// Where the numbers of a validated text stand.
pub(crate) fn numbers(text: &[u8]) -> Vec<Range<usize>> {
    let mut reader = Reader::new(text);
    let mut found = Vec::new();
    while let Some(byte) = text.get(reader.at) {
        let passed = match byte {
            b'"' => reader.string().map(drop),
            b'-' | b'0'..=b'9' => reader.number().map(|number| found.push(number)),
            _ => {
                reader.at += 1;
                Ok(())
            }
        };
        // Cannot happen in a validated text.
        if passed.is_err() {
            break;
        }
    }
    found
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
    let mut reader = Reader::new(text);
    if reader.peek()? != b'[' {
        reader.skip()?;
        reader.finish()?;
        return Ok(None);
    }
    reader.bump();
    let (mut found, mut first) = (Vec::new(), true);
    while reader.next_element(first)? {
        found.push(reader.skip()?.range);
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
        let mut reader = Reader::new(value);
        if reader.peek()? != b'{' {
            return Ok(None);
        }
        reader.bump();
        let (mut found, mut first) = (None, true);
        while let Some(key) = reader.next_key(first)? {
            first = false;
            let range = reader.skip()?.range;
            if unescape(value, &key).as_deref() == Some(name.as_bytes()) {
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

    /// Whether all strings are text.
    fn skip_all(text: &[u8]) -> Result<bool, Fault> {
        let mut reader = Reader::new(text);
        let token = reader.skip()?;
        reader.finish()?;
        Ok(token.is_text)
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let at_limit = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        assert_eq!(skip_all(at_limit.as_bytes()), Ok(true));
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
            (b"[\"\\ud8\", 1]", Fault::Syntax),
            (b"\"\\ud800\\u00", Fault::Truncated),
            (b"[\xff]", Fault::Syntax),
            (b"\"\\x\"", Fault::Syntax),
            (b"\"a\nb\"", Fault::Syntax),
        ] {
            assert_eq!(skip_all(text), Err(fault), "{}", String::from_utf8_lossy(text));
        }
    }

    /// A JSON, whether its strings are text, and what it is with `?` for what is none.
    #[test]
    fn strings_that_are_no_text() {
        for (text, is_text, repaired_text) in [
            (
                &b"{\"a\":[\"\\ud83d\\ude00\\\\ud800\xc3\xa9\"]}"[..],
                true,
                "{\"a\":[\"\\ud83d\\ude00\\\\ud800\u{e9}\"]}",
            ),
            (b"\"\\ud800\"", false, "\"?\""),
            (b"\"\\uDBFFx\\n\"", false, "\"?x\\n\""),
            (b"\"\\ud800\\ud800\\udc00\"", false, "\"?\\ud800\\udc00\""),
            (b"\"\\ud800\\u0041\"", false, "\"?\\u0041\""),
            (b"\"\\udc00\\ud800\"", false, "\"??\""),
            (b"{\"\xff\":1}", false, "{\"?\":1}"),
            (b"[1,{\"a\":{\"b\\udfff\":\"\"}},\"\xe2\x82\"]", false, "[1,{\"a\":{\"b?\":\"\"}},\"?\"]"),
        ] {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(skip_all(text), Ok(is_text), "{shown}");
            let repaired = repaired(text, "?");
            assert_eq!(String::from_utf8_lossy(&repaired), repaired_text, "{shown}");
            assert_eq!(skip_all(&repaired), Ok(true), "{shown}");
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
                Ok(_) => prop_assert_eq!(ours, Ok(true)),
                Err(error) => prop_assert!(ours != Ok(true) || error.to_string().contains("out of range")),
            }
            if ours.is_ok() {
                prop_assert_eq!(skip_all(&repaired(&text, "?")), Ok(true));
            }
        }

        #[test]
        fn random_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (skip_all(&text), elements(&text), member(&text, &["a"]), repaired(&text, ""));
        }
    }
}
