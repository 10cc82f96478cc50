//! What is to be remembered: every file, tree and repository that a checklist names, each under one name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::elf::escape;

/// One thing that a check names, and what it is to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A file; where it is an ELF file, its ABI is remembered too.
    File(PathBuf),
    /// A shim.
    Shim(PathBuf),
    /// The runtime behind a shim.
    Runtime(PathBuf),
    /// What calls the runtime: a file, or a folder of them.
    Client(PathBuf),
    /// What is built from a source tree.
    Product {
        /// The file.
        path: PathBuf,
        /// The source tree.
        source: PathBuf,
        /// Files of it that are known to have gone into other products only.
        foreign: BTreeSet<PathBuf>,
    },
    /// Every file below a folder.
    Tree(PathBuf),
    /// A git work tree.
    Repository(PathBuf),
}

/// What a file is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// It is put in front of a runtime.
    Shim,
    /// It is behind a shim.
    Runtime,
    /// It calls a runtime.
    Client,
}

/// How a thing is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One file's content.
    File,
    /// Every file below a folder.
    Tree,
    /// Commit and changes.
    Repository,
}

/// A thing to be looked at.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Where it lies.
    pub path: PathBuf,
    /// How it is looked at.
    pub what: What,
    /// What it is to the others.
    pub parts: BTreeSet<Part>,
    /// The source trees that it is built from.
    pub sources: BTreeSet<PathBuf>,
    /// Files of them that are known to have gone into other products only.
    pub foreign: BTreeSet<PathBuf>,
}

/// Every thing to be looked at, by name.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The folder that names start from.
    pub base: PathBuf,
    /// The things.
    pub things: BTreeMap<String, Planned>,
}

impl Plan {
    /// The things that these subjects name. A thing below `base` is named by its path from there, any other by its
    /// absolute path, so that a whole environment may be moved together with its lock.
    pub fn new(base: &Path, subjects: impl IntoIterator<Item = Subject>) -> Plan {
        let mut plan = Plan { base: base.to_owned(), things: BTreeMap::new() };
        for subject in subjects {
            plan.add(subject);
        }
        plan
    }

    fn add(&mut self, subject: Subject) {
        let file = |path: &Path| has_content(path).then_some(What::File);
        let mut others = BTreeSet::new();
        let (path, what, part, source) = match subject {
            Subject::File(path) => (path.clone(), file(&path), None, None),
            Subject::Shim(path) => (path.clone(), file(&path), Some(Part::Shim), None),
            Subject::Runtime(path) => (path.clone(), file(&path), Some(Part::Runtime), None),
            Subject::Client(path) if path.is_dir() => (path, Some(What::Tree), Some(Part::Client), None),
            Subject::Client(path) => (path.clone(), file(&path), Some(Part::Client), None),
            Subject::Product { path, source, foreign } => {
                others = foreign;
                (path.clone(), file(&path), None, Some(source))
            }
            Subject::Tree(path) => (path, Some(What::Tree), None, None),
            Subject::Repository(path) => (path, Some(What::Repository), None, None),
        };
        // That it is there is its check's concern.
        let Some(what) = what else { return };
        let slash = if what == What::Tree { "/" } else { "" };
        let name = format!("{}{slash}", name_of(&self.base, &path));
        let planned =
            Planned { path, what, parts: BTreeSet::new(), sources: BTreeSet::new(), foreign: BTreeSet::new() };
        let planned = self.things.entry(name).or_insert(planned);
        if source.is_some() {
            // What one build tree knows to be foreign, another may have used.
            let first = planned.sources.is_empty();
            planned.foreign = if first { others } else { planned.foreign.intersection(&others).cloned().collect() };
        }
        planned.parts.extend(part);
        planned.sources.extend(source);
    }

    /// The things that are this to the others.
    pub fn with_part(&self, part: Part) -> impl Iterator<Item = (&str, &Planned)> {
        let is = move |(_, planned): &(&str, &Planned)| planned.parts.contains(&part);
        self.things.iter().map(|(name, planned)| (name.as_str(), planned)).filter(is)
    }

    /// The name of the repository that lies there.
    pub fn repository(&self, path: &Path) -> Option<&str> {
        let name = name_of(&self.base, path);
        let (name, planned) = self.things.get_key_value(&name)?;
        (planned.what == What::Repository).then_some(name.as_str())
    }
}

/// Whether a path is a file whose content can be remembered, or none yet. A folder has none, a device has none, and what
/// the kernel writes anew at each reading is not kept.
fn has_content(path: &Path) -> bool {
    let devices = path.starts_with("/dev") && !path.starts_with("/dev/shm");
    let passing = devices || path.starts_with("/proc") || path.starts_with("/sys");
    !passing && path.metadata().map_or(true, |metadata| metadata.is_file())
}

/// A path as a lock has it: from the folder of the lock where it lies below, `.` and doubled slashes left out.
pub(super) fn name_of(base: &Path, path: &Path) -> String {
    let below = path.strip_prefix(base).unwrap_or(path);
    let plain: PathBuf = below.components().filter(|part| *part != Component::CurDir).collect();
    let name = escape(plain.as_os_str().as_encoded_bytes()).to_string();
    if name.is_empty() { ".".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_named_from_there_and_all_else_by_its_whole_path() {
        let name = |path: &str| name_of(Path::new("/home/me/gpu"), Path::new(path));
        assert_eq!(name("/home/me/gpu/lib/libshim.so"), "lib/libshim.so");
        assert_eq!(name("/home/me/gpu/./lib//libshim.so"), "lib/libshim.so");
        assert_eq!(name("/home/me/gpu"), ".");
        assert_eq!(name("/opt/rocm/lib/libamdhip64.so.6"), "/opt/rocm/lib/libamdhip64.so.6");
    }

    #[test]
    fn what_has_no_content_to_be_remembered_is_left_to_its_check() {
        let subjects =
            ["/dev/null", "/proc/self/maps", "/sys/kernel/notes", "/usr"].map(|path| Subject::File(path.into()));
        assert!(Plan::new(Path::new("/x"), subjects).things.is_empty());
        let shared = Subject::File("/dev/shm/no such file".into());
        assert_eq!(Plan::new(Path::new("/x"), [shared]).things.len(), 1, "a file in memory is one, too");
    }

    #[test]
    fn one_thing_that_several_checks_name_is_all_that_they_say_of_it() {
        let shim = PathBuf::from("/x/libshim.so");
        let source = PathBuf::from("/x/source");
        let subjects = [
            Subject::File(shim.clone()),
            Subject::Shim(shim.clone()),
            Subject::Product { path: shim.clone(), source: source.clone(), foreign: BTreeSet::new() },
        ];
        let plan = Plan::new(Path::new("/x"), subjects);
        assert_eq!(plan.things.len(), 1);
        let planned = &plan.things["libshim.so"];
        assert!(planned.parts.contains(&Part::Shim) && planned.sources.contains(&source));
    }
}
