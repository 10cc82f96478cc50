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

/// What was read of a text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The document; none where it could not be read to its end, or where values in it are missing.
    pub root: Option<Node>,
    /// What is wrong with it as YAML: every duplicate key and every alias, or the first thing that is no YAML.
    /// Of duplicates the document has the first, so that the rest can still be read and complained about.
    pub problems: Vec<Problem>,
}

/// Reads the one document in `text`: YAML, without the kinds that checklists do without (aliases, several documents).
pub fn parse(text: &str) -> Parsed {
    let mut builder = Builder { parser: Parser::new_from_str(text), text, problems: Vec::new(), whole: true };
    let root = builder.document();
    let Builder { mut problems, whole, .. } = builder;
    match root {
        Ok(root) => Parsed { root: Some(root).filter(|_| whole), problems },
        Err(problem) => {
            problems.push(problem);
            Parsed { root: None, problems }
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    text: &'a str,
    problems: Vec<Problem>,
    /// No value is missing.
    whole: bool,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span))),
            Some(Err(error)) => {
                let at = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                Err(Problem { place: at, message: format!("not valid YAML: {}{}", error.info(), self.hint(at)) })
            }
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    /// In `{path: ${root}/lib}` the variable's braces are YAML's own: the mistake that everybody makes once.
    fn hint(&self, at: Place) -> &'static str {
        let line = self.text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
        let variable = line.find("${").map(|start| &line[..start]);
        if variable.is_some_and(|before| before.contains(['{', '['])) {
            "; inside `{…}` and `[…]` a value with `${name}` wants quotes: \"${name}\""
        } else {
            ""
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
            Event::Alias(_) => {
                let message = "aliases (`*name`) are not used here; expected a value, or a variable".to_owned();
                self.problems.push(Problem { place, message });
                self.whole = false;
                Value::Null
            }
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
                self.problems.push(Problem { place, message });
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
        parse(text).problems.into_iter().map(|p| (p.place.line, p.place.column, p.message)).collect()
    }

    #[test]
    fn values_know_their_line_and_column() {
        let node = parse("a: 1\nb:\n  - x\n  - {c: 'y'}\n").root.expect("valid");
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
    fn of_duplicate_keys_the_first_is_read_on() {
        let Value::Map(entries) = parse("a: 1\na: 2\nb: 3\n").root.expect("whole").value else { panic!("a map") };
        assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(matches!(&entries[0].value.value, Value::Scalar { text, .. } if text == "1"));
    }

    #[test]
    fn every_alias_is_reported_and_what_lacks_its_values_is_not_read_on() {
        let parsed = parse("a: &x 1\nb: *x\nc: [*x]\na: 2\n");
        assert_eq!(parsed.problems.iter().map(|problem| problem.place.line).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(parsed.root.is_none());
    }

    #[test]
    fn a_variable_without_quotes_in_braces_is_told_how_to_stand_there() {
        assert!(problems("a: {b: ${c}/d}\n")[0].2.contains("wants quotes"));
        assert!(!problems("a: [1, 2\nb: ${c}\n")[0].2.contains("wants quotes"));
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
