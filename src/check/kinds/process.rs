//! `process`: a process runs (or does not), as many of them as should, and each has a library mapped (or not).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobMatcher;

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};

use super::bounds::Bounds;
use super::machine::Machine;
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct ProcessCheck {
    machine: Machine,
    name: Option<GlobMatcher>,
    exe: Option<GlobMatcher>,
    cmdline: Option<GlobMatcher>,
    running: bool,
    count: Option<Bounds>,
    maps: Vec<Mapped>,
    lacks_map: Vec<Mapped>,
    skip_if_missing: bool,
}

/// A library that may be mapped: a path or a name, or a glob of either.
#[derive(Debug)]
struct Mapped {
    glob: GlobMatcher,
    /// The file that a path leads to: that is what a process has mapped.
    real: Option<PathBuf>,
}

/// A process that fits.
#[derive(Debug)]
struct Process {
    pid: u32,
    name: String,
}

/// What is known of all processes.
#[derive(Debug, Default)]
struct Seen {
    fitting: Vec<Process>,
    /// Of how many it cannot be told whether they fit: they are another user's.
    unclear: u64,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("name", "A glob that the process's name must be like."),
    ("exe", "A glob that the path of its program must be like."),
    ("cmdline", "A glob that its command line must be like."),
    ("running", "Whether such a process must run, or must not; true where nothing is said."),
    ("count", "How many must run, a number or {min, max}; at least one where nothing is said."),
    ("maps", "Libraries that each of them must have mapped: a path, a name or a glob, or a list."),
    ("lacks_map", "Libraries that none of them may have mapped: a path, a name or a glob, or a list."),
    ("skip_if_missing", "Whether the check is skipped where no such process runs."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let one = |name| fields.globs(name).and_then(|globs| globs.into_iter().next());
    let base = fields.reader().base;
    let mapped = |name| {
        let globs = fields.globs(name).unwrap_or_default().into_iter();
        let real = |glob: &GlobMatcher| fs::canonicalize(base.join(glob.glob().glob())).ok();
        globs.map(|glob| Mapped { real: real(&glob), glob }).collect::<Vec<_>>()
    };
    let check = ProcessCheck {
        machine: Machine::this(),
        name: one("name"),
        exe: one("exe"),
        cmdline: one("cmdline"),
        running: fields.flag("running").unwrap_or(true),
        count: Bounds::of_counts(fields, "count"),
        maps: mapped("maps"),
        lacks_map: mapped("lacks_map"),
        skip_if_missing: fields.flag("skip_if_missing").unwrap_or(false),
    };
    let complain = |message: &str| fields.reader().complain(fields.place(), message);
    if ["name", "exe", "cmdline"].iter().all(|name| fields.node(name).is_none()) {
        complain("a check of kind `process` lacks `name`, `exe` or `cmdline`: it asks for no process");
    }
    if !check.running && (check.count.is_some() || !check.maps.is_empty() || !check.lacks_map.is_empty()) {
        complain("`running: false` leaves nothing of which count, maps or lacks_map could be asked");
    }
    Some(Arc::new(check))
}

impl Kind for ProcessCheck {
    fn title(&self) -> String {
        let who = self.described();
        let list = |libraries: &[Mapped]| {
            libraries.iter().map(|library| library.glob.glob().glob()).collect::<Vec<_>>().join(", ")
        };
        match (self.running, self.maps.as_slice(), self.lacks_map.as_slice()) {
            (false, ..) => format!("{who} does not run"),
            (true, [], []) => format!("{who} runs"),
            (true, [], lacked) => format!("{who} runs without {} in it", list(lacked)),
            (true, mapped, _) => format!("{who} runs with {} in it", list(mapped)),
        }
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let seen = match self.look() {
            Ok(seen) => seen,
            Err(error) => return Finding::undetermined(format!("/proc cannot be read: {error}")).into(),
        };
        let mut finding = Finding::default();
        self.judge_count(&seen, &mut finding);
        for process in &seen.fitting {
            self.look_at_maps(process, &mut finding);
        }
        finding.into()
    }
}

impl ProcessCheck {
    fn described(&self) -> String {
        let parts = [("", &self.name), ("executable ", &self.exe), ("command line ", &self.cmdline)];
        let words = parts.iter().filter_map(|(what, glob)| Some(format!("{what}{}", glob.as_ref()?.glob())));
        format!("a process {}", words.collect::<Vec<_>>().join(", "))
    }

    fn look(&self) -> io::Result<Seen> {
        let mut seen = Seen::default();
        for entry in fs::read_dir(self.machine.path("/proc"))? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if pid == std::process::id() {
                continue;
            }
            match self.fits(pid) {
                Ok(Some(process)) => seen.fitting.push(process),
                // It has ended since.
                Err(error) if is_gone(&error) => {}
                Err(_) => seen.unclear += 1,
                Ok(None) => {}
            }
        }
        seen.fitting.sort_by_key(|process| process.pid);
        if self.hides_others() {
            seen.unclear += 1;
        }
        Ok(seen)
    }

    /// # Errors
    /// Where it is gone, or cannot be told because it is another user's.
    fn fits(&self, pid: u32) -> io::Result<Option<Process>> {
        let name = self.machine.read(format!("/proc/{pid}/comm"))?;
        let words = self.machine.read(format!("/proc/{pid}/cmdline"))?;
        let mut words: Vec<&str> = words.split('\0').collect();
        words.pop_if(|last| last.is_empty());
        let first = words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
        // The kernel's name ends after 15 characters; that of the first word does not.
        let named = |glob: &GlobMatcher| glob.is_match(&name) || glob.is_match(first);
        let fits = self.name.as_ref().is_none_or(named)
            && self.cmdline.as_ref().is_none_or(|glob| glob.is_match(words.join(" ")));
        if !fits {
            return Ok(None);
        }
        if let Some(exe) = &self.exe {
            let file = fs::read_link(self.machine.path(format!("/proc/{pid}/exe")))?;
            let file = file.to_string_lossy();
            if !exe.is_match(file.strip_suffix(" (deleted)").unwrap_or(&file)) {
                return Ok(None);
            }
        }
        Ok(Some(Process { pid, name }))
    }

    /// Whether /proc is mounted so that other users' processes are not even listed (hidepid=2, proc(5)).
    fn hides_others(&self) -> bool {
        let mounts = self.machine.read("/proc/self/mountinfo").unwrap_or_default();
        let proc = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/proc"));
        let hides = |line: &str| {
            ["hidepid=2", "hidepid=invisible", "hidepid=4", "hidepid=ptraceable"].iter().any(|o| line.contains(o))
        };
        proc.is_some_and(hides) && !rustix::process::geteuid().is_root()
    }

    fn judge_count(&self, seen: &Seen, finding: &mut Finding) {
        let count = seen.fitting.len() as u64;
        let shown: Vec<String> =
            seen.fitting.iter().map(|process| format!("{} ({})", process.pid, process.name)).collect();
        let actual = if shown.is_empty() { "none".to_owned() } else { format!("{count}: {}", listed(&shown, 5)) };
        finding.saw(format!("processes that fit: {actual}"));
        let wanted = self.count.unwrap_or(Bounds::at_least(1));
        let admits = |number| if self.running { wanted.admit(number) } else { number == 0 };
        // Those that could not be looked at may all fit, or none.
        let could_be: Vec<bool> = (count..=count + seen.unclear).map(admits).collect();
        if could_be.iter().all(|holds| *holds) {
            return;
        }
        if could_be.contains(&true) {
            let unclear = seen.unclear;
            let reason =
                format!("processes of other users could not be looked at ({unclear}); of the rest fit {actual}");
            let fix = Some("run it as root, or as the user of that process".to_owned());
            finding.open = Some(Open::Undetermined { reason, code: None, fix });
        } else if count == 0 && self.skip_if_missing {
            let reason = format!("{} does not run", self.described());
            finding.open = Some(Open::Skipped { reason, code: Some(Code::ProcessMissing) });
        } else {
            let expected = match (self.running, self.count) {
                (false, _) => format!("no {}", self.described().trim_start_matches("a ")),
                (true, None) => self.described(),
                (true, Some(wanted)) => format!("{wanted} of {}", self.described()),
            };
            let too_few = self.running && wanted.is_above(count);
            let code = if too_few { Code::ProcessMissing } else { Code::ProcessUnexpected };
            finding.violates(Diagnosis::new(code, expected, actual));
        }
    }

    fn look_at_maps(&self, process: &Process, finding: &mut Finding) {
        if self.maps.is_empty() && self.lacks_map.is_empty() {
            return;
        }
        let Process { pid, name } = process;
        let text = match self.machine.read(format!("/proc/{pid}/maps")) {
            Ok(text) => text,
            Err(error) if is_gone(&error) => return finding.saw(format!("{pid} ({name}) has ended since")),
            Err(error) => {
                let reason = format!("what {pid} ({name}) has mapped cannot be read: {error}");
                let fix = Some("run it as root, or as the user of that process".to_owned());
                finding.open = Some(Open::Undetermined { reason, code: None, fix });
                return;
            }
        };
        let mut files: Vec<&str> = text.lines().filter_map(mapped_file).collect();
        files.dedup();
        for library in &self.maps {
            let library_name = library.glob.glob().glob();
            match files.iter().find(|file| library.is(file)) {
                Some(file) if file.ends_with(DELETED) => {
                    let expected = format!("{library_name} as it is now in {pid} ({name})");
                    let actual = format!("{file}: the file was replaced or removed since the process began");
                    let fix = "start the process anew: it still runs what was there before";
                    finding.violates(Diagnosis::new(Code::StaleBuild, expected, actual).mended_by(fix));
                }
                Some(file) => finding.saw(format!("{pid} ({name}) has {file}")),
                None => {
                    let libraries = files.iter().filter(|file| file.contains(".so")).count();
                    let expected = format!("{library_name} in {pid} ({name})");
                    let actual = format!("it is not among the {libraries} libraries that the process has mapped");
                    finding.violates(Diagnosis::new(Code::LibraryNotMapped, expected, actual));
                }
            }
        }
        for library in &self.lacks_map {
            if let Some(file) = files.iter().find(|file| library.is(file)) {
                let expected = format!("{} not in {pid} ({name})", library.glob.glob());
                let fix = "start it without: look at LD_PRELOAD and LD_LIBRARY_PATH where it is really started";
                finding.violates(Diagnosis::new(Code::PreloadLeaks, expected, *file).mended_by(fix));
            }
        }
    }
}

const DELETED: &str = " (deleted)";

impl Mapped {
    fn is(&self, file: &str) -> bool {
        let file = file.strip_suffix(DELETED).unwrap_or(file);
        let name = file.rsplit('/').next().unwrap_or(file);
        self.glob.is_match(file)
            || self.glob.is_match(name)
            || self.real.as_ref().is_some_and(|real| real.as_os_str() == file)
    }
}

/// The sixth field of a line of maps, where it is a file (proc(5)).
fn mapped_file(line: &str) -> Option<&str> {
    line.find('/').map(|at| &line[at..])
}

/// The process has ended, or is ending and has nothing any more.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use globset::Glob;

    use super::super::machine::made_of;
    use super::*;

    const MAPS: &str = "7f00-7f01 r-xp 00000000 08:01 11 /opt/shim/lib/libshimhip.so.1 (deleted)\n\
        7f02-7f03 r-xp 00000000 08:01 12 /usr/lib/libc.so.6\n7f04-7f05 rw-p 00000000 00:00 0 [heap]\n";

    const FILES: [(&str, &str); 6] = [
        ("/proc/10/comm", "python3.11\n"),
        ("/proc/10/cmdline", "/usr/bin/python3.11\0-m\0vllm.serve\0"),
        ("/proc/10/maps", MAPS),
        ("/proc/11/comm", "a-name-of-15-ch\n"),
        ("/proc/11/cmdline", "./a-name-of-15-characters-and-more\0"),
        ("/proc/self/x", ""),
    ];

    fn glob(text: &str) -> GlobMatcher {
        Glob::new(text).expect("a glob").compile_matcher()
    }

    fn check(machine: Machine) -> ProcessCheck {
        ProcessCheck {
            machine,
            name: None,
            exe: None,
            cmdline: None,
            running: true,
            count: None,
            maps: Vec::new(),
            lacks_map: Vec::new(),
            skip_if_missing: false,
        }
    }

    fn found(check: &ProcessCheck) -> Finding {
        let scratch = std::path::Path::new("/nonexistent");
        let (hashes, helpers) = (Arc::default(), Arc::default());
        check.run(&Context { scratch, log: None, require_gpu: false, hashes, helpers }).findings.remove(0)
    }

    #[test]
    fn a_process_is_found_by_name_by_its_long_name_by_its_file_and_by_its_words() {
        let (folder, machine) = made_of(&FILES);
        symlink("/usr/bin/python3.11 (deleted)", folder.path().join("proc/10/exe")).expect("linked");
        symlink("/opt/a", folder.path().join("proc/11/exe")).expect("linked");
        let one = |edit: &dyn Fn(&mut ProcessCheck)| {
            let mut check = check(machine.clone());
            edit(&mut check);
            found(&check).evidence[0].clone()
        };
        assert_eq!(one(&|c| c.name = Some(glob("python3*"))), "processes that fit: 1: 10 (python3.11)");
        assert_eq!(
            one(&|c| c.name = Some(glob("a-name-of-15-characters-and-more"))),
            "processes that fit: 1: 11 (a-name-of-15-ch)"
        );
        assert_eq!(one(&|c| c.exe = Some(glob("/usr/bin/python3.11"))), "processes that fit: 1: 10 (python3.11)");
        assert_eq!(one(&|c| c.cmdline = Some(glob("*vllm.serve"))), "processes that fit: 1: 10 (python3.11)");
        assert_eq!(one(&|c| c.name = Some(glob("*"))), "processes that fit: 2: 10 (python3.11), 11 (a-name-of-15-ch)");
    }

    #[test]
    fn a_library_that_was_replaced_since_is_stale_and_one_that_is_not_there_is_named() {
        let (_folder, machine) = made_of(&FILES);
        let mapped = |text: &str| vec![Mapped { glob: glob(text), real: None }];
        let judge = |maps, lacks_map| {
            let name = Some(glob("python*"));
            found(&ProcessCheck { name, maps, lacks_map, ..check(machine.clone()) }).violations
        };
        assert_eq!(judge(mapped("libc.so.6"), Vec::new()), []);
        assert_eq!(judge(mapped("/opt/shim/*/libshimhip.so*"), Vec::new())[0].code, Code::StaleBuild);
        assert_eq!(judge(mapped("libamdhip64.so*"), Vec::new())[0].code, Code::LibraryNotMapped);
        assert_eq!(judge(Vec::new(), mapped("libshimhip.so*"))[0].code, Code::PreloadLeaks);
    }

    #[test]
    fn what_cannot_be_looked_at_leaves_open_only_what_it_could_change() {
        // Without a link to its file, a process's file cannot be told; here it is a folder in the link's place.
        let (folder, machine) = made_of(&FILES);
        fs::create_dir(folder.path().join("proc/10/exe")).expect("made");
        symlink("/opt/a", folder.path().join("proc/11/exe")).expect("linked");
        let judge = |exe: &str, running, count| {
            found(&ProcessCheck { exe: Some(glob(exe)), running, count, ..check(machine.clone()) })
        };
        assert!(matches!(judge("/usr/bin/*", true, None).open, Some(Open::Undetermined { .. })));
        assert!(matches!(judge("/usr/bin/*", false, None).open, Some(Open::Undetermined { .. })));
        assert_eq!(judge("/opt/a", true, None).open, None);
        assert_eq!(judge("/opt/a", false, None).violations[0].code, Code::ProcessUnexpected);
        assert_eq!(judge("/x", true, Some(Bounds::at_least(2))).violations[0].code, Code::ProcessMissing);
    }

    #[test]
    fn without_a_list_of_processes_nothing_is_claimed() {
        let (_folder, machine) = made_of(&[]);
        assert!(matches!(found(&check(machine)).open, Some(Open::Undetermined { .. })));
    }
}
