//! `library`: an installed library is there, is ELF, and is the one meant.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use globset::GlobMatcher;

use crate::check::digest::Digest;
use crate::check::fields::Fields;
use crate::check::finding::{Finding, Open};
use crate::code::{Code, Severity};
use crate::diagnosis::Diagnosis;
use crate::interpose::{Library, SearchFolder, search_folders};
use crate::lock::Subject;

use super::refused::refused;
use super::{Context, Found, Kind, Texts};

#[derive(Debug)]
struct LibraryCheck {
    path: PathBuf,
    soname: Option<String>,
    build_id: Option<String>,
    sha256: Option<String>,
    /// The product in the build tree that it must have been installed from.
    same_build_as: Option<PathBuf>,
    needs: Vec<String>,
    /// What each part of RPATH and RUNPATH must be like.
    runpath: Vec<GlobMatcher>,
}

/// What its fields are for.
pub(super) const FIELDS: Texts = &[
    ("path", "The library's file."),
    ("soname", "Its SONAME."),
    ("build_id", "Its build id in hexadecimal digits."),
    ("sha256", "The SHA-256 of the file in 64 hexadecimal digits."),
    (
        "same_build_as",
        "Another file that must be of the same build, by its build id: stripping or another RUNPATH is no other build.",
    ),
    ("needed", "Libraries that must be among its NEEDED: one, or a list."),
    (
        "runpath",
        "A glob, or a list, that every folder of its RPATH and RUNPATH must be like; each must lead somewhere.",
    ),
];

pub(super) fn parse(fields: &Fields<'_>) -> Option<Arc<dyn Kind>> {
    let path = fields.required("path", "the library", Fields::path);
    let check = LibraryCheck {
        path: path.clone().unwrap_or_default(),
        soname: fields.text("soname"),
        build_id: fields.text("build_id"),
        sha256: fields.text("sha256"),
        same_build_as: fields.path("same_build_as"),
        needs: fields.texts("needed").unwrap_or_default(),
        runpath: fields.globs("runpath").unwrap_or_default(),
    };
    path.map(|_| Arc::new(check) as Arc<dyn Kind>)
}

impl Kind for LibraryCheck {
    fn title(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        format!("{} is installed", name.display())
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject::File(self.path.clone())]
    }

    fn run(&self, context: &Context<'_>) -> Found {
        if let Some(finding) = refused([self.path.as_path()]) {
            return finding.into();
        }
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Finding::violation(Diagnosis::new(Code::LibraryMissing, path.to_string(), "no such file"))
                    .into();
            }
            Err(error) => return Finding::undetermined(format!("{path}: {error}")).into(),
            Ok(_) => {}
        }
        let library = match Library::read(&self.path) {
            Ok(library) => library,
            Err(error) => {
                let actual = error.source.to_string();
                return Finding::violation(Diagnosis::new(Code::WrongType, format!("{path}, an ELF library"), actual))
                    .into();
            }
        };
        let mut finding = Finding::default();
        match context.helpers.share(|| context.hashes.sha256(&self.path)) {
            Ok(Digest { sha256, size }) => self.look_at_file(&sha256, size, &mut finding),
            Err(error) => return Finding::undetermined(format!("{path}: {error}")).into(),
        }
        self.look_at_names(&library, &mut finding);
        self.look_at_build(&library, &mut finding);
        self.look_at_search_path(&library, &mut finding);
        finding.into()
    }
}

impl LibraryCheck {
    fn look_at_file(&self, hash: &str, size: u64, finding: &mut Finding) {
        let changed = fs::metadata(&self.path).and_then(|metadata| metadata.modified());
        let changed = changed.map_or_else(|_| "unknown".into(), |t| humantime::format_rfc3339_seconds(t).to_string());
        finding.saw(format!("{}, {size} bytes, modified {changed}, sha256 {hash}", self.path.display()));
        if let Some(wanted) = self.sha256.as_ref().filter(|wanted| !wanted.eq_ignore_ascii_case(hash)) {
            finding.violates(Diagnosis::new(Code::HashDiffers, format!("sha256 {wanted}"), format!("sha256 {hash}")));
        }
    }

    fn look_at_names(&self, library: &Library, finding: &mut Finding) {
        let soname = library.soname.as_deref().unwrap_or("none");
        let build_id = library.build_id.as_deref().unwrap_or("none");
        finding.saw(format!("SONAME {soname}, build id {build_id}, NEEDs {}", or_none(&library.needed.join(", "))));
        if let Some(wanted) = self.soname.as_ref().filter(|wanted| *wanted != soname) {
            let fix = format!("link it with -Wl,-soname,{wanted}");
            let diagnosis =
                Diagnosis::new(Code::SonameMismatch, format!("SONAME {wanted}"), format!("SONAME {soname}"));
            finding.violates(diagnosis.mended_by(fix));
        }
        if let Some(wanted) = self.build_id.as_ref().filter(|wanted| !wanted.eq_ignore_ascii_case(build_id)) {
            let actual = format!("build id {build_id}");
            finding.violates(Diagnosis::new(Code::HashDiffers, format!("build id {wanted}"), actual));
        }
        for wanted in self.needs.iter().filter(|wanted| !library.needed.contains(wanted)) {
            let actual = format!("it NEEDs {}", or_none(&library.needed.join(", ")));
            finding.violates(Diagnosis::new(Code::MissingLibrary, format!("DT_NEEDED {wanted}"), actual));
        }
    }

    /// Installing may strip a file or change its search path: the build id stays.
    fn look_at_build(&self, library: &Library, finding: &mut Finding) {
        let Some(built) = &self.same_build_as else { return };
        let shown = built.display();
        let product = match Library::read(built) {
            Ok(product) => product,
            Err(error) => {
                let reason = format!("which build it is cannot be told: {error}");
                finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
                return;
            }
        };
        match (&library.build_id, &product.build_id) {
            (Some(own), Some(built)) if own == built => finding.saw(format!("the same build as {shown}")),
            (Some(own), Some(built)) => {
                let expected = format!("the build that {shown} is: build id {built}");
                let diagnosis = Diagnosis::new(Code::StaleBuild, expected, format!("another: build id {own}"));
                finding
                    .violates(diagnosis.weighing(Severity::Fail).mended_by("install it again: cmake --install BUILD"));
            }
            _ => {
                let reason =
                    format!("without build ids (-Wl,--build-id) it cannot be told from which build of {shown} it is");
                finding.open = Some(Open::Undetermined { reason, code: None, fix: None });
            }
        }
    }

    /// Every folder that the library asks ld.so to search must be there: a dangling one is where another copy comes from.
    fn look_at_search_path(&self, library: &Library, finding: &mut Finding) {
        for (tag, list) in [("RUNPATH", &library.runpath), ("RPATH", &library.rpath)] {
            if let Some(list) = list {
                finding.saw(format!("{tag} {list}"));
            }
        }
        self.look_for_strange_folders(library, finding);
        for folder in search_folders(&self.path, library.rpath.as_deref(), library.runpath.as_deref()) {
            if folder.place.is_none() {
                let SearchFolder { tag, written, .. } = &folder;
                finding.saw(format!("{tag} {written}: what it stands for depends on the processor; not looked for"));
            }
            if let Some(diagnosis) = folder.dangling(&self.path) {
                finding.violates(diagnosis);
            }
        }
    }
}

impl LibraryCheck {
    /// A folder of the machine that it was built on means nothing, or something else, where it is installed.
    fn look_for_strange_folders(&self, library: &Library, finding: &mut Finding) {
        if self.runpath.is_empty() {
            return;
        }
        let lists = [&library.rpath, &library.runpath].into_iter().flatten();
        let folders = lists.flat_map(|list| list.split(':')).filter(|folder| !folder.is_empty());
        let (right, strange): (Vec<&str>, Vec<&str>) =
            folders.partition(|folder| self.runpath.iter().any(|glob| glob.is_match(folder)));
        if strange.is_empty() {
            let seen = if right.is_empty() { "neither RPATH nor RUNPATH".to_owned() } else { right.join(", ") };
            // It is what was asked, so it stands before what is said of every library.
            return finding.evidence.insert(0, seen);
        }
        let wanted: Vec<&str> = self.runpath.iter().map(|glob| glob.glob().glob()).collect();
        let expected = format!("in RPATH and RUNPATH nothing but {}", wanted.join(" or "));
        let fix = format!("link with -Wl,-rpath,'$ORIGIN', or: patchelf --set-rpath '$ORIGIN' {}", self.path.display());
        finding.violates(Diagnosis::new(Code::RunpathDangling, expected, strange.join(", ")).mended_by(fix));
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
