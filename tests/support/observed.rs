//! Programs under the observer.

#![allow(dead_code, clippy::allow_attributes, reason = "not every test uses all of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use xdoctor::probe::{Call, Child, Ended, Image, Limits, Observation, Observer, Via};

use crate::bundle;

/// A folder with a runtime and whatever else a test builds.
pub struct Bench {
    pub dir: TempDir,
}

impl Bench {
    /// With the small runtime in it.
    pub fn new() -> Bench {
        let bench = Bench { dir: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory") };
        bench.library("runtime.c", "libruntime.so", &["-Wl,-soname,libruntime.so"]);
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A library out of `tests/c/observer`.
    pub fn library(&self, source: &str, name: &str, flags: &[&str]) -> PathBuf {
        self.compile("cc", source, name, &[&["-shared", "-fPIC"], flags].concat())
    }

    /// A library that needs the runtime.
    pub fn client_library(&self, source: &str, name: &str, flags: &[&str]) -> PathBuf {
        let link = self.link_flags();
        self.library(source, name, &[&link.iter().map(String::as_str).collect::<Vec<_>>(), flags].concat())
    }

    /// The client program, compiled in one way or another.
    pub fn client(&self, flags: &[&str]) -> PathBuf {
        self.program("client.c", "client", flags)
    }

    /// A program that needs the runtime.
    pub fn program(&self, source: &str, name: &str, flags: &[&str]) -> PathBuf {
        let link = self.link_flags();
        let compiler = if source.ends_with(".cpp") { "c++" } else { "cc" };
        self.compile(compiler, source, name, &[&link.iter().map(String::as_str).collect::<Vec<_>>(), flags].concat())
    }

    fn link_flags(&self) -> [String; 3] {
        let folder = self.dir.path().display();
        [format!("-L{folder}"), format!("-Wl,-rpath,{folder}"), "-Wl,--no-as-needed,-lruntime,--as-needed".to_owned()]
    }

    pub fn compile(&self, compiler: &str, source: &str, name: &str, flags: &[&str]) -> PathBuf {
        let output = self.path(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/observer").join(source);
        let mut command = Command::new(compiler);
        command.args(["-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]);
        command.arg(source).args(flags).arg("-o").arg(&output);
        run(&mut command);
        output
    }

    /// Runs a program with the HIP-like names counted.
    pub fn observe(&self, program: impl AsRef<Path>, words: &[&str]) -> Run {
        self.observe_with(program, words, &[], &["hip*", "cu*"])
    }

    /// Runs a program with variables of its own and other names.
    pub fn observe_with(
        &self,
        program: impl AsRef<Path>,
        words: &[&str],
        env: &[(&str, &Path)],
        names: &[&str],
    ) -> Run {
        let observed = tempfile::tempdir_in(self.dir.path()).expect("a directory");
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let observer = observer(observed.path(), &names);
        let limits = Limits { time: Duration::from_secs(120), ..Limits::default() };
        let mut child = Child::new(program.as_ref()).args(words).limits(limits);
        for (name, value) in env {
            child = child.env(name, value);
        }
        let ended = observer.watch(child).run().expect("it starts");
        Run { ended, observation: observer.read().expect("readable"), files: observed }
    }
}

/// The bundled observer, its files in that folder.
pub fn observer(folder: &Path, names: &[String]) -> Observer {
    Observer::set_up(&bundle::file("lib/libxdoctor-observer.so"), folder, names).expect("an observer")
}

/// Runs a tool that must succeed.
#[track_caller]
pub fn run(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What came of an observed program.
pub struct Run {
    pub ended: Ended,
    pub observation: Observation,
    /// The observer's own.
    pub files: TempDir,
}

impl Run {
    /// Asserts that it ended well.
    #[track_caller]
    pub fn well(self) -> Run {
        assert_eq!(self.ended.exit(), Some(0), "{:?}\n{}", self.ended, self.ended.stderr.text());
        self
    }

    /// The one process image that there is.
    #[track_caller]
    pub fn image(&self) -> &Image {
        let [image] = &self.observation.images[..] else { panic!("one image, not {:#?}", self.observation) };
        assert_eq!(image.lost, 0);
        image
    }

    /// Asserts that these calls, and no others of those names, were counted: caller, symbol, provider, how, how often.
    #[track_caller]
    pub fn counted(&self, expected: &[(&str, &str, &str, Via, u64)]) -> &Image {
        let image = self.image();
        counts(image, expected);
        image
    }
}

/// The calls that were made, by file names.
pub fn made(image: &Image) -> Vec<(String, String, String, Via, u64)> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let row = |call: &Call| {
        let provider = call.provider.as_deref().map_or_else(|| "?".to_owned(), name);
        (name(&call.caller), call.symbol.clone(), provider, call.via, call.count)
    };
    let mut made: Vec<_> = image.calls.iter().filter(|call| call.count > 0).map(row).collect();
    made.sort();
    made
}

/// Asserts an image's calls.
#[track_caller]
pub fn counts(image: &Image, expected: &[(&str, &str, &str, Via, u64)]) {
    let owned = |&(caller, symbol, provider, via, count): &(&str, &str, &str, Via, u64)| {
        (caller.to_owned(), symbol.to_owned(), provider.to_owned(), via, count)
    };
    let mut expected: Vec<_> = expected.iter().map(owned).collect();
    expected.sort();
    assert_eq!(made(image), expected, "{image:#?}");
}
