//! `build`: a build tree is there, was configured from the source tree meant, and its products are up to date.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use walkdir::WalkDir;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::{Context, Found, Kind, git};

#[derive(Debug)]
struct BuildCheck {
    path: PathBuf,
    /// Where it must have been configured from.
    source: Option<PathBuf>,
    /// What its products must not be older than.
    newer_than: Option<PathBuf>,
    products: Vec<String>,
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the build tree", Fields::path);
    let source = fields.path("source");
    let newer_than = fields.path("newer_than").or_else(|| source.clone());
    let products = fields.texts("products").unwrap_or_default();
    if source.is_none() && products.is_empty() {
        fields
            .reader()
            .complain(fields.place(), "a check of kind `build` needs `source` or `products`: it asks for nothing");
    }
    Some(Arc::new(BuildCheck { path: path?, source, newer_than, products }))
}

impl Kind for BuildCheck {
    fn title(&self) -> String {
        match &self.source {
            Some(source) => format!("{} was built from {}", self.path.display(), source.display()),
            None => format!("{} is up to date", self.path.display()),
        }
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        if !self.path.is_dir() {
            let expected = format!("a build tree at {}", self.path.display());
            return Finding::violation(Diagnosis::new(Code::FileMissing, expected, "no such folder")).into();
        }
        if let Some(missing) = self.source.iter().chain(&self.newer_than).find(|tree| !tree.is_dir()) {
            let expected = format!("a source tree at {}", missing.display());
            finding.violates(Diagnosis::new(Code::FileMissing, expected, "no such folder"));
            return finding.into();
        }
        self.look_at_configuration(&mut finding);
        self.look_at_products(&mut finding);
        finding.into()
    }
}

impl BuildCheck {
    fn look_at_configuration(&self, finding: &mut Finding) {
        let Some(source) = &self.source else { return };
        let cache = self.path.join("CMakeCache.txt");
        let Ok(text) = fs::read_to_string(&cache) else {
            let expected = format!("{}, as CMake leaves it", cache.display());
            finding.violates(Diagnosis::new(Code::FileMissing, expected, "no such file, or not readable"));
            return;
        };
        // `CMAKE_HOME_DIRECTORY:INTERNAL=/path`: where the top CMakeLists.txt of this build lies.
        let home = text.lines().find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="));
        match home.map(Path::new) {
            Some(home) if same_folder(home, source) => finding.saw(format!("configured from {}", home.display())),
            home => {
                let expected = format!("configured from {}", source.display());
                let actual = home.map_or("no CMAKE_HOME_DIRECTORY in CMakeCache.txt".to_owned(), |home| {
                    format!("configured from {}", home.display())
                });
                let fix = format!("cmake -S {} -B {} --fresh", source.display(), self.path.display());
                finding.violates(Diagnosis::new(Code::BuildOfOtherSource, expected, actual).mended_by(fix));
            }
        }
    }

    fn rebuild(&self) -> String {
        match &self.source {
            Some(_) => format!("cmake --build {}", self.path.display()),
            None => "build and install again".to_owned(),
        }
    }

    fn look_at_products(&self, finding: &mut Finding) {
        let newest = self.newer_than.as_deref().and_then(|source| newest_source(source, &self.path));
        for product in &self.products {
            let path = self.path.join(product);
            let Ok(built) = fs::metadata(&path).and_then(|metadata| metadata.modified()) else {
                let fix = self.rebuild();
                finding.violates(
                    Diagnosis::new(Code::FileMissing, path.display().to_string(), "no such file").mended_by(fix),
                );
                continue;
            };
            match &newest {
                Some((source, changed)) if *changed > built => {
                    let expected = format!("{product} not older than the sources");
                    let actual = format!(
                        "{} changed at {}, {product} was built at {}",
                        source.display(),
                        time(*changed),
                        time(built)
                    );
                    let fix = self.rebuild();
                    finding.violates(Diagnosis::new(Code::StaleBuild, expected, actual).mended_by(fix));
                }
                _ => finding.saw(format!("{product} built at {}", time(built))),
            }
        }
    }
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn same_folder(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The source file that changed last: of those that git tracks, else of all outside the build tree.
fn newest_source(source: &Path, build: &Path) -> Option<(PathBuf, SystemTime)> {
    let files = git::tracked_files(source).unwrap_or_else(|| {
        let below =
            WalkDir::new(source).into_iter().filter_entry(|entry| entry.path() != build && entry.file_name() != ".git");
        below.filter_map(Result::ok).map(walkdir::DirEntry::into_path).collect()
    });
    let changed = |path: PathBuf| {
        let metadata = fs::symlink_metadata(&path).ok().filter(|metadata| !metadata.is_dir())?;
        Some((path, metadata.modified().ok()?))
    };
    files.into_iter().filter_map(changed).max_by_key(|(_, changed)| *changed)
}
