//! The observer against ld.so's own account of what it binds, on programs of this machine.
#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/bundle.rs"]
mod bundle;
#[path = "support/observed.rs"]
mod observed;
mod support;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use observed::{Bench, observer};
use support::require;
use xdoctor::elf::{Image, Mapped, SymbolKind};
use xdoctor::probe::{Child, Observed, Reason, Via};

/// Programs, and words with which they do something and end.
const PROGRAMS: [(&str, &[&str]); 15] = [
    ("/usr/bin/ls", &["-l", "/"]),
    ("/usr/bin/bash", &["-c", "echo $HOME"]),
    ("/usr/bin/git", &["--version"]),
    ("/usr/bin/python3", &["-c", "import json, socket, hashlib, ctypes, ssl"]),
    ("/usr/bin/perl", &["-MPOSIX", "-e", "print floor(1.5)"]),
    ("/usr/bin/tar", &["--version"]),
    ("/usr/bin/find", &["/usr/include", "-maxdepth", "1"]),
    ("/usr/bin/grep", &["-c", "root", "/etc/passwd"]),
    ("/usr/bin/openssl", &["version"]),
    ("/usr/bin/make", &["--version"]),
    ("/usr/bin/ssh", &["-V"]),
    ("/usr/bin/id", &[]),
    ("/usr/bin/gpg", &["--version"]),
    ("/usr/bin/objdump", &["--version"]),
    ("/usr/bin/x86_64-linux-gnu-gcc", &["--version"]),
];

/// Referrer, symbol, provider.
type Binding = (PathBuf, String, PathBuf);

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What ld.so tells of a run without the observer.
fn told(program: &str, words: &[&str], folder: &Path) -> BTreeSet<Binding> {
    let stem = folder.join("bindings");
    let child = Child::new(program).args(words).env("LD_BIND_NOW", "1");
    let ended = child.env("LD_DEBUG", "bindings").env("LD_DEBUG_OUTPUT", &stem).run().expect("it starts");
    assert_eq!(ended.exit(), Some(0), "{program}: {}", ended.stderr.text());
    let observed = Observed::read(&stem).expect("readable").expect("an account");
    let binding = |binding: xdoctor::probe::Binding| (real(&binding.referrer), binding.symbol, real(&binding.provider));
    observed.bindings.into_iter().map(binding).collect()
}

/// The functions that a file defines, and the symbols that it refers to.
struct File {
    functions: BTreeSet<String>,
    references: BTreeSet<String>,
}

fn file(path: &Path) -> File {
    let mapped = Mapped::open(path).expect("readable");
    let image = Image::parse(&mapped).expect("ELF");
    let (mut functions, mut references) = (BTreeSet::new(), BTreeSet::new());
    for symbol in image.symbols().expect("symbols").iter() {
        let name = String::from_utf8_lossy(symbol.name).into_owned();
        if !symbol.defined {
            references.insert(name);
        } else if matches!(symbol.kind, SymbolKind::Function | SymbolKind::Ifunc) {
            functions.insert(name);
        }
    }
    File { functions, references }
}

/// After start-up ld.so looks these up for itself, in the program's name.
fn for_the_loader(program: &str, program_refers: bool, referrer: &Path, symbol: &str) -> bool {
    ["malloc", "calloc", "realloc", "free"].contains(&symbol)
        && !program_refers
        && *referrer == real(Path::new(program))
}

#[test]
fn callers_functions_and_providers_are_those_that_ld_so_tells() {
    let present: Vec<_> = PROGRAMS.iter().filter(|(program, _)| Path::new(program).exists()).collect();
    if !require(present.len() >= 10, "ten of the programs that this test runs") {
        return;
    }
    let bench = Bench::new();
    let mut files: HashMap<PathBuf, File> = HashMap::new();
    let mut compared = 0;
    for (index, (program, words)) in present.into_iter().enumerate() {
        let folder = bench.path(&format!("run{index}"));
        std::fs::create_dir(&folder).expect("a folder");
        let mut told = told(program, words, &folder);
        let observer = observer(&folder.join("observed"), &["*".to_owned()]);
        let ended = observer.watch(Child::new(program).args(*words).env("LD_BIND_NOW", "1")).run().expect("it starts");
        assert_eq!(ended.exit(), Some(0), "{program} under the observer: {}", ended.stderr.text());
        let observation = observer.read().expect("readable");
        let image = observation.images.first().unwrap_or_else(|| panic!("{program} was not observed"));
        assert_eq!(image.lost, 0, "{program}");
        let (mut seen, mut looked_up) = (BTreeSet::<Binding>::new(), BTreeSet::new());
        for call in &image.calls {
            let provider = real(call.provider.as_ref().expect("a provider"));
            match call.via {
                // ld.so tells whose tree was searched; the observer who asked.
                Via::Dlsym => _ = looked_up.insert((call.symbol.clone(), provider)),
                _ => _ = seen.insert((real(&call.caller), call.symbol.clone(), provider)),
            }
        }
        // What it says that it could not count is no part of the comparison.
        let known = [Reason::Own, Reason::Canonical, Reason::Raw];
        assert!(image.unseen.iter().all(|unseen| known.contains(&unseen.reason)), "{program}: {:#?}", image.unseen);
        let unseen: BTreeSet<_> =
            image.unseen.iter().map(|unseen| (real(&unseen.caller), unseen.symbol.clone())).collect();
        let loader = real(Path::new("/lib64/ld-linux-x86-64.so.2"));
        // The kernel's own object has no file.
        told.retain(|(referrer, _, provider)| referrer.is_absolute() && provider.is_absolute());
        told.retain(|(referrer, symbol, provider)| {
            for path in [referrer, provider] {
                files.entry(path.clone()).or_insert_with(|| file(path));
            }
            files[provider].functions.contains(symbol)
                && *referrer != loader
                && !for_the_loader(program, files[referrer].references.contains(symbol), referrer, symbol)
                && !["dlsym", "dlvsym"].contains(&symbol.as_str())
                && !unseen.contains(&(referrer.clone(), symbol.clone()))
        });
        let both = |(_, symbol, provider): &&Binding| !looked_up.contains(&(symbol.clone(), provider.clone()));
        let missing: Vec<_> = told.difference(&seen).filter(both).collect();
        assert!(missing.is_empty(), "{program}: not observed: {missing:#?}");
        // Functions without a type (STT_NOTYPE) are observed too.
        let more: Vec<_> = seen
            .difference(&told)
            .filter(|(referrer, symbol, _)| {
                let refers = files.get(referrer).is_some_and(|file| file.references.contains(symbol));
                let counted = !unseen.contains(&(referrer.clone(), symbol.clone()));
                counted && *referrer != loader && !for_the_loader(program, refers, referrer, symbol)
            })
            .filter(|(_, symbol, provider)| files.get(provider).is_none_or(|file| file.functions.contains(symbol)))
            .collect();
        assert!(more.is_empty(), "{program}: observed, and not told: {more:#?}");
        let told_of = |symbol: &str, provider: &Path| told.iter().any(|(_, s, p)| s == symbol && p == provider);
        for (symbol, provider) in &looked_up {
            let ours = for_the_loader(program, false, &real(Path::new(program)), symbol);
            assert!(ours || told_of(symbol, provider), "{program}: looked up, and not told: {symbol} {provider:?}");
        }
        eprintln!("{program}: {} bindings of functions agree, {} undetermined", told.len(), unseen.len());
        compared += told.len();
    }
    assert!(compared > 1000, "{compared}");
}
