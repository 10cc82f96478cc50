//! Whether a program runs with rights that its caller has not: ld.so then trusts little of the environment
//! (`AT_SECURE`; ld.so(8), "secure-execution mode").

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{getegid, geteuid};

use super::Object;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
/// A setgid bit without group execution meant mandatory locking, and gives no rights.
const GROUP_EXECUTES: u32 = 0o0010;

/// Whether this process, were it to execute the file, would get another user's or group's rights, or capabilities.
pub(super) fn is_secure(program: &Object<'_>, path: &Path) -> bool {
    let metadata = program.metadata();
    let other_user = metadata.mode() & SETUID != 0 && metadata.uid() != geteuid().as_raw();
    let sets_group = metadata.mode() & (SETGID | GROUP_EXECUTES) == SETGID | GROUP_EXECUTES;
    let other_group = sets_group && metadata.gid() != getegid().as_raw();
    other_user || other_group || (!geteuid().is_root() && has_capabilities(path))
}

fn has_capabilities(path: &Path) -> bool {
    let mut value = [0u8; 64];
    rustix::fs::getxattr(path, "security.capability", &mut value).is_ok_and(|size| size > 0)
}
