//! What one check shares out: files to be hashed, clients to be read.

use std::num::NonZero;
use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The threads that do what the checks of a run share out; no more than its jobs, whatever the checks are. Checks that
/// wait for them do nothing meanwhile.
#[derive(Debug, Default)]
pub struct Helpers {
    threads: usize,
    pool: OnceLock<Option<ThreadPool>>,
}

impl Helpers {
    /// For a run with so many jobs.
    pub fn of(jobs: usize) -> Helpers {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Helpers { threads: jobs.clamp(1, cores), pool: OnceLock::new() }
    }

    /// None: the thread that asks does all of it.
    pub fn none() -> Helpers {
        Helpers::default()
    }

    /// Has the work done, in parts side by side where it has such.
    pub fn share<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let start = || ThreadPoolBuilder::new().num_threads(self.threads).build().ok();
        match self.pool.get_or_init(|| if self.threads == 0 { None } else { start() }) {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::{ThreadId, current};

    use rayon::prelude::*;

    use super::*;

    fn threads_of(helpers: &Helpers) -> HashSet<ThreadId> {
        helpers.share(|| (0..1000).into_par_iter().map(|_| current().id()).collect())
    }

    #[test]
    fn there_are_no_more_than_jobs_and_the_one_that_asks_is_none_of_them() {
        assert_eq!(threads_of(&Helpers::of(1)).len(), 1);
        let helpers = Helpers::of(3);
        let threads = threads_of(&helpers);
        assert!((1..=3).contains(&threads.len()), "{threads:?}");
        assert!(!threads.contains(&current().id()));
        assert_eq!(helpers.share(rayon::current_num_threads), Helpers::of(usize::MAX).threads.min(3));
    }
}
