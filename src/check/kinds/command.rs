//! `command`: a command runs apart, ends as it should, and says what it should.

use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;
use crate::probe::{Child, Ended, Ending, Limits, loader_words};

use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct CommandCheck {
    run: Vec<String>,
    env: Vec<(String, String)>,
    directory: Option<PathBuf>,
    exit: i32,
    stdout: Vec<Regex>,
    stderr: Vec<Regex>,
    output: Vec<Regex>,
    skip_exit: Option<i32>,
    skip_if_missing: bool,
    shim: Option<PathBuf>,
    limits: Limits,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("run", "The command as a list of words; no shell reads them."),
    ("env", "NAME: VALUE pairs that are added to its environment."),
    ("directory", "The folder that it is run in."),
    ("exit", "The exit status that it must end with; 0 where nothing is said."),
    ("stdout", "A regular expression, or a list: each must match somewhere in what it writes to stdout."),
    ("stderr", "A regular expression, or a list: each must match somewhere in what it writes to stderr."),
    ("output", "A regular expression, or a list: each must match in stdout or in stderr."),
    ("shim", "The library that LD_PRELOAD names; whether ld.so took it in is a finding of its own."),
    (
        "skip_exit",
        "The exit status by which it says that it cannot be run here; its last line on stdout is the reason.",
    ),
    ("skip_if_missing", "Whether the check is skipped where there is no such program."),
    ("output_limit", "How many bytes it may write; it is ended then."),
    ("memory", "How much memory all its processes may use together, such as 8GiB; no limit where nothing is said."),
    ("processes", "How many processes it may have at once; 1000 where nothing is said."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let run = fields.required("run", "the command as a list of words", Fields::texts);
    let limits = Limits::default();
    let check = CommandCheck {
        run: run.clone().unwrap_or_default(),
        env: fields.pairs("env").unwrap_or_default(),
        directory: fields.path("directory"),
        exit: fields.integer("exit").unwrap_or(0),
        stdout: fields.patterns("stdout").unwrap_or_default(),
        stderr: fields.patterns("stderr").unwrap_or_default(),
        output: fields.patterns("output").unwrap_or_default(),
        skip_exit: fields.integer("skip_exit"),
        skip_if_missing: fields.flag("skip_if_missing").unwrap_or(false),
        shim: fields.path("shim"),
        limits: Limits {
            time: fields.duration("timeout").unwrap_or(limits.time),
            output: size_in_memory(fields, "output_limit").unwrap_or(limits.output),
            memory: fields.size("memory"),
            processes: fields.integer("processes").unwrap_or(limits.processes),
        },
    };
    if let Some((node, _)) = fields.node("run").zip(run.as_ref()).filter(|(_, words)| words.is_empty()) {
        fields.reader().complain(node.place, "expected at least one word for `run`, found none");
        return None;
    }
    run.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

/// No output is longer than what can be addressed.
fn size_in_memory(fields: &Fields<'_>, name: &'static str) -> Option<usize> {
    fields.size(name).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}

impl Kind for CommandCheck {
    fn title(&self) -> String {
        format!("`{}` succeeds", self.run.join(" "))
    }

    fn parts(&self) -> &'static [&'static str] {
        if self.shim.is_some() { &["binds", "called", "forwards"] } else { &[] }
    }

    fn subjects(&self) -> Vec<Subject> {
        let program = self.run.first().filter(|word| word.starts_with('/')).map(|word| Subject::File(word.into()));
        self.shim.iter().cloned().map(Subject::Shim).chain(program).collect()
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let child = self.child(context);
        let finding = match child.run() {
            Ok(ended) => self.judge(&ended, context),
            Err(error) if error.is_missing() && self.skip_if_missing => Finding::skipped(error.to_string()),
            Err(error) if error.is_missing() => {
                let expected = format!("`{}` on PATH", self.run[0]);
                Finding::violation(Diagnosis::new(Code::CommandFailed, expected, error.to_string()))
            }
            Err(error) => Finding::undetermined(error.to_string()),
        };
        self.with_unproven_rungs(finding, &child)
    }
}

impl CommandCheck {
    fn child(&self, context: &Context<'_>) -> Child {
        let mut child = Child::new(&self.run[0]).args(&self.run[1..]).limits(self.limits).log(context.log.clone());
        for (name, value) in &self.env {
            child = child.env(name, value);
        }
        if let Some(shim) = &self.shim {
            child = child.env("LD_PRELOAD", shim);
        }
        match &self.directory {
            Some(directory) => child.directory(directory),
            None => child,
        }
    }

    fn judge(&self, ended: &Ended, context: &Context<'_>) -> Finding {
        if self.skip_exit.is_some() && ended.exit() == self.skip_exit {
            return self.skip(ended, context);
        }
        let mut finding = Finding::default();
        finding.saw(format!("{} after {:.2} s", ended.ending, ended.seconds));
        self.judge_ending(ended, &mut finding);
        let (stdout, stderr) = (ended.stdout.text(), ended.stderr.text());
        look_for("stdout", &stdout, &self.stdout, &mut finding);
        look_for("stderr", &stderr, &self.stderr, &mut finding);
        look_for("stdout or stderr", &(stdout + &stderr), &self.output, &mut finding);
        self.judge_preload(ended, &mut finding);
        finding
    }

    /// The reason is the command's own: its last line on stdout.
    fn skip(&self, ended: &Ended, context: &Context<'_>) -> Finding {
        let reason = ended.own_reason();
        let no_device = reason.contains("device");
        if no_device && context.require_gpu {
            return Finding::violation(Diagnosis::new(Code::DeviceMissing, "a device (--require gpu)", reason));
        }
        let code = no_device.then_some(Code::DeviceMissing);
        Finding { open: Some(Open::Skipped { reason, code }), ..Finding::default() }
    }

    fn judge_ending(&self, ended: &Ended, finding: &mut Finding) {
        let said = ended.last_word().map(|word| format!("; its last line on stderr: {word}")).unwrap_or_default();
        let actual = format!("{} after {:.2} s{said}", ended.ending, ended.seconds);
        if ended.ending == Ending::Exited(self.exit) {
            return;
        }
        let Some(code) = ended.ending.code() else {
            finding.open = Some(Open::Undetermined { reason: "interrupted".into(), code: None, fix: None });
            return;
        };
        let expected = match code {
            Code::TimeLimit => format!("an end within {}", humantime::format_duration(self.limits.time)),
            Code::OutputLimit => format!("at most {} bytes of output", self.limits.output),
            Code::MemoryLimit => format!("at most {} bytes of memory", self.limits.memory.unwrap_or(u64::MAX)),
            Code::ProcessLimit => format!("at most {} processes at once", self.limits.processes),
            _ => format!("exit status {}", self.exit),
        };
        let actual = match code {
            Code::MemoryLimit | Code::ProcessLimit => format!("{actual}; seen: {}", ended.most),
            _ => actual,
        };
        finding.violates(Diagnosis::new(code, expected, actual));
    }

    /// ld.so only warns where it cannot preload, and the command then passes without the shim.
    fn judge_preload(&self, ended: &Ended, finding: &mut Finding) {
        let Some(shim) = &self.shim else { return };
        let words = loader_words(&ended.stderr.text());
        if let Some(word) = words.into_iter().find(|word| word.code == Code::PreloadIgnored) {
            let expected = format!("{} loaded in front", shim.display());
            finding.violates(Diagnosis::new(Code::PreloadIgnored, expected, word.line));
        }
    }

    /// Neither a right result nor a start-up line shows that a call went through the shim.
    fn with_unproven_rungs(&self, finding: Finding, child: &Child) -> Found {
        let holds = finding.violations.is_empty() && finding.open.is_none();
        let mut findings = vec![finding];
        for part in self.parts().iter().filter(|_| holds) {
            let reason = "a command's result and output cannot show which library its calls reach";
            let fix = format!(
                "LD_DEBUG=bindings {} 2>&1 | grep -E 'symbol `(hip|cuda)' shows the bindings by hand",
                child.command_line()
            );
            let open = Open::Undetermined { reason: reason.into(), code: None, fix: Some(fix) };
            let title = match *part {
                "binds" => "the client's references bind to the shim",
                "called" => "the calls arrive in the shim",
                _ => "the shim forwards them to the intended runtime",
            };
            findings.push(Finding {
                part: Some(part),
                title: Some(title.to_owned()),
                open: Some(open),
                ..Finding::default()
            });
        }
        Found { findings, interception: None }
    }
}

fn look_for(stream: &str, text: &str, patterns: &[Regex], finding: &mut Finding) {
    for pattern in patterns {
        match text.lines().find(|line| pattern.is_match(line)) {
            Some(line) => finding.saw(format!("{stream}: {}", crate::elf::escape(line.as_bytes()))),
            None => {
                let expected = format!("a line on {stream} that matches /{pattern}/");
                let actual = format!("{} lines, none of them does", text.lines().count());
                finding.violates(Diagnosis::new(Code::CommandFailed, expected, actual));
            }
        }
    }
}
