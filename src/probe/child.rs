//! One command, run apart from everything else, with limits that end its whole process group.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Signal, set_parent_process_death_signal, setsid};

use super::deadline;
use crate::code::Code;

use super::family::{Family, MARK, Mark};
use super::interrupt::interrupted;
use super::listener::{Listener, Stream};
use super::output::{Capture, Captured};
use super::stacks::{ThreadStack, names};
use super::usage::{Meter, Usage};

/// What a child may use up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall time.
    pub time: Duration,
    /// Bytes on each of stdout and stderr.
    pub output: usize,
    /// Bytes in RAM, of all its processes together, where there is a limit. They are counted while it runs; the kernel's
    /// own limit (RLIMIT_AS) counts addresses instead, of which GPU runtimes reserve hundreds of GiB without using them.
    pub memory: Option<u64>,
    /// Processes at once.
    pub processes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(60), output: 16 << 20, memory: None, processes: 1000 }
    }
}

/// A command to be run: in a session and process group of its own, stdin closed, no LD_* or XDOCTOR_*
/// variable inherited. Whatever comes of it ends with it, daemons too: this process becomes their subreaper.
#[derive(Clone, Debug)]
pub struct Child {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    limits: Limits,
    log: Option<PathBuf>,
    shows_output: bool,
    stop_when: Option<StopWhen>,
    listener: Option<Listener>,
}

/// Asked again and again while the child runs; the answer yes ends it.
#[derive(Clone)]
struct StopWhen(Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for StopWhen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopWhen")
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It was ended when its time was up.
    TimeLimit,
    /// It was ended when it had printed more than it may.
    OutputLimit,
    /// It was ended when its processes together held more memory than they may.
    MemoryLimit,
    /// It was ended when it had more processes than it may.
    ProcessLimit,
    /// It was ended because somebody pressed Ctrl-C.
    Interrupted,
    /// It was ended because what was watched for had happened.
    Stopped,
}

impl Ending {
    /// What this end is called where another was expected; `None` where it was not the child that ended it so.
    pub fn code(self) -> Option<Code> {
        match self {
            Ending::Exited(_) => Some(Code::CommandFailed),
            Ending::Signalled(_) => Some(Code::Crash),
            Ending::TimeLimit => Some(Code::TimeLimit),
            Ending::OutputLimit => Some(Code::OutputLimit),
            Ending::MemoryLimit => Some(Code::MemoryLimit),
            Ending::ProcessLimit => Some(Code::ProcessLimit),
            Ending::Interrupted | Ending::Stopped => None,
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ending::Exited(status) => write!(f, "exit status {status}"),
            Ending::Signalled(signal) => {
                let name = signal_hook::low_level::signal_name(signal).unwrap_or("unnamed");
                write!(f, "signal {signal} ({name}; a shell calls it exit status {})", 128 + signal)
            }
            Ending::TimeLimit => f.write_str("ended at its time limit"),
            Ending::OutputLimit => f.write_str("ended at its output limit"),
            Ending::MemoryLimit => f.write_str("ended at its memory limit"),
            Ending::ProcessLimit => f.write_str("ended at its limit of processes"),
            Ending::Interrupted => f.write_str("interrupted"),
            Ending::Stopped => f.write_str("stopped early"),
        }
    }
}

/// What came of a child.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The process that it was, which led a session of its own; 0 where it was not started any more.
    pub pid: u32,
    /// How it ended.
    pub ending: Ending,
    /// Wall time.
    pub seconds: f64,
    /// What it printed on stdout.
    pub stdout: Captured,
    /// What it printed on stderr.
    pub stderr: Captured,
    /// Where it and its children stood when its time was up, or it was stopped; empty where it ended in another way.
    pub stacks: Vec<ThreadStack>,
    /// The most that it was seen to use; nothing where it ended sooner than one looks.
    pub most: Usage,
}

impl Ended {
    /// The exit status, where it ended by itself.
    pub fn exit(&self) -> Option<i32> {
        match self.ending {
            Ending::Exited(status) => Some(status),
            _ => None,
        }
    }

    /// The signal that ended it, where one did.
    pub fn signal(&self) -> Option<i32> {
        match self.ending {
            Ending::Signalled(signal) => Some(signal),
            _ => None,
        }
    }

    /// The last line on stderr that says something, for messages.
    pub fn last_word(&self) -> Option<String> {
        self.stderr.last_line()
    }

    /// The reason that a command gives for not running here: its last line on stdout, else how it ended.
    pub fn own_reason(&self) -> String {
        self.stdout.last_line().unwrap_or_else(|| self.ending.to_string())
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

/// How often it is asked whether to stop.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How long at most nobody looks whether a limit is exceeded. (The end is seen at once.)
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// After its end, how long to wait for whoever still holds the child's output open.
const LAST_WORDS: Duration = Duration::from_millis(500);

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
            stop_when: None,
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

    /// Lets its words through to stderr, both streams, instead of keeping them: no limit, and nothing in [`Ended`].
    #[must_use]
    pub fn show_output(mut self) -> Child {
        self.shows_output = true;
        self
    }

    /// Ends it ([`Ending::Stopped`]) once `seen` says so. It is asked a few times a second.
    #[must_use]
    pub fn stop_when(mut self, seen: impl Fn() -> bool + Send + Sync + 'static) -> Child {
        self.stop_when = Some(StopWhen(Arc::new(seen)));
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

    /// Runs it to its end, or to a limit; where the time of the work that it belongs to is up, it is not even started.
    ///
    /// # Errors
    /// Where it cannot be started at all.
    pub fn run(&self) -> Result<Ended, StartError> {
        let failed = |source| StartError { program: self.program.clone().into(), source };
        let started = Instant::now();
        if deadline::is_over() {
            let (stdout, stderr) = (Captured::default(), Captured::default());
            let most = Usage::default();
            let (ending, stacks) = (Ending::TimeLimit, Vec::new());
            return Ok(Ended { pid: 0, ending, seconds: 0.0, stdout, stderr, stacks, most });
        }
        let mark = Mark::new();
        let mut command = self.command(&mark);
        let mut family = Family::start(mark, || command.spawn()).map_err(failed)?;
        let exit = family.exit();
        let (stdout, stderr) = family.take_streams();
        let stdout = self.capture(stdout, Stream::Stdout).map_err(failed)?;
        let stderr = self.capture(stderr, Stream::Stderr).map_err(failed)?;
        let mut meter = Meter::new(self.limits);
        let mut pause = Duration::from_millis(1);
        let mut asked = started;
        let exhausted = loop {
            if family.is_over().map_err(failed)? {
                break None;
            }
            let exhausted = self.exhausted(started, [&stdout, &stderr]);
            if let Some(reason) = exhausted.or_else(|| meter.exceeded(&mut family)) {
                break Some(reason);
            }
            if let Some(StopWhen(seen)) = &self.stop_when
                && asked.elapsed() > BETWEEN_LOOKS
            {
                if seen() {
                    break Some(Ending::Stopped);
                }
                asked = Instant::now();
            }
            exit.wait(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        let seconds = started.elapsed().as_secs_f64();
        let mut stacks = if matches!(exhausted, Some(Ending::TimeLimit | Ending::Stopped)) {
            family.last_stacks()
        } else {
            Vec::new()
        };
        let status = family.end().map_err(failed)?;
        // Large files are read for the names: nobody need stay stopped, or hold memory, for that long.
        names::fill(&mut stacks);
        // Without a status it was ended, and the kernel does not let go of it.
        let ending = exhausted.or(status.map(ending_of)).unwrap_or(Ending::Signalled(Signal::KILL.as_raw()));
        let finish = |stream: Option<Capture>| stream.map(|stream| stream.finish(LAST_WORDS)).unwrap_or_default();
        let (stdout, stderr) = (finish(stdout), finish(stderr));
        // A child that floods its output and then exits is as much over the limit as one that is caught at it.
        let over = matches!(ending, Ending::Exited(_) | Ending::Signalled(_)) && (stdout.truncated || stderr.truncated);
        let full = stdout.bytes.len() == self.limits.output || stderr.bytes.len() == self.limits.output;
        let ending = if over && full { Ending::OutputLimit } else { ending };
        Ok(Ended { pid: family.leader(), ending, seconds, stdout, stderr, stacks, most: meter.most() })
    }

    fn capture(&self, from: Option<impl io::Read + Send + 'static>, stream: Stream) -> io::Result<Option<Capture>> {
        let Some(from) = from else { return Ok(None) };
        let hear = self.listener.clone().map(|listener| move |bytes: &[u8]| listener.hear(stream, bytes));
        Ok(Some(Capture::start(from, self.limits.output, self.log_file(stream.name())?, hear)))
    }

    fn exhausted(&self, started: Instant, streams: [&Option<Capture>; 2]) -> Option<Ending> {
        if interrupted() {
            Some(Ending::Interrupted)
        } else if streams.into_iter().flatten().any(Capture::is_over) {
            Some(Ending::OutputLimit)
        } else if started.elapsed() > self.limits.time || deadline::is_over() {
            Some(Ending::TimeLimit)
        } else {
            None
        }
    }

    fn command(&self, mark: &Mark) -> Command {
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

    fn log_file(&self, stream: &str) -> io::Result<Option<File>> {
        let Some(stem) = &self.log else { return Ok(None) };
        if let Some(folder) = stem.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut name = stem.as_os_str().to_owned();
        name.push(format!(".{stream}"));
        File::create(Path::new(&name)).map(Some)
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

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
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

    fn shell(script: &str, limits: Limits) -> Ended {
        Child::new("sh").args(["-c", script]).limits(limits).run().expect("sh starts")
    }

    fn within(seconds: f64) -> Limits {
        Limits { time: Duration::from_secs_f64(seconds), output: 1 << 20, ..Limits::default() }
    }

    #[test]
    fn a_child_that_ends_by_itself_tells_its_status_and_words() {
        let ended = shell("echo out; echo err >&2; exit 7", within(10.0));
        assert_eq!(ended.ending, Ending::Exited(7));
        assert_eq!((ended.stdout.text().as_str(), ended.stderr.text().as_str()), ("out\n", "err\n"));
    }

    #[test]
    fn a_crash_names_its_signal() {
        let ended = shell("kill -SEGV $$", within(10.0));
        assert_eq!(ended.ending, Ending::Signalled(11));
        assert!(ended.ending.to_string().contains("SIGSEGV"));
    }

    #[test]
    fn the_time_limit_ends_the_whole_process_group() {
        let folder = tempfile::tempdir().expect("scratch");
        let file = folder.path().join("pid");
        let ended = shell(&format!("sleep 300 & echo $! > {}; wait", file.display()), within(0.3));
        assert_eq!(ended.ending, Ending::TimeLimit);
        let pid: i32 = fs::read_to_string(file).expect("pid").trim().parse().expect("a number");
        let gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z")
        });
        assert!(gone, "grandchild {pid} lives on");
    }

    #[test]
    fn a_flood_of_output_is_cut_off_and_named() {
        let ended = shell("yes", within(30.0));
        assert_eq!(ended.ending, Ending::OutputLimit);
        assert_eq!(ended.stdout.bytes.len(), 1 << 20);
        assert!(ended.stdout.truncated);
    }

    #[test]
    fn a_background_child_that_keeps_the_output_open_does_not_hold_the_run_up() {
        let ended = shell("setsid --fork sleep 5; sleep 0.3; echo done", within(20.0));
        assert_eq!((ended.ending, ended.stdout.text().as_str()), (Ending::Exited(0), "done\n"));
        assert!(ended.seconds < 4.0 && !ended.stdout.truncated, "{ended:?}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Child::new("/no/such/program").run().expect_err("missing");
        assert!(error.is_missing());
        assert!(error.to_string().contains("/no/such/program"));
    }

    #[test]
    fn a_command_line_reads_back_in_a_shell() {
        let child = Child::new("prog").args(["a b", "it's", ""]).env("X", "1 2");
        assert_eq!(child.command_line(), r"X='1 2' prog 'a b' 'it'\''s' ''");
    }
}
