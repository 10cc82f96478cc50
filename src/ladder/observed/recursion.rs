//! A shim that looked itself up: its calls multiply while the runtime's stay at none. It is stopped early, since its end
//! would be a stack that is full, or never.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use crate::interpose::Library;
use crate::ladder::same_file::same_file;
use crate::probe::{Observation, Observer, Reason};

use super::layers::layers;

/// Looks, one after the other, at which the processor's time had moved, and nothing else.
const STANDSTILL: usize = 10;
/// Calls of one of the shim's functions by the shim, none of which reached anybody else.
const MANY: u64 = 100_000;

/// Tells whether the run is one without end.
pub(super) fn watch(observer: Observer, shim: PathBuf) -> impl Fn() -> bool + Send + Sync + 'static {
    let last = Mutex::new(Look::default());
    let layers = OnceLock::new();
    move || {
        let Ok(observation) = observer.read() else { return false };
        // They are loaded with it.
        let layers = if is_loaded(&observation, &shim) {
            layers.get_or_init(|| layers_of(&observation, &shim))
        } else {
            &BTreeSet::new()
        };
        let look = Look::at(&observation, &shim, layers);
        let Ok(mut last) = last.lock() else { return false };
        *last = look.after(&last);
        last.is_endless()
    }
}

fn objects(observation: &Observation) -> BTreeSet<&PathBuf> {
    observation.objects().map(|object| &object.path).collect()
}

fn is_loaded(observation: &Observation, shim: &Path) -> bool {
    objects(observation).into_iter().any(|path| same_file(path, shim))
}

/// Nobody asks here what the API is: what the shim exports stands for it.
fn layers_of(observation: &Observation, shim: &Path) -> BTreeSet<PathBuf> {
    let Ok(shim) = Library::read(shim) else { return BTreeSet::new() };
    layers(&shim, &objects(observation), &|name| shim.exports.contains_key(name))
}

/// What one look showed.
#[derive(Debug, Default)]
struct Look {
    /// Whether the shim found its own function in a runtime's stead, was called, and called nobody else.
    is_lost: bool,
    /// The most calls from the shim to one function of its own, where it is lost.
    inner: u64,
    /// Calls of anybody.
    calls: u64,
    /// Processor time of the processes observed, in ticks of the clock.
    ticks: u64,
    /// How many looks before this one had shown the same, but for the time.
    standstill: usize,
}

/// The calls of one function.
#[derive(Debug, Default)]
struct Function {
    /// The shim asked for it, and got its own.
    own: bool,
    /// From others to the shim, from the shim to itself, and from the shim to others.
    arrived: u64,
    inner: u64,
    onward: u64,
}

impl Look {
    fn at(observation: &Observation, shim: &Path, layers: &BTreeSet<PathBuf>) -> Look {
        let mut look = Look::default();
        let mut functions: HashMap<&str, Function> = HashMap::new();
        // Under the runtime's name, where it stands in for that. Asked of every row, several times a second.
        let shims: BTreeSet<&PathBuf> = objects(observation).into_iter().filter(|path| same_file(path, shim)).collect();
        let is_shim = |path: &PathBuf| shims.contains(path);
        let is_shims = |path: &PathBuf| is_shim(path) || layers.contains(path);
        for image in &observation.images {
            look.ticks += ticks(image.pid);
            for row in image.unseen.iter().filter(|row| row.reason == Reason::Own && is_shim(&row.caller)) {
                functions.entry(&row.symbol).or_default().own = true;
            }
            for call in &image.calls {
                look.calls += call.count;
                let function = functions.entry(&call.symbol).or_default();
                match (is_shims(&call.caller), call.provider.as_ref().is_some_and(is_shim)) {
                    (true, true) => function.inner += call.count,
                    (true, false) => function.onward += call.count,
                    (false, true) => function.arrived += call.count,
                    (false, false) => {}
                }
            }
        }
        let is_lost =
            |function: &&Function| (function.own || function.inner > 0) && function.arrived > 0 && function.onward == 0;
        let lost: Vec<&Function> = functions.values().filter(is_lost).collect();
        look.is_lost = !lost.is_empty();
        look.inner = lost.iter().map(|function| function.inner).max().unwrap_or_default();
        look
    }

    /// This look, where that was the one before it.
    fn after(mut self, last: &Look) -> Look {
        if self.is_lost && self.calls == last.calls {
            self.standstill = last.standstill + usize::from(self.ticks > last.ticks);
        }
        self
    }

    fn is_endless(&self) -> bool {
        self.is_lost && (self.inner > MANY || self.standstill >= STANDSTILL)
    }
}

/// utime and stime of proc_pid_stat(5).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
