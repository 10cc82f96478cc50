//! `build`: a build tree is there, was configured from the source tree meant and with the options meant, and its products
//! are up to date.

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;

use super::build_options::Options;
use super::cmake::Cache;
use super::inputs::{Inputs, Made};
use super::refused::refused;
use super::{Context, Found, Kind, Texts, work_tree};

#[derive(Debug)]
struct BuildCheck {
    path: PathBuf,
    /// Where it must have been configured from.
    source: Option<PathBuf>,
    /// How it must have been.
    options: Options,
    /// What its products must not be older than.
    newer_than: Option<PathBuf>,
    products: Vec<String>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The build tree."),
    ("source", "The source tree that it must be configured from."),
    ("products", "Files in the build tree that must be there, and not be older than the sources."),
    ("newer_than", "What the products must not be older than, in place of `source`."),
    ("build_type", "CMAKE_BUILD_TYPE, such as Release."),
    ("compiler", "A glob, or a list: a compiler of the build is like this, by its path or its name, over links too."),
    ("cache", "NAME: GLOB pairs that CMakeCache.txt must have."),
    ("target", "The target whose command lines `flags` and the like look at; all targets where none is named."),
    ("flags", "Globs, each of which a word of every compiler's command line must be like."),
    ("lacks_flags", "Globs that no word of a compiler's command line may be like."),
    ("link_flags", "Globs, each of which a word of every link line must be like; behind -Wl, too."),
    ("lacks_link_flags", "Globs that no word of a link line may be like."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the build tree", Fields::path);
    let source = fields.path("source");
    let newer_than = fields.path("newer_than").or_else(|| source.clone());
    let products = fields.texts("products").unwrap_or_default();
    let options = Options::read(fields);
    if source.is_none() && products.is_empty() && options.ask_nothing() {
        let message = "a check of kind `build` asks for nothing; expected one of source, products, build_type, compiler, \
                       cache, flags, lacks_flags, link_flags, lacks_link_flags";
        fields.reader().complain(fields.place(), message);
    }
    Some(Arc::new(BuildCheck { path: path?, source, options, newer_than, products }))
}

impl Kind for BuildCheck {
    fn title(&self) -> String {
        match &self.source {
            Some(source) => format!("{} was built from {}", self.path.display(), source.display()),
            None if self.products.is_empty() => format!("{} was built with the options meant", self.path.display()),
            None => format!("{} is up to date", self.path.display()),
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        let Some(source) = &self.newer_than else { return Vec::new() };
        let inputs = Inputs::of(&self.path);
        let product = |name: &String| {
            let path = self.path.join(name);
            let foreign = inputs.foreign(&inputs.made(&path), source);
            Subject::Product { path, source: source.clone(), foreign }
        };
        let repository = source.join(".git").exists().then(|| Subject::Repository(source.clone()));
        self.products.iter().map(product).chain(repository).collect()
    }

    fn run(&self, _: &Context<'_>) -> Found {
        if let Some(finding) =
            refused([&self.path].into_iter().chain(&self.source).chain(&self.newer_than).map(PathBuf::as_path))
        {
            return finding.into();
        }
        let mut finding = Finding::default();
        if !self.path.is_dir() {
            let expected = format!("a build tree at {}", self.path.display());
            return Finding::violation(Diagnosis::new(Code::FileMissing, expected, "no such folder")).into();
        }
        let tree = self.source.iter().find(|tree| !tree.is_dir()).map(|tree| (tree, "no such folder"));
        let newer = self.newer_than.iter().find(|path| !path.exists()).map(|path| (path, "no such file or folder"));
        if let Some((missing, actual)) = tree.or(newer) {
            let expected = format!("the sources at {}", missing.display());
            finding.violates(Diagnosis::new(Code::FileMissing, expected, actual));
            return finding.into();
        }
        self.look_at_configuration(&mut finding);
        self.options.judge_command_lines(&self.path, &self.configure_again(), &mut finding);
        self.look_at_products(&mut finding);
        finding.into()
    }
}

impl BuildCheck {
    fn look_at_configuration(&self, finding: &mut Finding) {
        if self.source.is_none() && !self.options.ask_cache() {
            return;
        }
        let cache = match Cache::read(&self.path) {
            Ok(cache) => cache,
            Err(error) => {
                let expected = format!("{}, as CMake leaves it", self.path.join("CMakeCache.txt").display());
                let actual = format!("it cannot be read: {error}");
                return finding.violates(Diagnosis::new(Code::FileMissing, expected, actual));
            }
        };
        self.options.judge_cache(&cache, &self.configure_again(), finding);
        self.look_where_it_was_made(&cache, finding);
        let Some(source) = &self.source else { return };
        // Where the top CMakeLists.txt of this build lies.
        let home = cache.get("CMAKE_HOME_DIRECTORY");
        match home.map(Path::new) {
            Some(home) if same_folder(home, source) => finding.saw(format!("configured from {}", home.display())),
            home => {
                let expected = format!("configured from {}", source.display());
                let actual = home.map_or("no CMAKE_HOME_DIRECTORY in CMakeCache.txt".to_owned(), |home| {
                    format!("configured from {}", home.display())
                });
                let fix = self.configure_again();
                finding.violates(Diagnosis::new(Code::BuildOfOtherSource, expected, actual).mended_by(fix));
            }
        }
    }

    /// A build folder that was moved or copied goes on building in the old one.
    fn look_where_it_was_made(&self, cache: &Cache, finding: &mut Finding) {
        let made = cache.get("CMAKE_CACHEFILE_DIR").map(Path::new);
        if let Some(made) = made.filter(|made| !same_folder(made, &self.path)) {
            let expected = format!("a build tree made at {}", self.path.display());
            let actual = format!("made at {}, and moved or copied since", made.display());
            let fix = self.configure_again();
            finding.violates(Diagnosis::new(Code::BuildOfOtherSource, expected, actual).mended_by(fix));
        }
    }

    fn configure_again(&self) -> String {
        let source = self.source.as_ref().map_or("SOURCE".to_owned(), |source| source.display().to_string());
        format!("cmake -S {source} -B {} --fresh", self.path.display())
    }

    fn rebuild(&self) -> String {
        match &self.source {
            Some(_) => format!("cmake --build {}", self.path.display()),
            None => "build and install again".to_owned(),
        }
    }

    /// Of what is known to have gone into a product: git may not track it yet.
    fn newest_of(&self, made: &Made<'_>) -> Option<(PathBuf, SystemTime)> {
        let tree = fs::canonicalize(self.newer_than.as_deref()?).ok()?;
        let sources = made.sources.iter().filter(|source| source.starts_with(&tree));
        let changed = |source: &&Path| Some((source.to_path_buf(), fs::metadata(source).ok()?.modified().ok()?));
        sources.filter_map(changed).max_by_key(|(_, changed)| *changed)
    }

    fn look_at_products(&self, finding: &mut Finding) {
        let sources = self.newer_than.as_deref().map(|source| newest_first(source, &self.path)).unwrap_or_default();
        let inputs = LazyCell::new(|| Inputs::of(&self.path));
        if let (Some(source), true, false) = (&self.newer_than, sources.is_empty(), self.products.is_empty()) {
            let reason = format!("which files of {} are sources cannot be told: git tracks none", source.display());
            finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
        }
        for product in &self.products {
            let path = self.path.join(product);
            let Ok(built) = fs::metadata(&path).and_then(|metadata| metadata.modified()) else {
                let fix = self.rebuild();
                finding.violates(
                    Diagnosis::new(Code::FileMissing, path.display().to_string(), "no such file").mended_by(fix),
                );
                continue;
            };
            let made = inputs.made(&path);
            let known = sources.iter().take_while(|(_, changed)| *changed > built);
            let known = known.into_iter().find(|(source, _)| !inputs.is_foreign(source, &made)).cloned();
            match known.or_else(|| self.newest_of(&made).filter(|(_, changed)| *changed > built)) {
                Some((source, changed)) => {
                    let expected = format!("{product} not older than the sources");
                    let actual = format!(
                        "{} changed at {}, {product} was built at {}",
                        source.display(),
                        time(changed),
                        time(built)
                    );
                    let fix = match inputs.is_script(&source, &path) {
                        // Where no LINK_DEPENDS names it, nothing is linked again for its sake.
                        true => format!("cmake --build {} --clean-first", self.path.display()),
                        false => self.rebuild(),
                    };
                    finding.violates(Diagnosis::new(Code::StaleBuild, expected, actual).mended_by(fix));
                }
                None => finding.saw(format!("{product} built at {}", time(built))),
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

/// The sources, the one that changed last first: those that git tracks, else all outside the build tree.
fn newest_first(source: &Path, build: &Path) -> Vec<(PathBuf, SystemTime)> {
    let files = work_tree::tracked_files(source).unwrap_or_else(|| {
        let apart = |entry: &DirEntry| {
            entry.file_name() != ".git" && !(entry.file_type().is_dir() && same_folder(entry.path(), build))
        };
        let below = WalkDir::new(source).into_iter().filter_entry(apart);
        below.filter_map(Result::ok).map(DirEntry::into_path).collect()
    });
    let changed = |path: PathBuf| {
        let metadata = fs::symlink_metadata(&path).ok().filter(|metadata| !metadata.is_dir())?;
        Some((path, metadata.modified().ok()?))
    };
    let mut files: Vec<(PathBuf, SystemTime)> = files.into_iter().filter_map(changed).collect();
    files.sort_by_key(|(_, changed)| Reverse(*changed));
    files
}
