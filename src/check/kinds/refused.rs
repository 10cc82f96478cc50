//! What this user may not read: nobody knows what it holds, so it neither passes nor fails.

use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::check::finding::Finding;

/// Why the first of the files and folders that may not be read leaves the check open.
pub(super) fn refused<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Option<Finding> {
    let errno =
        |path| access(path, Access::READ_OK).err().filter(|errno| matches!(*errno, Errno::ACCESS | Errno::PERM));
    let (path, errno) = paths.into_iter().find_map(|path| Some((path, errno(path)?)))?;
    Some(Finding::undetermined(format!("{} cannot be read: {errno}", path.display())))
}
