//! The text of a lock: JSON, one line for one thing, sorted, so that git shows what changed and any tool can read it.
//! The last line is the checksum of those before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::interpose::{Abi, Name, Versioning};

use super::definition;
use super::hash::Hashed;
use super::state::{Crowd, Dirty, Elf, Entry, FileState, Many, RepositoryState, State, Thing, TreeState};
use crate::elf::hex;

/// The version of the format; a lock of a later one is not read.
const VERSION: u32 = 1;

/// A line of a lock. `of` names the thing that a line is about, where that has several.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Lock {
        version: u32,
        checklist: String,
    },
    Host {
        fact: String,
        value: String,
    },
    Absent {
        path: String,
    },
    File {
        path: String,
        sha256: String,
        size: u64,
        mode: String,
        modified: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    Elf(ElfLine),
    Node {
        of: String,
        node: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inherits: Vec<String>,
    },
    Exports {
        of: String,
        node: Option<String>,
        functions: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<(String, String)>,
    },
    Wants {
        of: String,
        node: Option<String>,
        symbols: Vec<String>,
    },
    Many {
        of: String,
        node: Option<String>,
        wanted: bool,
        count: usize,
        sha256: String,
    },
    Tree {
        path: String,
        files: usize,
    },
    Entry {
        of: String,
        path: String,
        sha256: String,
        size: u64,
        executable: bool,
    },
    Link {
        of: String,
        path: String,
        to: String,
    },
    Repository {
        path: String,
        commit: Option<String>,
        tree: Option<String>,
        branch: Option<String>,
    },
    Dirty {
        of: String,
        path: String,
        change: String,
        blob: Option<String>,
    },
    Submodule {
        of: String,
        path: String,
        commit: Option<String>,
    },
    End {
        lines: usize,
        sha256: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ElfLine {
    of: String,
    machine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soname: Option<String>,
    needed: Vec<String>,
    needs_nodes: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rpath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runpath: Option<String>,
    versions: Versions,
}

/// [`Versioning`], as it is written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Versions {
    Absent,
    Needed,
    Defined,
}

/// What is wrong with a lock's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It has no last line with a checksum.
    #[error("it ends after line {0} without the checksum that its last line holds: it was cut off")]
    CutOff(usize),
    /// The checksum is another.
    #[error("its {0} lines do not have the checksum that its last line gives: it was edited, or damaged in copying")]
    Edited(usize),
    /// A merge left both sides in it.
    #[error("line {0} is the mark of a merge conflict")]
    Conflict(usize),
    /// A later xdoctor wrote it.
    #[error("it has version {0} of the format, and this xdoctor reads version {VERSION}")]
    Version(u32),
    /// It is whole, and yet holds a line that says nothing.
    #[error("line {line} cannot be understood: {reason}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

/// The text of a lock of this checklist. The same state has the same text.
///
/// # Errors
/// Never for what a survey gives; where JSON cannot express it.
pub(super) fn text(checklist: &str, state: &State) -> Result<String, serde_json::Error> {
    let mut lines = vec![Line::Lock { version: VERSION, checklist: checklist.to_owned() }];
    let host = state.host.iter().map(|(fact, value)| Line::Host { fact: fact.clone(), value: value.clone() });
    lines.extend(host);
    for (name, thing) in &state.things {
        thing_lines(name, thing, &mut lines);
    }
    let mut text = String::new();
    for line in &lines {
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
    }
    let end = Line::End { lines: lines.len(), sha256: checksum(&text) };
    text.push_str(&serde_json::to_string(&end)?);
    text.push('\n');
    Ok(text)
}

fn checksum(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex(Sha256::digest(text.as_bytes()))
}

fn thing_lines(name: &str, thing: &Thing, lines: &mut Vec<Line>) {
    let of = || name.to_owned();
    match thing {
        Thing::Absent => lines.push(Line::Absent { path: of() }),
        Thing::File(file) => file_lines(name, file, lines),
        Thing::Tree(tree) => {
            lines.push(Line::Tree { path: of(), files: tree.files.len() });
            lines.extend(tree.files.iter().map(|(path, entry)| match entry {
                Entry::File(Hashed { sha256, size }, executable) => Line::Entry {
                    of: of(),
                    path: path.clone(),
                    sha256: sha256.clone(),
                    size: *size,
                    executable: *executable,
                },
                Entry::Link(to) => Line::Link { of: of(), path: path.clone(), to: to.clone() },
            }));
            tree.libraries.iter().for_each(|(path, elf)| elf_lines(&format!("{name}{path}"), elf, lines));
        }
        Thing::Repository(repository) => {
            let RepositoryState { commit, tree, branch, dirty, submodules } = repository.clone();
            lines.push(Line::Repository { path: of(), commit, tree, branch });
            let changed = |(path, Dirty { change, blob })| Line::Dirty { of: of(), path, change, blob };
            lines.extend(dirty.into_iter().map(changed));
            lines.extend(submodules.into_iter().map(|(path, commit)| Line::Submodule { of: of(), path, commit }));
        }
    }
}

fn file_lines(name: &str, file: &FileState, lines: &mut Vec<Line>) {
    let of = || name.to_owned();
    lines.push(Line::File {
        path: of(),
        sha256: file.content.sha256.clone(),
        size: file.content.size,
        mode: format!("{:04o}", file.mode),
        modified: time(file.modified),
        link: file.link.clone(),
    });
    if let Some(elf) = &file.elf {
        elf_lines(name, elf, lines);
    }
}

fn elf_lines(name: &str, elf: &Elf, lines: &mut Vec<Line>) {
    let of = || name.to_owned();
    let own = |name: &Name<'_>| name.to_string();
    lines.push(Line::Elf(ElfLine {
        of: of(),
        machine: elf.abi.machine.clone(),
        build_id: elf.build_id.clone(),
        soname: elf.abi.soname.as_ref().map(own),
        needed: elf.needed().map(str::to_owned).collect(),
        needs_nodes: elf.abi.needs.iter().filter_map(|(file, node)| Some((own(file), own(node.as_ref()?)))).collect(),
        rpath: elf.rpath.clone(),
        runpath: elf.runpath.clone(),
        versions: match elf.abi.versioning {
            Versioning::Absent => Versions::Absent,
            Versioning::Needs => Versions::Needed,
            Versioning::Defines => Versions::Defined,
        },
    }));
    let node = |(node, parents): (&Name<'_>, &Vec<Name<'_>>)| Line::Node {
        of: of(),
        node: own(node),
        inherits: parents.iter().map(own).collect(),
    };
    lines.extend(elf.abi.nodes.iter().map(node));
    export_lines(name, elf, lines);
    let mut wants: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for (symbol, node) in &elf.references {
        wants.entry(node.clone()).or_default().push(symbol.clone());
    }
    lines.extend(wants.into_iter().map(|(node, symbols)| Line::Wants { of: of(), node, symbols }));
    let many = |(Crowd { wanted, node }, Many { count, sha256 }): (&Crowd, &Many)| Line::Many {
        of: of(),
        node: node.clone(),
        wanted: *wanted,
        count: *count,
        sha256: sha256.clone(),
    };
    lines.extend(elf.many.iter().map(many));
}

fn export_lines(name: &str, elf: &Elf, lines: &mut Vec<Line>) {
    type Names = (Vec<String>, Vec<(String, String)>);
    let mut exports: BTreeMap<Option<String>, Names> = BTreeMap::new();
    for (symbol, definitions) in &elf.abi.exports {
        for definition in definitions {
            let node = definition.node.as_deref().map(str::to_owned);
            let (functions, others) = exports.entry(node).or_default();
            match definition::words(definition) {
                words if words.is_empty() => functions.push(symbol.to_string()),
                words => others.push((symbol.to_string(), words)),
            }
        }
    }
    let line = |(node, (functions, others))| Line::Exports { of: name.to_owned(), node, functions, others };
    lines.extend(exports.into_iter().map(line));
}

/// Reads a lock's text: the checklist that it is of, and the state.
///
/// # Errors
/// Where it was cut off or edited, or holds what this xdoctor does not understand.
pub(super) fn parse(text: &str) -> Result<(String, State), Damage> {
    let body = whole(text)?;
    let mut lines = Vec::new();
    for (index, line) in body.lines().enumerate() {
        let read = serde_json::from_str(line).and_then(|value: Value| match is_plain(&value) {
            true => serde_json::from_value(value),
            false => Err(serde::de::Error::custom("it holds a control character")),
        });
        let read = read.map_err(|error| Damage::Line { line: index + 1, reason: error.to_string() });
        match read {
            Ok(Line::Lock { version, .. }) if version != VERSION => return Err(Damage::Version(version)),
            read => lines.push(read?),
        }
    }
    let mut reading = Reading::default();
    for (index, line) in lines.into_iter().enumerate() {
        let unfit = "it does not fit to the line before it".to_owned();
        reading.take(line).ok_or(Damage::Line { line: index + 1, reason: unfit })?;
    }
    Ok((reading.checklist, reading.state))
}

/// Whether no text in it could steer a terminal: whoever can write a lock can give it its checksum, too.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.chars().any(char::is_control),
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(members) => members.values().all(is_plain),
        _ => true,
    }
}

/// The lines before the last one, whose checksum they have.
fn whole(text: &str) -> Result<&str, Damage> {
    let count = text.lines().count();
    let mark = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line == "=======";
    if let Some(at) = text.lines().position(mark) {
        return Err(Damage::Conflict(at + 1));
    }
    let lines = text.strip_suffix('\n').ok_or(Damage::CutOff(count))?;
    let start = lines.rfind('\n').map_or(0, |at| at + 1);
    let (body, last) = text.split_at(start);
    match serde_json::from_str(last.trim_end()) {
        Ok(Line::End { lines, sha256 }) if lines == body.lines().count() && sha256 == checksum(body) => Ok(body),
        Ok(Line::End { .. }) => Err(Damage::Edited(count)),
        _ => Err(Damage::CutOff(count)),
    }
}

/// A state that grows line by line.
#[derive(Default)]
struct Reading {
    checklist: String,
    state: State,
}

/// Where what an ELF file is made of belongs.
enum Place<'s, 'n> {
    File(&'s mut FileState),
    /// A file of a folder, by its path from there.
    Library(&'s mut TreeState, &'n str),
}

impl Reading {
    /// `None` where the line is about a thing that no line before it names.
    fn take(&mut self, line: Line) -> Option<()> {
        let things = &mut self.state.things;
        match line {
            Line::Lock { checklist, .. } => self.checklist = checklist,
            Line::Host { fact, value } => drop(self.state.host.insert(fact, value)),
            Line::Absent { path } => drop(things.insert(path, Thing::Absent)),
            Line::File { path, sha256, size, mode, modified, link } => {
                let content = Hashed { sha256, size };
                let mode = u32::from_str_radix(&mode, 8).ok()?;
                let file = FileState { content, mode, modified: seconds(&modified)?, link, elf: None };
                things.insert(path, Thing::File(Box::new(file)));
            }
            Line::Tree { path, .. } => drop(things.insert(path, Thing::Tree(TreeState::default()))),
            Line::Repository { path, commit, tree, branch } => {
                let repository = RepositoryState { commit, tree, branch, ..RepositoryState::default() };
                things.insert(path, Thing::Repository(repository));
            }
            Line::Entry { of, path, sha256, size, executable } => {
                let entry = Entry::File(Hashed { sha256, size }, executable);
                self.tree(&of)?.files.insert(path, entry);
            }
            Line::Link { of, path, to } => drop(self.tree(&of)?.files.insert(path, Entry::Link(to))),
            Line::Dirty { of, path, change, blob } => {
                self.repository(&of)?.dirty.insert(path, Dirty { change, blob });
            }
            Line::Submodule { of, path, commit } => drop(self.repository(&of)?.submodules.insert(path, commit)),
            Line::Elf(elf) => {
                let of = elf.of.clone();
                match self.place(&of)? {
                    Place::File(file) => file.elf = Some(elf.into()),
                    Place::Library(tree, path) => drop(tree.libraries.insert(path.to_owned(), elf.into())),
                }
            }
            Line::Node { of, node, inherits } => {
                let parents = inherits.into_iter().map(Name::Owned).collect();
                self.elf(&of)?.abi.nodes.insert(Name::Owned(node), parents);
            }
            Line::Exports { of, node, functions, others } => {
                let plain = functions.into_iter().map(|name| (name, String::new()));
                for (name, words) in plain.chain(others) {
                    let definition = definition::definition(node.clone().map(Name::Owned), &words)?;
                    self.elf(&of)?.abi.exports.entry(Name::Owned(name)).or_default().push(definition);
                }
            }
            Line::Wants { of, node, symbols } => {
                let symbols = symbols.into_iter().map(|symbol| (symbol, node.clone()));
                self.elf(&of)?.references.extend(symbols);
            }
            Line::Many { of, node, wanted, count, sha256 } => {
                self.elf(&of)?.many.insert(Crowd { wanted, node }, Many { count, sha256 });
            }
            Line::End { .. } => return None,
        }
        Some(())
    }

    /// Where what an ELF file is made of belongs: to a file, or to a file of the innermost folder.
    fn place<'s, 'n>(&'s mut self, of: &'n str) -> Option<Place<'s, 'n>> {
        let things = &mut self.state.things;
        if matches!(things.get(of), Some(Thing::File(_))) {
            return match things.get_mut(of)? {
                Thing::File(file) => Some(Place::File(file)),
                _ => None,
            };
        }
        let folders = of.rmatch_indices('/').map(|(at, _)| of.split_at(at + 1));
        let mut folders = folders.filter(|(folder, _)| matches!(things.get(*folder), Some(Thing::Tree(_))));
        let (folder, path) = folders.next()?;
        match things.get_mut(folder)? {
            Thing::Tree(tree) if tree.files.contains_key(path) => Some(Place::Library(tree, path)),
            _ => None,
        }
    }

    fn elf(&mut self, of: &str) -> Option<&mut Elf> {
        match self.place(of)? {
            Place::File(file) => file.elf.as_mut(),
            Place::Library(tree, path) => tree.libraries.get_mut(path),
        }
    }

    fn tree(&mut self, of: &str) -> Option<&mut TreeState> {
        match self.state.things.get_mut(of)? {
            Thing::Tree(tree) => Some(tree),
            _ => None,
        }
    }

    fn repository(&mut self, of: &str) -> Option<&mut RepositoryState> {
        match self.state.things.get_mut(of)? {
            Thing::Repository(repository) => Some(repository),
            _ => None,
        }
    }
}

impl From<ElfLine> for Elf {
    fn from(line: ElfLine) -> Elf {
        let needed = line.needed.into_iter().map(|file| (Name::Owned(file), None));
        let nodes = line.needs_nodes.into_iter().map(|(file, node)| (Name::Owned(file), Some(Name::Owned(node))));
        Elf {
            build_id: line.build_id,
            rpath: line.rpath,
            runpath: line.runpath,
            abi: Abi {
                machine: line.machine,
                soname: line.soname.map(Name::Owned),
                versioning: match line.versions {
                    Versions::Absent => Versioning::Absent,
                    Versions::Needed => Versioning::Needs,
                    Versions::Defined => Versioning::Defines,
                },
                needs: needed.chain(nodes).collect(),
                ..Abi::default()
            },
            references: std::collections::BTreeSet::new(),
            many: BTreeMap::new(),
        }
    }
}

/// Seconds since 1970 as RFC 3339 has them; a time before 1970 as the number.
pub(super) fn time(seconds: i64) -> String {
    let time = u64::try_from(seconds)
        .ok()
        .and_then(|seconds| std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds)));
    // RFC 3339 ends with the year 9999, and humantime panics behind it.
    match time.filter(|_| seconds < 253_402_300_800) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => seconds.to_string(),
    }
}

fn seconds(text: &str) -> Option<i64> {
    match humantime::parse_rfc3339(text) {
        Ok(time) => super::repository::seconds(time),
        Err(_) => text.parse().ok(),
    }
}
