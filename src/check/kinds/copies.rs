//! `copies`: of a library there is one copy only in the folders that it may be loaded from.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{Glob, GlobMatcher};

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};
use crate::interpose::Library;

use super::bounds::Bounds;
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct CopiesCheck {
    names: Vec<GlobMatcher>,
    /// A part of each may be a glob: `/opt/rocm*/lib`.
    folders: Vec<PathBuf>,
    count: Bounds,
    skip_if_missing: bool,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("name", "The library's file name, or a glob such as libamdhip64.so*; or a list."),
    ("folders", "The folders that are looked into: one, or a list; globs such as /opt/rocm*/lib."),
    ("count", "How many copies there must be, a number or {min, max}; exactly one where nothing is said."),
    ("skip_if_missing", "Whether the check is skipped where there is none at all."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let names = fields.required("name", "the library's file name, or a glob such as libamdhip64.so*", Fields::globs);
    let folders = fields.required("folders", "a folder, or a list of them", Fields::paths);
    let count = Bounds::of_counts(fields, "count").unwrap_or(Bounds::exactly(1));
    let skip_if_missing = fields.flag("skip_if_missing").unwrap_or(false);
    Some(Arc::new(CopiesCheck { names: names?, folders: folders?, count, skip_if_missing }))
}

impl Kind for CopiesCheck {
    fn title(&self) -> String {
        format!("there is {} of {}", self.count, self.named())
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        let mut folders = 0;
        // Links and second names lead to one file: it counts once, under the first of its names.
        let mut copies: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
        for folder in self.folders.iter().flat_map(|folder| expand(folder)) {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => {
                    let reason = format!("{} cannot be looked into: {error}", folder.display());
                    finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
                    continue;
                }
            };
            folders += 1;
            let fits = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default();
                self.names.iter().any(|glob| glob.is_match(name))
            };
            let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(fits).collect();
            paths.sort();
            for path in paths {
                if let Ok(real) = fs::canonicalize(&path)
                    && let Ok(metadata) = fs::metadata(&real)
                    && metadata.is_file()
                {
                    copies.entry((metadata.dev(), metadata.ino())).or_insert(real);
                }
            }
        }
        let mut copies: Vec<PathBuf> = copies.into_values().collect();
        copies.sort();
        copies.retain(|path| saw(path, &mut finding));
        finding.saw(format!("{folders} folders looked into"));
        self.judge(&copies, &mut finding);
        finding.into()
    }
}

impl CopiesCheck {
    fn named(&self) -> String {
        self.names.iter().map(|glob| glob.glob().glob()).collect::<Vec<_>>().join(" or ")
    }

    fn judge(&self, copies: &[PathBuf], finding: &mut Finding) {
        let too_few = self.count.is_above(copies.len() as u64);
        // In a folder that could not be looked into there may be more.
        if self.count.admit(copies.len() as u64) || (too_few && finding.open.is_some()) {
            return;
        }
        if copies.is_empty() && self.skip_if_missing {
            let folders: Vec<String> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
            let reason = format!("no {} in {}", self.named(), listed(&folders, 4));
            finding.open = Some(Open::Skipped { reason, code: Some(Code::LibraryMissing) });
            return;
        }
        let expected = format!("{} of {}", self.count, self.named());
        if too_few {
            let actual = if copies.is_empty() { "none".to_owned() } else { shown(copies) };
            return finding.violates(Diagnosis::new(Code::LibraryMissing, expected, actual));
        }
        let fix = "remove the other, or keep it out of LD_LIBRARY_PATH, ld.so.conf.d and RUNPATHs; `xdoctor deps PROGRAM` \
                   says which one a program loads";
        finding.violates(Diagnosis::new(Code::WrongRuntime, expected, shown(copies)).mended_by(fix));
    }
}

fn shown(copies: &[PathBuf]) -> String {
    let copies: Vec<String> = copies.iter().map(|path| path.display().to_string()).collect();
    listed(&copies, 5)
}

/// Says what the file is; false where it is no library at all (a linker script, a text).
fn saw(path: &Path, finding: &mut Finding) -> bool {
    match Library::read(path) {
        Ok(library) => {
            let soname = library.soname.as_deref().unwrap_or("none");
            let build_id = library.build_id.as_deref().unwrap_or("none");
            finding.saw(format!("{}: SONAME {soname}, build id {build_id}", path.display()));
            true
        }
        Err(error) => {
            finding.saw(format!("not counted: {error}"));
            false
        }
    }
}

/// Every folder that a path with globs in it leads to.
fn expand(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in path.components() {
        let text = component.as_os_str().to_string_lossy();
        let glob =
            matches!(component, Component::Normal(_)).then_some(text).filter(|text| text.contains(['*', '?', '[']));
        match glob.and_then(|glob| Glob::new(&glob).ok()) {
            None => found.iter_mut().for_each(|path| path.push(component)),
            Some(glob) => {
                let glob = glob.compile_matcher();
                let below = |folder: PathBuf| {
                    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
                    let mut paths: Vec<PathBuf> =
                        entries.filter(|entry| glob.is_match(entry.file_name())).map(|entry| entry.path()).collect();
                    paths.sort();
                    paths
                };
                found = found.into_iter().flat_map(below).collect();
            }
        }
    }
    found
}
