//! Programs that run at once, and what they print of their latencies while all of them are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::probe::{Child, Ended, Ending, Limits, Listener, StartError, interrupted};

use super::Reader;

/// A program among those that run at once.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its name in bounds and reports.
    pub name: String,
    /// What runs.
    pub child: Child,
    /// How its latencies are read.
    pub reader: Reader,
}

/// How long to wait, and to measure.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The longest that all lanes may take to print their first latency.
    pub ready: Duration,
    /// From then on: how long they are measured.
    pub window: Duration,
}

/// What the lanes printed while all of them were at work.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Length of the window, in seconds.
    pub seconds: f64,
    /// Latencies in seconds, lane by lane, as they came in.
    pub latencies: Vec<Vec<f64>>,
}

/// Lanes that gave nothing to compare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The program failed.
    #[error("lane {lane}: {ending}{}", .said.as_ref().map(|said| format!("; last on stderr: {said}")).unwrap_or_default())]
    Ended {
        /// Whose.
        lane: String,
        /// How it ended.
        ending: Ending,
        /// Its last line on stderr.
        said: Option<String>,
    },
    /// It never printed a latency.
    #[error("lane {lane} printed no latency {}", match .waited { Some(time) => format!("within {:.0} s", time.as_secs_f64()), None => "before it ended".to_owned() })]
    Silent {
        /// Whose.
        lane: String,
        /// How long that was waited for; `None` where it ended before.
        waited: Option<Duration>,
    },
    /// It was done before another had begun.
    #[error("lane {lane} ended before lane {other} printed its first latency: give it more to do")]
    Brief {
        /// Whose.
        lane: String,
        /// Who was still waited for.
        other: String,
    },
    /// It printed latencies before the window only.
    #[error("lane {lane} printed no latency in the {seconds} s in which all lanes were at work: measure for longer")]
    Idle {
        /// Whose.
        lane: String,
        /// Length of the window, in seconds, rounded.
        seconds: String,
    },
    /// It cannot be started.
    #[error("lane {lane}: {reason}")]
    Start {
        /// Whose.
        lane: String,
        /// Why.
        reason: String,
    },
}

/// What the threads of the lanes tell.
enum Word {
    Latency { lane: usize, at: Instant, seconds: f64 },
    Ended { lane: usize, result: Result<Ended, StartError> },
}

/// Runs the lanes together. They are started together; the window opens when each of them has printed its first latency, so
/// that nobody is measured while another still loads its libraries, and closes for all of them at once: after its time, or
/// where one ends by itself. Then all are ended.
///
/// # Errors
/// The first thing that keeps them from being compared.
pub fn run_lanes(lanes: &[&Lane], times: Times) -> Result<Session, LaneError> {
    let (send, words) = channel();
    let over = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        for (index, lane) in lanes.iter().enumerate() {
            let child = listened(index, lane, &send, &over);
            let send = send.clone();
            // The child dies with the thread that started it: this one, which waits for it.
            scope.spawn(move || {
                // Nobody listens any more where the window has closed.
                let _ = send.send(Word::Ended { lane: index, result: child.run() });
            });
        }
        drop(send);
        let session = Heard::new(lanes, words).listen(times);
        over.store(true, Ordering::Relaxed);
        session
    })
}

/// The lane's child, its latencies sent with the time at which their line was read.
fn listened(index: usize, lane: &Lane, send: &Sender<Word>, over: &Arc<AtomicBool>) -> Child {
    let (reader, send) = (lane.reader.clone(), send.clone());
    let listener = Listener::of_lines(move |line| {
        let at = Instant::now();
        if let Some(seconds) = reader.read(line) {
            let _ = send.send(Word::Latency { lane: index, at, seconds });
        }
    });
    let over = Arc::clone(over);
    let limits = Limits { time: Duration::MAX, output: OUTPUT, ..Limits::default() };
    lane.child.clone().limits(limits).heard_by(listener).stop_when(move || over.load(Ordering::Relaxed))
}

/// Bytes that a lane may print.
const OUTPUT: usize = 256 << 20;

/// How often it is asked whether somebody pressed Ctrl-C.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What was heard so far.
struct Heard<'a> {
    lanes: &'a [&'a Lane],
    words: Receiver<Word>,
    latencies: Vec<Vec<(Instant, f64)>>,
    /// When the first lane ended by itself, and well.
    ended: Option<(usize, Instant)>,
}

impl<'a> Heard<'a> {
    fn new(lanes: &'a [&'a Lane], words: Receiver<Word>) -> Heard<'a> {
        Heard { lanes, words, latencies: vec![Vec::new(); lanes.len()], ended: None }
    }

    fn listen(mut self, times: Times) -> Result<Session, LaneError> {
        let asked = Instant::now();
        while let Some(silent) = self.latencies.iter().position(Vec::is_empty) {
            if let Some((lane, _)) = self.ended {
                return Err(self.ended_early(lane, silent));
            }
            if asked.elapsed() > times.ready {
                return Err(LaneError::Silent { lane: self.name(silent), waited: Some(times.ready) });
            }
            self.hear(BETWEEN_LOOKS)?;
        }
        let opened = Instant::now();
        while self.ended.is_none() && opened.elapsed() < times.window {
            self.hear(BETWEEN_LOOKS.min(times.window.saturating_sub(opened.elapsed())))?;
        }
        let closed = self.ended.map_or_else(Instant::now, |(_, at)| at);
        self.session(opened, closed)
    }

    /// Takes the next word, if one comes in time.
    fn hear(&mut self, patience: Duration) -> Result<(), LaneError> {
        if interrupted() {
            return Err(LaneError::Interrupted);
        }
        match self.words.recv_timeout(patience) {
            Ok(Word::Latency { lane, at, seconds }) => {
                if let Some(latencies) = self.latencies.get_mut(lane) {
                    latencies.push((at, seconds));
                }
            }
            Ok(Word::Ended { lane, result }) => self.end(lane, result)?,
            Err(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, lane: usize, result: Result<Ended, StartError>) -> Result<(), LaneError> {
        let name = self.name(lane);
        let ended = result.map_err(|error| LaneError::Start { lane: name.clone(), reason: error.to_string() })?;
        match ended.ending {
            Ending::Exited(0) => {
                self.ended = Some(self.ended.unwrap_or((lane, Instant::now())));
                Ok(())
            }
            Ending::Interrupted => Err(LaneError::Interrupted),
            ending => Err(LaneError::Ended { lane: name, ending, said: ended.last_word() }),
        }
    }

    fn ended_early(&self, lane: usize, silent: usize) -> LaneError {
        match self.latencies.get(lane) {
            Some(latencies) if !latencies.is_empty() => {
                LaneError::Brief { lane: self.name(lane), other: self.name(silent) }
            }
            _ => LaneError::Silent { lane: self.name(lane), waited: None },
        }
    }

    fn name(&self, lane: usize) -> String {
        self.lanes.get(lane).map(|lane| lane.name.clone()).unwrap_or_default()
    }

    /// What came in between the two.
    fn session(self, opened: Instant, closed: Instant) -> Result<Session, LaneError> {
        let seconds = closed.saturating_duration_since(opened).as_secs_f64();
        let inside = |all: &Vec<(Instant, f64)>| {
            all.iter().filter(|(at, _)| opened < *at && *at <= closed).map(|(_, seconds)| *seconds).collect()
        };
        let latencies: Vec<Vec<f64>> = self.latencies.iter().map(inside).collect();
        match latencies.iter().position(Vec::is_empty) {
            Some(lane) => Err(LaneError::Idle { lane: self.name(lane), seconds: format!("{seconds:.2}") }),
            None => Ok(Session { seconds, latencies }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    fn lane(name: &str, script: &str) -> Lane {
        let reader = Reader::new("took ([0-9.]+)", Unit::Ms).expect("a pattern");
        Lane { name: name.to_owned(), child: Child::new("sh").args(["-c", script]), reader }
    }

    const STEADY: &str = "while :; do echo took 2; sleep 0.01; done";

    fn run(lanes: &[&Lane], ready: f64) -> Result<Session, LaneError> {
        let times = Times { ready: Duration::from_secs_f64(ready), window: Duration::from_secs_f64(0.4) };
        run_lanes(lanes, times)
    }

    #[test]
    fn nobody_is_measured_before_all_are_at_work() {
        let early = lane("early", "i=0; while :; do i=$((i+1)); echo took $i; sleep 0.01; done");
        let late = lane("late", &format!("sleep 0.5; {STEADY}"));
        let session = run(&[&early, &late], 20.0).expect("both are heard");
        let first = session.latencies[0].first().copied().expect("some");
        assert!(first > 5.0 * 1e-3, "the early lane's first lines came before the late lane's first: {first}");
        assert!(session.seconds >= 0.4);
    }

    #[test]
    fn a_lane_that_ends_by_itself_closes_the_window_for_all() {
        let short = lane("short", "for i in 1 2 3 4 5 6 7 8; do echo took 1; sleep 0.01; done; echo took 1");
        let times = Times { ready: Duration::from_secs(20), window: Duration::from_secs(600) };
        let session = run_lanes(&[&short, &lane("steady", STEADY)], times).expect("both are heard");
        assert!(session.seconds < 600.0 && !session.latencies[0].is_empty());
    }

    #[test]
    fn a_lane_that_fails_is_named_with_its_last_word() {
        let error = run(&[&lane("good", STEADY), &lane("bad", "echo took 1; echo why >&2; exit 3")], 20.0);
        assert_eq!(error.expect_err("it fails").to_string(), "lane bad: exit status 3; last on stderr: why");
    }

    #[test]
    fn a_lane_that_says_nothing_is_named() {
        let mute = lane("mute", "sleep 60");
        let error = run(&[&lane("good", STEADY), &mute], 0.5).expect_err("nothing is heard").to_string();
        assert!(error.starts_with("lane mute printed no latency within"), "{error}");
        let brief = lane("brief", "echo nothing");
        let error = run(&[&lane("good", STEADY), &brief], 20.0).expect_err("nothing is heard").to_string();
        assert_eq!(error, "lane brief printed no latency before it ended");
        let error = run(&[&lane("short", "echo took 1"), &lane("late", "sleep 60")], 20.0).expect_err("one is done");
        assert!(error.to_string().starts_with("lane short ended before lane late printed its first"), "{error}");
        let gone = Lane { child: Child::new("/no/such/program"), ..lane("gone", "") };
        assert!(
            run(&[&gone], 20.0).expect_err("no program").to_string().starts_with("lane gone: cannot start /no/such")
        );
    }
}
