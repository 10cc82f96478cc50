//! What has become of a file: the same content, another build, another ABI, or something else altogether.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::interpose::diff::What;
use crate::lock::Hashed;
use crate::lock::format::time;
use crate::lock::plan::{Part, Planned};
use crate::lock::state::FileState;

use super::Sides;
use super::drift::{Drift, LOCK_AGAIN, Rebuild, mend, short};
use super::elf::ElfChange;
use super::rebuild::built_here;

/// Permission bits to write.
const WRITE: u32 = 0o222;

impl Sides<'_> {
    pub(super) fn file(&self, name: &str, planned: &Planned, was: &FileState, is: &FileState, drift: &mut Drift) {
        if was.content == is.content {
            same_content(was, is, drift);
        } else if let Some(change) = self.changed.get(name) {
            self.elf(planned, was, is, change, drift);
        } else {
            other_content(was, is, drift);
            if was.elf.is_some() && is.elf.is_none() && built_here(planned) {
                drift.rebuild = Some(Rebuild::Yes("it is no library any more: build or install it again".to_owned()));
            }
        }
        if was.link != is.link {
            let shown = |link: &Option<String>| link.clone().unwrap_or_else(|| "no link".to_owned());
            let actual = format!("the link leads to {}", shown(&is.link));
            drift.differs(Code::Drifted, format!("a link to {}", shown(&was.link)), actual, LOCK_AGAIN);
        }
        // Who may write to it is no part of whether it works; and a clone's files have the mode that its user likes.
        if (was.mode ^ is.mode) & !WRITE != 0 {
            let lost = was.mode & !is.mode & !WRITE;
            let actual = format!("mode {:04o}{}", is.mode, if lost != 0 { ": permissions are gone" } else { "" });
            drift.differs(
                Code::Drifted,
                format!("mode {:04o}", was.mode),
                actual,
                &format!("chmod {:o} {name}", was.mode),
            );
        }
        if is.elf.is_some() {
            self.judge_rebuild(name, planned, was, is, drift);
        }
    }

    fn elf(&self, planned: &Planned, was: &FileState, is: &FileState, change: &ElfChange, drift: &mut Drift) {
        let size = sizes(&was.content, &is.content);
        let build_id = |file: &FileState| file.elf.as_ref().and_then(|elf| elf.build_id.clone());
        let (old, new) = (build_id(was), build_id(is));
        let again = old != new;
        if let (true, Some(old), Some(new)) = (again, &old, &new) {
            drift.saw(format!("build id {} → {}", short(old), short(new)));
        }
        let mut whys = BTreeSet::new();
        for one in change.changes.iter().filter(|change| change.breaks || change.change == What::SymbolMoved) {
            if whys.insert(one.why) {
                drift.saw(format!("{}: {}", one.subject, one.why));
            }
        }
        let actual = change.sentence(&size, again);
        // What a client exports is no promise to the shim.
        let only_client = planned.parts.iter().eq([&Part::Client]);
        let code = if change.breaks() && !only_client { Code::AbiChanged } else { Code::Drifted };
        let expected = format!("sha256 {}, as it was", short(&was.content.sha256));
        drift.differs(code, expected, actual, mend(code));
    }
}

fn same_content(was: &FileState, is: &FileState, drift: &mut Drift) {
    drift.saw(format!("sha256 {}, {} bytes, as it was", short(&is.content.sha256), is.content.size));
    if was.modified != is.modified {
        drift.saw(format!("only its time moved: {} → {}", time(was.modified), time(is.modified)));
    }
}

fn other_content(was: &FileState, is: &FileState, drift: &mut Drift) {
    let expected = format!("sha256 {}, as it was", short(&was.content.sha256));
    let what = match (was.elf.is_some(), is.elf.is_some()) {
        (true, false) => ", no ELF file any more that can be read",
        (false, true) => ", an ELF file now",
        _ => "",
    };
    let actual = format!("sha256 {}, {}{what}", short(&is.content.sha256), sizes(&was.content, &is.content));
    drift.differs(Code::HashDiffers, expected, actual, mend(Code::HashDiffers));
}

pub(super) fn sizes(was: &Hashed, is: &Hashed) -> String {
    match (was.size, is.size) {
        (old, new) if old == new => "same size".to_owned(),
        (old, new) => format!("{old} → {new} bytes"),
    }
}
