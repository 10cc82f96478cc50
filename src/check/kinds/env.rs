//! `env`: a variable of the environment that xdoctor itself was given is set, is not, or has the value meant.

use std::env;
use std::ffi::OsString;
use std::sync::Arc;

use regex::Regex;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct EnvCheck {
    name: String,
    set: bool,
    equals: Option<String>,
    matches: Vec<Regex>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("name", "The variable of xdoctor's own environment."),
    ("set", "Whether it must be set, or must not; true where nothing is said."),
    ("equals", "The value that it must have."),
    ("matches", "A regular expression, or a list: each must match somewhere in its value."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let name = fields.required("name", "the variable", Fields::text);
    let set = fields.flag("set").unwrap_or(true);
    let equals = fields.text("equals");
    let matches = fields.patterns("matches").unwrap_or_default();
    if !set && (equals.is_some() || !matches.is_empty()) {
        let message = "`set: false` leaves no value that `equals` or `matches` could ask for";
        fields.reader().complain(fields.place(), message);
    }
    if name.as_deref().is_some_and(|name| name.is_empty() || name.contains(['=', '\0'])) {
        fields.reader().complain(fields.place(), "expected the name of a variable for `name`");
    }
    Some(Arc::new(EnvCheck { name: name?, set, equals, matches }))
}

impl Kind for EnvCheck {
    fn title(&self) -> String {
        match (self.set, &self.equals) {
            (false, _) => format!("{} is not set", self.name),
            (true, Some(value)) => format!("{} is {value}", self.name),
            (true, None) => format!("{} is set", self.name),
        }
    }

    fn run(&self, _: &Context<'_>) -> Found {
        self.judge(env::var_os(&self.name)).into()
    }
}

impl EnvCheck {
    fn judge(&self, value: Option<OsString>) -> Finding {
        let name = &self.name;
        let Some(value) = value else {
            if !self.set {
                let mut finding = Finding::default();
                finding.saw(format!("{name} is not set"));
                return finding;
            }
            let expected = self.equals.as_ref().map_or(format!("{name} set"), |value| format!("{name}={value}"));
            return self.violation(expected, format!("{name} is not set"), format!("export {name}=VALUE"));
        };
        let shown = self.shown(&value);
        if !self.set {
            let fix = format!("unset {name}; where one command needs it: {name}=VALUE COMMAND");
            return self.violation(format!("{name} not set"), format!("{name}={shown}"), fix);
        }
        let text = value.to_string_lossy();
        if let Some(wanted) = self.equals.as_ref().filter(|wanted| **wanted != text) {
            let fix = format!("export {name}={}", crate::probe::shell_word(wanted.as_ref()));
            return self.violation(format!("{name}={wanted}"), format!("{name}={shown}"), fix);
        }
        if let Some(pattern) = self.matches.iter().find(|pattern| !pattern.is_match(&text)) {
            let expected = format!("{name} to match {pattern}");
            return self.violation(expected, format!("{name}={shown}"), format!("export {name}=VALUE"));
        }
        let mut finding = Finding::default();
        finding.saw(format!("{name}={shown}"));
        finding
    }

    /// An exported LD_PRELOAD reaches every command that follows: that has a name of its own.
    fn violation(&self, expected: String, actual: String, fix: String) -> Finding {
        let leaks = self.name == "LD_PRELOAD" && !self.set;
        let code = if leaks { Code::PreloadLeaks } else { Code::WrongEnvironment };
        Finding::violation(Diagnosis::new(code, expected, actual).mended_by(fix))
    }

    /// The value, unless it looks like something that must not stand in a report.
    fn shown(&self, value: &OsString) -> String {
        const SECRET: [&str; 6] = ["TOKEN", "SECRET", "PASSW", "KEY", "CREDENTIAL", "AUTH"];
        let name = self.name.to_ascii_uppercase();
        if SECRET.iter().any(|word| name.contains(word)) {
            return format!("({} bytes, not shown)", value.len());
        }
        crate::elf::escape(value.as_encoded_bytes()).to_string()
    }
}
