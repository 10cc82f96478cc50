//! `tree`: a folder holds the files of a manifest, each with its contents, and (if asked) no others.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::GlobMatcher;
use walkdir::WalkDir;

use crate::check::digest::is_sha256;
use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::{Diagnosis, listed};
use crate::lock::{FILE_NAME, Subject};

use super::{Context, Found, Kind, Texts};

/// The file paths of a tree, relative to it, each with its SHA-256.
type Manifest = BTreeMap<PathBuf, String>;

#[derive(Debug)]
struct TreeCheck {
    path: PathBuf,
    /// A file as sha256sum writes it, with paths relative to the tree.
    manifest: Option<PathBuf>,
    files: Manifest,
    /// Whether files that the manifest lacks are wrong.
    complete: bool,
    exclude: Vec<GlobMatcher>,
    /// Whether its files are to be as the lock has them: whether there is a lock that could.
    lock: Option<bool>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The folder."),
    ("manifest", "The file that says what is in it, as sha256sum writes it."),
    ("files", "PATH: SHA256 pairs that say what is in it."),
    ("lock", "Whether it must be as it was when `xdoctor lock` last looked."),
    ("complete", "Whether nothing else may be in it."),
    ("exclude", "Globs of what is not looked at."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the folder", Fields::path);
    let manifest = fields.path("manifest");
    let inline = fields.pairs("files");
    let complete = fields.flag("complete").unwrap_or(false);
    let exclude = fields.globs("exclude").unwrap_or_default();
    let complain = |message: String| fields.reader().complain(fields.place(), message);
    let lock = fields.flag("lock").unwrap_or(false).then(|| fields.reader().base.join(FILE_NAME).exists());
    if [manifest.is_some(), inline.is_some(), lock.is_some()].into_iter().filter(|given| *given).count() != 1 {
        complain(
            "a check of kind `tree` needs one of `manifest` (a file of sha256sum), `files`: PATH: SHA256 pairs, \
             and `lock: true` (what `xdoctor lock` remembers)"
                .into(),
        );
    }
    let mut files = Manifest::new();
    for (name, digest) in inline.unwrap_or_default() {
        match (relative(&name), is_sha256(&digest)) {
            (Some(path), true) => drop(files.insert(path, digest)),
            (None, _) => complain(format!("`{name}` does not lie in the folder: expected a relative path without ..")),
            (_, false) => complain(format!("expected 64 hexadecimal digits as the sha256 of {name}, found `{digest}`")),
        }
    }
    Some(Arc::new(TreeCheck { path: path?, manifest, files, complete, exclude, lock }))
}

impl Kind for TreeCheck {
    fn title(&self) -> String {
        let only = if self.complete { ", and nothing else" } else { "" };
        match &self.manifest {
            None if self.lock.is_some() => format!("{} is there, and its files are remembered", self.path.display()),
            Some(manifest) => format!("{} is as {} says{only}", self.path.display(), manifest.display()),
            None => format!("{} holds the {} files meant{only}", self.path.display(), self.files.len()),
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        match (&self.manifest, self.lock) {
            (_, Some(_)) => vec![Subject::Tree(self.path.clone())],
            (Some(manifest), None) => vec![Subject::File(manifest.clone())],
            (None, None) => self.files.keys().map(|name| Subject::File(self.path.join(name))).collect(),
        }
    }

    fn run(&self, context: &Context<'_>) -> Found {
        if !self.path.is_dir() {
            let expected = format!("a folder at {}", self.path.display());
            return Finding::violation(Diagnosis::new(Code::FileMissing, expected, "no such folder")).into();
        }
        if let Some(locked) = self.lock {
            return remembered(locked).into();
        }
        let read;
        let manifest = match self.manifest.as_deref().map(read_manifest) {
            None => &self.files,
            Some(Ok(manifest)) => {
                read = manifest;
                &read
            }
            Some(Err(finding)) => return (*finding).into(),
        };
        let mut finding = Finding::default();
        self.compare(manifest, context, &mut finding);
        if self.complete {
            self.look_for_others(manifest, &mut finding);
        }
        finding.into()
    }
}

/// The comparison itself is a check of its own, in the step that the lock adds.
fn remembered(locked: bool) -> Finding {
    if !locked {
        return Finding::skipped(format!("there is no {FILE_NAME} yet; `xdoctor lock` writes it"));
    }
    let mut finding = Finding::default();
    finding.saw(format!("{FILE_NAME} remembers its files; the step Memory compares them"));
    finding
}

impl TreeCheck {
    fn compare(&self, manifest: &Manifest, context: &Context<'_>, finding: &mut Finding) {
        let wanted: Vec<(&PathBuf, &String)> =
            manifest.iter().filter(|(path, _)| !self.exclude.iter().any(|glob| glob.is_match(path))).collect();
        let paths: Vec<PathBuf> = wanted.iter().map(|(path, _)| self.path.join(path)).collect();
        let digests = context.helpers.share(|| context.hashes.sha256_all(&paths));
        let (mut bytes, mut missing, mut changed, mut unreadable) = (0, Vec::new(), Vec::new(), Vec::new());
        for (((path, wanted), digest), file) in wanted.iter().zip(digests).zip(&paths) {
            let name = path.display().to_string();
            match digest {
                Ok(digest) => {
                    bytes += digest.size;
                    if !digest.sha256.eq_ignore_ascii_case(wanted) {
                        changed.push(name);
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => missing.push(name),
                Err(error) if file.exists() && !file.is_file() => changed.push(format!("{name} ({error})")),
                Err(error) => unreadable.push(format!("{name}: {error}")),
            }
        }
        let all = wanted.len();
        finding.saw(format!("{all} files, {bytes} bytes: {} changed, {} missing", changed.len(), missing.len()));
        if !changed.is_empty() {
            let expected = format!("every file of the manifest unchanged in {}", self.path.display());
            finding.violates(Diagnosis::new(Code::HashDiffers, expected, format!("changed: {}", listed(&changed, 5))));
        }
        if !missing.is_empty() {
            let expected = format!("every file of the manifest in {}", self.path.display());
            finding.violates(Diagnosis::new(Code::FileMissing, expected, format!("missing: {}", listed(&missing, 5))));
        }
        if !unreadable.is_empty() {
            let reason = format!("cannot be read: {}", listed(&unreadable, 3));
            finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
        }
    }

    fn look_for_others(&self, manifest: &Manifest, finding: &mut Finding) {
        let own = self.manifest.as_ref().and_then(|path| fs::canonicalize(path).ok());
        let is_manifest = |path: &Path| own.is_some() && fs::canonicalize(path).ok() == own;
        let (mut others, mut unreadable) = (Vec::new(), None);
        for entry in WalkDir::new(&self.path).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    let Ok(path) = entry.path().strip_prefix(&self.path) else { continue };
                    let excluded = self.exclude.iter().any(|glob| glob.is_match(path));
                    if !manifest.contains_key(path) && !excluded && !is_manifest(entry.path()) {
                        others.push(path.display().to_string());
                    }
                }
                Err(error) => unreadable = Some(error.to_string()),
            }
        }
        if !others.is_empty() {
            let expected = format!("nothing but the manifest's files in {}", self.path.display());
            let actual = format!("besides: {}", listed(&others, 5));
            finding.violates(Diagnosis::new(Code::FileUnexpected, expected, actual));
        }
        if let Some(reason) = unreadable {
            finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
        }
    }
}

/// Reads what `sha256sum FILE…` prints, in its two styles, or says why it cannot be used.
fn read_manifest(path: &Path) -> Result<Manifest, Box<Finding>> {
    let expected = || format!("a manifest, as sha256sum writes it, at {}", path.display());
    let wrong = |code, actual| Box::new(Finding::violation(Diagnosis::new(code, expected(), actual)));
    let text = fs::read_to_string(path).map_err(|error: Error| match error.kind() {
        ErrorKind::NotFound => wrong(Code::FileMissing, "no such file".to_owned()),
        ErrorKind::InvalidData | ErrorKind::IsADirectory => wrong(Code::WrongType, error.to_string()),
        _ => Box::new(Finding::undetermined(format!("{}: {error}", path.display()))),
    })?;
    let mut manifest = Manifest::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let read = entry(line).and_then(|(digest, name)| Some((relative(&name)?, digest)));
        let Some((file, digest)) = read else {
            let line = crate::elf::escape(line.as_bytes()).to_string();
            let number = index + 1;
            return Err(wrong(Code::WrongType, format!("line {number} is no `SHA256  PATH` in the folder: {line}")));
        };
        manifest.insert(file, digest);
    }
    if manifest.is_empty() {
        return Err(wrong(Code::WrongType, "it lists no file".to_owned()));
    }
    Ok(manifest)
}

/// `HASH  NAME`, `HASH *NAME`, `\HASH  NAME` with escapes in the name, or `SHA256 (NAME) = HASH`.
fn entry(line: &str) -> Option<(String, String)> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let (digest, name) = match line.strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = ")) {
        Some((name, digest)) => (digest, name),
        None => {
            let (digest, name) = line.split_once(' ')?;
            (digest, name.strip_prefix([' ', '*'])?)
        }
    };
    let name = if escaped { unescape(name) } else { name.to_owned() };
    is_sha256(digest).then(|| (digest.to_owned(), name))
}

fn unescape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => out.extend(letters.next().map(|escaped| match escaped {
                'n' => '\n',
                'r' => '\r',
                other => other,
            })),
            (letter, false) => out.push(letter),
        }
    }
    out
}

/// The path without `.`; `None` where it leads out of the folder.
fn relative(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!path.as_os_str().is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_styles_of_sha256sum_are_read() {
        let read = |line: String| entry(&line).map(|(_, name)| name);
        assert_eq!(read(format!("{DIGEST}  a b")), Some("a b".into()));
        assert_eq!(read(format!("{DIGEST} *a")), Some("a".into()));
        assert_eq!(read(format!("\\{DIGEST}  a\\nb\\\\c")), Some("a\nb\\c".into()));
        assert_eq!(read(format!("SHA256 (a (1)) = {DIGEST}")), Some("a (1)".into()));
        assert_eq!(read(format!("{DIGEST}\ta")), None);
        assert_eq!(read("d41d8cd98f00b204e9800998ecf8427e  md5".into()), None);
    }

    #[test]
    fn a_path_out_of_the_folder_is_none() {
        assert_eq!(relative("./a/./b"), Some("a/b".into()));
        for name in ["../a", "/etc/passwd", "a/../../b", "", "."] {
            assert_eq!(relative(name), None, "{name}");
        }
    }
}
