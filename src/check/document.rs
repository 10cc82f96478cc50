//! Reading a checklist: its file, the files that it includes, their steps, and a check for each combination of a matrix.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checklist::{Check, Checklist, Step};
use super::combine;
use super::complaint::{BadChecklist, Complaint, complaints};
use super::declarations::{Given, declared};
use super::entry::{self, Entry};
use super::fields::{Fields, Reader};
use super::include::{self, Chain, Prefix};
use super::kinds::Kind;
use super::matrix::{self, Combination};
use super::outcome::Location;
use super::shape::Shape;
use super::source::Source;
use super::variables::Variables;
use super::when::{self, Condition};
use super::yaml::{self, Node, Parsed, Place, Problem, Value};

impl Checklist {
    /// Reads a checklist and all that it includes. `given` are the values of `--var`, which beat its own.
    ///
    /// # Errors
    /// Every complaint about it at once: no YAML, unknown fields, duplicate keys, wrong types, undefined variables.
    pub fn parse(source: &Source, given: &[(String, String)]) -> Result<Checklist, BadChecklist> {
        let given = given.iter().map(|(name, value)| Given {
            name: name.clone(),
            value: value.clone(),
            by: format!("--var {name}={value}"),
        });
        let given: Vec<Given> = given.collect();
        let file = File {
            source,
            prefix: Prefix::default(),
            chain: Chain::of(&source.name),
            included_from: None,
            when: Vec::new(),
            given: &given,
            // What is typed on a command line is meant from where it is typed.
            outside: &std::env::current_dir().unwrap_or_else(|_| source.base.clone()),
        };
        let mut reading = Reading::default();
        match reading.document(&file) {
            Some((title, variables, steps)) if reading.complaints.is_empty() => {
                Ok(Checklist { title, variables, steps, source: source.name.clone() })
            }
            _ => Err(BadChecklist { complaints: reading.complaints }),
        }
    }
}

/// A checklist never has more checks; keeps matrices in matrices from filling the memory.
const MOST_CHECKS: usize = 100_000;

/// What is known across the files of one checklist.
#[derive(Default)]
struct Reading {
    complaints: Vec<Complaint>,
    /// Where each id or family was given first.
    names: HashMap<String, (PathBuf, Place)>,
    files: usize,
    checks: usize,
}

/// One file being read.
struct File<'a> {
    source: &'a Source,
    /// What the ids of its checks get in front.
    prefix: Prefix,
    chain: Chain,
    /// The file and the line of the include that asked for it.
    included_from: Option<(PathBuf, usize)>,
    when: Vec<Arc<Condition>>,
    given: &'a [Given],
    /// Where relative paths among the given values start from.
    outside: &'a Path,
}

/// One step of a file being read, for one combination of its matrix.
struct Around<'a> {
    file: &'a File<'a>,
    variables: &'a Variables,
    combination: &'a Combination,
    when: Vec<Arc<Condition>>,
}

type Document = (String, Variables, Vec<Step>);

impl Reading {
    fn document(&mut self, file: &File<'_>) -> Option<Document> {
        let before = self.complaints.len();
        let Parsed { root, mut problems } = yaml::parse(&file.source.text);
        let document = root.and_then(|root| self.steps_of(file, &root, &mut problems));
        let own = complaints(problems, &file.source.name, &file.source.text, file.included_from.as_ref());
        // What is wrong with a file comes before what is wrong with those that it includes.
        self.complaints.splice(before..before, own);
        document
    }

    fn steps_of(&mut self, file: &File<'_>, root: &Node, problems: &mut Vec<Problem>) -> Option<Document> {
        let (variables, found) = declared(root, file.given, &file.source.base, file.outside);
        problems.extend(found);
        for given in file.given.iter().filter(|given| !variables.declares(&given.name)) {
            let known = variables.names().collect::<Vec<_>>().join(", ");
            let message = format!("{}: this checklist declares no such variable under `vars` ({known})", given.by);
            problems.push(Problem { place: root.place, message });
        }
        let reader = Reader::new(&variables, &file.source.base);
        let head = Fields::whole(&reader, root, "a checklist", head);
        problems.extend(reader.finish());
        let (title, nodes) = head?;
        let mut steps = Vec::new();
        for node in nodes? {
            if is_include(node) {
                self.include(file, &variables, node, problems, &mut steps);
            } else {
                self.step(file, &variables, node, problems, &mut steps);
            }
        }
        Some((title?, variables, steps))
    }

    fn include(
        &mut self,
        file: &File<'_>,
        variables: &Variables,
        node: &Node,
        problems: &mut Vec<Problem>,
        steps: &mut Vec<Step>,
    ) {
        let before = self.complaints.len();
        for combination in &combinations(file, variables, node, problems) {
            let variables = scoped(variables, combination);
            let reader = Reader::new(&variables, &file.source.base);
            let include = Fields::whole(&reader, node, "an include", include::read);
            problems.extend(reader.finish());
            let Some(include) = include else { continue };
            let Some((target, place)) = &include.target else { continue };
            let (source, chain) = match file.chain.follow(target, file.source, &mut self.files) {
                Ok(found) => found,
                Err(message) => return problems.push(Problem { place: *place, message }),
            };
            let given = include.given.into_iter().map(|(name, value)| Given {
                by: format!("`vars: {{{name}: {value}}}` of the include"),
                name,
                value,
            });
            let included = File {
                source: &source,
                prefix: file.prefix.within(include.name.as_deref(), combination),
                chain,
                included_from: Some((file.source.name.clone(), node.place.line)),
                when: both(&file.when, include.when),
                given: &given.collect::<Vec<_>>(),
                outside: &file.source.base,
            };
            let more = self.document(&included).map(|(_, _, steps)| steps);
            steps.extend(
                more.into_iter().flatten().map(|step| Step { title: titled(&step.title, combination), ..step }),
            );
        }
        self.forget_repeated(before);
    }

    /// What is wrong with a file is said once, not for each combination that includes it.
    fn forget_repeated(&mut self, from: usize) {
        for complaint in self.complaints.split_off(from) {
            if !self.complaints[from..].contains(&complaint) {
                self.complaints.push(complaint);
            }
        }
    }

    fn step(
        &mut self,
        file: &File<'_>,
        variables: &Variables,
        node: &Node,
        problems: &mut Vec<Problem>,
        steps: &mut Vec<Step>,
    ) {
        for combination in &combinations(file, variables, node, problems) {
            let variables = scoped(variables, combination);
            let reader = Reader::new(&variables, &file.source.base);
            let head = Fields::whole(&reader, node, "a step", step_head);
            problems.extend(reader.finish());
            let Some((title, when, Some(nodes))) = head else { continue };
            let when = both(&file.when, when);
            let around = Around { file, variables: &variables, combination, when };
            let (mut checks, mut local) = (Vec::new(), HashSet::new());
            for node in nodes {
                self.check(&around, node, problems, &mut checks, &mut local);
            }
            if let Some(title) = title {
                steps.push(Step { title: titled(&title, combination), checks });
            }
        }
    }

    /// `local` has the names of the checks above in the same step, for the same combination of its matrix.
    fn check(
        &mut self,
        around: &Around<'_>,
        node: &Node,
        problems: &mut Vec<Problem>,
        checks: &mut Vec<Check>,
        local: &mut HashSet<String>,
    ) {
        let file = around.file;
        let mut names = Vec::new();
        for combination in &combinations(file, around.variables, node, problems) {
            self.checks += 1;
            if self.checks > MOST_CHECKS {
                let message =
                    format!("more than {MOST_CHECKS} checks; expected fewer combinations, or several checklists");
                return problems.push(Problem { place: node.place, message });
            }
            let variables = scoped(around.variables, combination);
            let reader = Reader::new(&variables, &file.source.base);
            let read = Fields::new(&reader, node, "a check").map(|fields| {
                let entry = entry::read(&fields);
                (entry, combine::claim(fields))
            });
            let check = read.and_then(|(entry, kind)| {
                let id = entry.id.as_deref()?;
                let name = Name::new(&file.prefix, id, combination, around.combination);
                let needs = self.needs(&entry, &reader, around, local, node.place);
                self.register(&name, &file.source.name, node.place, &reader);
                names.extend(name.all().map(str::to_owned));
                let location = Location { file: file.source.name.clone(), line: node.place.line };
                Some(finished(entry, name, needs, kind?, location, &around.when))
            });
            problems.extend(reader.finish());
            checks.extend(check);
        }
        local.extend(names);
    }

    /// The names of the checks that must have passed, as the whole checklist knows them.
    fn needs(
        &self,
        entry: &Entry,
        reader: &Reader<'_>,
        around: &Around<'_>,
        local: &HashSet<String>,
        place: Place,
    ) -> Vec<String> {
        let known = |need: &String| {
            // Of a check of the same step the one with the same combination is meant, of any other check all of them.
            let beside =
                format!("{}{}", around.file.prefix.own, around.combination.name(need, &Combination::default()));
            let anywhere = format!("{}{need}", around.file.prefix.own);
            if local.contains(&beside) {
                Some(beside)
            } else if self.names.contains_key(&anywhere) {
                Some(anywhere)
            } else {
                reader.complain(place, format!("`needs` names `{need}`, which is the id of no check above this one"));
                None
            }
        };
        entry.needs.iter().filter_map(known).collect()
    }

    fn register(&mut self, name: &Name, file: &Path, place: Place, reader: &Reader<'_>) {
        let here = (file.to_owned(), place);
        let taken = |(first, at): &(PathBuf, Place), id: &str| {
            let line = at.line;
            let by =
                if first == file { format!("the check on line {line}") } else { format!("{}:{line}", first.display()) };
            reader.complain(place, format!("duplicate id `{id}`: {by} has it already"));
        };
        if let Some(first) = self.names.insert(name.id.clone(), here.clone()) {
            taken(&first, &name.id);
        }
        for family in &name.families {
            match self.names.get(family) {
                Some(first) if *first != here => taken(first, family),
                Some(_) => {}
                None => drop(self.names.insert(family.clone(), here.clone())),
            }
        }
    }
}

/// The names that one check goes by.
struct Name {
    id: String,
    families: Vec<String>,
}

impl Name {
    fn new(prefix: &Prefix, id: &str, combination: &Combination, around: &Combination) -> Name {
        let mut families: Vec<String> = prefix.families.iter().map(|family| format!("{family}{id}")).collect();
        let own = &prefix.own;
        if !combination.is_empty() || !around.is_empty() {
            families.push(format!("{own}{id}"));
        }
        if !combination.is_empty() && !around.is_empty() {
            families.push(format!("{own}{}", around.name(id, &Combination::default())));
        }
        Name { id: format!("{own}{}", combination.name(id, around)), families }
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.families).map(String::as_str)
    }
}

fn finished(
    entry: Entry,
    name: Name,
    needs: Vec<String>,
    (claim, kind): (&'static str, Arc<dyn Kind>),
    location: Location,
    around: &[Arc<Condition>],
) -> Check {
    Check {
        id: name.id,
        families: name.families,
        title: entry.title.unwrap_or_else(|| kind.title()),
        tags: entry.tags,
        severity: entry.severity,
        needs,
        when: both(around, entry.when),
        attempts: entry.attempts,
        fix: entry.fix,
        location,
        claim,
        kind,
    }
}

/// A checklist's own fields: its title, and the nodes of its steps. `vars` was read before.
pub(super) fn head<'a>(fields: &Fields<'a>) -> (Option<String>, Option<&'a [Node]>) {
    let title = fields.required("title", "what the checklist is about", Fields::text);
    if fields.shaped("vars", || Shape::Named("variable")).is_some() {
        fields.entries("vars");
    }
    let nodes = fields.required("steps", "a list of steps", |fields, name| fields.list(name, "step"));
    (title, nodes)
}

/// A step's own fields: its title, its conditions, and the nodes of its checks.
pub(super) fn step_head<'a>(fields: &Fields<'a>) -> (Option<String>, Vec<Condition>, Option<&'a [Node]>) {
    let title = fields.required("title", "the step's heading", Fields::text);
    let when = when::read(fields);
    matrix::belongs_to(fields);
    let nodes = fields.required("checks", "a list of checks", |fields, name| fields.list(name, "check"));
    (title, when, nodes)
}

fn is_include(node: &Node) -> bool {
    matches!(&node.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == "include"))
}

fn combinations(file: &File<'_>, variables: &Variables, node: &Node, problems: &mut Vec<Problem>) -> Vec<Combination> {
    let reader = Reader::new(variables, &file.source.base);
    let combinations = matrix::combinations(&reader, node).unwrap_or_default();
    problems.extend(reader.finish());
    combinations
}

/// `Trees [/usr]`: which of several a step is.
fn titled(title: &str, combination: &Combination) -> String {
    if combination.is_empty() {
        return title.to_owned();
    }
    combination.name(&format!("{title} "), &Combination::default())
}

fn scoped<'a>(variables: &'a Variables, combination: &Combination) -> Cow<'a, Variables> {
    if combination.is_empty() { Cow::Borrowed(variables) } else { Cow::Owned(variables.with(&combination.0)) }
}

fn both(around: &[Arc<Condition>], own: Vec<Condition>) -> Vec<Arc<Condition>> {
    around.iter().cloned().chain(own.into_iter().map(Arc::new)).collect()
}
