//! Toys: a small runtime, a shim and a client of one folder of fixtures, each folder one story, built by gcc.
//!
//! A folder holds what differs from its neighbour `common`. Lines that begin with `//#` (`##` in a version script) are
//! directives. `link: COMMAND` is one for the builder: sh runs it in the place where all files lie, for the runtime first,
//! then for the shim, then for the client. A source without one is linked as the common one of its name is.
//!
//! What is built stays, under a name made of all that went into it, for the next test and the next run.

#![allow(dead_code, clippy::allow_attributes, reason = "not every test uses all of it")]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One folder of fixtures, built.
pub struct Toys {
    place: PathBuf,
    directives: Vec<(String, String)>,
}

/// What is linked one after the other.
const STEMS: [&str; 3] = ["runtime", "shim", "client"];

/// The folder that the others differ from.
const COMMON: &str = "common";

impl Toys {
    /// Builds the folder `name` of `fixtures/<zoo>`, whose files may have these directives beside `link`.
    pub fn build(zoo: &str, name: &str, keys: &[&str]) -> Toys {
        let recipe = Recipe::of(zoo, name);
        let place = recipe.built();
        let own = recipe.own.iter().flat_map(|file| directives(&file.text));
        let directives: Vec<_> = own.filter(|(key, _)| key != "link").collect();
        for (key, _) in &directives {
            assert!(keys.contains(&key.as_str()), "{name}: no directive: {key}");
        }
        Toys { place, directives }
    }

    /// Where everything lies.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// A file there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// The values of all directives of that name, in the order of the files.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.directives.iter().filter(move |(other, _)| other == key).map(|(_, value)| value.as_str())
    }

    /// The first of them.
    pub fn one(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }
}

/// The folders of a zoo, `common` left out.
pub fn folders(zoo: &str) -> Vec<String> {
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(zoo);
    let names = entries(&zoo).into_iter().map(|path| path.file_name().expect("a name").display().to_string());
    names.filter(|name| name != COMMON).collect()
}

#[derive(Hash)]
struct File {
    name: String,
    text: String,
}

/// All that goes into a folder's toys.
struct Recipe {
    zoo: String,
    name: String,
    own: Vec<File>,
    common: Vec<File>,
}

impl Recipe {
    fn of(zoo: &str, name: &str) -> Recipe {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(zoo);
        let own = if name == COMMON { Vec::new() } else { files(&folder.join(name)) };
        Recipe { zoo: zoo.to_owned(), name: name.to_owned(), own, common: files(&folder.join(COMMON)) }
    }

    /// The place where it is built, or will be.
    fn place(&self) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        (&self.own, &self.common).hash(&mut hasher);
        let target = fs::canonicalize(env!("CARGO_TARGET_TMPDIR")).expect("cargo's");
        target.join("toys").join(&self.zoo).join(&self.name).join(format!("{:016x}", hasher.finish()))
    }

    /// Builds it, unless that has been done.
    fn built(&self) -> PathBuf {
        let place = self.place();
        if place.exists() {
            return place;
        }
        let parent = place.parent().expect("a folder");
        fs::create_dir_all(parent).expect("made");
        let site = tempfile::tempdir_in(parent).expect("a folder");
        self.build_in(site.path());
        match fs::rename(site.path(), &place) {
            Ok(()) => {
                let _ = site.keep();
                let is_older = |other: &PathBuf| *other != place && !is_site(other);
                entries(parent).into_iter().filter(is_older).for_each(|other| _ = fs::remove_dir_all(other));
            }
            Err(_) if place.exists() => {} // another test was faster
            Err(error) => panic!("{}: {error}", place.display()),
        }
        place
    }

    fn build_in(&self, site: &Path) {
        let kept = self.common.iter().filter(|file| !is_stem(file) || self.own_source(stem(file)).is_none());
        for file in kept.chain(&self.own) {
            fs::write(site.join(&file.name), &file.text).expect("written");
        }
        ["lib", "shim"].iter().for_each(|folder| fs::create_dir(site.join(folder)).expect("made"));
        for stem in STEMS {
            match self.common_product(stem) {
                Some(product) => copy(&product, site),
                None => self.link_lines(stem).iter().for_each(|line| link(line, site)),
            }
        }
    }

    fn own_source(&self, of: &str) -> Option<&File> {
        self.own.iter().find(|file| is_stem(file) && stem(file) == of)
    }

    fn link_lines(&self, of: &str) -> Vec<String> {
        let lines = |file: &File| -> Vec<String> {
            directives(&file.text).into_iter().filter(|(key, _)| key == "link").map(|(_, line)| line).collect()
        };
        let own = self.own_source(of).map(lines).unwrap_or_default();
        let common = || self.common.iter().find(|file| is_stem(file) && stem(file) == of).map(lines);
        if own.is_empty() { common().unwrap_or_default() } else { own }
    }

    /// What the common folder has made of that stem, where nothing of this folder's goes into it.
    fn common_product(&self, stem: &str) -> Option<PathBuf> {
        let common = |file: &File| self.common.iter().any(|other| other.name == file.name);
        let replaces = self.own.iter().any(|file| !is_stem(file) && common(file));
        let ingredients: &[&str] = if stem == "client" { &["client", "runtime"] } else { &[stem] };
        let changed = replaces || ingredients.iter().any(|stem| self.own_source(stem).is_some());
        if changed || self.name == COMMON {
            return None;
        }
        let product = if stem == "runtime" { "lib" } else { stem };
        static ONE_BUILDS: Mutex<()> = Mutex::new(());
        let _turn = ONE_BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Recipe::of(&self.zoo, COMMON).built().join(product))
    }
}

/// Whether somebody is building there.
fn is_site(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// A file, or all files of a folder.
fn copy(product: &Path, site: &Path) {
    let into = site.join(product.file_name().expect("a name"));
    if product.is_file() {
        fs::copy(product, into).expect("copied");
    } else {
        entries(product).iter().for_each(|file| copy(file, &into));
    }
}

fn link(line: &str, site: &Path) {
    // `$ORIGIN` is the loader's, not the shell's.
    let script = format!("set -e; ORIGIN='$ORIGIN'; {line}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(site).output().expect("sh");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn stem(file: &File) -> &str {
    file.name.split('.').next().unwrap_or_default()
}

/// Whether it is one of those that are linked, as C or C++.
fn is_stem(file: &File) -> bool {
    STEMS.contains(&stem(file)) && (file.name.ends_with(".c") || file.name.ends_with(".cc"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn files(folder: &Path) -> Vec<File> {
    let name = |path: &Path| path.file_name().expect("a name").display().to_string();
    let read = |path: PathBuf| File { name: name(&path), text: fs::read_to_string(path).expect("text") };
    entries(folder).into_iter().map(read).collect()
}

fn directives(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("//# ").or_else(|| line.strip_prefix("## ")));
    let split = |line: &str| {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("no directive: {line}"));
        (key.to_owned(), value.to_owned())
    };
    lines.map(split).collect()
}
