//! `path`: something is there (or is not), and is of the right type.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::check::fields::Fields;
use crate::check::finding::Finding;
use crate::code::Code;
use crate::diagnosis::Diagnosis;

use super::{Context, Found, Kind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    File,
    Folder,
    Link,
    Executable,
}

#[derive(Debug)]
struct PathCheck {
    path: PathBuf,
    exists: bool,
    wanted: Option<Type>,
}

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the file or folder", Fields::path);
    let types =
        [("file", Type::File), ("folder", Type::Folder), ("link", Type::Link), ("executable", Type::Executable)];
    let wanted = fields.choice("type", &types);
    let exists = fields.flag("exists").unwrap_or(true);
    Some(Arc::new(PathCheck { path: path?, exists, wanted }))
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::File => "a file",
            Type::Folder => "a folder",
            Type::Link => "a symbolic link",
            Type::Executable => "an executable file",
        }
    }

    fn fits(self, metadata: &Metadata) -> bool {
        match self {
            Type::File => metadata.is_file(),
            Type::Folder => metadata.is_dir(),
            Type::Link => metadata.is_symlink(),
            Type::Executable => metadata.is_file() && metadata.permissions().mode() & 0o111 != 0,
        }
    }
}

fn describe(metadata: &Metadata) -> &'static str {
    match metadata {
        m if m.is_symlink() => "a symbolic link",
        m if m.is_dir() => "a folder",
        m if Type::Executable.fits(m) => "an executable file",
        m if m.is_file() => "a file that may not be executed",
        _ => "neither file nor folder",
    }
}

impl Kind for PathCheck {
    fn title(&self) -> String {
        let claim = if self.exists { "is there" } else { "is not there" };
        format!("{} {claim}", self.path.display())
    }

    fn run(&self, _: &Context<'_>) -> Found {
        let mut finding = Finding::default();
        let path = self.path.display();
        let metadata = match self.wanted {
            Some(Type::Link) => fs::symlink_metadata(&self.path),
            _ => fs::metadata(&self.path),
        };
        match (metadata, self.exists) {
            (Ok(metadata), true) => {
                finding.saw(format!("{path} is {}", describe(&metadata)));
                if let Some(wanted) = self.wanted.filter(|wanted| !wanted.fits(&metadata)) {
                    let actual = format!("{path} is {}", describe(&metadata));
                    finding.violates(Diagnosis::new(Code::WrongType, wanted.name(), actual));
                }
            }
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

/// What is there instead: nothing, a link that leads nowhere, or not even the folder.
fn missing(path: &std::path::Path) -> String {
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
