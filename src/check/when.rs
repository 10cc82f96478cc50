//! `when`: a condition on variables and on the machine, without which a check is skipped.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::fields::{Fields, Reader};
use super::shape::Shape;
use super::yaml::Node;

/// A condition.
#[derive(Debug)]
pub enum Condition {
    /// A value is as it should be.
    Value(Fact, Test),
    /// Something is at this path.
    Exists(PathBuf),
    /// A program of that name is on PATH.
    CommandOnPath(String),
    /// The condition in it does not hold.
    Not(Box<Condition>),
    /// One of them holds.
    AnyOf(Vec<Condition>),
    /// All of them hold.
    AllOf(Vec<Condition>),
}

/// What is tested.
#[derive(Debug)]
pub enum Fact {
    /// A variable of the checklist, with its value.
    Variable(String, String),
    /// A variable of the environment.
    Environment(String),
    /// What uname(2) says.
    Host(Host),
}

/// What uname(2) says of a machine.
#[derive(Clone, Copy, Debug)]
pub enum Host {
    /// `x86_64`.
    Arch,
    /// The kernel's release: `6.1.0-18-amd64`.
    Kernel,
    /// The machine's name.
    Name,
    /// `Linux`.
    System,
}

/// How it is tested.
#[derive(Debug)]
pub enum Test {
    /// It is this text.
    Equals(String),
    /// The pattern matches somewhere in it.
    Matches(Regex),
    /// It is a text of at least one character (or is not).
    NotEmpty(bool),
}

impl Condition {
    /// Why it holds, or, as the error, why it does not: in words.
    pub fn holds(&self) -> Result<String, String> {
        let told = |holds: bool, yes: String, no: String| if holds { Ok(yes) } else { Err(no) };
        match self {
            Condition::Value(fact, test) => {
                let (name, value) = (fact.name(), fact.look());
                let (holds, wanted) = test.judge(&value);
                told(holds, format!("{name} is `{value}`"), format!("{name} is `{value}`, {wanted}"))
            }
            Condition::Exists(path) => {
                let shown = path.display();
                match path.try_exists() {
                    Ok(holds) => told(holds, format!("{shown} is there"), format!("{shown} is not there")),
                    Err(error) => Err(format!("whether {shown} is there cannot be told: {error}")),
                }
            }
            Condition::CommandOnPath(name) => {
                told(is_on_path(name), format!("`{name}` is on PATH"), format!("`{name}` is not on PATH"))
            }
            Condition::Not(inner) => match inner.holds() {
                Ok(why) => Err(why),
                Err(why) => Ok(why),
            },
            Condition::AllOf(inner) => {
                inner.iter().map(Condition::holds).collect::<Result<Vec<_>, _>>().map(|whys| whys.join(" and "))
            }
            Condition::AnyOf(inner) => {
                let mut whys = Vec::new();
                for condition in inner {
                    match condition.holds() {
                        Ok(why) => return Ok(why),
                        Err(why) => whys.push(why),
                    }
                }
                Err(whys.join(" and "))
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joined = |conditions: &[Condition], word: &str| {
            f.write_str(&conditions.iter().map(|condition| format!("({condition})")).collect::<Vec<_>>().join(word))
        };
        match self {
            Condition::AnyOf(inner) => joined(inner, " or "),
            Condition::AllOf(inner) => joined(inner, " and "),
            Condition::Not(inner) => write!(f, "not ({inner})"),
            Condition::Exists(path) => write!(f, "{} is there", path.display()),
            Condition::CommandOnPath(name) => write!(f, "`{name}` is on PATH"),
            Condition::Value(fact, test) => write!(f, "{} {test}", fact.name()),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Equals(wanted) => write!(f, "is `{wanted}`"),
            Test::Matches(pattern) => write!(f, "matches /{pattern}/"),
            Test::NotEmpty(true) => f.write_str("is not empty"),
            Test::NotEmpty(false) => f.write_str("is empty"),
        }
    }
}

impl Fact {
    fn name(&self) -> String {
        match self {
            Fact::Variable(name, _) => format!("variable `{name}`"),
            Fact::Environment(name) => format!("environment variable `{name}`"),
            Fact::Host(Host::Arch) => "this machine's architecture".to_owned(),
            Fact::Host(Host::Kernel) => "this machine's kernel".to_owned(),
            Fact::Host(Host::Name) => "this machine's name".to_owned(),
            Fact::Host(Host::System) => "this machine's system".to_owned(),
        }
    }

    fn look(&self) -> String {
        let uname = rustix::system::uname();
        match self {
            Fact::Variable(_, value) => value.clone(),
            Fact::Environment(name) => std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned(),
            Fact::Host(Host::Arch) => uname.machine().to_string_lossy().into_owned(),
            Fact::Host(Host::Kernel) => uname.release().to_string_lossy().into_owned(),
            Fact::Host(Host::Name) => uname.nodename().to_string_lossy().into_owned(),
            Fact::Host(Host::System) => uname.sysname().to_string_lossy().into_owned(),
        }
    }
}

impl Test {
    /// Whether the value passes, and what it should have been.
    fn judge(&self, value: &str) -> (bool, String) {
        match self {
            Test::Equals(wanted) => (value == wanted, format!("not `{wanted}`")),
            Test::Matches(pattern) => (pattern.is_match(value), format!("which does not match /{pattern}/")),
            Test::NotEmpty(true) => (!value.is_empty(), "which is empty".to_owned()),
            Test::NotEmpty(false) => (value.is_empty(), "which is not empty".to_owned()),
        }
    }
}

fn is_on_path(name: &str) -> bool {
    let runs = |path: &Path| path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| runs(&folder.join(name)))
}

/// The conditions of a check, step or include: all of them must hold.
pub(super) fn read(fields: &Fields<'_>) -> Vec<Condition> {
    let nodes = fields.one_or_more("when", "condition").unwrap_or_default();
    nodes.iter().filter_map(|node| condition(fields.reader(), node)).collect()
}

fn condition(reader: &Reader<'_>, node: &Node) -> Option<Condition> {
    let fields = Fields::new(reader, node, "a condition")?;
    let condition = of(&fields);
    fields.finish();
    condition
}

/// What a condition may be about.
pub(super) const SUBJECTS: [&str; 8] = ["var", "env", "host", "exists", "command_on_path", "not", "any_of", "all_of"];

/// One condition: exactly one subject, and for a value how it is tested.
pub(super) fn of(fields: &Fields<'_>) -> Option<Condition> {
    let reader = fields.reader();
    let fact = fact(fields);
    let test = test(fields);
    let exists = fields.path("exists").map(Condition::Exists);
    let command = fields.text("command_on_path").map(Condition::CommandOnPath);
    let not = fields.shaped("not", || Shape::Mapping("condition")).map(|node| condition(reader, node));
    let many = |name: &'static str| {
        let nodes = fields.list(name, "condition")?;
        let inner = nodes.iter().map(|node| condition(reader, node)).collect::<Option<Vec<_>>>();
        if nodes.is_empty() {
            reader.complain(fields.place(), format!("expected at least one condition for `{name}`, found none"));
        }
        inner
    };
    let (any, all) = (many("any_of"), many("all_of"));
    let given: Vec<&str> = SUBJECTS.into_iter().filter(|name| fields.has(name)).collect();
    if given.len() != 1 {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
        reader
            .complain(fields.place(), format!("expected one of {} in a condition, found {found}", SUBJECTS.join(", ")));
        return None;
    }
    match fact {
        Some(fact) => Some(Condition::Value(fact, test?.unwrap_or(Test::NotEmpty(true)))),
        None => {
            if let Some(name) = ["equals", "matches", "not_empty"].into_iter().find(|name| fields.has(name)) {
                reader.complain(
                    fields.place(),
                    format!("`{name}` tests a `var`, `env` or `host`, and there is none here"),
                );
            }
            exists
                .or(command)
                .or(not.flatten().map(|inner| Condition::Not(Box::new(inner))))
                .or_else(|| any.map(Condition::AnyOf).or(all.map(Condition::AllOf)))
        }
    }
}

fn fact(fields: &Fields<'_>) -> Option<Fact> {
    let variables = fields.reader().variables;
    let variable = fields.text("var").map(|name| {
        if !variables.declares(&name) {
            let known = variables.names().collect::<Vec<_>>().join(", ");
            let place = fields.node("var").map_or(fields.place(), |node| node.place);
            let message = format!("`var` names `{name}`, which neither `vars` nor a `matrix` declares ({known})");
            fields.reader().complain(place, message);
        }
        let value = variables.get(&name).unwrap_or_default().to_owned();
        Fact::Variable(name, value)
    });
    let environment = fields.text("env").map(Fact::Environment);
    let hosts = [("arch", Host::Arch), ("kernel", Host::Kernel), ("name", Host::Name), ("system", Host::System)];
    let host = fields.choice("host", &hosts).map(Fact::Host);
    variable.or(environment).or(host)
}

/// How a value is tested, where that is said; `None` after a complaint.
fn test(fields: &Fields<'_>) -> Option<Option<Test>> {
    let equals = fields.text("equals").map(Test::Equals);
    let matches = fields.pattern("matches").map(Test::Matches);
    let not_empty = fields.flag("not_empty").map(Test::NotEmpty);
    let mut tests: Vec<Test> = [equals, matches, not_empty].into_iter().flatten().collect();
    if tests.len() > 1 {
        let message = "expected one of equals, matches, not_empty in a condition, found several";
        fields.reader().complain(fields.place(), message);
        return None;
    }
    Some(tests.pop())
}
