//! `python`: a module can be imported by the interpreter meant, in a version that fits, with attributes as they should be.

use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobMatcher;
use serde::Deserialize;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;
use crate::probe::{Child, Ended, Ending, Limits, loader_words};

use super::versions::{Requirement, Scheme};
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct PythonCheck {
    module: String,
    interpreter: PathBuf,
    version: Option<Requirement>,
    /// Below the module, by dots: `version.hip`.
    attributes: Vec<(String, GlobMatcher)>,
    env: Vec<(String, String)>,
    /// Neither the interpreter nor the module has to be here.
    skip_if_missing: bool,
    limits: Limits,
}

/// What the script below reports.
#[derive(Debug, Deserialize)]
struct Report {
    executable: String,
    python: String,
    found: bool,
    file: Option<String>,
    /// The folders of a package without a file of its own.
    #[serde(default)]
    folders: Vec<String>,
    /// They hold nothing that could be imported: a folder of that name is enough for Python to find a package.
    #[serde(default)]
    hollow: bool,
    version: Option<String>,
    error: Option<String>,
    #[serde(default)]
    attributes: Vec<Option<String>>,
}

/// The line of the report begins with it: modules print, too.
const MARK: &str = "xdoctor-python:";

const SCRIPT: &str = r#"
import importlib, importlib.util, json, os, sys
name, attributes = sys.argv[1], sys.argv[2:]
report = {"executable": sys.executable, "python": "%d.%d.%d" % sys.version_info[:3], "found": False}

def version(module):
    if isinstance(getattr(module, "__version__", None), str):
        return module.__version__
    try:
        from importlib import metadata
        return metadata.version(name)
    except Exception:
        return None

def attribute(module, path):
    value = module
    for part in path.split("."):
        value = getattr(value, part)
    return str(value)

def importable(folder):
    ends = (".py", ".pyc", ".so")
    return any(name.endswith(ends) for _, _, names in os.walk(folder, followlinks=True) for name in names)

try:
    report["found"] = importlib.util.find_spec(name) is not None
except ModuleNotFoundError:
    pass
except Exception as error:
    report["found"], report["error"] = True, "%s: %s" % (type(error).__name__, error)
if report["found"] and "error" not in report:
    try:
        module = importlib.import_module(name)
        report["file"], report["version"] = getattr(module, "__file__", None), version(module)
        if report["file"] is None and hasattr(module, "__path__"):
            report["folders"] = list(module.__path__)
            report["hollow"] = not any(map(importable, report["folders"]))
        report["attributes"] = []
        for path in attributes:
            try:
                report["attributes"].append(attribute(module, path))
            except AttributeError:
                report["attributes"].append(None)
    except BaseException as error:
        report["error"] = "%s: %s" % (type(error).__name__, error)
print("\nxdoctor-python:" + json.dumps(report), flush=True)
"#;

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("module", "The module that must be importable."),
    ("interpreter", "The Python that imports it; python3 where nothing is said."),
    ("version", "The version that it must have, in the words of PEP 440: ~=2.4."),
    ("attributes", "NAME: GLOB pairs of attributes, such as torch.version.hip: 6.*."),
    ("env", "NAME: VALUE pairs that are added to its environment."),
    ("skip_if_missing", "Whether the check is skipped where there is no such interpreter or module."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let module = fields.required("module", "the name of a module", Fields::text);
    let good = |name: &String| name.split('.').all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
    if let (Some(name), Some(node)) = (module.as_ref().filter(|name| !good(name)), fields.node("module")) {
        fields.reader().complain(node.place, format!("expected the name of a module for `module`, found `{name}`"));
    }
    let limits = Limits::default();
    let check = PythonCheck {
        module: module.clone().unwrap_or_default(),
        interpreter: interpreter(fields),
        version: Requirement::field(fields, "version", Some(Scheme::Python)),
        attributes: fields.glob_pairs("attributes").unwrap_or_default(),
        env: fields.pairs("env").unwrap_or_default(),
        skip_if_missing: fields.flag("skip_if_missing").unwrap_or(false),
        limits: Limits { time: fields.duration("timeout").unwrap_or(limits.time), ..limits },
    };
    module.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

/// The interpreter: a name on PATH, or a path; `python3` where none is given.
pub(super) fn interpreter(fields: &Fields<'_>) -> PathBuf {
    let text = fields.text("interpreter").unwrap_or_else(|| "python3".to_owned());
    if text.contains('/') { fields.reader().base.join(text) } else { text.into() }
}

impl Kind for PythonCheck {
    fn title(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        format!("{} imports {}{version}", self.interpreter.display(), self.module)
    }

    fn subjects(&self) -> Vec<Subject> {
        let named = Some(&self.interpreter).filter(|interpreter| interpreter.is_absolute());
        named.cloned().map(Subject::File).into_iter().collect()
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let paths = self.attributes.iter().map(|(path, _)| self.below_module(path));
        let mut child = Child::new(&self.interpreter).args(["-c", SCRIPT, &self.module]).args(paths);
        for (name, value) in &self.env {
            child = child.env(name, value);
        }
        match child.limits(self.limits).log(context.log.clone()).run() {
            Ok(ended) => self.judge(&ended).into(),
            Err(error) if error.is_missing() && self.skip_if_missing => Finding::skipped(error.to_string()).into(),
            Err(error) if error.is_missing() => {
                let expected = format!("a Python interpreter {}", self.interpreter.display());
                Finding::violation(Diagnosis::new(Code::PackageMissing, expected, error.to_string())).into()
            }
            Err(error) => Finding::undetermined(error.to_string()).into(),
        }
    }
}

impl PythonCheck {
    /// `torch.version.hip` is `version.hip` below the module torch.
    fn below_module<'a>(&self, path: &'a str) -> &'a str {
        let below = path.strip_prefix(&self.module).and_then(|rest| rest.strip_prefix('.'));
        below.unwrap_or(path)
    }

    fn judge(&self, ended: &Ended) -> Finding {
        let stdout = ended.stdout.text();
        let line = stdout.lines().rev().find_map(|line| line.strip_prefix(MARK));
        let Some(report) = line.and_then(|line| serde_json::from_str::<Report>(line).ok()) else {
            return self.unreported(ended);
        };
        let mut finding = Finding::default();
        finding.saw(format!("Python {} ({})", report.python, report.executable));
        let module = &self.module;
        if !report.found || report.hollow {
            let actual = match report.folders.first() {
                Some(folder) => {
                    format!("{} has only a folder of that name, without a module in it: {folder}", report.executable)
                }
                None => format!("{} has no such module", report.executable),
            };
            if self.skip_if_missing {
                finding.open = Some(Open::Skipped { reason: format!("{actual}: {module}"), code: None });
                return finding;
            }
            let fix = format!("{} -m pip install {module}", report.executable);
            let expected = format!("the Python module {module}");
            finding.violates(Diagnosis::new(Code::PackageMissing, expected, actual).mended_by(fix));
            return finding;
        }
        if let Some(error) = &report.error {
            // An extension module whose libraries ld.so cannot load says so in ld.so's words.
            let code = loader_words(error).first().map_or(Code::CommandFailed, |word| word.code);
            let error = crate::elf::escape(error.as_bytes()).to_string();
            finding.violates(Diagnosis::new(code, format!("`import {module}` to succeed"), error));
            return finding;
        }
        let version = report.version.as_deref().unwrap_or("without version");
        let file = match (&report.file, report.folders.is_empty()) {
            (Some(file), _) => file.clone(),
            (None, true) => "built in".to_owned(),
            (None, false) => format!("a namespace in {}", report.folders.join(", ")),
        };
        finding.saw(format!("{module} {version} ({file})"));
        self.judge_end(ended, &mut finding);
        self.judge_version(report.version.as_deref(), &mut finding);
        self.judge_attributes(&report.attributes, &mut finding);
        finding
    }

    /// Libraries that were loaded take themselves down when the interpreter ends.
    fn judge_end(&self, ended: &Ended, finding: &mut Finding) {
        let code = match ended.ending {
            Ending::Exited(0) => return,
            Ending::Signalled(_) => Code::TeardownCrash,
            ending => match ending.code() {
                Some(code) => code,
                None => return *finding = Finding::undetermined("interrupted"),
            },
        };
        let expected = format!("an interpreter that ends well after `import {}`", self.module);
        finding.violates(Diagnosis::new(code, expected, ended.ending.to_string()));
    }

    fn judge_version(&self, version: Option<&str>, finding: &mut Finding) {
        let Some(wanted) = &self.version else { return };
        let module = &self.module;
        match version.and_then(|version| wanted.admits(version, Scheme::Python)) {
            Some(true) => {}
            Some(false) => {
                let actual = format!("{module} {}", version.unwrap_or_default());
                finding.violates(Diagnosis::new(Code::WrongVersion, format!("{module} {wanted}"), actual));
            }
            None => {
                let said = version.map_or("no version".to_owned(), |version| format!("a version `{version}`"));
                let reason = format!("{module} has {said}: whether that is {wanted} cannot be told");
                finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
            }
        }
    }

    fn judge_attributes(&self, values: &[Option<String>], finding: &mut Finding) {
        for ((path, wanted), value) in self.attributes.iter().zip(values) {
            let path = format!("{}.{}", self.module, self.below_module(path));
            match value {
                Some(value) if wanted.is_match(value) => finding.saw(format!("{path} is {value}")),
                value => {
                    let actual = value.as_ref().map_or(format!("there is no {path}"), |v| format!("{path} is {v}"));
                    let expected = format!("{path} to be {}", wanted.glob());
                    finding.violates(Diagnosis::new(Code::WrongVersion, expected, actual));
                }
            }
        }
    }

    fn unreported(&self, ended: &Ended) -> Finding {
        let Some(code) = ended.ending.code() else { return Finding::undetermined("interrupted") };
        let said = ended.last_word().map(|word| format!("; its last line on stderr: {word}")).unwrap_or_default();
        let expected = format!("`import {}` to succeed", self.module);
        Finding::violation(Diagnosis::new(code, expected, format!("{}{said}", ended.ending)))
    }
}
