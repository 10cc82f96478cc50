//! The options part of `build`: build type, compiler, cache variables, and flags that must or must not be there.

use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobMatcher;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};

use super::cmake::{Cache, CommandLine, NoCommandLines, compile_commands, link_lines};

/// What is asked of a build tree's options.
#[derive(Debug)]
pub(super) struct Options {
    build_type: Option<String>,
    /// By path or by file name.
    compiler: Vec<GlobMatcher>,
    cache: Vec<(String, GlobMatcher)>,
    /// Which target's command lines; all where none is named.
    target: Option<String>,
    flags: Vec<Flag>,
    lacks_flags: Vec<Flag>,
    link_flags: Vec<Flag>,
    lacks_link_flags: Vec<Flag>,
}

/// `--version-script`, which stands for `--version-script=…` too, or a glob.
#[derive(Debug)]
struct Flag(GlobMatcher);

impl Flag {
    fn is(&self, word: &str) -> bool {
        let assigned = word.split_once('=').is_some_and(|(name, _)| name == self.text());
        assigned || self.0.is_match(word)
    }

    fn text(&self) -> &str {
        self.0.glob().glob()
    }
}

impl Options {
    /// Reads the fields of a `build` check that ask for options.
    pub(super) fn read(fields: &Fields<'_>) -> Options {
        let flags = |name| fields.globs(name).unwrap_or_default().into_iter().map(Flag).collect();
        Options {
            build_type: fields.text("build_type"),
            compiler: fields.globs("compiler").unwrap_or_default(),
            cache: fields.glob_pairs("cache").unwrap_or_default(),
            target: fields.text("target"),
            flags: flags("flags"),
            lacks_flags: flags("lacks_flags"),
            link_flags: flags("link_flags"),
            lacks_link_flags: flags("lacks_link_flags"),
        }
    }

    /// Whether the cache must be read for them.
    pub(super) fn ask_cache(&self) -> bool {
        self.build_type.is_some() || !self.compiler.is_empty() || !self.cache.is_empty()
    }

    /// Whether there is nothing to be judged.
    pub(super) fn ask_nothing(&self) -> bool {
        let flags = [&self.flags, &self.lacks_flags, &self.link_flags, &self.lacks_link_flags];
        !self.ask_cache() && flags.iter().all(|flags| flags.is_empty())
    }

    /// Compares what CMake was told.
    pub(super) fn judge_cache(&self, cache: &Cache, fix: &str, finding: &mut Finding) {
        let violation = |expected: String, actual: String, fix: String| {
            Diagnosis::new(Code::WrongBuildOptions, expected, actual).mended_by(fix)
        };
        if let Some(wanted) = &self.build_type {
            let found = cache.get("CMAKE_BUILD_TYPE").unwrap_or_default();
            let said = if found.is_empty() { "no build type".to_owned() } else { format!("build type {found}") };
            if found.eq_ignore_ascii_case(wanted) {
                finding.saw(said);
            } else {
                let fix = format!("{fix} -DCMAKE_BUILD_TYPE={wanted}");
                finding.violates(violation(format!("build type {wanted}"), said, fix));
            }
        }
        let compilers: Vec<&str> = ["CMAKE_CXX_COMPILER", "CMAKE_C_COMPILER", "CMAKE_HIP_COMPILER"]
            .iter()
            .filter_map(|n| cache.get(n))
            .collect();
        let called = |glob: &GlobMatcher, path: &Path| {
            glob.is_match(path) || path.file_name().is_some_and(|name| glob.is_match(name))
        };
        // /usr/bin/c++ is a link to the compiler.
        let named = |glob: &GlobMatcher, path: &str| links(path).iter().any(|path| called(glob, path));
        for wanted in &self.compiler {
            match compilers.iter().find(|path| named(wanted, path)) {
                Some(path) => finding.saw(format!("compiled by {path}")),
                None => {
                    let actual = if compilers.is_empty() { "none in the cache".into() } else { compilers.join(", ") };
                    let fix = format!("{fix} -D{}", assignment(wanted.glob().glob()));
                    finding.violates(violation(format!("a compiler {}", wanted.glob()), actual, fix));
                }
            }
        }
        for (name, wanted) in &self.cache {
            match cache.get(name) {
                Some(value) if wanted.is_match(value) => finding.saw(format!("{name}={value}")),
                value => {
                    let actual = value.map_or(format!("no {name} in the cache"), |value| format!("{name}={value}"));
                    let fix = format!("{fix} -D{name}={}", wanted.glob());
                    finding.violates(violation(format!("{name}={}", wanted.glob()), actual, fix));
                }
            }
        }
    }

    /// Looks for the flags in the compile commands and on the link lines.
    pub(super) fn judge_command_lines(&self, build: &Path, fix: &str, finding: &mut Finding) {
        if !self.flags.is_empty() || !self.lacks_flags.is_empty() {
            let expected = format!("{}", build.join("compile_commands.json").display());
            let fix = format!("{fix} -DCMAKE_EXPORT_COMPILE_COMMANDS=ON");
            let asked = Asked { what: "compile", must: &self.flags, must_not: &self.lacks_flags };
            self.judge(compile_commands(build), &asked, &expected, &fix, finding);
        }
        if !self.link_flags.is_empty() || !self.lacks_link_flags.is_empty() {
            let expected = format!("link lines in {}: link.txt or build.ninja", build.display());
            let asked = Asked { what: "link", must: &self.link_flags, must_not: &self.lacks_link_flags };
            self.judge(link_lines(build), &asked, &expected, fix, finding);
        }
    }

    fn judge(
        &self,
        lines: Result<Vec<CommandLine>, NoCommandLines>,
        asked: &Asked<'_>,
        expected: &str,
        fix: &str,
        finding: &mut Finding,
    ) {
        let lines = match lines {
            Ok(lines) => lines,
            Err(NoCommandLines::Unreadable(error)) => {
                let reason = format!("{expected} cannot be read: {error}");
                finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
                return;
            }
            Err(error) => {
                let code = if matches!(error, NoCommandLines::Missing) { Code::FileMissing } else { Code::WrongType };
                return finding.violates(Diagnosis::new(code, expected, error.to_string()).mended_by(fix));
            }
        };
        let ours = |line: &&CommandLine| self.target.is_none() || line.target == self.target;
        let chosen: Vec<&CommandLine> = lines.iter().filter(ours).collect();
        if chosen.is_empty() {
            let mut targets: Vec<&str> = lines.iter().filter_map(|line| line.target.as_deref()).collect();
            targets.dedup();
            let actual =
                if targets.is_empty() { "none".to_owned() } else { format!("targets {}", listed(&targets, 5)) };
            let of = self.target.as_ref().map(|target| format!(" of target {target}")).unwrap_or_default();
            let expected = format!("a {} command{of}", asked.what);
            return finding.violates(Diagnosis::new(Code::WrongBuildOptions, expected, actual).mended_by(fix));
        }
        finding.saw(format!("{} {} commands looked at", chosen.len(), asked.what));
        asked.judge(&chosen, finding);
    }
}

/// A file, and what it leads to link by link.
fn links(path: &str) -> Vec<PathBuf> {
    const MOST: usize = 40;
    let next = |path: &PathBuf| Some(path.parent()?.join(fs::read_link(path).ok()?));
    std::iter::successors(Some(PathBuf::from(path)), next).take(MOST).collect()
}

/// What to tell CMake for a compiler: by its name, where it is asked for as `*/NAME`.
fn assignment(wanted: &str) -> String {
    let name = wanted.rsplit('/').next().unwrap_or(wanted);
    let language = if name.contains("++") || name.contains("hipcc") { "CXX" } else { "C" };
    let path = if wanted.contains(['*', '?', '[', '{']) { name } else { wanted };
    format!("CMAKE_{language}_COMPILER={path}")
}

/// Flags asked of one sort of command line.
struct Asked<'a> {
    what: &'static str,
    must: &'a [Flag],
    must_not: &'a [Flag],
}

impl Asked<'_> {
    fn judge(&self, lines: &[&CommandLine], finding: &mut Finding) {
        let what = self.what;
        for flag in self.must {
            let found = lines.iter().find_map(|line| line.words.iter().find(|word| flag.is(word)));
            let without: Vec<&str> = lines
                .iter()
                .filter(|line| !line.words.iter().any(|word| flag.is(word)))
                .map(|line| line.subject.as_str())
                .collect();
            if let (true, Some(word)) = (without.is_empty(), found) {
                finding.saw(format!("{word} in every {what} command"));
                continue;
            }
            let expected = format!("{} in every {what} command", flag.text());
            let actual = format!("not in that of {}", listed(&without, 3));
            finding.violates(Diagnosis::new(Code::WrongBuildOptions, expected, actual));
        }
        for flag in self.must_not {
            let with: Vec<String> = lines
                .iter()
                .filter_map(|line| {
                    let word = line.words.iter().find(|word| flag.is(word))?;
                    Some(format!("{word} in that of {}", line.subject))
                })
                .collect();
            if with.is_empty() {
                finding.saw(format!("{} in no {what} command", flag.text()));
                continue;
            }
            let expected = format!("{} in no {what} command", flag.text());
            finding.violates(Diagnosis::new(Code::WrongBuildOptions, expected, listed(&with, 3)));
        }
    }
}
