//! What the kernel tells of a process in one line.

use std::fs;

/// Out of /proc/PID/stat (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Whether it has ended and waits for its parent to take note.
    pub zombie: bool,
    /// When it started, in clock ticks since boot: together with the id, this names a process for good.
    pub start: u64,
    /// Its memory that is in RAM, in pages.
    pub resident: u64,
}

impl Stat {
    /// Of a process; `None` where it is gone.
    pub fn of(pid: u32) -> Option<Stat> {
        let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &String::from_utf8_lossy(&bytes))
    }
}

/// The name, in parentheses, may hold anything, parentheses and line ends too.
fn parse(pid: u32, line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let id = |index: usize| u32::try_from(number(index)?).ok();
    Some(Stat {
        pid,
        parent: id(1)?,
        group: id(2)?,
        session: id(3)?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        start: number(19)?,
        resident: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let line = "7 (a) Z (\n) S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 999 12345 77 18446744073709551615";
        let stat = parse(7, line).expect("a process");
        assert_eq!((stat.parent, stat.group, stat.session, stat.start, stat.resident), (1, 2, 3, 999, 77));
        assert!(!stat.zombie && parse(7, "7 (a) S 1").is_none() && parse(7, "").is_none());
    }

    #[test]
    fn this_process_is_found_and_one_that_cannot_be_is_not() {
        let own = Stat::of(std::process::id()).expect("running");
        assert!(own.resident > 0 && own.start > 0 && Stat::of(u32::MAX).is_none());
    }
}
