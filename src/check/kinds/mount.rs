//! `mount`: the file system that a path lies on: its type and options, and the space that is free.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::GlobMatcher;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::bounds::human;
use super::machine::Machine;
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct MountCheck {
    machine: Machine,
    path: PathBuf,
    /// Whether the path itself must be where a file system is mounted.
    point: bool,
    types: Vec<GlobMatcher>,
    options: Vec<GlobMatcher>,
    lacks_options: Vec<GlobMatcher>,
    /// Bytes that must be free for this user.
    free: Option<u64>,
}

/// A line of /proc/self/mountinfo (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    kind: String,
    source: String,
    /// Those of the mount and of the file system, as one set: what either forbids is forbidden.
    options: Vec<String>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "A folder or file on the file system."),
    ("point", "Whether the path itself must be where it is mounted."),
    ("type", "The file system's type: a glob, or a list of which one must fit."),
    ("options", "Mount options that it must have: a glob, or a list."),
    ("lacks_options", "Mount options that it must not have, such as noexec: a glob, or a list."),
    ("free", "How much space must be free for users other than root, such as 20GiB."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "a folder or file on the file system", Fields::path);
    let check = MountCheck {
        machine: Machine::this(),
        path: path.clone().unwrap_or_default(),
        point: fields.flag("point").unwrap_or(false),
        types: fields.globs("type").unwrap_or_default(),
        options: fields.globs("options").unwrap_or_default(),
        lacks_options: fields.globs("lacks_options").unwrap_or_default(),
        free: fields.size("free"),
    };
    let names = ["point", "type", "options", "lacks_options", "free"];
    if names.into_iter().all(|name| fields.node(name).is_none()) {
        let message = format!("a check of kind `mount` asks for nothing; expected one of {}", names.join(", "));
        fields.reader().complain(fields.place(), message);
    }
    path.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

impl Kind for MountCheck {
    fn title(&self) -> String {
        let path = self.path.display();
        match self.free {
            _ if self.point => format!("{path} is mounted as it should be"),
            Some(free) => format!("{path} has {} free", human(free)),
            None => format!("{path} lies on a file system as it should be"),
        }
    }

    fn is_of_the_node(&self) -> bool {
        true
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let path = self.path.display();
        let real = match fs::canonicalize(&self.path) {
            Ok(real) => real,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let expected = format!("a folder at {path}");
                return Finding::violation(Diagnosis::new(Code::FileMissing, expected, "nothing")).into();
            }
            Err(error) => return Finding::undetermined(format!("{path}: {error}")).into(),
        };
        let mount = match self.mount_of(&real) {
            Ok(mount) => mount,
            Err(error) => return Finding::undetermined(format!("mounts cannot be read: {error}")).into(),
        };
        let mut finding = Finding::default();
        self.judge(&real, &mount, &mut finding);
        match self.free_space(&real, &mut finding) {
            Ok(()) => finding.into(),
            Err(error) => Finding::undetermined(format!("{path}: its free space cannot be asked: {error}")).into(),
        }
    }
}

impl MountCheck {
    /// The mount with the longest path that leads there; of several on one path, the one on top.
    fn mount_of(&self, path: &Path) -> io::Result<Mount> {
        let text = self.machine.read("/proc/self/mountinfo")?;
        let mounts = text.lines().filter_map(Mount::parse).filter(|mount| path.starts_with(&mount.point));
        let deepest = mounts.max_by_key(|mount| mount.point.components().count());
        deepest.ok_or_else(|| io::Error::other("none leads there"))
    }

    fn judge(&self, path: &Path, mount: &Mount, finding: &mut Finding) {
        let Mount { point, kind, source, options } = mount;
        let (point, all) = (point.display(), options.join(","));
        finding.saw(format!("{} is on {point}: {source}, {kind}, {all}", path.display()));
        if self.point && path != mount.point {
            let expected = format!("a file system mounted at {}", self.path.display());
            let actual = format!("none; the path lies on {point} ({kind})");
            finding.violates(Diagnosis::new(Code::MountMissing, expected, actual));
        }
        if !self.types.is_empty() && !self.types.iter().any(|wanted| wanted.is_match(kind)) {
            let wanted: Vec<&str> = self.types.iter().map(|glob| glob.glob().glob()).collect();
            let expected = format!("a file system of type {} at {}", wanted.join(" or "), self.path.display());
            finding.violates(Diagnosis::new(Code::WrongMount, expected, format!("{kind} at {point}")));
        }
        for wanted in self.options.iter().filter(|wanted| !mount.has(wanted)) {
            let expected = format!("{point} mounted with {}", wanted.glob());
            finding.violates(
                Diagnosis::new(Code::WrongMount, expected, all.as_str()).mended_by(remount(wanted, &mount.point)),
            );
        }
        for unwanted in self.lacks_options.iter().filter(|unwanted| mount.has(unwanted)) {
            let opposite = unwanted.glob().glob().strip_prefix("no").unwrap_or("…");
            let expected = format!("{point} mounted without {}", unwanted.glob());
            let fix =
                format!("mount -o remount,{opposite} {point}, and change it in /etc/fstab; or use another folder");
            finding.violates(Diagnosis::new(Code::WrongMount, expected, all.as_str()).mended_by(fix));
        }
    }

    fn free_space(&self, path: &Path, finding: &mut Finding) -> io::Result<()> {
        let Some(wanted) = self.free else { return Ok(()) };
        let system = rustix::fs::statvfs(path)?;
        // What is left for users other than root.
        let free = system.f_bavail.saturating_mul(system.f_frsize);
        let actual = format!("{} free", human(free));
        if free >= wanted {
            finding.saw(actual);
        } else {
            let expected = format!("{} free at {}", human(wanted), self.path.display());
            finding.violates(Diagnosis::new(Code::SpaceLow, expected, actual));
        }
        Ok(())
    }
}

fn remount(option: &GlobMatcher, point: &Path) -> String {
    format!("mount -o remount,{} {}, and change it in /etc/fstab", option.glob(), point.display())
}

impl Mount {
    /// `36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue`
    fn parse(line: &str) -> Option<Mount> {
        let (first, second) = line.split_once(" - ")?;
        let mut first = first.split(' ').skip(4);
        let (point, own) = (first.next()?, first.next()?);
        let mut second = second.split(' ');
        let (kind, source, system) = (second.next()?, second.next()?, second.next().unwrap_or_default());
        let mut options: Vec<String> = own.split(',').map(str::to_owned).collect();
        options.extend(system.split(',').filter(|option| !option.is_empty()).map(str::to_owned));
        if options.iter().any(|option| option == "ro") {
            options.retain(|option| option != "rw");
        }
        let mut seen = std::collections::HashSet::new();
        options.retain(|option| seen.insert(option.clone()));
        Some(Mount { point: unescape(point).into(), kind: kind.to_owned(), source: unescape(source), options })
    }

    /// `exec`, `suid` and `dev` are what their opposites are not.
    fn has(&self, wanted: &GlobMatcher) -> bool {
        let text = wanted.glob().glob();
        match ["exec", "suid", "dev"].contains(&text) {
            true => !self.options.contains(&format!("no{text}")),
            false => self.options.iter().any(|option| wanted.is_match(option)),
        }
    }
}

/// Spaces and the like stand as `\040`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let octal = more.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (first, octal) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &more[3..];
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use globset::Glob;

    use super::super::machine::made_of;
    use super::*;

    const MOUNTS: &str = "1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
        2 1 0:20 / /tmp rw,nosuid,noexec - tmpfs tmpfs rw,size=65536k\n\
        3 1 8:2 / /my\\040data rw master:1 - xfs /dev/sdb1 ro\n\
        4 1 0:30 / /tmp/over rw - overlay overlay rw\n\
        5 4 0:31 / /tmp/over ro - squashfs /x rw\n";

    fn mount_of(path: &str) -> Mount {
        let (_folder, machine) = made_of(&[("/proc/self/mountinfo", MOUNTS)]);
        check(machine).mount_of(Path::new(path)).expect("a mount")
    }

    fn check(machine: Machine) -> MountCheck {
        MountCheck {
            machine,
            path: "/".into(),
            point: false,
            types: Vec::new(),
            options: Vec::new(),
            lacks_options: Vec::new(),
            free: None,
        }
    }

    #[test]
    fn a_path_lies_on_the_deepest_mount_and_on_the_last_of_several() {
        for (path, kind) in
            [("/", "ext4"), ("/tmpx", "ext4"), ("/tmp/a/b", "tmpfs"), ("/my data/x", "xfs"), ("/tmp/over", "squashfs")]
        {
            assert_eq!(mount_of(path).kind, kind, "{path}");
        }
    }

    #[test]
    fn an_option_is_there_by_name_by_glob_or_by_the_absence_of_its_opposite() {
        let has = |path: &str, option: &str| mount_of(path).has(&Glob::new(option).expect("a glob").compile_matcher());
        assert!(has("/tmp", "noexec") && !has("/tmp", "exec") && has("/tmp", "dev") && has("/tmp", "size=*"));
        assert!(has("/", "exec") && has("/", "rw") && !has("/", "ro"));
        assert!(has("/my data", "ro") && !has("/my data", "rw"));
    }

    #[test]
    fn without_a_list_of_mounts_nothing_is_claimed() {
        let (_folder, machine) = made_of(&[]);
        assert!(check(machine).mount_of(Path::new("/")).is_err());
        let (_folder, machine) = made_of(&[("/proc/self/mountinfo", "garbage\n1 2 3 - \n")]);
        assert!(check(machine).mount_of(Path::new("/")).is_err());
    }
}
