//! `package`: a package of the distribution or of Python is installed (or is not), in a version that fits.

use std::path::PathBuf;
use std::sync::Arc;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::probe::{Child, Ended, Limits};

use super::python::interpreter;
use super::versions::{Requirement, Scheme};
use super::{Context, Found, Kind};

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
    interpreter: PathBuf,
    limits: Limits,
}

/// What a package manager says of one package.
enum Answer {
    /// Its version.
    Installed(String),
    Absent,
    /// There is no such manager.
    NoManager(String),
    Unclear(String),
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let names = fields.required("name", "the package, or a list of packages", Fields::texts);
    let managers = [("dpkg", Manager::Dpkg), ("rpm", Manager::Rpm), ("pip", Manager::Pip)];
    let manager = fields.choice("manager", &managers);
    let scheme = manager.map(Manager::scheme);
    let version = Requirement::field(fields, "version", scheme);
    let installed = fields.flag("installed").unwrap_or(true);
    let interpreter = interpreter(fields);
    let limits = Limits::default();
    let limits = Limits { time: fields.duration("timeout").unwrap_or(limits.time), ..limits };
    if !installed && version.is_some() {
        fields.reader().complain(fields.place(), "`installed: false` leaves no version to ask for");
    }
    Some(Arc::new(PackageCheck { names: names?, manager, installed, version, interpreter, limits }))
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

    fn run(&self, context: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        for name in &self.names {
            let (manager, answer) = self.ask(name, context);
            self.judge(name, manager, answer, &mut finding);
        }
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
                Child::new("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}\t${Version}\n", "--", name])
            }
            Manager::Rpm => {
                let format = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n";
                Child::new("rpm").args(["-q", "--qf", format, "--", name])
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
            Answer::Absent if self.installed => {
                let expected = format!("the package {name}");
                let diagnosis = Diagnosis::new(Code::PackageMissing, expected, "it is not installed");
                finding.violates(diagnosis.mended_by(manager.install(name)));
            }
            Answer::Absent => finding.saw(format!("{name} is not installed")),
            Answer::Installed(version) if !self.installed => {
                let (expected, actual) = (format!("no package {name}"), format!("{name} {version}"));
                finding.violates(
                    Diagnosis::new(Code::PackageUnexpected, expected, actual).mended_by(manager.remove(name)),
                );
            }
            Answer::Installed(version) => {
                let found = format!("{name} {version}");
                let wanted = self.version.as_ref().map(|wanted| (wanted, wanted.admits(&version, manager.scheme())));
                match wanted {
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
        }
    }
}

/// Prints the version of an installed distribution; ends with 4 where there is none.
const DISTRIBUTION: &str = "\
import sys
from importlib import metadata
try:
    print(metadata.version(sys.argv[1]))
except metadata.PackageNotFoundError:
    sys.exit(4)
";

fn answer(manager: Manager, ended: &Ended) -> Answer {
    let text = ended.stdout.text();
    let absent = match manager {
        Manager::Dpkg | Manager::Rpm => 1,
        Manager::Pip => 4,
    };
    match (ended.exit(), manager) {
        // dpkg also knows what was removed, and what is half there: `ii` (or `hi`, held) is installed.
        (Some(0), Manager::Dpkg) => {
            let lines = text.lines().filter_map(|line| line.split_once('\t'));
            let installed =
                lines.filter(|(status, _)| status.as_bytes().get(1) == Some(&b'i')).map(|(_, version)| version);
            installed.last().map_or(Answer::Absent, |version| Answer::Installed(version.to_owned()))
        }
        (Some(0), _) => match text.lines().last() {
            Some(version) => Answer::Installed(version.trim().to_owned()),
            None => Answer::Unclear(format!("{manager:?} said nothing")),
        },
        (Some(status), _) if status == absent => Answer::Absent,
        _ => {
            let said = ended.last_word().map(|word| format!(": {word}")).unwrap_or_default();
            Answer::Unclear(format!("the package manager could not answer ({}){said}", ended.ending))
        }
    }
}
