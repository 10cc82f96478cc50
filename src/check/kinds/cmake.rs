//! What CMake leaves in a build tree: its cache, the compile commands, and the link lines of Makefiles or Ninja.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use walkdir::WalkDir;

use super::ninja;

/// `CMakeCache.txt`: the options of the build tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Cache {
    entries: BTreeMap<String, String>,
}

impl Cache {
    /// Reads the cache of a build tree.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn read(build: &Path) -> io::Result<Cache> {
        let text = fs::read(build.join("CMakeCache.txt"))?;
        Ok(Cache::parse(&String::from_utf8_lossy(&text)))
    }

    /// `NAME:TYPE=VALUE` lines; `//` and `#` begin remarks. A name may be quoted.
    fn parse(text: &str) -> Cache {
        let entry = |line: &str| {
            if line.starts_with("//") || line.starts_with('#') {
                return None;
            }
            let (name, rest) = match line.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\":")?,
                None => line.split_once(':')?,
            };
            Some((name.to_owned(), rest.split_once('=')?.1.to_owned()))
        };
        Cache { entries: text.lines().filter_map(entry).collect() }
    }

    /// The value of a variable, where the cache has it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }
}

/// A command line of the build: what it makes, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommandLine {
    /// The source that it compiles, or the target that it links.
    pub(super) subject: String,
    /// The CMake target that it belongs to, where that can be told.
    pub(super) target: Option<String>,
    /// The words after the shell's quoting; what `-Wl,` holds stands as words of its own.
    pub(super) words: Vec<String>,
    /// Where it is run.
    pub(super) folder: PathBuf,
}

/// Why there are no command lines.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCommandLines {
    /// There is no such file.
    #[error("no such file")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is no compilation database.
    #[error("it is no compilation database: {0}")]
    Invalid(serde_json::Error),
}

/// One entry of <https://clang.llvm.org/docs/JSONCompilationDatabase.html>.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    directory: PathBuf,
    file: PathBuf,
    command: Option<String>,
    arguments: Option<Vec<String>>,
    output: Option<String>,
}

/// The commands of `compile_commands.json`.
///
/// # Errors
/// Where there is none, or it cannot be understood.
pub(super) fn compile_commands(build: &Path) -> Result<Vec<CommandLine>, NoCommandLines> {
    let text = fs::read(build.join("compile_commands.json")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NoCommandLines::Missing,
        _ => NoCommandLines::Unreadable(error),
    })?;
    let entries: Vec<Entry> = serde_json::from_slice(&text).map_err(NoCommandLines::Invalid)?;
    Ok(entries.into_iter().map(compile_command).collect())
}

fn compile_command(entry: Entry) -> CommandLine {
    let words = match (entry.arguments, entry.command) {
        (Some(arguments), _) => arguments,
        (None, Some(command)) => split(&command),
        (None, None) => Vec::new(),
    };
    let output = entry.output.or_else(|| {
        let at = words.iter().position(|word| word == "-o")?;
        words.get(at + 1).cloned()
    });
    CommandLine {
        subject: entry.file.display().to_string(),
        target: output.as_deref().and_then(target_of),
        words: apart(words),
        folder: entry.directory,
    }
}

/// The link lines of all targets, from `link.txt` files or from `build.ninja`.
///
/// # Errors
/// Where there is neither.
pub(super) fn link_lines(build: &Path) -> Result<Vec<CommandLine>, NoCommandLines> {
    let files = WalkDir::new(build).sort_by_file_name().into_iter().filter_map(Result::ok);
    let mut lines = Vec::new();
    for file in files.filter(|entry| entry.file_name() == "link.txt" && entry.file_type().is_file()) {
        let text = fs::read(file.path()).map_err(NoCommandLines::Unreadable)?;
        let target = target_of(&file.path().display().to_string());
        let words = apart(split(&String::from_utf8_lossy(&text)));
        let folder = file.path().ancestors().nth(3).unwrap_or(build).to_owned();
        lines.push(CommandLine { subject: target.clone().unwrap_or_default(), target, words, folder });
    }
    if !lines.is_empty() {
        return Ok(lines);
    }
    let links = ninja::links(build).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NoCommandLines::Missing,
        _ => NoCommandLines::Unreadable(error),
    })?;
    let line = |link: ninja::Link| {
        let target = target_of(&link.objects);
        let words = apart(split(&link.command));
        CommandLine { subject: target.clone().unwrap_or_default(), target, words, folder: build.to_owned() }
    };
    Ok(links.into_iter().map(line).collect())
}

/// The target is named by the folder of its objects: `CMakeFiles/NAME.dir`.
fn target_of(path: &str) -> Option<String> {
    path.split('/').find_map(|part| part.strip_suffix(".dir")).map(str::to_owned)
}

fn split(line: &str) -> Vec<String> {
    // What no shell could read is still better than nothing.
    shlex::split(line).unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect())
}

/// `-Wl,a,b` as the linker gets it: `a` and `b`.
fn apart(words: Vec<String>) -> Vec<String> {
    let one = |word: String| match word.strip_prefix("-Wl,") {
        Some(list) => list.split(',').map(str::to_owned).collect(),
        None => vec![word],
    };
    words.into_iter().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_read_without_its_remarks() {
        let cache = Cache::parse("// a: b=c\n# x:y=z\nA:STRING=1=2\n\"B:C\":BOOL=ON\nnonsense\nD:INTERNAL=\n");
        assert_eq!(["A", "B:C", "D", "x"].map(|name| cache.get(name)), [Some("1=2"), Some("ON"), Some(""), None]);
    }

    #[test]
    fn the_words_for_the_linker_stand_apart() {
        let words = apart(split("c++ '-Wl,-soname,lib x.so' -Wl,--version-script=\"a b.map\" -o x"));
        assert_eq!(words, ["c++", "-soname", "lib x.so", "--version-script=a b.map", "-o", "x"]);
    }
}
