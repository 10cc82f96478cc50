//! One command, to be run apart from everything else: its words, its environment, its limits.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::process::{Signal, set_parent_process_death_signal, setsid};

use super::ending::Ending;
use super::family::{MARK, Mark};
use super::limits::Limits;
use super::listener::Listener;

/// A command to be run: in a session and process group of its own, stdin closed, no LD_* or XDOCTOR_*
/// variable inherited. Whatever comes of it ends with it, daemons too: this process becomes their subreaper.
#[derive(Clone, Debug)]
pub struct Child {
    pub(super) program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    pub(super) limits: Limits,
    pub(super) log: Option<PathBuf>,
    shows_output: bool,
    pub(super) stop_when: Vec<StopWhen>,
    pub(super) meets: bool,
    pub(super) listener: Option<Listener>,
}

/// Asked again and again while the child runs; the answer yes ends it.
#[derive(Clone)]
pub(super) struct StopWhen {
    pub seen: Arc<dyn Fn() -> bool + Send + Sync>,
    pub ending: Ending,
}

impl std::fmt::Debug for StopWhen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopWhen")
    }
}

/// A command that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {}: {source}", .program.display())]
pub struct StartError {
    /// The command's program.
    pub program: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl StartError {
    /// Whether there is no such program.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

impl Child {
    /// A child that runs `program`, found on PATH unless it holds a slash.
    pub fn new(program: impl AsRef<OsStr>) -> Child {
        Child {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            directory: None,
            limits: Limits::default(),
            log: None,
            shows_output: false,
            stop_when: Vec::new(),
            meets: false,
            listener: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Child {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable for this one command.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Child {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Takes a variable back that was set for this command.
    #[must_use]
    pub fn without(mut self, name: &str) -> Child {
        self.env.retain(|(given, _)| given != name);
        self
    }

    /// The variable as it was set for this command, if it was.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.env.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_os_str())
    }

    /// Runs it in this folder instead of here.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Child {
        self.directory = Some(directory.into());
        self
    }

    /// Changes what it may use up.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Child {
        self.limits = limits;
        self
    }

    /// Keeps all that it prints in `STEM.stdout` and `STEM.stderr`.
    #[must_use]
    pub fn log(mut self, stem: Option<PathBuf>) -> Child {
        self.log = stem;
        self
    }

    /// Lets its words through to stderr, both streams, instead of keeping them: no limit, and nothing in [`Ended`](super::Ended).
    #[must_use]
    pub fn show_output(mut self) -> Child {
        self.shows_output = true;
        self
    }

    /// Ends it ([`Ending::Stopped`]) once `seen` says so. It is asked a few times a second.
    #[must_use]
    pub fn stop_when(mut self, seen: impl Fn() -> bool + Send + Sync + 'static) -> Child {
        self.stop_when.push(StopWhen { seen: Arc::new(seen), ending: Ending::Stopped });
        self
    }

    /// Ends it ([`Ending::Enough`]) once `seen` says that it has done all that was asked of it.
    #[must_use]
    pub fn enough_when(mut self, seen: impl Fn() -> bool + Send + Sync + 'static) -> Child {
        self.stop_when.push(StopWhen { seen: Arc::new(seen), ending: Ending::Enough });
        self
    }

    /// Takes note of the processes that come of it and of what they run, as far as they are met ([`Ended::met`]).
    ///
    /// [`Ended::met`]: super::Ended::met
    #[must_use]
    pub fn meeting(mut self) -> Child {
        self.meets = true;
        self
    }

    /// Lets somebody hear what it prints, as it comes.
    #[must_use]
    pub fn heard_by(mut self, listener: Listener) -> Child {
        self.listener = Some(listener);
        self
    }

    /// The command as one would type it, with the variables set for it.
    pub fn command_line(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{}={}", name.display(), shell_word(value)));
        let words = std::iter::once(&self.program).chain(&self.args).map(|word| shell_word(word));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn command(&self, mark: &Mark) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        if self.shows_output {
            command.stdout(io::stderr()).stderr(Stdio::inherit());
        } else {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let ours = |name: &OsString| {
            [&b"LD_"[..], b"XDOCTOR_"].iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix))
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value))).env(MARK, mark.value());
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        isolate(&mut command);
        command
    }
}

/// A session of its own keeps the child off the terminal; it dies with the thread that waits for it.
fn isolate(command: &mut Command) {
    let apart = || {
        setsid()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: both calls are bare system calls (async-signal-safe), and the closure allocates nothing.
    #[expect(unsafe_code, reason = "std has no safe way to start a session in the child")]
    unsafe {
        command.pre_exec(apart);
    }
}

/// A word as a POSIX shell reads it back.
pub fn shell_word(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:,@%^".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_reads_back_in_a_shell() {
        let child = Child::new("prog").args(["a b", "it's", ""]).env("X", "1 2");
        assert_eq!(child.command_line(), r"X='1 2' prog 'a b' 'it'\''s' ''");
    }
}
