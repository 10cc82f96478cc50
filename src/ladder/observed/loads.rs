//! Rung *loads*: the shim is in every process that has a client, and ld.so did not complain.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};
use crate::elf::{Image as ElfImage, Mapped};
use crate::interpose::Library;
use crate::ladder::rung::Answer;
use crate::ladder::setup::Deployment;
use crate::ladder::witness::Seen;
use crate::probe::{Ending, Image, loader_words};

use super::evidence::Evidence;
use super::lines;

pub(super) fn judge(evidence: &Evidence<'_>) -> Seen {
    let mut seen = Vec::new();
    if let Some(answer) = complaint(evidence, &mut seen) {
        return (answer, seen);
    }
    let images = &evidence.shimmed.observation.images;
    if images.is_empty() {
        return (unobserved(evidence), seen);
    }
    let observation = &evidence.shimmed.observation;
    let departed = observation.departed();
    seen.extend(departed.iter().map(ToString::to_string));
    for process in observation.unobserved(&evidence.shimmed.ended.met) {
        if departed.iter().all(|departure| departure.pid != process.pid) {
            seen.push(format!("process {} ran {} unobserved", process.pid, process.program.display()));
        }
    }
    let has = |image: &Image, test: &dyn Fn(&Path) -> bool| image.objects.iter().any(|object| test(&object.path));
    let is_client = |path: &Path| evidence.clients.iter().any(|client| client.path == path);
    let with_shim = images.iter().filter(|image| has(image, &|path| evidence.is_shim(path)));
    let shim = evidence.shim.path.display();
    let programs: Vec<String> = with_shim.clone().filter_map(program).collect();
    if programs.is_empty() {
        return (absent(evidence), seen);
    }
    seen.push(format!("the observer saw {shim} loaded into {}", processes(&programs)));
    let without = images.iter().filter(|image| has(image, &is_client) && !has(image, &|path| evidence.is_shim(path)));
    let without: Vec<String> = without.filter_map(program).collect();
    if !without.is_empty() {
        let expected = format!("{shim} in every process that calls the API");
        let actual = format!("it is not in {}: its LD_PRELOAD was taken out or overwritten", listed(&without, 4));
        let mend = "set LD_PRELOAD where that process is started, or take out what clears it there (a launcher, a sandbox, \
                    a container's entry point); or put the shim in the runtime's place: --deploy replace";
        let diagnosis = Diagnosis::new(Code::PreloadIgnored, expected, actual).mended_by(mend);
        return (Answer::Diagnosed(diagnosis), seen);
    }
    let answer = said_what_it_must(evidence, &mut seen);
    (answer.unwrap_or(Answer::Holds), seen)
}

fn program(image: &Image) -> Option<String> {
    image.program().map(|program| program.display().to_string())
}

fn processes(programs: &[String]) -> String {
    match programs {
        [one] => one.clone(),
        [first, ..] if programs.iter().all(|program| program == first) => format!("{first}, {} times", programs.len()),
        several => {
            let names: BTreeSet<&String> = several.iter().collect();
            let names: Vec<String> = names.into_iter().cloned().collect();
            format!("{} processes of {} programs: {}", several.len(), names.len(), listed(&names, 4))
        }
    }
}

/// What ld.so said on stderr, as far as it keeps the shim or the program out.
fn complaint(evidence: &Evidence<'_>, seen: &mut Vec<String>) -> Option<Answer> {
    let ended = &evidence.shimmed.ended;
    let objects = || evidence.shimmed.observation.objects();
    for word in loader_words(&ended.stderr.text()) {
        seen.push(format!("ld.so: {}", word.line));
        let ours = same_name(Path::new(&word.subject), &evidence.shim.path);
        // Another library that was to be preloaded is the command's own affair, where the shim came all the same.
        let came = || objects().any(|object| evidence.is_shim(&object.path));
        let ignored = word.code == Code::PreloadIgnored && (ours || (word.subject.contains(".so") && !came()));
        let fatal = match word.code {
            Code::UnversionedShim => false,
            // glibc's rtld.c leaves with 1 after the versions were checked, and with 127 elsewhere.
            Code::MissingVersion => matches!(ended.ending, Ending::Exited(1 | 127)) && !evidence.has_calls(),
            _ => ended.ending == Ending::Exited(127),
        };
        if ignored || fatal {
            let expected = format!("ld.so loads {}", evidence.shim.path.display());
            let lacks = evidence.setup.deploy == Deployment::Replace && evidence.is_named_in(&word.line);
            let code = if lacks { Code::ReplacementMissingVersion } else { word.code };
            return Some(Answer::Diagnosed(Diagnosis::new(code, expected, word.line)));
        }
    }
    None
}

fn same_name(one: &Path, other: &Path) -> bool {
    one.file_name() == other.file_name()
}

/// Nothing was observed: because nothing can be loaded into this program, or for a reason that nobody knows.
fn unobserved(evidence: &Evidence<'_>) -> Answer {
    let met = evidence.shimmed.ended.met.iter().map(|met| met.program.clone());
    let program = met.chain(which(evidence)).find(|program| program.is_file());
    match program.as_deref().and_then(cannot_preload) {
        Some(why) => {
            let expected = format!("ld.so loads {}", evidence.shim.path.display());
            Answer::Diagnosed(Diagnosis::new(Code::PreloadImpossible, expected, why))
        }
        None => Answer::Unobserved(
            Code::ObserverIgnored,
            "the observer was not loaded: the program runs with more rights than its user, or LD_AUDIT was taken out \
             of its environment"
                .to_owned(),
        ),
    }
}

/// The command's program, where the search along PATH finds it.
fn which(evidence: &Evidence<'_>) -> Option<PathBuf> {
    let program = PathBuf::from(evidence.setup.command.first()?);
    if program.components().count() > 1 {
        return Some(program);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(&program)).find(|file| file.is_file())
}

/// Why glibc's ld.so can load nothing into the program.
fn cannot_preload(program: &Path) -> Option<String> {
    let file = Mapped::open(program).ok()?;
    let image = ElfImage::parse(file.bytes()).ok()?;
    match image.interpreter() {
        None => Some(format!("{} is linked statically: there is no ld.so in it", program.display())),
        Some(loader) if memchr::memmem::find(loader, b"ld-musl").is_some() => {
            Some(format!("{} runs with musl's loader, not with glibc's", program.display()))
        }
        Some(_) => None,
    }
}

/// The library that was loaded under the name that the shim stands in for.
fn found_first(evidence: &Evidence<'_>) -> Option<PathBuf> {
    let runtime = evidence.setup.runtime.as_deref().filter(|_| evidence.setup.deploy == Deployment::Replace)?;
    let name = Library::read(runtime).ok()?.name();
    let objects = evidence.shimmed.observation.objects();
    let mut paths = objects.map(|object| &object.path);
    paths.find(|path| path.file_name().is_some_and(|file| file == name.as_str())).cloned()
}

fn absent(evidence: &Evidence<'_>) -> Answer {
    let expected = format!("{} in the process", evidence.shim.path.display());
    if let Some(found) = found_first(evidence) {
        let actual = format!("{} was found first, where the client's RPATH leads, or by its path", found.display());
        return Answer::Diagnosed(Diagnosis::new(Code::SonameMismatch, expected, actual).mended_by(
            "LD_LIBRARY_PATH, with which the shim is put in the runtime's place, comes after RPATH (not after RUNPATH), and\n\
             no path that holds a slash is looked for at all. Preload the shim (--deploy preload), or change the client:\n\
             patchelf --set-rpath DIR CLIENT writes a RUNPATH.",
        ));
    }
    let (code, actual) = match evidence.setup.deploy {
        Deployment::Replace => {
            (Code::SonameMismatch, "no process loaded it: none asked for the name that it stands in for")
        }
        Deployment::Preload => (Code::PreloadIgnored, "no process loaded it: LD_PRELOAD was taken out or overwritten"),
        Deployment::Itself if evidence.setup.env.iter().any(|(name, _)| name == "LD_PRELOAD") => {
            (Code::PreloadIgnored, "no process loaded it, although LD_PRELOAD was set")
        }
        Deployment::Itself => {
            (Code::SonameMismatch, "no process loaded it: nobody preloads it, and none asked for a name that it bears")
        }
    };
    Answer::Diagnosed(Diagnosis::new(code, expected, actual))
}

/// The lines that were to be printed.
fn said_what_it_must(evidence: &Evidence<'_>, seen: &mut Vec<String>) -> Option<Answer> {
    for pattern in &evidence.setup.expected_lines {
        match lines::first(&evidence.shimmed.ended, pattern) {
            Some(line) => {
                let line = crate::elf::escape(line.as_bytes());
                seen.push(format!("printed: {line} (it was loaded; this proves nothing more)"));
            }
            None => {
                let expected = format!("a line that fits /{pattern}/");
                let actual = "the shim is in the process, and no line of stdout or stderr does";
                let mend = "Look at what it printed: xdoctor smoke --keep DIR keeps it.\n\
                            Does the shim print this line in this version, at this log level, and does the pattern fit it?";
                return Some(Answer::Diagnosed(Diagnosis::new(Code::CommandFailed, expected, actual).mended_by(mend)));
            }
        }
    }
    None
}
