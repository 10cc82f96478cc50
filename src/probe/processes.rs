//! The processes that come of another one.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::stat::Stat;

/// A process and all that come of it now, the process first.
pub(super) fn tree(root: u32) -> Vec<u32> {
    let mut pids = vec![root];
    let mut index = 0;
    while let Some(&parent) = pids.get(index) {
        pids.extend(children(parent));
        index += 1;
    }
    pids
}

/// The children of all its threads; none where the process is gone.
pub(super) fn children(parent: u32) -> Vec<u32> {
    static LISTED: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/thread-self/children").exists());
    if *LISTED { listed_children(parent) } else { found_children(parent) }
}

fn listed_children(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Where the kernel keeps no lists (built without CONFIG_PROC_CHILDREN): every process is asked for its parent.
fn found_children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| Stat::of(entry.file_name().to_str()?.parse().ok()?));
    stats.filter(|stat| stat.parent == parent).map(|stat| stat.pid).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_are_the_same_whether_the_kernel_lists_them_or_not() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("starts");
        for found in [listed_children(std::process::id()), found_children(std::process::id())] {
            assert!(found.contains(&child.id()), "{found:?}");
        }
        assert_eq!(tree(child.id()), [child.id()]);
        child.kill().and_then(|()| child.wait()).expect("ends");
    }
}
