//! What a call costs, a thousand at a time.

use divan::Bencher;
use divan::counter::ItemsCount;

/// A function that takes nothing, and may be called from any thread.
pub type Function = unsafe extern "C" fn() -> i32;

/// So many that the timer's precision and the loop around the sample do not count.
const CALLS: usize = 1000;

/// Microseconds for a thousand calls are nanoseconds a call.
pub fn thousand(bencher: Bencher, call: Function) {
    let repeat = || {
        for _ in 0..CALLS {
            // SAFETY: by the type's own promise.
            divan::black_box(unsafe { call() });
        }
    };
    repeat();
    bencher.counter(ItemsCount::new(CALLS)).bench(repeat);
}
