//! `path`: something is there (or is not), of the right type, mode, owner and size, and a link leads where it should.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;

use super::accounts::{group_id, group_name, user_id, user_name};
use super::bounds::{Bounds, human};
use super::{Context, Found, Kind, Texts};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    File,
    Folder,
    Link,
    Executable,
    Device,
    Socket,
}

#[derive(Debug)]
struct PathCheck {
    path: PathBuf,
    exists: bool,
    wanted: Option<Type>,
    /// Permission bits, those of setuid, setgid and sticky among them.
    mode: Option<u32>,
    /// By name or number, as written.
    owner: Option<String>,
    group: Option<String>,
    /// In bytes.
    size: Option<Bounds>,
    newer_than: Option<PathBuf>,
    /// Where a symbolic link must lead, as written.
    target: Option<PathBuf>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The file or folder."),
    ("exists", "Whether it must be there, or must not; true where nothing is said."),
    ("type", "What it must be."),
    ("mode", "Its permissions in octal, exactly, such as 0644."),
    ("owner", "Its owner: a name or a number."),
    ("group", "Its group: a name or a number."),
    ("size", "Its size, a number of bytes such as 64KiB, or {min, max}."),
    ("newer_than", "A file that it must not be older than."),
    ("target", "Where the symbolic link must lead: what it says, or another name of the file that it leads to."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the file or folder", Fields::path);
    let types = [
        ("file", Type::File),
        ("folder", Type::Folder),
        ("link", Type::Link),
        ("executable", Type::Executable),
        ("device", Type::Device),
        ("socket", Type::Socket),
    ];
    let check = PathCheck {
        path: path.clone().unwrap_or_default(),
        exists: fields.flag("exists").unwrap_or(true),
        wanted: fields.choice("type", &types),
        mode: fields.parsed("mode", "permissions in octal such as 0644", parse_mode),
        owner: fields.text("owner"),
        group: fields.text("group"),
        size: Bounds::of_bytes(fields, "size"),
        newer_than: fields.path("newer_than"),
        target: fields.text("target").map(PathBuf::from),
    };
    if !check.exists && check.asks_more() {
        let message = "`exists: false` leaves nothing of which type, mode, owner, group, size, newer_than or target could be asked";
        fields.reader().complain(fields.place(), message);
    }
    path.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

fn parse_mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777 && digits.len() >= 3)
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::File => "a file",
            Type::Folder => "a folder",
            Type::Link => "a symbolic link",
            Type::Executable => "an executable file",
            Type::Device => "a device",
            Type::Socket => "a socket",
        }
    }

    fn fits(self, metadata: &Metadata) -> bool {
        let kind = metadata.file_type();
        match self {
            Type::File => metadata.is_file(),
            Type::Folder => metadata.is_dir(),
            Type::Link => metadata.is_symlink(),
            Type::Executable => metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
            Type::Device => kind.is_char_device() || kind.is_block_device(),
            Type::Socket => kind.is_socket(),
        }
    }
}

fn describe(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match metadata {
        m if m.is_symlink() => "a symbolic link",
        m if m.is_dir() => "a folder",
        m if Type::Executable.fits(m) => "an executable file",
        m if m.is_file() => "a file that may not be executed",
        m if Type::Device.fits(m) => "a device",
        _ if kind.is_socket() => "a socket",
        _ if kind.is_fifo() => "a pipe",
        _ => "neither file nor folder",
    }
}

impl Kind for PathCheck {
    fn title(&self) -> String {
        let claim = if self.exists { "is there" } else { "is not there" };
        let more = if self.asks_more() && self.wanted.is_none() { ", as it should be" } else { "" };
        format!("{} {claim}{more}", self.path.display())
    }

    fn subjects(&self) -> Vec<Subject> {
        let content = self.exists && !matches!(self.wanted, Some(Type::Folder));
        if content { vec![Subject::File(self.path.clone())] } else { Vec::new() }
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        let path = self.path.display();
        let metadata = match self.wanted {
            Some(Type::Link) => fs::symlink_metadata(&self.path),
            _ => fs::metadata(&self.path),
        };
        match (metadata, self.exists) {
            (Ok(metadata), true) => self.look_at(&metadata, &mut finding),
            (Ok(metadata), false) => {
                let actual = format!("{path} is {}", describe(&metadata));
                finding.violates(Diagnosis::new(Code::WrongType, format!("nothing at {path}"), actual));
            }
            (Err(error), _) if error.kind() != std::io::ErrorKind::NotFound => {
                return Finding::undetermined(format!("{path}: {error}")).into();
            }
            (Err(_), false) => finding.saw(format!("nothing at {path}")),
            (Err(_), true) => {
                let expected = format!("{} at {path}", self.wanted.map_or("something", Type::name));
                finding.violates(Diagnosis::new(Code::FileMissing, expected, missing(&self.path)));
            }
        }
        finding.into()
    }
}

impl PathCheck {
    fn asks_more(&self) -> bool {
        let attributes = [self.mode.is_some(), self.owner.is_some(), self.group.is_some(), self.size.is_some()];
        let others = [self.wanted.is_some(), self.newer_than.is_some(), self.target.is_some()];
        attributes.into_iter().chain(others).any(|asked| asked)
    }

    fn look_at(&self, metadata: &Metadata, finding: &mut Finding) {
        let path = self.path.display();
        finding.saw(format!("{path} is {}", describe(metadata)));
        if let Some(wanted) = self.wanted.filter(|wanted| !wanted.fits(metadata)) {
            let actual = format!("{path} is {}", describe(metadata));
            finding.violates(Diagnosis::new(Code::WrongType, wanted.name(), actual));
        }
        self.look_at_target(metadata, finding);
        self.look_at_permissions(metadata, finding);
        self.look_at_size(metadata, finding);
        self.look_at_age(metadata, finding);
    }

    fn look_at_target(&self, metadata: &Metadata, finding: &mut Finding) {
        let Some(wanted) = &self.target else { return };
        let path = self.path.display();
        let expected = format!("{path} a symbolic link to {}", wanted.display());
        let Ok(written) = fs::read_link(&self.path) else {
            let actual = format!("{path} is {}", describe(metadata));
            return finding.violates(Diagnosis::new(Code::WrongType, expected, actual));
        };
        // A link may say the same place in other words: relative, or by way of another link.
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let meant = fs::canonicalize(folder.join(wanted));
        let same = matches!((fs::canonicalize(&self.path), meant), (Ok(led), Ok(meant)) if led == meant);
        let actual = format!("it leads to {}", written.display());
        if written == *wanted || same {
            return finding.saw(actual);
        }
        let fix = format!("ln -sfn {} {path}", wanted.display());
        finding.violates(Diagnosis::new(Code::WrongTarget, expected, actual).mended_by(fix));
    }

    fn look_at_permissions(&self, metadata: &Metadata, finding: &mut Finding) {
        let path = self.path.display();
        let mut asked = |expected: String, actual: String, holds: bool, fix: String| {
            if holds {
                finding.saw(format!("{path}: {actual}"));
            } else {
                let actual = format!("{path}: {actual}");
                finding.violates(Diagnosis::new(Code::WrongPermissions, expected, actual).mended_by(fix));
            }
        };
        if let Some(wanted) = self.mode {
            let mode = metadata.mode() & 0o7777;
            let fix = format!("chmod {wanted:04o} {path}");
            asked(format!("mode {wanted:04o}"), format!("mode {mode:04o}"), mode == wanted, fix);
        }
        if let Some(wanted) = &self.owner {
            let (name, holds) = (user_name(metadata.uid()), user_id(wanted) == Some(metadata.uid()));
            asked(format!("owner {wanted}"), format!("owner {name}"), holds, format!("chown {wanted} {path}"));
        }
        if let Some(wanted) = &self.group {
            let (name, holds) = (group_name(metadata.gid()), group_id(wanted) == Some(metadata.gid()));
            asked(format!("group {wanted}"), format!("group {name}"), holds, format!("chgrp {wanted} {path}"));
        }
    }

    fn look_at_size(&self, metadata: &Metadata, finding: &mut Finding) {
        let Some(wanted) = &self.size else { return };
        let path = self.path.display();
        if !metadata.is_file() {
            let actual = format!("{path} is {}", describe(metadata));
            return finding.violates(Diagnosis::new(Code::WrongType, "a file, whose size can be asked", actual));
        }
        let actual = format!("{} ({} bytes)", human(metadata.len()), metadata.len());
        if wanted.admit(metadata.len()) {
            finding.saw(actual);
        } else {
            finding.violates(Diagnosis::new(Code::WrongSize, format!("{path} of {wanted}"), actual));
        }
    }

    fn look_at_age(&self, metadata: &Metadata, finding: &mut Finding) {
        let Some(other) = &self.newer_than else { return };
        let expected = format!("{} not older than {}", self.path.display(), other.display());
        let Ok(changed) = fs::metadata(other).and_then(|metadata| metadata.modified()) else {
            let actual = format!("nothing at {}", other.display());
            return finding.violates(Diagnosis::new(Code::FileMissing, expected, actual));
        };
        let Ok(own) = metadata.modified() else { return };
        let time = |time: SystemTime| humantime::format_rfc3339_seconds(time);
        let actual = format!("changed at {}, {} at {}", time(own), other.display(), time(changed));
        if own >= changed {
            finding.saw(actual);
        } else {
            finding.violates(Diagnosis::new(Code::StaleBuild, expected, actual));
        }
    }
}

/// What is there instead: nothing, a link that leads nowhere, or not even the folder.
fn missing(path: &Path) -> String {
    if let Ok(target) = fs::read_link(path) {
        return format!("a symbolic link to {}, which is not there", target.display());
    }
    let there = path.ancestors().skip(1).find(|folder| folder.is_dir());
    match there {
        Some(folder) if Some(folder) != path.parent() => {
            format!("nothing; {} is the last folder there", folder.display())
        }
        _ => "nothing".to_owned(),
    }
}
