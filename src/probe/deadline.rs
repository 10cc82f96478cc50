//! A limit on a piece of work as a whole: the children that it starts end with it, whatever their own limits are.

use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Does the work; a child that this thread waits for in it is ended once the time is up.
pub fn within<T>(limit: Duration, work: impl FnOnce() -> T) -> T {
    let _restored = Restore(DEADLINE.get());
    let deadline = Instant::now().checked_add(limit);
    DEADLINE.set(match (DEADLINE.get(), deadline) {
        (Some(around), Some(own)) => Some(around.min(own)),
        (around, own) => around.or(own),
    });
    work()
}

/// Whether the work that this thread does should have ended.
pub(super) fn is_over() -> bool {
    DEADLINE.get().is_some_and(|deadline| Instant::now() >= deadline)
}

/// The deadline around comes back, even if the work panics.
struct Restore(Option<Instant>);

impl Drop for Restore {
    fn drop(&mut self) {
        DEADLINE.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Child, Ending};

    #[test]
    fn a_child_ends_with_the_work_that_it_belongs_to() {
        let started = Instant::now();
        let sleep = || Child::new("sleep").args(["100"]).run().expect("sleep starts");
        let ended = within(Duration::from_millis(200), || within(Duration::from_secs(50), sleep));
        assert_eq!(ended.ending, Ending::TimeLimit);
        assert!(started.elapsed() < Duration::from_secs(20));
        assert!(!is_over(), "what comes after it has all the time that it wants");
    }
}
