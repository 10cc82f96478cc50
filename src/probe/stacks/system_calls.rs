//! Names of the system calls that threads wait in (x86-64: arch/x86/entry/syscalls/syscall_64.tbl of Linux).

/// Sorted by number. Those that return at once are not worth their line.
const CALLS: &[(u32, &str)] = &[
    (0, "read"),
    (1, "write"),
    (3, "close"),
    (7, "poll"),
    (9, "mmap"),
    (11, "munmap"),
    (16, "ioctl"),
    (17, "pread64"),
    (18, "pwrite64"),
    (19, "readv"),
    (20, "writev"),
    (23, "select"),
    (24, "sched_yield"),
    (34, "pause"),
    (35, "nanosleep"),
    (42, "connect"),
    (43, "accept"),
    (44, "sendto"),
    (45, "recvfrom"),
    (46, "sendmsg"),
    (47, "recvmsg"),
    (56, "clone"),
    (57, "fork"),
    (58, "vfork"),
    (59, "execve"),
    (61, "wait4"),
    (65, "semop"),
    (69, "msgsnd"),
    (70, "msgrcv"),
    (72, "fcntl"),
    (73, "flock"),
    (74, "fsync"),
    (75, "fdatasync"),
    (128, "rt_sigtimedwait"),
    (130, "rt_sigsuspend"),
    (202, "futex"),
    (208, "io_getevents"),
    (219, "restart_syscall"),
    (220, "semtimedop"),
    (230, "clock_nanosleep"),
    (232, "epoll_wait"),
    (242, "mq_timedsend"),
    (243, "mq_timedreceive"),
    (247, "waitid"),
    (257, "openat"),
    (270, "pselect6"),
    (271, "ppoll"),
    (275, "splice"),
    (281, "epoll_pwait"),
    (288, "accept4"),
    (299, "recvmmsg"),
    (324, "membarrier"),
    (426, "io_uring_enter"),
    (435, "clone3"),
    (441, "epoll_pwait2"),
    (449, "futex_waitv"),
    (455, "futex_wait"),
];

/// The name, or the number where it is not among them.
pub(super) fn name(number: u32) -> String {
    match CALLS.binary_search_by_key(&number, |(number, _)| *number) {
        Ok(index) => CALLS[index].1.to_owned(),
        Err(_) => format!("system call {number}"),
    }
}

/// Whether a wait in that call lasts until another thread, a child's end or a signal ends it: no time was set (for futex the
/// fourth argument, for futex_wait the fifth), and nothing from outside is waited for, as a reader waits.
pub(super) fn waits_until_woken(number: u32, arguments: &[u64]) -> bool {
    match number {
        34 | 61 | 130 | 247 => true, // pause, wait4, rt_sigsuspend, waitid
        202 => arguments.get(3) == Some(&0),
        455 => arguments.get(4) == Some(&0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_another_thread_has_no_end_unless_a_time_was_set() {
        assert!(waits_until_woken(202, &[0x7f00, 0x189, 0, 0, 0, 0xffff_ffff]));
        assert!(!waits_until_woken(202, &[0x7f00, 0x189, 0, 0x7ffe, 0, 0xffff_ffff]), "until a time");
        assert!(!waits_until_woken(202, &[]), "unknown");
        assert!(!waits_until_woken(0, &[3, 0x7f00, 1]) && !waits_until_woken(35, &[0x7f00, 0]), "read, nanosleep");
    }

    #[test]
    fn known_calls_have_names_and_others_keep_their_number() {
        assert!(CALLS.is_sorted_by_key(|(number, _)| *number));
        assert_eq!((name(202), name(61), name(9999)), ("futex".into(), "wait4".into(), "system call 9999".into()));
    }
}
