//! Which sources a product of a CMake build was made from, by what the compiler told the build (`-MD`): a change of one
//! that went into other products only leaves it as it should be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::cmake::{CommandLine, link_lines};

/// What each object was compiled from, and each product linked from.
pub(super) struct Inputs {
    build: PathBuf,
    files: Files,
    /// Of each object, its sources and headers by their numbers.
    objects: HashMap<PathBuf, Vec<u32>>,
    /// Of each product, what its link line names.
    products: BTreeMap<PathBuf, Linked>,
}

/// Every file that went into an object, once: large builds name each header ten thousand times.
#[derive(Default)]
struct Files {
    /// Without symbolic links: one file may be named by several ways to it.
    paths: Vec<PathBuf>,
    numbers: HashMap<PathBuf, u32>,
    /// As compilers name them.
    spelled: HashMap<PathBuf, u32>,
}

impl Files {
    fn number(&mut self, path: PathBuf) -> u32 {
        if let Some(number) = self.spelled.get(&path) {
            return *number;
        }
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let number = *self.numbers.entry(real.clone()).or_insert_with(|| {
            self.paths.push(real);
            u32::try_from(self.paths.len() - 1).unwrap_or(u32::MAX)
        });
        self.spelled.insert(path, number);
        number
    }

    fn path(&self, number: u32) -> Option<&Path> {
        self.paths.get(number as usize).map(PathBuf::as_path)
    }
}

/// What stands on a link line.
struct Linked {
    /// Objects and archives.
    parts: Vec<PathBuf>,
    /// Other files: version scripts and the like.
    scripts: Vec<PathBuf>,
}

impl Inputs {
    /// Reads what a build tree knows. Where that is nothing, no source is foreign to any product.
    pub(super) fn of(build: &Path) -> Inputs {
        let build = fs::canonicalize(build).unwrap_or_else(|_| build.to_owned());
        let mut files = Files::default();
        let mut objects = depfiles(&build, &mut files);
        objects.extend(ninja_deps(&build, &mut files).unwrap_or_default());
        let products = link_lines(&build).unwrap_or_default().into_iter().filter_map(linked).collect();
        Inputs { build, files, objects, products }
    }

    /// Whether the product's link line names this source: a version script, say.
    pub(super) fn is_script(&self, source: &Path, product: &Path) -> bool {
        let linked = fs::canonicalize(product).ok().and_then(|product| self.products.get(&product));
        linked.is_some_and(|linked| fs::canonicalize(source).is_ok_and(|source| linked.scripts.contains(&source)))
    }

    /// What the product was made from, as far as the build tree says.
    pub(super) fn made(&self, product: &Path) -> Made<'_> {
        let mut made = Made { sources: HashSet::new(), met: HashSet::new(), whole: true };
        match fs::canonicalize(product) {
            Ok(product) => self.collect(&product, &mut made, &mut HashSet::new()),
            Err(_) => made.whole = false,
        }
        // What was generated there came of sources that no compiler names.
        made.whole &= !made.sources.iter().any(|source| source.starts_with(&self.build));
        made
    }

    fn collect<'a>(&'a self, product: &Path, made: &mut Made<'a>, seen: &mut HashSet<PathBuf>) {
        if !seen.insert(product.to_owned()) {
            return;
        }
        let Some(Linked { parts, scripts }) = self.products.get(product) else { return made.whole = false };
        // Libraries that were built there are products of their own.
        let scripts = scripts.iter().filter(|script| !script.starts_with(&self.build));
        made.sources.extend(scripts.map(PathBuf::as_path));
        for part in parts {
            match (self.objects.get(part), fs::canonicalize(part)) {
                (Some(inputs), _) => {
                    for &input in inputs {
                        if let (Some(path), true) = (self.files.path(input), made.met.insert(input)) {
                            made.sources.insert(path);
                        }
                    }
                }
                (None, Ok(archive)) => self.collect(&archive, made, seen),
                (None, Err(_)) => made.whole = false,
            }
        }
    }

    /// The files of a source tree that are known to have gone into other products only.
    pub(super) fn foreign(&self, made: &Made<'_>, tree: &Path) -> BTreeSet<PathBuf> {
        let Some(tree) = fs::canonicalize(tree).ok().filter(|_| made.whole) else { return BTreeSet::new() };
        let scripts = self.products.values().flat_map(|linked| &linked.scripts);
        let known = self.files.paths.iter().chain(scripts).filter(|path| path.starts_with(&tree));
        known.filter(|path| !made.sources.contains(path.as_path())).cloned().collect()
    }

    /// Whether a source is known to have gone into other products, and not into this one. What went into nothing that was
    /// compiled or linked (a CMakeLists.txt, a template) is foreign to none.
    pub(super) fn is_foreign(&self, source: &Path, made: &Made<'_>) -> bool {
        let Ok(source) = fs::canonicalize(source) else { return false };
        let known = self.files.numbers.contains_key(&source)
            || self.products.values().any(|linked| linked.scripts.contains(&source));
        known && made.whole && !made.sources.contains(source.as_path())
    }
}

/// What a product was made from.
pub(super) struct Made<'a> {
    /// Sources, headers and scripts, without symbolic links.
    pub(super) sources: HashSet<&'a Path>,
    /// Those that were met already, by their numbers.
    met: HashSet<u32>,
    /// Whether that is all.
    whole: bool,
}

/// A link line's output, and what it names besides.
fn linked(line: CommandLine) -> Option<(PathBuf, Linked)> {
    let CommandLine { folder, words, .. } = line;
    let words: Vec<String> = words.into_iter().flat_map(|word| responded(&folder, word)).collect();
    let named = words.iter().position(|word| word == "-o").and_then(|at| words.get(at + 1));
    // `ar` takes the archive first.
    let output = named.or_else(|| words.iter().find(|word| word.ends_with(".a")))?;
    let output = fs::canonicalize(folder.join(output)).ok()?;
    let (parts, others): (Vec<&String>, Vec<&String>) =
        words.iter().partition(|word| word.ends_with(".o") || word.ends_with(".a"));
    let parts = parts.iter().map(|word| plain(&folder.join(word))).filter(|part| *part != output).collect();
    let file = |word: &&String| {
        let name = word.split_once('=').map_or(word.as_str(), |(_, value)| value);
        fs::canonicalize(folder.join(name)).ok().filter(|path| path.is_file() && *path != output)
    };
    let scripts = others.iter().filter_map(file).collect();
    Some((output, Linked { parts, scripts }))
}

/// A response file's words in its place.
fn responded(folder: &Path, word: String) -> Vec<String> {
    let text = word.strip_prefix('@').and_then(|name| fs::read_to_string(folder.join(name)).ok());
    text.map_or_else(|| vec![word], |text| shlex::split(&text).unwrap_or_default())
}

/// The depfiles that Makefiles leave beside the objects.
fn depfiles(build: &Path, all: &mut Files) -> HashMap<PathBuf, Vec<u32>> {
    let files = WalkDir::new(build).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file() && entry.path().extension().is_some_and(|e| e == "d"));
    let mut read = |path: &Path| {
        // The compiler was started in the folder that CMakeFiles lies in.
        let folder = path.ancestors().find(|above| above.ends_with("CMakeFiles"))?.parent()?;
        let names = prerequisites(&fs::read_to_string(path).ok()?);
        let inputs = names.iter().map(|name| all.number(plain(&folder.join(name))));
        Some((path.with_extension(""), inputs.collect()))
    };
    files.filter_map(|entry| read(entry.path())).collect()
}

/// What stands behind the colon of a depfile, as Make reads it.
fn prerequisites(text: &str) -> Vec<String> {
    let (mut names, mut name) = (Vec::new(), String::new());
    let Some((_, behind)) = text.split_once(": ") else { return names };
    let mut letters = behind.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some('\n')) => drop(letters.next()),
            ('\\', Some(' ' | '#')) | ('$', Some('$')) => name.extend(letters.next()),
            (letter, _) if letter.is_whitespace() => names.push(std::mem::take(&mut name)),
            (letter, _) => name.push(letter),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

/// Ninja's log of dependencies, versions 3 and 4: `# ninjadeps`, then records of a path each, or of an output with its
/// inputs by their numbers (ninja's src/deps_log.h).
fn ninja_deps(build: &Path, all: &mut Files) -> Option<HashMap<PathBuf, Vec<u32>>> {
    const INPUTS: u32 = 1 << 31;
    let bytes = fs::read(build.join(".ninja_deps")).ok()?;
    let rest = bytes.strip_prefix(b"# ninjadeps\n")?;
    let number = |bytes: &[u8]| bytes.first_chunk().map(|four| u32::from_le_bytes(*four));
    let words_of_time = match number(rest)? {
        3 => 1,
        4 => 2,
        _ => return None,
    };
    let (mut rest, mut paths, mut resolved) = (rest.get(4..)?, Vec::new(), Vec::new());
    let mut objects = HashMap::new();
    while let Some(head) = number(rest) {
        let size = (head & !INPUTS) as usize;
        // A record that a crash cut off is no record.
        let Some(record) = rest.get(4..4 + size) else { break };
        rest = &rest[4 + size..];
        if head & INPUTS == 0 {
            let name = record.get(..size.saturating_sub(4))?;
            let name = name.iter().rposition(|&byte| byte != 0).and_then(|last| name.get(..=last)).unwrap_or_default();
            resolved.push(None);
            paths.push(plain(&build.join(String::from_utf8_lossy(name).as_ref())));
        } else {
            let numbers: Vec<usize> = record.chunks_exact(4).filter_map(number).map(|n| n as usize).collect();
            let output: &PathBuf = paths.get(*numbers.first()?)?;
            let inputs = numbers.get(1 + words_of_time..)?.iter().filter_map(|&input| {
                let known = resolved.get_mut(input)?;
                Some(*known.get_or_insert_with(|| all.number(paths.get(input).cloned().unwrap_or_default())))
            });
            // A later record stands for an earlier one.
            objects.insert(output.clone(), inputs.collect());
        }
    }
    Some(objects)
}

/// Without `.` and `..`: compilers name headers as the way to them was.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            component => plain.push(component),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::prerequisites;

    #[test]
    fn a_depfile_is_read_as_make_reads_it() {
        let text = "CMakeFiles/x.dir/a.c.o: \\\n /p/a.c /p/with\\ space.h \\\n  ../b$$.h\n";
        assert_eq!(prerequisites(text), ["/p/a.c", "/p/with space.h", "../b$.h"]);
        assert!(prerequisites("").is_empty());
    }
}
