//! Looking through folders for what a checklist could be about.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::interpose::Api;
use crate::interpose::version_script::VersionScript;

use super::libraries::{Elf, Role};

/// Folders below which nothing is looked for: what lies there is nobody's product.
const PASSED_OVER: &[&str] = &[".git", "CMakeFiles", "__pycache__", "node_modules", "proc", "sys"];
/// How deep is looked; a wheel's libraries lie at lib/python3.N/site-packages/torch/lib.
const DEEPEST: usize = 10;
/// A version script larger than this is none.
const LARGEST_SCRIPT: u64 = 4 << 20;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Finds {
    /// Git work trees, without those inside another.
    pub repositories: Vec<Repository>,
    /// CMake build trees.
    pub builds: Vec<Build>,
    /// Shared libraries and clients, each file once, outside frameworks.
    pub files: Vec<Elf>,
    /// Version scripts that name functions of the API.
    pub scripts: Vec<PathBuf>,
    /// GPU frameworks of a Python.
    pub frameworks: Vec<Framework>,
    /// What could not be looked into, with the reason.
    pub unread: Vec<String>,
}

/// A git work tree.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Its top folder.
    pub path: PathBuf,
    /// The commit, where there is one.
    pub commit: Option<String>,
    /// Files that are not as committed.
    pub dirty: usize,
    /// Whether it has submodules.
    pub submodules: bool,
}

/// A CMake build tree.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its folder.
    pub path: PathBuf,
    /// Where it was configured from.
    pub source: PathBuf,
    /// Shared libraries in it, from its folder.
    pub products: Vec<String>,
}

/// A GPU framework of a Python.
#[derive(Clone, Debug)]
pub struct Framework {
    /// What is imported: `torch`.
    pub module: String,
    /// The folder of its libraries.
    pub libraries: PathBuf,
    /// The interpreter that has it, where it is known.
    pub python: Option<PathBuf>,
}

/// The path and the system's own word; walkdir's text has more in it than a remark wants.
fn unread(error: &walkdir::Error) -> String {
    let path = error.path().map_or_else(|| "a folder".to_owned(), |path| path.display().to_string());
    match error.io_error() {
        Some(why) => format!("{path}: {why}"),
        None => format!("{path}: {error}"),
    }
}

impl Finds {
    /// Looks through these folders.
    pub fn in_folders(folders: &[PathBuf]) -> Finds {
        let mut finds = Finds::default();
        let mut seen = BTreeSet::new();
        for folder in folders {
            let entries = WalkDir::new(folder).max_depth(DEEPEST).sort_by_file_name().into_iter();
            let kept =
                |entry: &DirEntry| entry.depth() == 0 || !PASSED_OVER.iter().any(|name| entry.file_name() == *name);
            for entry in entries.filter_entry(kept) {
                match entry {
                    Ok(entry) => finds.look_at(&entry, &mut seen),
                    Err(error) => finds.unread.push(unread(&error)),
                }
            }
        }
        finds.settle();
        finds
    }

    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty() && self.builds.is_empty() && self.files.is_empty() && self.frameworks.is_empty()
    }

    /// The files of that role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Elf> {
        self.files.iter().filter(move |file| file.role == role)
    }

    fn look_at(&mut self, entry: &DirEntry, seen: &mut BTreeSet<PathBuf>) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy();
        if entry.file_type().is_dir() {
            if path.join(".git").exists() && !self.repositories.iter().any(|tree| path.starts_with(&tree.path)) {
                self.repositories.push(Repository::at(path));
            }
            self.frameworks.extend(Framework::at(path));
        } else if name == "CMakeCache.txt" {
            self.builds.extend(Build::of(path));
        } else if self.frameworks.iter().any(|framework| path.starts_with(&framework.libraries)) {
            // Thousands of libraries, all clients: one check of the folder is about them all.
        } else if name.ends_with(".map") || name.ends_with(".ver") || name.ends_with(".map.in") {
            if entry.file_type().is_file() && is_script(path) {
                self.scripts.push(path.to_owned());
            }
        } else if let Ok(real) = fs::canonicalize(path)
            && !seen.contains(&real)
            && let Some(file) = Elf::at(path)
        {
            seen.insert(real);
            self.files.push(file);
        }
    }

    /// Products go to their build trees; a copy that is installed is the one that matters.
    fn settle(&mut self) {
        for build in &mut self.builds {
            let below = self.files.iter().filter_map(|file| file.path.strip_prefix(&build.path).ok());
            build.products = below.filter_map(Path::to_str).map(str::to_owned).collect();
        }
        let builds: Vec<&PathBuf> = self.builds.iter().map(|build| &build.path).collect();
        let in_build = |file: &Elf| builds.iter().any(|build| file.path.starts_with(build));
        let product_of = |installed: &Elf| {
            let same = |file: &&Elf| {
                file.path.file_name() == installed.path.file_name() && file.facts.build_id == installed.facts.build_id
            };
            let mut products = self.files.iter().filter(|file| in_build(file)).filter(same);
            (!in_build(installed) && installed.facts.build_id.is_some()).then(|| products.next()).flatten()
        };
        let products: Vec<Option<PathBuf>> =
            self.files.iter().map(|file| product_of(file).map(|product| product.path.clone())).collect();
        let installed: BTreeSet<_> = self
            .files
            .iter()
            .filter(|file| !in_build(file))
            .map(|file| file.path.file_name().map(ToOwned::to_owned))
            .collect();
        let kept: Vec<bool> = self
            .files
            .iter()
            .map(|file| !in_build(file) || !installed.contains(&file.path.file_name().map(ToOwned::to_owned)))
            .collect();
        self.files.iter_mut().zip(products).for_each(|(file, product)| file.product = product);
        let mut kept = kept.into_iter();
        self.files.retain(|_| kept.next().unwrap_or(true));
    }
}

impl Repository {
    fn at(path: &Path) -> Repository {
        let repository = git2::Repository::open(path).ok();
        let head = repository.as_ref().and_then(|repository| repository.head().ok()?.peel_to_commit().ok());
        let mut options = git2::StatusOptions::new();
        options.include_untracked(true);
        let statuses = repository.as_ref().and_then(|repository| repository.statuses(Some(&mut options)).ok());
        Repository {
            path: path.to_owned(),
            commit: head.map(|commit| commit.id().to_string()),
            dirty: statuses.map_or(0, |statuses| statuses.len()),
            submodules: path.join(".gitmodules").exists(),
        }
    }
}

impl Build {
    fn of(cache: &Path) -> Option<Build> {
        let text = fs::read_to_string(cache).ok()?;
        let home = text.lines().find_map(|line| line.strip_prefix("CMAKE_HOME_DIRECTORY:INTERNAL="))?;
        Some(Build { path: cache.parent()?.to_owned(), source: home.into(), products: Vec::new() })
    }
}

impl Framework {
    /// PyTorch, by the layout of its wheels and of Debian's package.
    fn at(folder: &Path) -> Option<Framework> {
        let packages = folder.parent()?;
        let is_packages = packages.ends_with("site-packages") || packages.ends_with("dist-packages");
        let libraries = folder.join("lib");
        if !is_packages || !folder.ends_with("torch") || !libraries.is_dir() || !refers_to_api(&libraries) {
            return None;
        }
        // PREFIX/lib/python3.N/site-packages
        let prefix = packages.ancestors().nth(3);
        let python = prefix.map(|prefix| prefix.join("bin/python3")).filter(|python| python.exists());
        Some(Framework { module: "torch".to_owned(), libraries, python })
    }
}

/// Whether one of the libraries in a folder asks for the API.
fn refers_to_api(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter_map(|path| Elf::at(&path)).any(|file| file.role == Role::Client)
}

/// Whether a file is a version script that puts functions of the API into nodes.
fn is_script(path: &Path) -> bool {
    let small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LARGEST_SCRIPT);
    let script =
        small.then(|| fs::read_to_string(path).ok()).flatten().and_then(|text| VersionScript::parse(&text).ok());
    script.is_some_and(|script| {
        script.exported_names().any(|(node, name)| node.is_some() && Api::hip().function(&name.text).is_some())
    })
}
