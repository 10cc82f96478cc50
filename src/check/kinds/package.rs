//! `package`: a package of the distribution or of Python is installed (or is not), in a version that fits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};
use crate::probe::{Child, Ended, Limits};

use super::python::interpreter;
use super::versions::{Requirement, Scheme};
use super::{Context, Found, Kind, Texts};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Dpkg,
    Rpm,
    Pip,
}

#[derive(Debug)]
struct PackageCheck {
    names: Vec<String>,
    /// The first that is here, dpkg before rpm, where none is named.
    manager: Option<Manager>,
    installed: bool,
    version: Option<Requirement>,
    /// What this captures of a version must be the same in all of them.
    agree: Option<Regex>,
    skip_if_missing: bool,
    interpreter: PathBuf,
    limits: Limits,
}

/// What a package manager says of one package.
enum Answer {
    /// It, or each that fits a glob, with its version; never empty.
    Installed(Vec<(String, String)>),
    Absent,
    /// There is no such manager.
    NoManager(String),
    Unclear(String),
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("name", "The package, or a glob; or a list of packages."),
    ("manager", "Who is asked: dpkg, rpm or pip; dpkg, else rpm, where nothing is said."),
    ("installed", "Whether it must be installed, or must not; true where nothing is said."),
    ("version", "The version that it must have, such as '>=1.24, <3'."),
    ("agree", "A regular expression with a group: what it captures of the versions must be the same in all packages."),
    ("interpreter", "The Python whose packages pip lists; python3 where nothing is said."),
    ("skip_if_missing", "Whether the check is skipped where none of the packages is installed."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let names = fields.required("name", "the package (or a glob), or a list of packages", Fields::texts);
    let managers = [("dpkg", Manager::Dpkg), ("rpm", Manager::Rpm), ("pip", Manager::Pip)];
    let manager = fields.choice("manager", &managers);
    let scheme = manager.map(Manager::scheme);
    let version = Requirement::field(fields, "version", scheme);
    let installed = fields.flag("installed").unwrap_or(true);
    let agree = fields.pattern("agree");
    if agree.as_ref().is_some_and(|pattern| pattern.captures_len() < 2) {
        let message = "expected a pattern with a group for `agree`: what it captures is what must agree";
        fields.reader().complain(fields.place(), message);
    }
    let skip_if_missing = fields.flag("skip_if_missing").unwrap_or(false);
    let interpreter = interpreter(fields);
    let limits = Limits::default();
    let limits = Limits { time: fields.duration("timeout").unwrap_or(limits.time), ..limits };
    if !installed && version.is_some() {
        fields.reader().complain(fields.place(), "`installed: false` leaves no version to ask for");
    }
    Some(Arc::new(PackageCheck {
        names: names?,
        manager,
        installed,
        version,
        agree,
        skip_if_missing,
        interpreter,
        limits,
    }))
}

impl Manager {
    fn scheme(self) -> Scheme {
        match self {
            Manager::Dpkg => Scheme::Debian,
            Manager::Rpm => Scheme::Rpm,
            Manager::Pip => Scheme::Python,
        }
    }

    fn install(self, name: &str) -> String {
        match self {
            Manager::Dpkg => format!("apt install {name}"),
            Manager::Rpm => format!("dnf install {name}"),
            Manager::Pip => format!("python3 -m pip install {name}, with the interpreter that is to import it"),
        }
    }

    fn remove(self, name: &str) -> String {
        match self {
            Manager::Dpkg => format!("apt remove {name}"),
            Manager::Rpm => format!("dnf remove {name}"),
            Manager::Pip => format!("python3 -m pip uninstall {name}"),
        }
    }
}

impl Kind for PackageCheck {
    fn title(&self) -> String {
        let names = self.names.join(", ");
        match (self.installed, &self.version) {
            (false, _) => format!("{names} is not installed"),
            (true, Some(version)) => format!("{names} is installed, {version}"),
            (true, None) => format!("{names} is installed"),
        }
    }

    fn is_of_the_node(&self) -> bool {
        true
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        let mut all = Vec::new();
        for name in &self.names {
            let (manager, answer) = self.ask(name, context);
            if let Answer::Installed(found) = &answer {
                all.extend(found.iter().cloned());
            }
            self.judge(name, manager, answer, &mut finding);
        }
        if all.is_empty() && self.skip_if_missing && finding.open.is_none() {
            return Finding::skipped(format!("none of these is installed: {}", self.names.join(", "))).into();
        }
        self.compare(&all, &mut finding);
        finding.into()
    }
}

impl PackageCheck {
    fn ask(&self, name: &str, context: &Context<'_>) -> (Manager, Answer) {
        if let Some(manager) = self.manager {
            return (manager, self.ask_one(manager, name, context));
        }
        match self.ask_one(Manager::Dpkg, name, context) {
            Answer::NoManager(_) => {}
            answer => return (Manager::Dpkg, answer),
        }
        match self.ask_one(Manager::Rpm, name, context) {
            Answer::NoManager(_) => {
                let reason = "neither dpkg-query nor rpm is here to ask for packages".to_owned();
                (Manager::Rpm, Answer::NoManager(reason))
            }
            answer => (Manager::Rpm, answer),
        }
    }

    fn ask_one(&self, manager: Manager, name: &str, context: &Context<'_>) -> Answer {
        let child = match manager {
            Manager::Dpkg => {
                let format = "${Package}\t${Version}\t${db:Status-Abbrev}\n";
                Child::new("dpkg-query").args(["-W", "-f", format, "--", name])
            }
            Manager::Rpm => {
                let format = "%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n";
                Child::new("rpm").args(["-qa", "--qf", format, "--", name])
            }
            Manager::Pip => Child::new(&self.interpreter).args(["-c", DISTRIBUTION, name]),
        };
        match child.env("LC_ALL", "C").limits(self.limits).log(context.log.clone()).run() {
            Ok(ended) => answer(manager, &ended),
            Err(error) if error.is_missing() => Answer::NoManager(error.to_string()),
            Err(error) => Answer::Unclear(error.to_string()),
        }
    }

    fn judge(&self, name: &str, manager: Manager, answer: Answer, finding: &mut Finding) {
        match answer {
            Answer::NoManager(reason) => finding.open = Some(Open::Skipped { reason, code: None }),
            Answer::Unclear(reason) => {
                finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
            }
            Answer::Absent if self.installed && !self.skip_if_missing => {
                let expected = format!("the package {name}");
                let diagnosis = Diagnosis::new(Code::PackageMissing, expected, "it is not installed");
                finding.violates(diagnosis.mended_by(manager.install(name)));
            }
            Answer::Absent => finding.saw(format!("{name} is not installed")),
            Answer::Installed(found) if !self.installed => {
                let found: Vec<String> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
                let diagnosis =
                    Diagnosis::new(Code::PackageUnexpected, format!("no package {name}"), listed(&found, 5));
                finding.violates(diagnosis.mended_by(manager.remove(name)));
            }
            Answer::Installed(found) => {
                found.iter().for_each(|(name, version)| self.judge_version(name, version, manager, finding));
            }
        }
    }

    fn judge_version(&self, name: &str, version: &str, manager: Manager, finding: &mut Finding) {
        let found = format!("{name} {version}");
        match self.version.as_ref().map(|wanted| (wanted, wanted.admits(version, manager.scheme()))) {
            None | Some((_, Some(true))) => finding.saw(found),
            Some((wanted, Some(false))) => {
                finding.violates(Diagnosis::new(Code::WrongVersion, format!("{name} {wanted}"), found));
            }
            Some((wanted, None)) => {
                let reason = format!("{found}: whether that is {wanted} cannot be told");
                finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
            }
        }
    }

    /// Those whose version does not fit the pattern belong to another release cycle, and are left out.
    fn compare(&self, found: &[(String, String)], finding: &mut Finding) {
        let Some(pattern) = &self.agree else { return };
        let mut releases: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, version) in found {
            if let Some(release) = pattern.captures(version).and_then(|captures| captures.get(1)) {
                releases.entry(release.as_str()).or_default().push(format!("{name} {version}"));
            }
        }
        match releases.len() {
            0 => {}
            1 => releases.iter().for_each(|(release, names)| {
                finding.evidence.insert(0, format!("all {} of {release}", names.len()));
            }),
            _ => {
                let shown = releases.iter().map(|(release, names)| format!("{release}: {}", listed(names, 3)));
                let actual = shown.collect::<Vec<_>>().join("; ");
                let fix = "upgrade all of them to one release, in one go; mixed releases are not supported together";
                let expected = "packages of one release";
                finding.violates(Diagnosis::new(Code::WrongVersion, expected, actual).mended_by(fix));
            }
        }
    }
}

/// Prints the version of an installed distribution; ends with 4 where there is none.
const DISTRIBUTION: &str = "\
import sys
from importlib import metadata
try:
    print(sys.argv[1], metadata.version(sys.argv[1]), sep=\"\\t\")
except metadata.PackageNotFoundError:
    sys.exit(4)
";

fn answer(manager: Manager, ended: &Ended) -> Answer {
    let text = ended.stdout.text();
    let absent = match manager {
        Manager::Dpkg => Some(1),
        // It finds nothing and ends with 0; where it cannot open its database it says so, and ends with 1.
        Manager::Rpm => None,
        Manager::Pip => Some(4),
    };
    match (ended.exit(), manager) {
        (Some(0), _) => {
            let found: Vec<(String, String)> = text.lines().filter_map(installed).collect();
            if found.is_empty() { Answer::Absent } else { Answer::Installed(found) }
        }
        (Some(status), _) if Some(status) == absent => Answer::Absent,
        (Some(1), Manager::Rpm) if ended.last_word().is_none() => Answer::Absent,
        _ => {
            let said = ended.last_word().map(|word| format!(": {word}")).unwrap_or_default();
            Answer::Unclear(format!("the package manager could not answer ({}){said}", ended.ending))
        }
    }
}

/// `NAME TAB VERSION`, and dpkg's status behind it: dpkg knows what was removed, too, and what is half there. `ii`
/// (or `hi`, held) is installed.
fn installed(line: &str) -> Option<(String, String)> {
    let mut parts = line.split('\t');
    let (name, version) = (parts.next()?, parts.next()?);
    let is_there = parts.next().is_none_or(|status| status.as_bytes().get(1) == Some(&b'i'));
    (is_there && !version.is_empty()).then(|| (name.to_owned(), version.to_owned()))
}
