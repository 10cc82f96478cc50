//! Reading a mapping of a checklist field by field: typed, with variables put in, every complaint kept with its place.
//!
//! What is asked for here is also what the checklist's JSON Schema is made of, so that the two cannot differ.

use std::cell::{RefCell, RefMut};
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobMatcher};
use regex::Regex;

use crate::probe::parse_size;

use super::shape::{Asked, Shape};
use super::variables::Variables;
use super::yaml::{Entry, Node, Place, Problem, Value};

/// What reading a checklist needs at every field: the variables, the folder that relative paths start from,
/// and the list that complaints go to.
pub struct Reader<'a> {
    /// What `${…}` stands for.
    pub variables: &'a Variables,
    /// The checklist's own folder.
    pub base: &'a Path,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Reader<'a> {
    /// A reader that has complained of nothing yet.
    pub fn new(variables: &'a Variables, base: &'a Path) -> Reader<'a> {
        Reader { variables, base, problems: RefCell::default() }
    }

    /// Keeps a complaint.
    pub fn complain(&self, place: Place, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { place, message: message.into() });
    }

    /// Every complaint so far.
    pub fn finish(&self) -> Vec<Problem> {
        self.problems.take()
    }

    /// The scalar's text with its variables put in.
    pub fn text(&self, node: &Node, wanted: &str) -> Option<String> {
        let Value::Scalar { text, plain } = &node.value else {
            self.complain(node.place, format!("expected {wanted}, found {}", node.kind()));
            return None;
        };
        match self.variables.expand(text) {
            Ok(text) => Some(text),
            Err(undefined) => {
                let quote = usize::from(!plain);
                let column = if text.contains('\n') { 0 } else { undefined.offset + quote };
                let place = Place { line: node.place.line, column: node.place.column + column };
                self.complain(place, undefined.message);
                None
            }
        }
    }
}

/// One mapping being read. [`Fields::finish`] complains of what nobody asked for.
pub struct Fields<'a> {
    reader: &'a Reader<'a>,
    entries: &'a [Entry],
    place: Place,
    what: String,
    asked: RefCell<Vec<Asked>>,
}

impl<'a> Fields<'a> {
    /// Starts reading `node`; `what` names it in complaints ("a check of kind `git`").
    pub fn new(reader: &'a Reader<'a>, node: &'a Node, what: impl Into<String>) -> Option<Fields<'a>> {
        let what = what.into();
        match &node.value {
            Value::Map(entries) => Some(Fields { reader, entries, place: node.place, what, asked: RefCell::default() }),
            _ => {
                reader.complain(node.place, format!("expected {what} (a mapping), found {}", node.kind()));
                None
            }
        }
    }

    /// Reads all of `node`, and complains of what `read` did not ask for.
    pub fn whole<T>(
        reader: &'a Reader<'a>,
        node: &'a Node,
        what: &str,
        read: impl FnOnce(&Fields<'a>) -> T,
    ) -> Option<T> {
        let fields = Fields::new(reader, node, what)?;
        let value = read(&fields);
        fields.finish();
        Some(value)
    }

    /// The reader behind this mapping.
    pub fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    /// Where the mapping starts.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Changes what complaints call the mapping, once that is known better.
    pub fn call(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    /// The field's node, where it is there and not null.
    pub fn node(&self, name: &'static str) -> Option<&'a Node> {
        self.shaped(name, || Shape::Anything)
    }

    /// The field's node, where it is there and not null; a field of this shape belongs here.
    pub fn shaped(&self, name: &'static str, shape: impl FnOnce() -> Shape) -> Option<&'a Node> {
        self.ask(name).learn(shape);
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (!matches!(entry.value.value, Value::Null)).then_some(&entry.value)
    }

    fn ask(&self, name: &'static str) -> RefMut<'_, Asked> {
        RefMut::map(self.asked.borrow_mut(), |asked| {
            let at = asked.iter().position(|field| field.name == name).unwrap_or_else(|| {
                asked.push(Asked::new(name));
                asked.len() - 1
            });
            &mut asked[at]
        })
    }

    /// Whether the field is there and not null; asking this does not make it one that belongs here.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == name && !matches!(entry.value.value, Value::Null))
    }

    /// The result of `read`, or a complaint that the field is missing.
    pub fn required<T>(
        &self,
        name: &'static str,
        wanted: &str,
        read: impl Fn(&Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        self.ask(name).require(wanted);
        if self.node(name).is_none() {
            self.reader.complain(self.place, format!("{} lacks `{name}`; expected {wanted}", self.what));
        }
        // Where it is missing, this only tells which type it would have.
        read(self, name)
    }

    /// A text.
    pub fn text(&self, name: &'static str) -> Option<String> {
        self.reader.text(self.shaped(name, || Shape::Text)?, &format!("a text for `{name}`"))
    }

    /// A path; a relative one starts from the checklist's folder. An empty text is the path of nothing, not of that folder.
    pub fn path(&self, name: &'static str) -> Option<PathBuf> {
        let text = self.reader.text(self.shaped(name, || Shape::Path)?, &format!("a path for `{name}`"))?;
        Some(if text.is_empty() { PathBuf::new() } else { self.reader.base.join(text) })
    }

    /// One text, or a list of them.
    pub fn texts(&self, name: &'static str) -> Option<Vec<String>> {
        let node = self.shaped(name, || Shape::Texts)?;
        let wanted = format!("a text or a list of texts for `{name}`");
        match &node.value {
            Value::List(items) => items.iter().map(|item| self.reader.text(item, &wanted)).collect(),
            _ => Some(vec![self.reader.text(node, &wanted)?]),
        }
    }

    /// One path, or a list of them.
    pub fn paths(&self, name: &'static str) -> Option<Vec<PathBuf>> {
        Some(self.texts(name)?.into_iter().map(|text| self.reader.base.join(text)).collect())
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &'static str) -> Option<bool> {
        self.ask(name).learn(|| Shape::Flag);
        self.parsed(name, "true or false", |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A whole number.
    pub fn integer<T: std::str::FromStr>(&self, name: &'static str) -> Option<T> {
        self.ask(name).learn(|| Shape::Integer);
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    /// A span of time: `60s`, `500ms`, `2m`, or seconds.
    pub fn duration(&self, name: &'static str) -> Option<Duration> {
        self.ask(name).learn(|| Shape::Duration);
        self.parsed(name, "a time such as 60s, 500ms or 2m", parse_duration)
    }

    /// A number of bytes: `8GiB`, `512MiB`, or plain.
    pub fn size(&self, name: &'static str) -> Option<u64> {
        self.parsed(name, "a size such as 8GiB or 512MiB", parse_size)
    }

    /// One of the words given.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.ask(name).learn(|| Shape::Choice(choices.iter().map(|(word, _)| (*word).to_owned()).collect()));
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let wanted = format!("one of {}", words.join(", "));
        self.parsed(name, &wanted, |text| choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
    }

    /// One regular expression, or a list of them.
    pub fn patterns(&self, name: &'static str) -> Option<Vec<Regex>> {
        let place = self.shaped(name, || Shape::Patterns)?.place;
        self.texts(name)?.into_iter().map(|text| self.compiled(&text, place)).collect()
    }

    /// One regular expression.
    pub fn pattern(&self, name: &'static str) -> Option<Regex> {
        let place = self.shaped(name, || Shape::Text)?.place;
        self.compiled(&self.text(name)?, place)
    }

    fn compiled(&self, text: &str, place: Place) -> Option<Regex> {
        match Regex::new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().to_owned();
                self.reader.complain(place, format!("`{text}` is no regular expression: {reason}"));
                None
            }
        }
    }

    /// One glob, or a list of them; `*` goes across `/`.
    pub fn globs(&self, name: &'static str) -> Option<Vec<GlobMatcher>> {
        let place = self.shaped(name, || Shape::Texts)?.place;
        self.texts(name)?.iter().map(|text| self.glob(text, place)).collect()
    }

    /// `NAME: glob` pairs, in the order of the file.
    pub fn glob_pairs(&self, name: &'static str) -> Option<Vec<(String, GlobMatcher)>> {
        let place = self.shaped(name, || Shape::Pairs)?.place;
        let pairs = self.pairs(name)?.into_iter();
        pairs.map(|(key, text)| Some((key, self.glob(&text, place)?))).collect()
    }

    fn glob(&self, text: &str, place: Place) -> Option<GlobMatcher> {
        let glob = Glob::new(text);
        if let Err(error) = &glob {
            self.reader.complain(place, format!("`{text}` is no glob: {}", error.kind()));
        }
        glob.ok().map(|glob| glob.compile_matcher())
    }

    /// A mapping in this one, which is what `of` names; the caller finishes it.
    pub fn mapping(&self, name: &'static str, of: &'static str) -> Option<Fields<'a>> {
        let node = self.shaped(name, || Shape::Mapping(of))?;
        Fields::new(self.reader, node, format!("`{name}`"))
    }

    /// `NAME: text` pairs, in the order of the file.
    pub fn pairs(&self, name: &'static str) -> Option<Vec<(String, String)>> {
        self.ask(name).learn(|| Shape::Pairs);
        let wanted = format!("a text in `{name}`");
        self.entries(name)?
            .iter()
            .map(|entry| match entry.value.value {
                Value::Null => Some((entry.key.clone(), String::new())),
                _ => Some((entry.key.clone(), self.reader.text(&entry.value, &wanted)?)),
            })
            .collect()
    }

    /// `NAME: value` pairs of any values, in the order of the file.
    pub fn entries(&self, name: &'static str) -> Option<&'a [Entry]> {
        let node = self.node(name)?;
        let Value::Map(entries) = &node.value else {
            self.reader.complain(node.place, format!("expected NAME: value pairs for `{name}`, found {}", node.kind()));
            return None;
        };
        Some(entries)
    }

    /// A list of mappings, each of which is what `of` names.
    pub fn list(&self, name: &'static str, of: &'static str) -> Option<&'a [Node]> {
        let node = self.shaped(name, || Shape::ListOf(of))?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.reader.complain(node.place, format!("expected a list for `{name}`, found {}", node.kind()));
                None
            }
        }
    }

    /// A mapping that is what `of` names, or a list of them.
    pub fn one_or_more(&self, name: &'static str, of: &'static str) -> Option<&'a [Node]> {
        let node = self.shaped(name, || Shape::OneOrMore(of))?;
        match &node.value {
            Value::List(items) => Some(items),
            _ => Some(std::slice::from_ref(node)),
        }
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Complains of every field that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for entry in self.entries {
            if !asked.iter().any(|field| field.name == entry.key) {
                let message = unknown(&entry.key, &self.what, &asked);
                self.reader.complain(entry.place, message);
            }
        }
    }

    /// What `parse` makes of a text; `wanted` says what it takes.
    pub fn parsed<T>(&self, name: &'static str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let node = self.shaped(name, || Shape::Word)?;
        let text = self.reader.text(node, &format!("{wanted} for `{name}`"))?;
        let value = parse(&text);
        if value.is_none() {
            self.reader.complain(node.place, format!("expected {wanted} for `{name}`, found `{text}`"));
        }
        value
    }
}

/// Reads `60s`, `500ms`, `2m`, or a number of seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let split = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = split.unwrap_or((text, 1.0));
    let seconds = number.parse::<f64>().ok()? * factor;
    Duration::try_from_secs_f64(seconds).ok()
}

fn unknown(key: &str, what: &str, asked: &[Asked]) -> String {
    let mut known: Vec<&str> = asked.iter().map(|field| field.name).collect();
    known.sort_unstable();
    let near = known.iter().find(|name| is_near(key, name));
    let hint = near.map_or_else(|| format!("expected one of {}", known.join(", ")), |n| format!("did you mean `{n}`?"));
    format!("unknown field `{key}` in {what}; {hint}")
}

/// Whether one slip of the finger (a letter more, less, other, or two swapped) turns one word into the other.
fn is_near(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    match (a, b) {
        ([], [_]) | ([_], []) => true,
        ([_, x @ ..], y) if x == y => true,
        (x, [_, y @ ..]) if x == y => true,
        ([_, x @ ..], [_, y @ ..]) if x == y => true,
        ([p, q, x @ ..], [r, s, y @ ..]) => p == s && q == r && x == y,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        for near in ["comit", "commmit", "commut", "comimt"] {
            assert!(is_near(near, "commit"), "{near}");
        }
        assert!(!is_near("clean", "commit"));
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_duration("60s"), Some(Duration::from_secs(60)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("7"), Some(Duration::from_secs(7)));
        assert_eq!(parse_duration("-1s"), None);
        assert_eq!(parse_duration("soon"), None);
    }
}
