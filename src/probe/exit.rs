//! Noticing a child's end at once: a poll that sleeps between looks would be late by up to its pause.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The end of a process, to be waited for.
pub(super) struct Exit(Option<OwnedFd>);

impl Exit {
    /// Of a child that was not waited for yet. Kernels before 5.3 have no descriptors of processes.
    pub fn of(child: Pid) -> Exit {
        Exit(pidfd_open(child, PidfdFlags::empty()).ok())
    }

    /// Returns at the end of the process, or when so much time has passed.
    pub fn wait(&self, pause: Duration) {
        let Some(process) = &self.0 else { return thread::sleep(pause) };
        let timeout = Timespec::try_from(pause).ok();
        // A signal cuts it short, as does a fault that the next look meets again: then it is a look too early.
        let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], timeout.as_ref());
    }
}
