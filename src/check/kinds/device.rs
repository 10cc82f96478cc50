//! `device`: a GPU's nodes are there and open for this user, and its driver is the one that the runtime wants.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{Glob, GlobMatcher};

use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};

use super::accounts::{group_id, group_name};
use super::drivers::Fit;
use super::machine::Machine;
use super::runtime;
use super::versions::{Requirement, Scheme};
use super::{Context, Found, Kind, Texts};

/// Opening a device must neither wait for it nor make it this process's terminal.
const FLAGS: i32 = rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOCTTY).bits() as i32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Amdgpu,
    Nvidia,
}

#[derive(Debug)]
struct DeviceCheck {
    machine: Machine,
    nodes: Vec<Node>,
    write: bool,
    /// Any one of them will do.
    groups: Vec<String>,
    driver: Option<Driver>,
    driver_version: Option<Requirement>,
    /// The library that talks to the driver.
    runtime: Option<PathBuf>,
}

/// `/dev/dri/renderD*`: a folder, and which of its files.
#[derive(Debug)]
struct Node {
    folder: PathBuf,
    name: GlobMatcher,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("nodes", "Device nodes that must open: a path, a glob such as /dev/dri/renderD*, or a list."),
    ("access", "How they must open; read-write where nothing is said."),
    ("groups", "Groups of which this user must be in one; root needs none."),
    ("driver", "The kernel driver that must be loaded."),
    ("driver_version", "The version that the driver must have, such as '>=550'."),
    ("runtime", "The library that talks to the driver, which must fit it by its maker's tables."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let nodes = nodes(fields);
    let accesses = [("read", false), ("read-write", true)];
    let check = DeviceCheck {
        machine: Machine::this(),
        nodes,
        write: fields.choice("access", &accesses).unwrap_or(true),
        groups: fields.texts("groups").unwrap_or_default(),
        driver: fields.choice("driver", &[("amdgpu", Driver::Amdgpu), ("nvidia", Driver::Nvidia)]),
        driver_version: Requirement::field(fields, "driver_version", Some(Scheme::Debian)),
        runtime: fields.path("runtime"),
    };
    let complain = |message: &str| fields.reader().complain(fields.place(), message);
    if fields.node("nodes").is_none() && check.groups.is_empty() && fields.node("driver").is_none() {
        complain("a check of kind `device` asks for nothing; expected one of nodes, groups, driver");
    }
    if check.driver.is_none() && (check.driver_version.is_some() || check.runtime.is_some()) {
        complain("`driver_version` and `runtime` need `driver`: amdgpu or nvidia");
    }
    Some(Arc::new(check))
}

fn nodes(fields: &Fields<'_>) -> Vec<Node> {
    let place = fields.node("nodes").map_or(fields.place(), |node| node.place);
    let mut nodes = Vec::new();
    for text in fields.texts("nodes").unwrap_or_default() {
        let parts =
            text.rsplit_once('/').filter(|(folder, _)| folder.starts_with('/') && !folder.contains(['*', '?', '[']));
        match parts.map(|(folder, name)| (folder, Glob::new(name))) {
            Some((folder, Ok(name))) => nodes.push(Node { folder: folder.into(), name: name.compile_matcher() }),
            _ => {
                let message =
                    format!("expected a path such as /dev/kfd or /dev/dri/renderD* in `nodes`, found `{text}`");
                fields.reader().complain(place, message);
            }
        }
    }
    nodes
}

impl Driver {
    fn name(self) -> &'static str {
        match self {
            Driver::Amdgpu => "amdgpu",
            Driver::Nvidia => "nvidia",
        }
    }
}

impl Kind for DeviceCheck {
    fn title(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(Node::text).collect();
        match (nodes.as_slice(), self.driver) {
            ([], None) => format!("this user is in the group {}", self.groups.join(" or ")),
            ([], Some(driver)) => match self.runtime.as_ref().and_then(|runtime| runtime.file_name()) {
                Some(runtime) => format!("the driver {} fits {}", driver.name(), runtime.display()),
                None => format!("the driver {} is there, as it should be", driver.name()),
            },
            (nodes, _) => format!("this user can use {}", nodes.join(", ")),
        }
    }

    fn is_of_the_node(&self) -> bool {
        // Whose groups are looked at is a matter of who runs it.
        self.groups.is_empty()
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        let looked =
            self.look_at_nodes(context, &mut finding).and_then(|()| self.look_at_driver(context, &mut finding));
        if let Err(error) = looked {
            finding.open = Some(Open::Undetermined { reason: error.to_string(), code: None, fix: None });
        }
        // Where there is no device, nobody needs a group for it.
        if finding.open.is_none() {
            self.look_at_groups(&mut finding);
        }
        finding.into()
    }
}

impl DeviceCheck {
    fn look_at_nodes(&self, context: &Context<'_>, finding: &mut Finding) -> io::Result<()> {
        let mut absent = Vec::new();
        for node in &self.nodes {
            let paths = node.find(&self.machine)?;
            if paths.is_empty() {
                absent.push(node.text());
            }
            for path in paths {
                self.look_at_node(&path, finding)?;
            }
        }
        if absent.is_empty() {
            return Ok(());
        }
        let actual = format!("no {}", listed(&absent, 5));
        if absent.len() == self.nodes.len() {
            self.absent(context, actual, finding);
        } else {
            // A container that was given a part of what a GPU needs.
            let all: Vec<String> = self.nodes.iter().map(Node::text).collect();
            let expected = format!("{}, all of them", all.join(", "));
            let fix =
                "load the driver; for a container give it all of them: docker run --device=/dev/kfd --device=/dev/dri";
            finding.violates(Diagnosis::new(Code::DeviceMissing, expected, actual).mended_by(fix));
        }
        Ok(())
    }

    /// No hardware is a reason to skip, unless it is required.
    fn absent(&self, context: &Context<'_>, reason: String, finding: &mut Finding) {
        if context.require_gpu {
            finding.violates(Diagnosis::new(Code::DeviceMissing, "a device (--require gpu)", reason));
        } else {
            finding.open = Some(Open::Skipped { reason, code: Some(Code::DeviceMissing) });
        }
    }

    fn look_at_node(&self, path: &Path, finding: &mut Finding) -> io::Result<()> {
        let shown = path.display();
        let metadata = fs::metadata(path)?;
        if !metadata.file_type().is_char_device() {
            finding.violates(Diagnosis::new(Code::WrongType, format!("a device at {shown}"), "something else"));
            return Ok(());
        }
        let whose = format!("mode {:04o}, group {}", metadata.mode() & 0o7777, group_name(metadata.gid()));
        let access = if self.write { "read and written" } else { "read" };
        // Only opening it tells: modes know nothing of a container's device list.
        match File::options().read(true).write(self.write).custom_flags(FLAGS).open(path) {
            Ok(_) => finding.saw(format!("{shown} can be {access} ({whose})")),
            Err(error) => {
                let expected = format!("{shown} {access} by this user");
                let group = group_name(metadata.gid());
                let fix = match error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) {
                    true => format!("the container's device list forbids it: docker run --device={shown}"),
                    false => format!("sudo usermod -aG {group} $USER, then log in again"),
                };
                let diagnosis = Diagnosis::new(Code::DeviceAccess, expected, format!("{error} ({whose})"));
                finding.violates(diagnosis.mended_by(fix));
            }
        }
        Ok(())
    }

    fn look_at_groups(&self, finding: &mut Finding) {
        if self.groups.is_empty() {
            return;
        }
        if rustix::process::geteuid().is_root() {
            return finding.saw("this user is root, who needs no group");
        }
        let mut own = vec![rustix::process::getegid().as_raw()];
        own.extend(rustix::process::getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()));
        let member = self.groups.iter().find(|group| group_id(group).is_some_and(|id| own.contains(&id)));
        match member {
            Some(group) => finding.saw(format!("this user is in the group {group}")),
            None => {
                let names: Vec<String> = own.into_iter().map(group_name).collect();
                let expected = format!("this user in the group {}", self.groups.join(" or "));
                let fix = format!("sudo usermod -aG {} $USER, then log in again", self.groups.join(","));
                let actual = format!("groups {}", names.join(", "));
                finding.violates(Diagnosis::new(Code::DeviceAccess, expected, actual).mended_by(fix));
            }
        }
    }

    fn look_at_driver(&self, context: &Context<'_>, finding: &mut Finding) -> io::Result<()> {
        let Some(driver) = self.driver.filter(|_| finding.open.is_none()) else { return Ok(()) };
        if !self.machine.path(format!("/sys/module/{}", driver.name())).is_dir() {
            self.absent(context, format!("the driver {} is not loaded", driver.name()), finding);
            return Ok(());
        }
        let version = self.driver_version(driver)?;
        let name = driver.name();
        finding.saw(
            version.as_ref().map_or(format!("driver {name}, of the kernel's own"), |v| format!("driver {name} {v}")),
        );
        match (&self.driver_version, &version) {
            (Some(wanted), Some(found)) if wanted.admits(found, Scheme::Debian) == Some(false) => {
                let (expected, actual) = (format!("driver {name} {wanted}"), format!("driver {name} {found}"));
                finding.violates(Diagnosis::new(Code::WrongVersion, expected, actual));
            }
            (Some(wanted), None) => {
                let reason =
                    format!("the kernel's own {name} has no version of its own: whether it is {wanted} cannot be told");
                let fix = Some("ask for the kernel's release instead: kind `kernel`, field `release`".to_owned());
                finding.open = Some(Open::Undetermined { reason, code: None, fix });
            }
            _ => {}
        }
        self.compare_with_runtime(driver, version.as_deref(), finding);
        Ok(())
    }

    fn compare_with_runtime(&self, driver: Driver, version: Option<&str>, finding: &mut Finding) {
        let Some(runtime) = &self.runtime else { return };
        let Ok(real) = fs::canonicalize(runtime) else {
            let expected = runtime.display().to_string();
            return finding.violates(Diagnosis::new(Code::LibraryMissing, expected, "no such file"));
        };
        finding.saw(format!("runtime {}", real.display()));
        let fit = match (driver, version) {
            (Driver::Amdgpu, Some(version)) => runtime::over_amdgpu(&real, version),
            (Driver::Nvidia, Some(version)) => runtime::over_nvidia(&real, version, &self.machine),
            (Driver::Amdgpu, None) => Fit::Unsaid(
                "the kernel's own amdgpu has no version of its own, and AMD speaks of its own driver only".to_owned(),
            ),
            (Driver::Nvidia, None) => Fit::Unsaid("the version of the driver nvidia cannot be told".to_owned()),
        };
        let name = driver.name();
        match fit {
            Fit::Fits(why) => finding.saw(why),
            Fit::Differs(expected) => {
                let actual = format!("driver {name} {}, {}", version.unwrap_or_default(), real.display());
                let diagnosis = Diagnosis::new(Code::WrongVersion, expected, actual);
                finding.violates(diagnosis.mended_by(runtime::mend(driver == Driver::Nvidia, &real)));
            }
            Fit::Unsaid(why) => {
                let reason = format!("whether the driver {name} takes {} cannot be told: {why}", real.display());
                finding.open.get_or_insert(Open::Undetermined { reason, code: None, fix: None });
            }
        }
    }

    /// The driver's own version; the amdgpu of the kernel itself has none.
    fn driver_version(&self, driver: Driver) -> io::Result<Option<String>> {
        match driver {
            Driver::Amdgpu => self.machine.read_if_there("/sys/module/amdgpu/version"),
            Driver::Nvidia => {
                let text = self.machine.read_if_there("/proc/driver/nvidia/version")?.unwrap_or_default();
                let line = text.lines().find(|line| line.starts_with("NVRM")).unwrap_or_default();
                let is_version = |word: &&str| {
                    word.contains('.')
                        && word.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
                };
                Ok(line.split_whitespace().find(is_version).map(str::to_owned))
            }
        }
    }
}

impl Node {
    fn text(&self) -> String {
        self.folder.join(self.name.glob().glob()).display().to_string()
    }

    fn find(&self, machine: &Machine) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(machine.path(&self.folder)) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", self.folder.display()))),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            if self.name.is_match(entry.file_name()) {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::machine::made_of;
    use super::*;

    fn check(machine: Machine, nodes: &[&str]) -> DeviceCheck {
        let node = |text: &&str| {
            let (folder, name) = text.rsplit_once('/').expect("a path");
            Node { folder: folder.into(), name: Glob::new(name).expect("a glob").compile_matcher() }
        };
        DeviceCheck {
            machine,
            nodes: nodes.iter().map(node).collect(),
            write: true,
            groups: Vec::new(),
            driver: None,
            driver_version: None,
            runtime: None,
        }
    }

    fn found(check: &DeviceCheck, require_gpu: bool) -> Finding {
        let (scratch, hashes, helpers) = (Path::new("/nonexistent"), Arc::default(), Arc::default());
        check.run(&Context { scratch, log: None, require_gpu, hashes, helpers }).findings.remove(0)
    }

    const ROCM: [&str; 2] = ["/dev/kfd", "/dev/dri/renderD*"];

    #[test]
    fn nodes_that_can_be_opened_are_all_named() {
        let (folder, machine) = made_of(&[("/dev/dri/card0", "")]);
        symlink("/dev/null", folder.path().join("dev/kfd")).expect("linked");
        for render in ["renderD128", "renderD129"] {
            symlink("/dev/zero", folder.path().join("dev/dri").join(render)).expect("linked");
        }
        let found = found(&check(machine, &ROCM), false);
        assert_eq!(found.violations, []);
        assert_eq!(found.evidence.len(), 3);
        assert!(found.evidence[2].contains("renderD129 can be read and written"), "{:?}", found.evidence);
    }

    #[test]
    fn no_node_at_all_is_a_reason_to_skip_unless_a_gpu_is_required() {
        let (_folder, machine) = made_of(&[]);
        let check = check(machine, &ROCM);
        let reason = "no /dev/kfd, /dev/dri/renderD*".to_owned();
        assert_eq!(found(&check, false).open, Some(Open::Skipped { reason, code: Some(Code::DeviceMissing) }));
        assert_eq!(found(&check, true).violations[0].code, Code::DeviceMissing);
    }

    #[test]
    fn a_part_of_the_nodes_is_a_fault() {
        let (folder, machine) = made_of(&[("/dev/x", "")]);
        symlink("/dev/null", folder.path().join("dev/kfd")).expect("linked");
        let found = found(&check(machine, &ROCM), false);
        assert_eq!(found.violations[0].code, Code::DeviceMissing);
        assert!(found.violations[0].actual.contains("renderD*"), "{:?}", found.violations);
    }

    #[test]
    fn what_is_no_device_or_cannot_be_opened_is_a_fault() {
        let (folder, machine) = made_of(&[("/dev/kfd", "a file")]);
        assert_eq!(found(&check(machine.clone(), &["/dev/kfd"]), false).violations[0].code, Code::WrongType);
        fs::remove_file(folder.path().join("dev/kfd")).expect("removed");
        // Without a terminal, opening /dev/tty fails; with one it does not.
        symlink("/dev/tty", folder.path().join("dev/kfd")).expect("linked");
        let opens = File::options().read(true).write(true).open("/dev/tty").is_ok();
        let found = found(&check(machine, &["/dev/kfd"]), false);
        assert_eq!(found.violations.iter().any(|violation| violation.code == Code::DeviceAccess), !opens);
    }

    fn with_driver(machine: Machine, driver: Driver, version: Option<&str>) -> DeviceCheck {
        let version = version.map(|text| Requirement::parse(text).expect("a range"));
        DeviceCheck { driver: Some(driver), driver_version: version, ..check(machine, &[]) }
    }

    #[test]
    fn a_driver_is_judged_by_its_version_and_the_kernels_own_has_none() {
        let (_folder, machine) = made_of(&[("/sys/module/amdgpu/version", "6.7.0\n")]);
        let judge = |version| found(&with_driver(machine.clone(), Driver::Amdgpu, Some(version)), false);
        assert_eq!(judge(">=6").violations, []);
        assert_eq!(judge(">=7").violations[0].code, Code::WrongVersion);
        let (_folder, machine) = made_of(&[("/sys/module/amdgpu/refcnt", "1")]);
        let open = found(&with_driver(machine, Driver::Amdgpu, Some(">=6")), false).open;
        assert!(matches!(open, Some(Open::Undetermined { .. })), "{open:?}");
        let (_folder, machine) = made_of(&[]);
        assert!(matches!(found(&with_driver(machine, Driver::Nvidia, None), false).open, Some(Open::Skipped { .. })));
    }

    #[test]
    fn nvidias_libraries_want_the_driver_of_their_own_version() {
        let said = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03  Release Build\nGCC version: gcc 12.2.0\n";
        let files = [
            ("/proc/driver/nvidia/version", said),
            ("/sys/module/nvidia/refcnt", "1"),
            ("/lib/libcuda.so.580.159.03", ""),
        ];
        let (folder, machine) = made_of(&files);
        let mut check = with_driver(machine, Driver::Nvidia, Some(">=580"));
        for (name, fits) in [("libcuda.so.580.159.03", true), ("libcuda.so.550.54.15", false)] {
            let library = folder.path().join("lib").join(name);
            fs::write(&library, "").expect("written");
            let link = folder.path().join("lib/libcuda.so.1");
            let _ = fs::remove_file(&link);
            symlink(name, &link).expect("linked");
            check.runtime = Some(link);
            let found = found(&check, false);
            assert!(found.evidence[0].contains("driver nvidia 580.159.03"), "{:?}", found.evidence);
            assert_eq!(found.violations.is_empty(), fits, "{:?}", found.violations);
        }
    }
    /// Judges a runtime that lies somewhere below this machine's root.
    fn over(machine: &Machine, driver: Driver, library: &str) -> Finding {
        let path = machine.path(library);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, "").expect("written");
        found(&DeviceCheck { runtime: Some(path), ..with_driver(machine.clone(), driver, None) }, false)
    }

    fn unsaid(finding: &Finding) -> &str {
        assert_eq!(finding.violations, []);
        match &finding.open {
            Some(Open::Undetermined { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hip_runtime_is_held_against_the_driver_by_amds_table() {
        let (_folder, machine) = made_of(&[("/sys/module/amdgpu/version", "6.8.5\n")]);
        for library in ["/opt/rocm-6.2.4/lib/libamdhip64.so.6.2.60204", "/usr/lib/libamdhip64.so.6.4.43484"] {
            let found = over(&machine, Driver::Amdgpu, library);
            assert_eq!((found.violations.as_slice(), &found.open), ([].as_slice(), &None), "{library}");
            assert!(found.evidence.iter().any(|line| line.contains("over its driver 6.2")), "{:?}", found.evidence);
        }
        let found = over(&machine, Driver::Amdgpu, "/opt/rocm-7.1.1/lib/libamdhip64.so.7.1.70101");
        let [violation] = found.violations.as_slice() else { panic!("{:?}", found.violations) };
        assert_eq!(violation.code, Code::WrongVersion);
        assert!(violation.expected.contains("6.0, 6.1, 6.2, 6.3, 6.4, 7.0"), "{}", violation.expected);
        assert!(violation.actual.contains("driver amdgpu 6.8.5"), "{}", violation.actual);
    }

    #[test]
    fn the_release_of_a_rocm_tree_is_read_where_the_name_of_its_runtime_tells_less() {
        let version = "/opt/rocm/.info/version";
        let (_folder, machine) = made_of(&[("/sys/module/amdgpu/version", "6.16.13"), (version, "10.0.0-12\n")]);
        let found = over(&machine, Driver::Amdgpu, "/opt/rocm/lib/libamdhip64.so");
        assert_eq!((found.violations.as_slice(), &found.open), ([].as_slice(), &None));
        let other = over(&machine, Driver::Amdgpu, "/opt/rocm/lib/libamdhip64.so.7.2.26015");
        assert!(unsaid(&other).contains("lies in a tree of ROCm 10.0.0"), "{}", unsaid(&other));
    }

    #[test]
    fn what_amd_does_not_say_of_a_driver_is_undetermined_with_the_reason() {
        let library = "/usr/lib/libamdhip64.so.6.2.41134";
        let cases = [
            ("/sys/module/amdgpu/refcnt", "1", library, "no version of its own"),
            ("/sys/module/amdgpu/version", "6.99.1", library, "which release of AMD's driver has the version 6.99.1"),
            ("/sys/module/amdgpu/version", "6.16.13", "/l/libamdhip64.so.8.3.1", "does not name ROCm 8.3"),
            ("/sys/module/amdgpu/version", "6.16.13", "/torch/lib/libamdhip64.so", "neither its name nor"),
            ("/sys/module/amdgpu/version", "6.16.13", "/l/libfoo.so.1", "is not known here"),
            ("/sys/module/amdgpu/version", "6.16.13", "/l/libamdhip64.so.4294967295.9.4294967295", "does not name"),
        ];
        for (file, text, library, why) in cases {
            let (_folder, machine) = made_of(&[(file, text)]);
            let found = over(&machine, Driver::Amdgpu, library);
            assert!(unsaid(&found).contains(why), "{library}: {}", unsaid(&found));
        }
    }

    #[test]
    fn a_cuda_runtime_takes_the_driver_of_its_release_and_any_later_one() {
        let said = |version: &str| format!("NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue\n");
        let on = |version: &str, library: &str| {
            let files = [("/proc/driver/nvidia/version", said(version)), ("/sys/module/nvidia/refcnt", "1".to_owned())];
            let (_folder, machine) = made_of(&files.each_ref().map(|(path, text)| (*path, text.as_str())));
            over(&machine, Driver::Nvidia, library)
        };
        for (version, library) in [
            ("580.65.06", "libcudart.so.13"),
            ("595.71.05", "libcudart.so.12.4.127"),
            ("535.54.03", "libcudart-d0da41ae.so.11.0"),
        ] {
            let found = on(version, &format!("/wheel/lib/{library}"));
            assert_eq!((found.violations.as_slice(), &found.open), ([].as_slice(), &None), "{library} over {version}");
        }
        let found = on("570.172.08", "/wheel/lib/libcudart.so.13");
        assert_eq!(found.violations[0].code, Code::WrongVersion);
        assert!(found.violations[0].expected.contains("580.65.06"), "{:?}", found.violations);
        assert!(unsaid(&on("580.65.06", "/l/libcudart.so")).contains("does not say its version"));
        assert!(unsaid(&on("580.65.06", "/l/libcublas.so.12")).contains("is not known here"));
    }

    #[test]
    fn a_check_of_a_runtime_is_titled_by_it() {
        let (_folder, machine) = made_of(&[]);
        let check = with_driver(machine, Driver::Amdgpu, None);
        assert_eq!(check.title(), "the driver amdgpu is there, as it should be");
        let check = DeviceCheck { runtime: Some("/opt/rocm/lib/libamdhip64.so.6".into()), ..check };
        assert_eq!(check.title(), "the driver amdgpu fits libamdhip64.so.6");
    }

    #[test]
    fn cuda_compat_leaves_open_what_would_be_too_old_without_it() {
        let said = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue\n";
        let files = [
            ("/proc/driver/nvidia/version", said),
            ("/sys/module/nvidia/refcnt", "1"),
            ("/usr/local/cuda-13.0/compat/libcuda.so.1", ""),
        ];
        let (_folder, machine) = made_of(&files);
        let runtime = over(&machine, Driver::Nvidia, "/usr/local/cuda-13.0/lib64/libcudart.so.13.0.48");
        assert!(unsaid(&runtime).contains("cuda-compat is here"), "{}", unsaid(&runtime));
        let library = over(&machine, Driver::Nvidia, "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06");
        assert!(unsaid(&library).contains("of a package cuda-compat"), "{}", unsaid(&library));
    }
}
