//! Text → tree. One function per rule of the grammar; errors name what is wrong and how to mend it.

use std::ops::Range;

use super::ast::{ChainOperator, Expression, Head, Item, Path, Selection, Step, StepKind, Variable};
use super::cursor::Cursor;
use super::methods::{Method, REFUSED};
use super::{DEPTH_MAX, MappingError, VariableUse};

type Parsed<T> = Result<T, MappingError>;

/// Longest text that is read at all: a mapping is written by a person.
const TEXT_BYTES_MAX: usize = 256 * 1024;

pub(super) fn parse(text: &str) -> Parsed<(Selection, Vec<VariableUse>)> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(MappingError::new(0, format!("A mapping has at most {TEXT_BYTES_MAX} bytes.")));
    }
    let mut parser = Parser { cursor: Cursor { text, offset: 0 }, depth: 0, variables: Vec::new(), locals: Vec::new() };
    let selection = parser.selection(None)?;
    if let Some(found) = parser.cursor.peek() {
        return Err(parser.error(format!("`{found}` closes nothing.")));
    }
    Ok((selection, parser.variables))
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
    variables: Vec<VariableUse>,
    /// Names bound by `->as($name)` that are visible here.
    locals: Vec<String>,
}

impl Parser<'_> {
    /// Selections up to `}` (which is left to the caller) or to the end.
    fn selection(&mut self, opened_at: Option<usize>) -> Parsed<Selection> {
        self.enter()?;
        let mut items: Vec<Item> = Vec::new();
        loop {
            match self.cursor.peek() {
                None => match opened_at {
                    Some(at) => return Err(MappingError::new(at, "This `{` is never closed.")),
                    None => break,
                },
                Some('}') => break,
                Some(',') => {
                    return Err(self
                        .error("Selections are separated by spaces or lines, not by commas.")
                        .with_help("Remove the comma."));
                }
                Some(_) => items.push(self.item()?),
            }
        }
        if items.len() > 1
            && let Some(item) = items.iter().find(|i| i.name.is_none() && !i.spread && i.path.selection.is_none())
        {
            let text = self.cursor.text[item.path.at.clone()].trim_end();
            return Err(MappingError::new(
                item.path.at.start,
                format!("`{text}` needs a name beside other selections."),
            )
            .with_help(format!("Write `name: {text}`.")));
        }
        self.leave();
        Ok(Selection { items })
    }

    /// `name`, `name { … }`, `alias: path`, `alias: { … }`, `path { … }`, `... path`, or a path alone.
    fn item(&mut self) -> Parsed<Item> {
        self.cursor.skip();
        let start = self.cursor.offset;
        if self.cursor.eat("...") {
            self.cursor.skip();
            let at = self.cursor.offset;
            let path = self.path()?;
            if self.cursor.text[path.at.clone()].trim_end() == "on" {
                return Err(MappingError::new(at, "Type conditions do not exist in a mapping.").with_help(
                    "Map `__typename` to the name of the concrete type; fields that it lacks are ignored.",
                ));
            }
            return Ok(Item { name: None, name_at: path.at.clone(), path, spread: true });
        }
        let Some(key) = self.key()? else {
            return match self.cursor.peek() {
                Some('$' | '@') => {
                    let path = self.path()?;
                    Ok(Item { name: None, name_at: path.at.clone(), path, spread: false })
                }
                Some('{') => Err(self
                    .error("Braces need a name before them.")
                    .with_help("An object is `name: { … }`; a literal object is `$({ … })`.")),
                _ => Err(self.literal_or("A selection is expected")),
            };
        };
        let name_at = self.cursor.since(start);
        if self.cursor.eat(":") {
            let path = self.aliased()?;
            if self.cursor.sees("??") || self.cursor.sees("?!") {
                let text = self.cursor.text[path.at.clone()].trim_end().to_owned();
                return Err(self
                    .error("`??` and `?!` work within `$( )` only.")
                    .with_help(format!("Write `{key}: $({text} ?? …)`.")));
            }
            return Ok(Item { name: Some(key), name_at, path, spread: false });
        }
        let path = self.path_from(start, Head::Dollar, Some((key.clone(), name_at.clone())))?;
        // Only a single key names its value; a longer path leads somewhere else.
        let is_key = path.steps.len() == 1;
        Ok(Item { name: is_key.then_some(key), name_at, path, spread: false })
    }

    /// What follows `alias:`.
    fn aliased(&mut self) -> Parsed<Path> {
        self.cursor.skip();
        let start = self.cursor.offset;
        match self.cursor.peek() {
            Some('{') => {
                let selection = Some(self.braces()?);
                let at = self.cursor.since(start);
                Ok(Path { head: Head::Dollar, optional: false, steps: Vec::new(), selection, at })
            }
            Some('$' | '@' | '"' | '\'') => self.path(),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.path(),
            _ => Err(self.literal_or("A path is expected")),
        }
    }

    /// `{ selections }`
    fn braces(&mut self) -> Parsed<Selection> {
        self.cursor.skip();
        let opened_at = self.cursor.offset;
        self.expect("{")?;
        let selection = self.selection(Some(opened_at))?;
        self.expect("}")?;
        if selection.items.is_empty() {
            return Err(MappingError::new(opened_at, "These braces select nothing."));
        }
        Ok(selection)
    }

    /// A path from its beginning.
    fn path(&mut self) -> Parsed<Path> {
        self.cursor.skip();
        let start = self.cursor.offset;
        if self.cursor.eat("@") {
            return self.path_from(start, Head::At, None);
        }
        if self.cursor.eat("$") {
            if self.cursor.rest().starts_with('(') {
                self.enter()?;
                self.cursor.eat("(");
                let expression = self.expression()?;
                self.expect(")")?;
                self.leave();
                return self.path_from(start, Head::Expression(Box::new(expression)), None);
            }
            let head = match self.cursor.identifier() {
                Some(name) => self.variable(start, name)?,
                None => Head::Dollar,
            };
            return self.path_from(start, head, None);
        }
        match self.key()? {
            Some(key) => {
                let at = self.cursor.since(start);
                self.path_from(start, Head::Dollar, Some((key, at)))
            }
            None => Err(self.literal_or("A path is expected")),
        }
    }

    /// The steps and braces behind a head.
    fn path_from(&mut self, start: usize, head: Head, key: Option<(String, Range<usize>)>) -> Parsed<Path> {
        let head_at = self.cursor.since(start);
        let bound = self.locals.len();
        let mut steps = Vec::new();
        let mut optional = false;
        match key {
            Some((key, at)) => {
                let optional = self.question_mark();
                steps.push(Step { kind: StepKind::Key(key), optional, at });
            }
            None => optional = self.question_mark(),
        }
        loop {
            if self.cursor.sees("->") {
                steps.push(self.method()?);
            } else if self.cursor.sees(".") && !self.cursor.sees("..") {
                self.cursor.eat(".");
                self.cursor.skip();
                let at = self.cursor.offset;
                let Some(key) = self.key()? else {
                    let found = self.cursor.found();
                    return Err(self
                        .error(format!("A property's name is expected after `.`, not {found}."))
                        .with_help(
                            "Quote a name that is no plain word: `.'x-name'`; an element of a list is `->get(0)`.",
                        ));
                };
                let at = self.cursor.since(at);
                let optional = self.question_mark();
                steps.push(Step { kind: StepKind::Key(key), optional, at });
            } else {
                break;
            }
        }
        if let Head::Variable(variable) = &head {
            self.variable_used(*variable, head_at, &mut steps)?;
        }
        let end = self.cursor.offset;
        let selection = if self.cursor.sees("{") { Some(self.braces()?) } else { None };
        let end = if selection.is_some() { self.cursor.offset } else { end };
        self.locals.truncate(bound);
        Ok(Path { head, optional, steps, selection, at: start..end })
    }

    /// The variable of that name, the `$` standing at `start`.
    fn variable(&self, start: usize, name: &str) -> Parsed<Head> {
        if self.locals.iter().any(|local| local == name) {
            return Ok(Head::Local(name.to_owned()));
        }
        let known = Variable::ALL.into_iter().find(|(text, _)| &text[1..] == name);
        if let Some((_, variable)) = known {
            return Ok(Head::Variable(variable));
        }
        let refused = match name {
            "this" => Some(
                "Declare an argument that the gateway fills from the object, and read that: \
                 `field(id: ID! @require(field: \"id\"))` and `$args.id`.",
            ),
            "batch" => Some(
                "Declare a lookup whose argument is a list of keys, and read that: \
                 `videosById(ids: [ID!]! @is(field: \"[id]\")): [Video]! @lookup` and `$args.ids`.",
            ),
            "env" => Some(
                "Read `$config.name`, and set it in the configuration, which can take it from the environment: \
                 `name: ${NAME}`.",
            ),
            "context" => Some("Read a header of the client's request: `$request.headers.'x-name'->first`."),
            _ => None,
        };
        if let Some(help) = refused {
            return Err(MappingError::new(start, format!("`${name}` does not exist in this dialect.")).with_help(help));
        }
        let names = Variable::ALL.iter().map(|(text, _)| &text[1..]).chain(self.locals.iter().map(String::as_str));
        let help = match nearest(name, names) {
            Some(near) => format!("Did you mean `${near}`?"),
            None => format!("A property of the answer is `$.{name}`, or just `{name}`."),
        };
        Err(MappingError::new(start, format!("There is no variable `${name}`.")).with_help(help))
    }

    /// Notes the use of a variable, and checks the keys behind it where they are known.
    fn variable_used(&mut self, variable: Variable, head_at: Range<usize>, steps: &mut [Step]) -> Parsed<()> {
        let mut at = head_at.clone();
        let mut key_at = head_at.clone();
        let mut path: Vec<String> = Vec::new();
        for (index, step) in steps.iter_mut().enumerate() {
            let StepKind::Key(key) = &mut step.kind else { break };
            if index == 1 && matches!(variable, Variable::Request | Variable::Response) {
                key.make_ascii_lowercase();
            }
            if index == 0 {
                key_at = step.at.clone();
            }
            at.end = step.at.end;
            path.push(key.clone());
        }
        match variable {
            Variable::Request | Variable::Response => {
                let text = variable.text();
                if path.first().is_none_or(|key| key != "headers") || path.len() < 2 {
                    return Err(MappingError::new(at.start, format!("Only single headers of `{text}` can be read."))
                        .with_help(format!("Write `{text}.headers.'x-name'->first`.")));
                }
            }
            Variable::Status if !path.is_empty() => {
                return Err(MappingError::new(key_at.start, "`$status` is a number; it has no properties."));
            }
            Variable::Args | Variable::Config | Variable::Status => {}
        }
        self.variables.push(VariableUse { variable, path, at, key_at });
        Ok(())
    }

    /// `->name`, `->name(arguments)`
    fn method(&mut self) -> Parsed<Step> {
        self.expect("->")?;
        self.cursor.skip();
        let start = self.cursor.offset;
        let Some(name) = self.cursor.identifier() else {
            let found = self.cursor.found();
            return Err(self.error(format!("A method's name is expected after `->`, not {found}.")));
        };
        let name_at = self.cursor.since(start);
        if name == "as" {
            let kind = self.binding()?;
            return Ok(Step { kind, optional: self.question_mark(), at: name_at });
        }
        let Some((method, wanted)) = Method::named(name) else {
            let error = MappingError::new(start, format!("There is no method `->{name}`."));
            if let Some((_, help)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
                return Err(error.with_help(*help));
            }
            let all = Method::ALL.iter().map(|(name, ..)| *name).chain(["as"]);
            return Err(match nearest(name, all.clone()) {
                Some(near) => error.with_help(format!("Did you mean `->{near}`?")),
                None => error.with_help(format!("These exist: {}.", all.collect::<Vec<_>>().join(", "))),
            });
        };
        let arguments = if self.cursor.sees("(") { self.arguments()? } else { Vec::new() };
        if !wanted.contains(&arguments.len()) {
            let (least, most) = (*wanted.start(), *wanted.end());
            let takes = match (least, most) {
                (0, 0) => "no argument".to_owned(),
                (1, 1) => "one argument".to_owned(),
                (1, 64) => "at least one argument, at most 64".to_owned(),
                _ => format!("{least} or {most} arguments"),
            };
            return Err(MappingError::new(start, format!("`->{name}` takes {takes}, not {}.", arguments.len())));
        }
        if method == Method::Match && !arguments.iter().all(|a| matches!(a, Expression::Array(pair) if pair.len() == 2))
        {
            return Err(MappingError::new(start, "Each argument of `->match` is a pair: `[candidate, value]`.")
                .with_help("The last pair can be `[@, value]`, which matches everything."));
        }
        Ok(Step { kind: StepKind::Method { method, arguments }, optional: self.question_mark(), at: name_at })
    }

    /// `($name)`, `($name, expression)`
    fn binding(&mut self) -> Parsed<StepKind> {
        self.expect("(")?;
        self.cursor.skip();
        let start = self.cursor.offset;
        self.expect("$")?;
        let Some(name) = self.cursor.identifier() else {
            return Err(self.error("`->as` takes the variable to set: `->as($name)`."));
        };
        if Variable::ALL.iter().any(|(text, _)| &text[1..] == name)
            || matches!(name, "this" | "batch" | "env" | "context")
        {
            return Err(MappingError::new(start, format!("`${name}` cannot be set.")).with_help("Choose another name."));
        }
        let value = if self.cursor.eat(",") { Some(Box::new(self.expression()?)) } else { None };
        self.expect(")")?;
        self.locals.push(name.to_owned());
        Ok(StepKind::As { name: name.to_owned(), value })
    }

    /// `(expression, …)`
    fn arguments(&mut self) -> Parsed<Vec<Expression>> {
        self.expect("(")?;
        self.list(")")
    }

    /// `expression, …` up to and with the closing token.
    fn list(&mut self, close: &str) -> Parsed<Vec<Expression>> {
        let mut items = Vec::new();
        loop {
            if self.cursor.eat(close) {
                return Ok(items);
            }
            items.push(self.expression()?);
            if !self.cursor.eat(",") {
                self.expect(close)?;
                return Ok(items);
            }
        }
    }

    /// A literal, a path, or a chain of them.
    fn expression(&mut self) -> Parsed<Expression> {
        self.enter()?;
        let first = self.operand()?;
        let operator = self.chain_operator();
        let Some((token, operator)) = operator else {
            self.leave();
            return Ok(first);
        };
        let mut operands = vec![first];
        while self.cursor.eat(token) {
            operands.push(self.operand()?);
        }
        if self.chain_operator().is_some() {
            return Err(self
                .error("`??` and `?!` cannot be mixed in one chain.")
                .with_help("Put one of them in parentheses of its own: `$($(a ?! b) ?? c)`."));
        }
        self.leave();
        Ok(Expression::Chain(operator, operands))
    }

    fn chain_operator(&mut self) -> Option<(&'static str, ChainOperator)> {
        [("??", ChainOperator::NullOrMissing), ("?!", ChainOperator::Missing)]
            .into_iter()
            .find(|(token, _)| self.cursor.sees(token))
    }

    fn operand(&mut self) -> Parsed<Expression> {
        self.cursor.skip();
        let start = self.cursor.offset;
        let literal = match self.cursor.peek() {
            Some('"' | '\'') => Expression::String(self.cursor.string()?),
            Some('[') => {
                self.cursor.eat("[");
                Expression::Array(self.list("]")?)
            }
            Some('{') => self.object()?,
            Some(c) if c.is_ascii_digit() || c == '-' || c == '.' => Expression::Number(self.cursor.number()?),
            Some(_) => match self.keyword() {
                Some(literal) => literal,
                None => return Ok(Expression::Path(self.path()?)),
            },
            None => return Err(self.error("A value is expected before the end.")),
        };
        let goes_on = self.cursor.sees("->")
            || (self.cursor.sees(".") && !self.cursor.sees(".."))
            || (self.cursor.sees("?") && self.chain_operator().is_none());
        if !goes_on {
            return Ok(literal);
        }
        Ok(Expression::Path(self.path_from(start, Head::Expression(Box::new(literal)), None)?))
    }

    /// `true`, `false`, `null`
    fn keyword(&mut self) -> Option<Expression> {
        let mut ahead = self.cursor;
        let literal = match ahead.identifier()? {
            "true" => Expression::Bool(true),
            "false" => Expression::Bool(false),
            "null" => Expression::Null,
            _ => return None,
        };
        self.cursor = ahead;
        Some(literal)
    }

    /// `{ key: expression, … }`
    fn object(&mut self) -> Parsed<Expression> {
        self.expect("{")?;
        let mut fields = Vec::new();
        loop {
            if self.cursor.eat("}") {
                return Ok(Expression::Object(fields));
            }
            self.cursor.skip();
            let start = self.cursor.offset;
            let Some(key) = self.key()? else {
                let found = self.cursor.found();
                return Err(self.error(format!("A property's name is expected in a literal object, not {found}.")));
            };
            let at = self.cursor.since(start);
            self.expect(":")?;
            fields.push((key, at, self.expression()?));
            if !self.cursor.eat(",") && !self.cursor.sees("}") {
                let found = self.cursor.found();
                return Err(self
                    .error(format!("`,` or `}}` is expected in a literal object, not {found}."))
                    .with_help("Properties of a literal object are separated by commas."));
            }
        }
    }

    /// A word or a quoted name, if one stands here.
    fn key(&mut self) -> Parsed<Option<String>> {
        match self.cursor.peek() {
            Some('"' | '\'') => self.cursor.string().map(Some),
            _ => Ok(self.cursor.identifier().map(str::to_owned)),
        }
    }

    /// `?`, but neither `??` nor `?!`.
    fn question_mark(&mut self) -> bool {
        self.chain_operator().is_none() && self.cursor.eat("?")
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.cursor.eat(token) {
            return Ok(());
        }
        let found = self.cursor.found();
        Err(self.error(format!("`{token}` is expected, not {found}.")))
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("Nothing may be nested deeper than {DEPTH_MAX} levels.")));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn error(&self, message: impl Into<String>) -> MappingError {
        MappingError::new(self.cursor.offset, message)
    }

    /// An error where no selection begins; a bare literal is the usual cause.
    fn literal_or(&mut self, expected: &str) -> MappingError {
        let found = self.cursor.found();
        let error = self.error(format!("{expected}, not {found}."));
        match self.cursor.peek() {
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '[' | '.') => {
                error.with_help("A literal stands in `$( )`: `$(5)`, `$([1, 2])`.")
            }
            Some('(') => error.with_help("An expression stands in `$( )`."),
            _ => error,
        }
    }
}

/// The candidate that somebody most probably meant.
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance costs the product of the lengths, and no name that somebody meant is that long.
    let length = wrong.chars().count();
    if length > 64 {
        return None;
    }
    let allowed = (length / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
