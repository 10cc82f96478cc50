//! The machine's own loader as the oracle: what it binds, told by itself, without running code of the target.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use regex::Regex;
use xdoctor::loader::{Environment, Files, Module, Objects, Process, Tree};

/// Referrer, symbol, version, provider: paths without symbolic links.
pub type Binding = (PathBuf, String, Option<String>, PathBuf);

/// What a process binds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bound {
    pub bindings: BTreeSet<Binding>,
    pub undefined: BTreeSet<(PathBuf, String)>,
}

/// What a process is started with.
#[derive(Clone, Debug, Default)]
pub struct With {
    pub preload: Vec<PathBuf>,
    pub library_path: Option<OsString>,
    pub modules: Vec<Module>,
}

impl With {
    pub fn preload(libraries: &[&Path]) -> With {
        With { preload: libraries.iter().map(|path| path.to_path_buf()).collect(), ..With::default() }
    }

    pub fn library_path(dirs: impl Into<OsString>) -> With {
        With { library_path: Some(dirs.into()), ..With::default() }
    }

    pub fn modules(modules: &[(&Path, &str)]) -> With {
        With { modules: modules.iter().map(|(path, flags)| module(path, flags)).collect(), ..With::default() }
    }

    pub fn environment(&self) -> Environment {
        let joined = self.preload.iter().map(|path| path.as_os_str()).collect::<Vec<_>>().join(":".as_ref());
        Environment {
            library_path: self.library_path.clone(),
            preload: (!joined.is_empty()).then_some(joined),
            hwcaps: None,
        }
    }

    /// The program with this environment, and no other loader variable.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin");
        if let Some(preload) = self.environment().preload {
            command.env("LD_PRELOAD", preload);
        }
        if let Some(dirs) = &self.library_path {
            command.env("LD_LIBRARY_PATH", dirs);
        }
        for module in &self.modules {
            command.arg(&module.name).arg(flags(module));
        }
        command
    }
}

/// A module with the flags that `opener.c` knows.
pub fn module(path: &Path, flags: &str) -> Module {
    Module { name: path.into(), global: flags.contains("global"), deepbind: flags.contains("deepbind") }
}

fn flags(module: &Module) -> &'static str {
    match (module.global, module.deepbind) {
        (true, true) => "global+deepbind",
        (true, false) => "global",
        (false, true) => "deepbind",
        (false, false) => "local",
    }
}

static BINDING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"binding file (.+?) \[\d+\] to (.+?) \[\d+\]: \w+ symbol `([^']*)'(?: \[([^\]]*)\])?").unwrap()
});
static UNDEFINED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"undefined symbol: ([^\s,]+)(?:, version [^\s]+)?\s*\((/[^)]+)\)").unwrap());

/// What ld.so binds. Without modules it runs in trace mode: it maps and binds all, and stops before any code of the
/// target. With modules the program really opens them, and only what is bound before their constructors run counts.
pub fn ldso(program: &Path, with: &With) -> Bound {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = with.command(program);
    command.env("LD_BIND_NOW", "1").env("LD_DEBUG", "bindings,files").env("LD_DEBUG_OUTPUT", scratch.path().join("d"));
    if with.modules.is_empty() {
        command.env("LD_TRACE_LOADED_OBJECTS", "1").env("LD_WARN", "yes");
    }
    let Output { stdout, stderr, .. } = command.output().unwrap();
    let mut said: String = [stdout, stderr].iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    for file in fs::read_dir(scratch.path()).unwrap() {
        said.push_str(&String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()));
    }
    read(&said, program, !with.modules.is_empty())
}

/// Reads what a loader said with `LD_DEBUG=bindings`.
pub fn read(said: &str, program: &Path, has_modules: bool) -> Bound {
    let mut bound = Bound::default();
    let (mut binding, opened) = (true, format!("dynamically loaded by {}", program.display()));
    for line in said.lines() {
        if has_modules && line.contains(&opened) {
            binding = true;
        } else if has_modules && line.contains("calling init:") {
            binding = false;
        }
        if let Some(found) = BINDING.captures(line).filter(|_| binding) {
            let (referrer, provider, symbol) = (&found[1], &found[2], found[3].to_owned());
            let own = has_modules && is_loaders_own(referrer, &symbol, program);
            if !own && !referrer.contains("linux-vdso") && !provider.contains("linux-vdso") {
                let version = found.get(4).map(|version| version.as_str().to_owned());
                bound.bindings.insert((
                    real(referrer),
                    symbol,
                    version.filter(|text| !text.is_empty()),
                    real(provider),
                ));
            }
        }
        if let Some(found) = UNDEFINED.captures(line) {
            bound.undefined.insert((real(&found[2]), found[1].to_owned()));
        }
    }
    bound
}

/// The loader looks some names up on its own account: its malloc in the program's name, its hooks for exceptions.
fn is_loaders_own(referrer: &str, symbol: &str, program: &Path) -> bool {
    let malloc = Path::new(referrer) == program && ["malloc", "calloc", "realloc", "free"].contains(&symbol);
    let hook = symbol.starts_with("_dl_catch_") || symbol.starts_with("_dl_signal_");
    malloc || (hook && referrer.contains("/ld-linux"))
}

/// The same, predicted.
pub fn model(program: &Path, with: &With) -> Bound {
    let files = Files::new();
    let objects = Objects::new(&files, Tree::host());
    let mut process = Process::start(&objects, program, &with.environment()).unwrap();
    for module in &with.modules {
        let _ = process.open(module);
    }
    bound(&process)
}

/// What a modelled process binds.
pub fn bound(process: &Process<'_, '_>) -> Bound {
    let mut bound = Bound::default();
    let path = |index: u32| real(&process.loaded()[index as usize].path.to_string_lossy());
    for binding in process.bindings() {
        let symbols = process.loaded()[binding.referrer as usize].object.symbols();
        let symbol = symbols.get(binding.reference as usize).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match binding.provider {
            Some((provider, _)) => {
                let version = symbol.version.map(|version| text(version.name));
                bound.bindings.insert((path(binding.referrer), text(symbol.name), version, path(provider)));
            }
            None if !process.is_weak(binding) => {
                bound.undefined.insert((path(binding.referrer), text(symbol.name)));
            }
            None => {}
        }
    }
    bound
}

fn real(path: &str) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.into())
}

/// Asserts that the loader and the model bind alike, and returns what they bind.
#[track_caller]
pub fn agreed(program: &Path, with: &With) -> Bound {
    let (predicted, found) = (model(program, with), ldso(program, with));
    assert!(!found.bindings.is_empty(), "ld.so told of no binding in {}", program.display());
    let missing: Vec<_> = found.bindings.difference(&predicted.bindings).collect();
    let extra: Vec<_> = predicted.bindings.difference(&found.bindings).collect();
    assert!(missing.is_empty() && extra.is_empty(), "ld.so only: {missing:#?}\nthe model only: {extra:#?}");
    assert_eq!(predicted.undefined, found.undefined, "undefined in {}", program.display());
    predicted
}
