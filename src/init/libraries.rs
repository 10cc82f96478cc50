//! Which of the files that were found are shims, runtimes and clients.

use std::fs;
use std::path::{Path, PathBuf};

use crate::interpose::{Api, Library, Role as Purpose};

/// What a file is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is put in front of a runtime.
    Shim,
    /// The runtime.
    Runtime,
    /// It asks for the API.
    Client,
    /// It has nothing to do with the API.
    Other,
}

impl Role {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Shim => "shim",
            Role::Runtime => "runtime",
            Role::Client => "client",
            Role::Other => "library",
        }
    }
}

/// An ELF file that was found.
#[derive(Clone, Debug)]
pub struct Elf {
    /// Where it lies, by the name that ld.so would open where there is such a link.
    pub path: PathBuf,
    /// What it offers and asks for.
    pub facts: Library,
    /// What it is to the others.
    pub role: Role,
    /// The product of a build tree that it was installed from, where that is there.
    pub product: Option<PathBuf>,
}

/// What the runtimes of the API are called, before the version.
const RUNTIMES: &[&str] = &["libamdhip64.so"];

impl Elf {
    /// The file, where it is a shared library, or a program that asks for the API.
    pub(super) fn at(path: &Path) -> Option<Elf> {
        let name = path.file_name()?.to_str()?;
        let library = name.ends_with(".so") || name.contains(".so.");
        if !library && !is_program(path) {
            return None;
        }
        let read = Library::read(path).ok()?;
        let role = role(&read, name);
        (library || role == Role::Client).then(|| Elf {
            path: by_soname(path, &read),
            facts: read,
            role,
            product: None,
        })
    }

    /// What checks about it are called: its name without the endings.
    pub fn stem(&self) -> &str {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or("library");
        name.split(".so").next().unwrap_or(name)
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::symlink_metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0 && file.len() > 64)
}

/// A runtime by its SONAME; a shim by what it exports of the API, or by its name: one that exports nothing of the API is
/// what this program exists for.
fn role(library: &Library, file: &str) -> Role {
    let soname = library.soname.as_deref().unwrap_or(file);
    let called = |family: &&str| soname.starts_with(*family);
    let exports = |purpose: &[Purpose]| {
        let of_api = library.exports.keys().filter_map(|name| Api::hip().function(name));
        of_api.filter(|function| purpose.contains(&function.role)).count()
    };
    // The shim of another API must not be asked for this one.
    let named = soname.contains("shim") && soname.contains(Api::hip().name.as_str());
    let asks = library.references.iter().any(|reference| Api::hip().function(&reference.symbol).is_some());
    if RUNTIMES.iter().any(called) {
        Role::Runtime
    } else if exports(&[Purpose::Allocate, Purpose::Free, Purpose::Copy, Purpose::Launch]) > 0 || named {
        Role::Shim
    } else if asks {
        Role::Client
    } else {
        Role::Other
    }
}

/// The link that ld.so would open, where it lies beside the file and leads to it.
fn by_soname(path: &Path, library: &Library) -> PathBuf {
    let link = library.soname.as_ref().map(|soname| path.with_file_name(soname));
    let same = |link: &PathBuf| match (fs::canonicalize(link), fs::canonicalize(path)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    link.filter(same).unwrap_or_else(|| path.to_owned())
}
