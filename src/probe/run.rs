//! A child's run: from its start to its end, or to a limit, which ends all that came of it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::child::{Child, StartError};
use super::deadline;
use super::ending::{Ended, Ending};
use super::family::{Family, Mark};
use super::interrupt::interrupted;
use super::listener::Stream;
use super::meter::Meter;
use super::output::{Capture, Captured};
use super::stacks::names;

/// How often at most it is asked whether to stop.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// An answer takes what it takes, where thousands of processes were observed; this many times as long nobody asks then.
const REST: u32 = 20;

/// How long at most nobody looks whether a limit is exceeded. (The end is seen at once.)
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// After its end, how long to wait for whoever still holds the child's output open.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Child {
    /// Runs it to its end, or to a limit; where the time of the work that it belongs to is up, it is not even started.
    ///
    /// # Errors
    /// Where it cannot be started at all.
    pub fn run(&self) -> Result<Ended, StartError> {
        if deadline::is_over() {
            return Ok(Ended::never_started());
        }
        let failed = |source| StartError { program: self.program.clone().into(), source };
        let started = Instant::now();
        let mark = Mark::new();
        let mut command = self.command(&mark);
        let mut family = Family::start(mark, || command.spawn()).map_err(failed)?;
        let (stdout, stderr) = family.take_streams();
        let stdout = self.capture(stdout, Stream::Stdout).map_err(failed)?;
        let stderr = self.capture(stderr, Stream::Stderr).map_err(failed)?;
        let mut meter = Meter::new(self.limits, self.meets);
        let cut = self.watch(&mut family, &mut meter, started, [&stdout, &stderr]).map_err(failed)?;
        let seconds = started.elapsed().as_secs_f64();
        let late = matches!(cut, Some(Ending::TimeLimit | Ending::Stopped));
        let mut stacks = if late { family.last_stacks() } else { Vec::new() };
        let status = family.end().map_err(failed)?;
        // Large files are read for the names: nobody need stay stopped, or hold memory, for that long.
        names::fill(&mut stacks);
        // Without a status it was ended, and the kernel does not let go of it.
        let ending = cut.or(status.map(Ending::from)).unwrap_or(Ending::Signalled(Signal::KILL.as_raw()));
        let finish = |stream: Option<Capture>| stream.map(|stream| stream.finish(LAST_WORDS)).unwrap_or_default();
        let (stdout, stderr) = (finish(stdout), finish(stderr));
        let ending = if self.flooded(ending, [&stdout, &stderr]) { Ending::OutputLimit } else { ending };
        let (most, met) = meter.finish();
        Ok(Ended { pid: family.leader(), ending, seconds, stdout, stderr, stacks, most, met })
    }

    /// Waits for the child's end, or tells why it must be ended.
    fn watch(
        &self,
        family: &mut Family,
        meter: &mut Meter,
        started: Instant,
        streams: [&Option<Capture>; 2],
    ) -> io::Result<Option<Ending>> {
        let exit = family.exit();
        let mut pause = Duration::from_millis(1);
        let mut next_question = started + BETWEEN_LOOKS;
        while !family.is_over()? {
            if let Some(reason) = self.exhausted(started, streams).or_else(|| meter.exceeded(family)) {
                return Ok(Some(reason));
            }
            let asked = Instant::now();
            if asked > next_question {
                if let Some(stop) = self.stop_when.iter().find(|stop| (stop.seen)()) {
                    return Ok(Some(stop.ending));
                }
                next_question = Instant::now() + BETWEEN_LOOKS.max(asked.elapsed() * REST);
            }
            exit.wait(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(None)
    }

    /// A child that floods its output and then exits is as much over the limit as one that is caught at it.
    fn flooded(&self, ending: Ending, streams: [&Captured; 2]) -> bool {
        let by_itself = matches!(ending, Ending::Exited(_) | Ending::Signalled(_));
        let full = |stream: &Captured| stream.bytes.len() == self.limits.output;
        by_itself && streams.iter().any(|stream| stream.truncated) && streams.into_iter().any(full)
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

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
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
}
