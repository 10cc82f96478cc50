//! A checklist: title, variables, steps, and the checks in them.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::code::Severity;

use super::fields::{Fields, Reader};
use super::kinds::{self, Kind};
use super::outcome::Location;
use super::variables::Variables;
use super::yaml::{self, Node, Place, Problem, Value};

/// A fifo must not keep the reader waiting for a writer.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// A checklist, ready to be run.
#[derive(Debug)]
pub struct Checklist {
    /// What it is about.
    pub title: String,
    /// The values of its variables.
    pub variables: Variables,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Where it was read from.
    pub source: PathBuf,
}

/// A heading, and the checks below it.
#[derive(Debug)]
pub struct Step {
    /// The heading.
    pub title: String,
    /// Its checks, in order.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug)]
pub struct Check {
    /// Its name, unique in the checklist.
    pub id: String,
    /// What it claims, in words.
    pub title: String,
    /// Names of groups that it belongs to.
    pub tags: Vec<String>,
    /// How much a failure weighs, where the checklist says so.
    pub severity: Option<Severity>,
    /// Checks that must have passed before this one makes sense.
    pub needs: Vec<String>,
    /// What mends a failure.
    pub fix: Option<String>,
    /// Where it stands.
    pub location: Location,
    /// What it does.
    pub kind: Arc<dyn Kind>,
}

/// Where a checklist's text comes from, and what its paths and variables start from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, or the name of a bundled one; for messages.
    pub name: PathBuf,
    /// Its text.
    pub text: String,
    /// The folder that relative paths in it start from.
    pub base: PathBuf,
}

impl Source {
    /// Reads a file. Relative paths in it start from its own folder.
    ///
    /// # Errors
    /// Where it cannot be read, or is not UTF-8.
    pub fn read(path: &Path) -> io::Result<Source> {
        let mut file = fs::File::options().read(true).custom_flags(NONBLOCK).open(path)?;
        Source::from_file(&mut file, path)
    }

    /// Reads a file that is open already, so that what was looked at is what is read.
    ///
    /// # Errors
    /// Where it is no regular file, cannot be read, or is not UTF-8.
    pub fn from_file(file: &mut fs::File, path: &Path) -> io::Result<Source> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("expected a regular file"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("not UTF-8: {}", error.utf8_error()))
        })?;
        let name = fs::canonicalize(path).or_else(|_| std::path::absolute(path))?;
        let base = name.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Source { name, text, base })
    }
}

/// A checklist that cannot be used: every complaint about it at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct BadChecklist {
    /// The checklist.
    pub file: PathBuf,
    /// What is wrong, in the order of the file; never empty.
    pub problems: Vec<Problem>,
    text: String,
}

/// Characters of a line that are shown with a complaint about it.
const LONGEST: usize = 160;

impl BadChecklist {
    fn describe(&self) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        let one = |problem: &Problem| {
            let Place { line, column } = problem.place;
            let head = format!("{}:{line}:{column}: {}", self.file.display(), problem.message);
            match lines.get(line.wrapping_sub(1)) {
                Some(text) => {
                    let shown: String = text.chars().take(LONGEST).collect();
                    let more = if shown.len() < text.len() { " …" } else { "" };
                    format!("{head}\n  {line:>4} | {}{more}", crate::elf::escape(shown.as_bytes()))
                }
                None => head,
            }
        };
        self.problems.iter().map(one).collect::<Vec<_>>().join("\n")
    }
}

impl Checklist {
    /// Reads a checklist. `given` are the values of `--var`, which beat its own.
    ///
    /// # Errors
    /// Every complaint about it at once: no YAML, unknown fields, duplicate keys, wrong types, undefined variables.
    pub fn parse(source: &Source, given: &[(String, String)]) -> Result<Checklist, BadChecklist> {
        let bad = |problems| BadChecklist { file: source.name.clone(), problems, text: source.text.clone() };
        let root = yaml::parse(&source.text).map_err(bad)?;
        let (variables, mut problems) = variables(&root, given, &source.base);
        let reader = Reader::new(&variables, &source.base);
        let read = checklist(&reader, &root, &source.name);
        problems.extend(reader.finish());
        problems.sort_by_key(|problem| problem.place);
        match read {
            Some((title, steps)) if problems.is_empty() => {
                Ok(Checklist { title, variables, steps, source: source.name.clone() })
            }
            _ => Err(bad(problems)),
        }
    }

    /// Every check, in order.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().flat_map(|step| &step.checks)
    }
}

/// Reads `vars` first, since every other text may use them; one variable may use those above it.
fn variables(root: &Node, given: &[(String, String)], base: &Path) -> (Variables, Vec<Problem>) {
    let mut variables = Variables::default();
    let mut problems = Vec::new();
    let Value::Map(entries) = &root.value else { return (variables, problems) };
    let declared = entries.iter().find(|entry| entry.key == "vars").map(|entry| &entry.value.value);
    if let Some(Value::Map(declared)) = declared {
        for entry in declared {
            let value = match given.iter().rev().find(|(name, _)| *name == entry.key) {
                Some((_, value)) => Some(value.clone()),
                None if matches!(entry.value.value, Value::Null) => None,
                None => {
                    let reader = Reader::new(&variables, base);
                    let value = reader.text(&entry.value, &format!("a text for variable `{}`", entry.key));
                    problems.extend(reader.finish());
                    Some(value.unwrap_or_default())
                }
            };
            variables.set(&entry.key, value);
        }
    }
    for (name, _) in given.iter().filter(|(name, _)| !variables.declares(name)) {
        let known = variables.known().into_keys().collect::<Vec<_>>().join(", ");
        let message = format!("--var {name}: this checklist declares no such variable under `vars` ({known})");
        problems.push(Problem { place: root.place, message });
    }
    (variables, problems)
}

fn checklist(reader: &Reader<'_>, root: &Node, file: &Path) -> Option<(String, Vec<Step>)> {
    let fields = Fields::new(reader, root, "a checklist")?;
    let title = fields.required("title", "what the checklist is about", Fields::text);
    if let Some(node) = fields.node("vars")
        && !matches!(node.value, Value::Map(_))
    {
        reader.complain(node.place, format!("expected NAME: value pairs for `vars`, found {}", node.kind()));
    }
    let nodes = fields.required("steps", "a list of steps", |fields, name| list(fields, name));
    fields.finish();
    let mut seen = HashMap::new();
    let steps = nodes?.iter().filter_map(|node| step(reader, node, file, &mut seen)).collect();
    Some((title?, steps))
}

fn list<'a>(fields: &Fields<'a>, name: &'static str) -> Option<&'a [Node]> {
    let node = fields.node(name)?;
    match &node.value {
        Value::List(items) => Some(items),
        _ => {
            fields.reader().complain(node.place, format!("expected a list for `{name}`, found {}", node.kind()));
            None
        }
    }
}

/// The line of each check's id, for duplicates and needs.
type Seen = HashMap<String, usize>;

fn step(reader: &Reader<'_>, node: &Node, file: &Path, seen: &mut Seen) -> Option<Step> {
    let fields = Fields::new(reader, node, "a step")?;
    let title = fields.required("title", "the step's heading", Fields::text);
    let nodes = fields.required("checks", "a list of checks", |fields, name| list(fields, name));
    fields.finish();
    let checks = nodes?.iter().filter_map(|node| check(reader, node, file, seen)).collect();
    Some(Step { title: title?, checks })
}

fn check(reader: &Reader<'_>, node: &Node, file: &Path, seen: &mut Seen) -> Option<Check> {
    let mut fields = Fields::new(reader, node, "a check")?;
    let id = fields.required("id", "a name, unique in the checklist", Fields::text);
    if id.as_deref() == Some("") {
        reader.complain(fields.place(), "expected a name for `id`, found an empty text");
    }
    let title = fields.text("title");
    let tags = fields.texts("tags").unwrap_or_default();
    let severities = [("fail", Severity::Fail), ("warn", Severity::Warn), ("info", Severity::Info)];
    let severity = fields.choice("severity", &severities);
    let needs = fields.texts("needs").unwrap_or_default();
    let fix = fields.text("fix");
    let parse = kinds::of(&mut fields);
    let kind = parse.and_then(|parse| parse(&fields));
    let place = fields.place();
    // What belongs to a kind that nobody knows cannot be told from what does not.
    if parse.is_some() {
        fields.finish();
    }
    let id = id?;
    if let Some(need) = needs.iter().find(|need| !seen.contains_key(need.as_str())) {
        reader.complain(place, format!("`needs` names `{need}`, which is the id of no check above this one"));
    }
    if let Some(line) = seen.insert(id.clone(), place.line) {
        reader.complain(place, format!("duplicate id `{id}`: the check on line {line} has it already"));
    }
    let kind = kind?;
    let title = title.unwrap_or_else(|| kind.title());
    let location = Location { file: file.to_owned(), line: place.line };
    Some(Check { id, title, tags, severity, needs, fix, location, kind })
}
