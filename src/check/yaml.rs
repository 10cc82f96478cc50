//! YAML with places: every value knows its line and column, so that every complaint about it can.
//!
//! The only file that knows the YAML parser.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// Where something stands in a file: line and column, both from 1, the column in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

/// One value of a document.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it starts.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is. Scalars stay text: the field that reads one knows which type it wants.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing: `key:` with no value, `~` or `null`.
    Null,
    /// A scalar; `plain` where it stands without quotes.
    Scalar { text: String, plain: bool },
    /// `- item`.
    List(Vec<Node>),
    /// `key: value`, in the order of the file.
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

/// A complaint about a place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Node {
    /// What a person would call the value, for messages: "a list", "a mapping", …
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Nesting deeper than any checklist needs; keeps a hostile one from exhausting the stack.
const DEEPEST: usize = 64;

/// Reads the one document in `text`.
///
/// # Errors
/// The first thing that is no YAML, or YAML of a kind that checklists do without (aliases, several documents),
/// and every duplicate key.
pub fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    let mut builder = Builder { parser: Parser::new_from_str(text), duplicates: Vec::new() };
    let node = builder.document().map_err(|problem| vec![problem])?;
    if builder.duplicates.is_empty() { Ok(node) } else { Err(builder.duplicates) }
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    duplicates: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span))),
            Some(Err(error)) => {
                let at = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                Err(Problem { place: at, message: format!("not valid YAML: {}", error.info()) })
            }
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    fn document(&mut self) -> Result<Node, Problem> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
                (Event::StreamEnd, _) => {
                    return Err(Problem { place: Place { line: 1, column: 1 }, message: "the file is empty".into() });
                }
                (event, at) => {
                    let node = self.node(event, at, 0)?;
                    return self.end().map(|()| node);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Problem> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd | Event::Nothing, _) => {}
                (_, place) => {
                    return Err(Problem { place, message: "a second document starts here; expected one".into() });
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Problem> {
        let refuse = |message: &str| Err(Problem { place, message: message.to_owned() });
        if depth > DEEPEST {
            return refuse("nested too deeply");
        }
        let value = match event {
            Event::Scalar(text, style, _, _) => scalar(&text, style),
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            Event::Alias(_) => return refuse("aliases (`*name`) are not used here; expected a value, or a variable"),
            _ => return refuse("expected a value"),
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, place) => items.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines = std::collections::HashMap::new();
        loop {
            let (key, place) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (Event::Scalar(key, ..), place) => (key.into_owned(), place),
                (_, place) => return Err(Problem { place, message: "expected a plain word as key".into() }),
            };
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            if let Some(first) = lines.insert(key.clone(), place.line) {
                let message = format!("duplicate key `{key}`: it stands on line {first} already");
                self.duplicates.push(Problem { place, message });
                continue;
            }
            entries.push(Entry { key, place, value });
        }
    }
}

fn place(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

/// YAML 1.2's core schema has four spellings of null; all other plain scalars stay text here.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    match text {
        "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
        _ => Value::Scalar { text: text.to_owned(), plain },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(usize, usize, String)> {
        let problems = parse(text).expect_err("problems");
        problems.into_iter().map(|p| (p.place.line, p.place.column, p.message)).collect()
    }

    #[test]
    fn values_know_their_line_and_column() {
        let node = parse("a: 1\nb:\n  - x\n  - {c: 'y'}\n").expect("valid");
        let Value::Map(entries) = node.value else { panic!("a map") };
        assert_eq!(entries[1].place, Place { line: 2, column: 1 });
        let Value::List(items) = &entries[1].value.value else { panic!("a list") };
        assert_eq!(items[0].place, Place { line: 3, column: 5 });
        let Value::Map(inner) = &items[1].value else { panic!("a map") };
        assert_eq!(inner[0].place, Place { line: 4, column: 6 });
    }

    #[test]
    fn every_duplicate_key_is_reported_with_its_place() {
        let found = problems("a: 1\nb: {x: 1, x: 2}\na: 3\n");
        assert_eq!(found[0].0, 2);
        assert_eq!(found[1], (3, 1, "duplicate key `a`: it stands on line 1 already".into()));
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_place() {
        assert_eq!(problems("a: [1, 2\nb: 3\n")[0].0, 2);
        assert!(problems("")[0].2.contains("empty"));
        assert!(problems("a: &x 1\nb: *x\n")[0].2.contains("aliases"));
        assert!(problems("a: 1\n---\nb: 2\n")[0].2.contains("second document"));
    }

    #[test]
    fn a_document_nested_without_end_is_refused() {
        let found = problems(&"[".repeat(100_000));
        assert!(found[0].2.contains("nested") || found[0].2.contains("recursion"), "{found:?}");
    }
}
