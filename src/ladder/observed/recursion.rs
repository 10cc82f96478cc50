//! A shim that looked itself up: its calls multiply while the runtime's stay at none. It is stopped early, since its end
//! would be a stack that is full, or never.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::ladder::same_file::same_file;
use crate::probe::{Observation, Observer, Reason};

/// Looks in a row at which nothing but the processor's time has moved.
const STANDSTILL: usize = 5;
/// Calls of the shim by itself, none of which reached anybody else.
const MANY: u64 = 100_000;

/// Tells whether the run is one without end.
pub(super) fn watch(observer: Observer, shim: PathBuf) -> impl Fn() -> bool + Send + Sync + 'static {
    let last = Mutex::new(Look::default());
    move || {
        let Ok(observation) = observer.read() else { return false };
        let look = Look::at(&observation, &shim);
        let Ok(mut last) = last.lock() else { return false };
        let standstill = if look.stands_as(&last) { last.standstill + 1 } else { 0 };
        *last = Look { standstill, ..look };
        last.is_endless()
    }
}

/// What one look showed.
#[derive(Debug, Default)]
struct Look {
    /// Whether the shim asked for a function and got its own.
    found_itself: bool,
    /// Calls of anybody.
    calls: u64,
    /// Calls from the shim to itself, and to others.
    inner: u64,
    onward: u64,
    /// Processor time of the processes observed, in ticks of the clock.
    ticks: u64,
    /// How many looks before this one had shown the same, but for the time.
    standstill: usize,
}

impl Look {
    fn at(observation: &Observation, shim: &Path) -> Look {
        let mut look = Look::default();
        let is_shim = |path: &PathBuf| path.file_name() == shim.file_name() && same_file(path, shim);
        for image in &observation.images {
            look.ticks += ticks(image.pid);
            look.found_itself |= image.unseen.iter().any(|row| row.reason == Reason::Own && is_shim(&row.caller));
            for call in &image.calls {
                look.calls += call.count;
                if is_shim(&call.caller) {
                    let inner = call.provider.as_ref().is_some_and(is_shim);
                    *(if inner { &mut look.inner } else { &mut look.onward }) += call.count;
                }
            }
        }
        look
    }

    fn stands_as(&self, last: &Look) -> bool {
        self.found_itself && self.onward == 0 && self.calls > 0 && self.calls == last.calls && self.ticks > last.ticks
    }

    fn is_endless(&self) -> bool {
        self.onward == 0 && (self.inner > MANY || self.standstill >= STANDSTILL)
    }
}

/// utime and stime of proc_pid_stat(5).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
