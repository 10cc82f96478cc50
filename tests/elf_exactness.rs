//! Promise: what is read is what binutils read, in every ELF file of the machine.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/libraries.rs"]
mod libraries;
mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt;
use object::Object;
use rayon::prelude::*;
use xdoctor::elf::{Image, Mapped, Versions, escape};

/// Files that one process of a peer is given.
const CHUNK: usize = 64;

#[test]
fn symbols_of_every_file_of_the_machine_read_as_nm_shows_them() {
    if !support::require(libraries::has_program("nm"), "nm") {
        return;
    }
    let files = elf_files();
    let compared: usize = files.par_chunks(CHUNK).map(compare_with_nm).sum();
    assert!(compared > 10_000, "only {compared} symbols in {} files", files.len());
}

#[test]
fn nodes_and_needs_of_every_file_of_the_machine_read_as_readelf_shows_them() {
    if !support::require(libraries::has_program("readelf"), "readelf") {
        return;
    }
    let files = elf_files();
    let compared: usize = files.par_chunks(CHUNK).map(compare_with_readelf).sum();
    assert!(compared > 1_000, "only {compared} nodes in {} files", files.len());
}

#[test]
fn a_name_is_found_by_its_hash_in_every_file_of_the_machine() {
    elf_files().par_iter().for_each(|path| {
        let file = Mapped::open(path).unwrap();
        let image = Image::parse(&file).unwrap();
        let symbols = image.symbols().unwrap();
        let Some(table) = image.hash_table().unwrap() else { return };
        for index in 1..symbols.len() {
            let symbol = symbols.get(index).unwrap();
            // Linkers hash what others can find; MIPS and PLT addresses aside, that is every global definition.
            if !symbol.defined || symbol.binding == xdoctor::elf::Binding::Local {
                continue;
            }
            let hash = xdoctor::elf::NameHash::new(symbol.name);
            let found = table.candidates(&hash).any(|candidate| candidate == index);
            assert!(found, "{}: {} at {index} is not found by its hash", path.display(), escape(symbol.name));
        }
        let absent = xdoctor::elf::NameHash::new(b"no symbol has such a name");
        assert!(!table.candidates(&absent).any(|at| symbols.name(at) == Some(absent.name)));
    });
}

#[test]
fn relocations_and_build_ids_of_every_file_of_the_machine_read_as_objects_reader_finds_them() {
    let compared: usize = elf_files()
        .par_iter()
        .map(|path| {
            let file = Mapped::open(path).unwrap();
            let image = Image::parse(&file).unwrap();
            let Ok(theirs) = object::File::parse(file.bytes()) else { return 0 };
            assert_eq!(image.build_id(), theirs.build_id().unwrap(), "{}", path.display());
            let mut expected: Vec<(u64, usize)> =
                theirs.dynamic_relocations().into_iter().flatten().filter_map(named).collect();
            let found = image.relocations().filter(|relocation| relocation.symbol > 0);
            let mut found: Vec<(u64, usize)> = found.map(|found| (found.offset, found.symbol as usize)).collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{}", path.display());
            found.len()
        })
        .sum();
    assert!(compared > 10_000, "only {compared} relocations");
}

fn named((offset, relocation): (u64, object::Relocation)) -> Option<(u64, usize)> {
    match relocation.target() {
        object::RelocationTarget::Symbol(symbol) => Some((offset, symbol.0)),
        _ => None,
    }
}

#[test]
fn a_name_that_a_version_script_made_local_is_found_among_the_static_symbols() {
    let dir = tempfile::tempdir().unwrap();
    let source =
        "int shown(){return 0;} int _ZTIN6xsched3hip10HipCommandE=1; int user(){return _ZTIN6xsched3hip10HipCommandE;}";
    let path = libraries::library(dir.path(), "liblocal.so", source, Some("{ global: shown; user; local: *; };"));
    let file = Mapped::open(&path).unwrap();
    let image = Image::parse(&file).unwrap();
    let wanted = b"_ZTIN6xsched3hip10HipCommandE";
    assert!(!image.symbols().unwrap().iter().any(|symbol| symbol.name == wanted));
    let found = image.static_symbols().into_iter().find(|symbol| symbol.name == wanted).unwrap();
    assert!(found.local && found.defined);
}

/// All regular dynamic ELF files of the machine's folders.
fn elf_files() -> Vec<PathBuf> {
    // The cross libraries of Debian's libc6-*-cross are there for other classes, byte orders and machines.
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/bin",
        "/usr/aarch64-linux-gnu/lib",
        "/usr/i686-linux-gnu/lib",
        "/usr/powerpc-linux-gnu/lib",
        "/usr/powerpc64le-linux-gnu/lib",
        "/usr/riscv64-linux-gnu/lib",
        "/usr/s390x-linux-gnu/lib",
    ];
    let entries = folders.iter().flat_map(|folder| walkdir::WalkDir::new(folder).sort_by_file_name());
    let files =
        entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path());
    files.filter(|path| is_elf(path)).collect()
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && &magic == b"\x7fELF" && !is_relocatable(path)
}

/// Objects have no dynamic symbols; that `nm` and we agree on it tells nothing.
fn is_relocatable(path: &Path) -> bool {
    let file = Mapped::open(path).unwrap();
    Image::parse(&file).is_ok_and(|image| !image.is_dynamic())
}

fn compare_with_nm(files: &[PathBuf]) -> usize {
    let ours = by_file(&stdout(Command::cargo_bin("xdoctor").unwrap().args(["symbols"]).args(files)), false);
    let theirs = by_file(&stdout(Command::new("nm").args(["-D", "-p", "--with-symbol-versions"]).args(files)), true);
    assert_eq!(ours.len(), files.len(), "one block for each file");
    let mut compared = 0;
    for file in files {
        let name = file.display().to_string();
        let our = &ours[&name];
        let their = theirs.get(&name).map_or(&[][..], Vec::as_slice);
        assert_eq!(our.len(), their.len(), "{}: number of symbols", file.display());
        for (our, their) in our.iter().zip(their) {
            assert!(agrees(our, their), "{}:\n  ours   {our}\n  theirs {their}", file.display());
        }
        compared += our.len();
    }
    compared
}

/// Value, name and version are equal. So is the letter, but for two things that only the section table tells: whether a
/// mark between initialised and zeroed data belongs to the one or the other, and whether a constant lies among code.
fn agrees(ours: &str, theirs: &str) -> bool {
    let split = |line: &str| {
        // Eight digits in 32-bit files: there the letter stands alone in the tenth column.
        let short = matches!(line.as_bytes().get(8..11), Some([b' ', letter, b' ']) if *letter != b' ');
        let (value, rest) = line.split_at(if short { 8 } else { 16 });
        (value.to_owned(), rest[1..2].to_owned(), rest[2..].to_owned())
    };
    let ((value, letter, name), (their_value, their_letter, their_name)) = (split(ours), split(theirs));
    let known = matches!((letter.as_str(), their_letter.as_str()), ("B", "D") | ("R", "T") | ("T", "R"));
    value == their_value && name == their_name && (letter == their_letter || known)
}

/// The symbol lines of each file. Ours start with the path and have a blank line before the symbols; `nm`'s have a blank
/// line before the path.
fn by_file(text: &str, nm: bool) -> BTreeMap<String, Vec<String>> {
    let mut files = BTreeMap::new();
    let mut current: Option<&mut Vec<String>> = None;
    for line in text.lines() {
        if line.starts_with('/') {
            let name = if nm { line.trim_end_matches(':') } else { line };
            current = Some(files.entry(name.to_owned()).or_default());
        } else if line.is_empty() || line.starts_with("  ") && line.as_bytes().get(2).is_some_and(|&byte| byte != b' ')
        {
            continue;
        } else if let Some(lines) = &mut current {
            lines.push(line.to_owned());
        }
    }
    files
}

fn compare_with_readelf(files: &[PathBuf]) -> usize {
    let text = stdout(Command::new("readelf").arg("-VW").args(files).arg("/bin/true"));
    let mut blocks = text.split("\nFile: ").skip(1).map(|block| block.split_once('\n').unwrap());
    let mut compared = 0;
    for file in files {
        let (name, theirs) = blocks.next().unwrap();
        assert_eq!(Path::new(name.trim()), file);
        let mapped = Mapped::open(file).unwrap();
        let versions = Image::parse(&mapped).unwrap().versions().unwrap();
        let (ours, theirs) = (describe(&versions), version_lines(theirs));
        assert_eq!(ours, theirs, "{}", file.display());
        compared += ours.len();
    }
    compared
}

fn describe(versions: &Versions<'_>) -> Vec<String> {
    let flags = |base: bool, weak: bool| match (base, weak) {
        (true, true) => "BASE | WEAK",
        (true, false) => "BASE",
        (false, true) => "WEAK",
        (false, false) => "none",
    };
    let mut lines = Vec::new();
    for definition in versions.definitions() {
        let flags = flags(definition.base, definition.weak);
        lines.push(format!("define {} {} {flags}", escape(definition.name), definition.index));
        lines.extend(definition.parents.iter().map(|parent| format!("inherit {}", escape(parent))));
    }
    for need in versions.needs() {
        lines.push(format!("need {} {}", escape(need.file), need.nodes.len()));
        for node in &need.nodes {
            let index = node.index | if node.hidden { 0x8000 } else { 0 };
            lines.push(format!("node {} {index} {}", escape(node.name), flags(false, node.weak)));
        }
    }
    lines
}

/// The lines of `readelf -VW` in the words of [`describe`].
fn version_lines(text: &str) -> Vec<String> {
    let between = |line: &str, from: &str, to: &str| {
        let rest = line.split_once(from).unwrap().1;
        rest.split(to).next().unwrap().trim().to_owned()
    };
    let mut definitions = Vec::new();
    let mut needs = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.contains(" Rev: ") {
            let name = between(line, "Name: ", "\n");
            definitions.push(format!(
                "define {name} {} {}",
                between(line, "Index: ", " "),
                between(line, "Flags: ", "  ")
            ));
        } else if line.contains(" Parent ") {
            definitions.push(format!("inherit {}", line.rsplit_once(": ").unwrap().1));
        } else if line.contains(" File: ") {
            needs.push(format!("need {} {}", between(line, "File: ", "  "), between(line, "Cnt: ", " ")));
        } else if line.contains(" Name: ") && line.contains("Flags: ") {
            let flags = between(line, "Flags: ", "  ");
            needs.push(format!("node {} {} {flags}", between(line, "Name: ", "  "), between(line, "Version: ", " ")));
        }
    }
    definitions.extend(needs);
    definitions
}

fn stdout(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
