//! `hash`: a file, or each of some files, has exactly the contents meant.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use crate::check::digest::is_sha256;
use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::lock::Subject;

use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct HashCheck {
    /// Each file with its SHA-256.
    files: Vec<(PathBuf, String)>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The file; with `sha256`."),
    ("sha256", "Its SHA-256 in 64 hexadecimal digits."),
    ("files", "PATH: SHA256 pairs, for several files."),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.path("path");
    let digest = fields.text("sha256");
    let several = fields.pairs("files").unwrap_or_default();
    let complain = |message: String| fields.reader().complain(fields.place(), message);
    match (&path, &digest) {
        (Some(_), None) => complain("a check of kind `hash` with `path` needs `sha256`".into()),
        (None, Some(_)) => complain("a check of kind `hash` with `sha256` needs `path`".into()),
        (None, None) if several.is_empty() => {
            complain(
                "a check of kind `hash` lacks `path`; expected it with `sha256`, or `files`: PATH: SHA256 pairs".into(),
            );
        }
        _ => {}
    }
    let base = fields.reader().base;
    let several = several.into_iter().map(|(path, digest)| (base.join(path), digest));
    let files: Vec<(PathBuf, String)> = path.zip(digest).into_iter().chain(several).collect();
    for (path, digest) in files.iter().filter(|(_, digest)| !is_sha256(digest)) {
        complain(format!("expected 64 hexadecimal digits as the sha256 of {}, found `{digest}`", path.display()));
    }
    Some(Arc::new(HashCheck { files }))
}

impl Kind for HashCheck {
    fn title(&self) -> String {
        match self.files.as_slice() {
            [(path, _)] => format!("{} has the contents meant", path.display()),
            files => format!("{} files have the contents meant", files.len()),
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        self.files.iter().map(|(path, _)| Subject::File(path.clone())).collect()
    }

    fn run(&self, context: &Context<'_>) -> Found {
        let paths: Vec<PathBuf> = self.files.iter().map(|(path, _)| path.clone()).collect();
        let digests = context.helpers.share(|| context.hashes.sha256_all(&paths));
        let mut finding = Finding::default();
        for ((file, wanted), digest) in self.files.iter().zip(digests) {
            let path = file.display();
            match digest {
                Ok(digest) if digest.sha256.eq_ignore_ascii_case(wanted) => {
                    finding.saw(format!("{path}, {} bytes, sha256 {}", digest.size, digest.sha256));
                }
                Ok(digest) => {
                    let actual = format!("{path} has sha256 {}", digest.sha256);
                    finding.violates(Diagnosis::new(Code::HashDiffers, format!("sha256 {wanted}"), actual));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    finding.violates(Diagnosis::new(Code::FileMissing, format!("a file at {path}"), "no such file"));
                }
                Err(error) if file.exists() && !file.is_file() => {
                    finding.violates(Diagnosis::new(Code::WrongType, format!("a file at {path}"), error.to_string()));
                }
                Err(error) => {
                    let reason = format!("{path} cannot be read: {error}");
                    finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
                }
            }
        }
        finding.into()
    }
}
