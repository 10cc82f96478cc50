//! Hashing what a checklist names, as `xdoctor lock` does it, against the machine's own tools, in turn over the same files.
//!
//! Four gigabytes of files of the sizes that a ROCm installation has, warm, in the folder for temporary files; they are
//! removed at the end. `XDOCTOR_HASH_MB` makes it less, `XDOCTOR_HASH_ROUNDS` more or fewer rounds; `TMPDIR=/dev/shm` where the
//! disk is full.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Sizes of libraries, as parts of a whole: the largest is a quarter of it.
const PARTS: [u64; 16] = [25, 15, 12, 10, 8, 6, 5, 4, 4, 3, 2, 2, 1, 1, 1, 1];

/// Free space of a disk that is left alone, in bytes.
const LEFT_FREE: u64 = 15_000_000_000;

fn main() {
    let whole = number("XDOCTOR_HASH_MB", 4000) * 1_000_000;
    let rounds = number("XDOCTOR_HASH_ROUNDS", 5);
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let space = rustix::fs::statvfs(folder.path()).expect("free space");
    // What is not on a disk fills none.
    let left_free = if folder.path().starts_with("/dev/shm") { 0 } else { LEFT_FREE };
    assert!(space.f_bavail * space.f_frsize > whole + left_free, "too little free space for {whole} bytes");
    let files = write_files(folder.path(), whole);
    write_checklist(folder.path(), &files);
    let peers = peers(&files);
    println!("{} files, {whole} bytes, {} cores; {rounds} rounds in turn", files.len(), cores());
    let mut seconds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    // The first round fills the page cache, and shows that all tools say the same.
    let hashes = xdoctor(folder.path()).1;
    for (name, command) in &peers {
        let said = run(command).1;
        for (file, hash) in &hashes {
            assert!(said.contains(hash.as_str()), "{name} does not say {hash} of {file}");
        }
    }
    for _ in 0..rounds {
        seconds.entry("xdoctor lock").or_default().push(xdoctor(folder.path()).0);
        for (name, command) in &peers {
            seconds.entry(name).or_default().push(run(command).0);
        }
    }
    report(&seconds, whole);
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn write_files(folder: &Path, whole: u64) -> Vec<PathBuf> {
    let sum: u64 = PARTS.iter().sum();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = vec![0u8; 1 << 20];
    let mut files = Vec::new();
    for (index, part) in PARTS.iter().enumerate() {
        let path = folder.join(format!("lib{index}.so"));
        let mut out = BufWriter::new(File::create(&path).expect("a file"));
        let mut left = usize::try_from(whole * part / sum).expect("a size");
        while left > 0 {
            for word in block.chunks_exact_mut(8) {
                // xorshift64: the content does not matter, as long as no file system stores it in less.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word.copy_from_slice(&state.to_le_bytes());
            }
            let written = left.min(block.len());
            out.write_all(&block[..written]).expect("written");
            left -= written;
        }
        out.flush().expect("written");
        files.push(path);
    }
    files
}

fn write_checklist(folder: &Path, files: &[PathBuf]) {
    let mut text = "title: Hashes\nsteps:\n  - title: Files\n    checks:\n".to_owned();
    for (index, file) in files.iter().enumerate() {
        text.push_str(&format!("      - {{id: f{index}, kind: path, type: file, path: {}}}\n", file.display()));
    }
    fs::write(folder.join("xdoctor.yaml"), text).expect("written");
}

/// Seconds of one `xdoctor lock`, from start to end of the process, and the hashes that it remembered.
fn xdoctor(folder: &Path) -> (f64, BTreeMap<String, String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdoctor"));
    let seconds = timed(command.arg("lock").current_dir(folder).stdout(Stdio::null())).0;
    let lock = fs::read_to_string(folder.join("xdoctor.lock")).expect("a lock");
    let lines = lock.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().map(str::to_owned);
    let files = lines.filter(|line| line["what"] == "file");
    let hashes: BTreeMap<String, String> =
        files.filter_map(|line| text(&line, "path").zip(text(&line, "sha256"))).collect();
    assert_eq!(hashes.len(), PARTS.len());
    (seconds, hashes)
}

/// The machine's tools: one process, and one for each core as a shell would do it.
fn peers(files: &[PathBuf]) -> Vec<(&'static str, Vec<String>)> {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let one = |tool: &[&str]| tool.iter().map(|word| (*word).to_owned()).chain(files.clone()).collect();
    let side_by_side = |tool: &str| {
        let script = format!("printf '%s\\0' \"$@\" | xargs -0 -n1 -P{} {tool}", cores());
        ["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned()].into_iter().chain(files.clone()).collect()
    };
    let mut peers = vec![("sha256sum", one(&["sha256sum"])), ("xargs -P sha256sum", side_by_side("sha256sum"))];
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_ok() {
        peers.push(("openssl dgst", one(&["openssl", "dgst", "-sha256"])));
        peers.push(("xargs -P openssl dgst", side_by_side("openssl dgst -sha256")));
    }
    peers
}

fn run(words: &[String]) -> (f64, String) {
    timed(Command::new(&words[0]).args(&words[1..]).stdout(Stdio::piped()))
}

fn timed(command: &mut Command) -> (f64, String) {
    let clock = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let seconds = clock.elapsed().as_secs_f64();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    (seconds, String::from_utf8_lossy(&output.stdout).into_owned())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// Medians of the times, and of the ratios within each round: what slows a round down slows all of it.
fn report(seconds: &BTreeMap<&str, Vec<f64>>, whole: u64) {
    let ours = &seconds["xdoctor lock"];
    println!("{:<24} {:>8}  {:>8}  xdoctor's time ÷ its time", "", "seconds", "GB/s");
    for (name, theirs) in seconds {
        let time = median(theirs.clone());
        let ratio = median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect());
        println!("{name:<24} {time:>8.2}  {:>8.2}  {ratio:.2}", whole as f64 / 1e9 / time);
    }
}
