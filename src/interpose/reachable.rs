//! Which file of the runtime's family a file finds by itself: another than the runtime that was named is another process
//! than the one that is judged.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::loader::{Object, locate};

use super::answer::Parts;
use super::replace::family;
use super::search_path::search_folders;

/// A possibility only: the RPATH of what loads the file and LD_LIBRARY_PATH, both unknown here, may lead elsewhere.
pub(super) fn judge(parts: &Parts<'_, '_>, path: &Path, object: &Object<'_>) -> Option<Diagnosis> {
    let family = family(&parts.runtime.name());
    let named = object.image().needed().find(|name| name.starts_with(family.as_bytes()))?;
    let other = found(path, object, named)?;
    let id = parts.objects.open(&other).ok()?.id();
    let runtime = parts.objects.open(&parts.runtime.path).ok()?.id();
    if id == runtime || id == parts.object.id() {
        return None;
    }
    let (runtime, other) = (parts.runtime.path.display(), other.display());
    let asked = String::from_utf8_lossy(named);
    let expected = format!("{runtime} in the process, and no other copy of it");
    let actual = format!("it asks for {asked} and by itself finds {other}");
    let folder = std::path::absolute(&parts.runtime.path).unwrap_or_else(|_| parts.runtime.path.clone());
    let folder = folder.parent().unwrap_or(Path::new("/")).display().to_string();
    let fix = format!(
        "judge with the one that it finds: --runtime {other}\n\
         or let it find the one that you named: env LD_LIBRARY_PATH={folder} CLIENT (without effect against RPATH)"
    );
    Some(Diagnosis::new(Code::WrongRuntime, expected, actual).weighing(Severity::Warn).mended_by(fix))
}

/// Its own RPATH or RUNPATH, then the cache and the system's folders.
fn found(path: &Path, object: &Object<'_>, name: &[u8]) -> Option<PathBuf> {
    let text = |list: Option<&[u8]>| list.map(|list| String::from_utf8_lossy(list).into_owned());
    let (rpath, runpath) = (text(object.image().rpath()), text(object.image().runpath()));
    // RUNPATH cancels RPATH.
    let rpath = rpath.filter(|_| runpath.is_none());
    let folders = search_folders(path, rpath.as_deref(), runpath.as_deref());
    let name = OsStr::from_bytes(name);
    let own = folders.into_iter().filter_map(|folder| Some(folder.place?.join(name))).find(|file| file.is_file());
    own.or_else(|| locate(name, None).map(|located| located.path))
}
