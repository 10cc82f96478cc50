//! What was observed of each process image: its objects, its calls, and what could not be seen.

use std::path::{Path, PathBuf};

use super::record::Record;

/// One program in one process, from its exec or fork to its end or next exec.
#[derive(Debug, Default)]
pub struct Image {
    /// The process.
    pub pid: u32,
    /// Which of the process's images it is, from 0 on.
    pub ordinal: u32,
    /// Its parent when it began.
    pub parent: u32,
    /// Whether a fork began it: its objects and references are those that its parent had then, its counts its own.
    pub forked: bool,
    /// Whether the program called exit, or returned from main, and its own destructors have run.
    pub finished: bool,
    /// The objects that ld.so loaded, the program first.
    pub objects: Vec<Object>,
    /// References and pointers with the calls made through them; those that were never called have a count of 0.
    pub calls: Vec<Call>,
    /// References and pointers whose calls are not counted.
    pub unseen: Vec<Unseen>,
    /// Bindings that could not even be recorded.
    pub lost: u64,
    /// Calls by which it was to become, or to start, a program that could not be recorded.
    pub departed: u64,
    /// Forked children that could not record anything.
    pub lost_children: u64,
}

/// A loaded object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// Its file.
    pub path: PathBuf,
    /// Its link-map list: 0 is the program's, others come of dlmopen.
    pub namespace: i64,
}

/// How a caller came by the function's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A reference that ld.so bound: through the PLT, the GOT or a table of pointers. A pointer from dlsym that must equal
    /// such a reference counts here, too.
    Plt,
    /// A look-up by dlsym or dlvsym.
    Dlsym,
    /// A look-up by the API itself, as hipGetProcAddress does it.
    HandedOut,
}

impl Via {
    /// The word in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Via::Plt => "plt",
            Via::Dlsym => "dlsym",
            Via::HandedOut => "handed-out",
        }
    }

    fn from_number(number: u8) -> Option<Via> {
        [Via::Plt, Via::Dlsym, Via::HandedOut].get(usize::from(number)).copied()
    }
}

/// Calls from one object to a function of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The object that calls.
    pub caller: PathBuf,
    /// The function, by the name that was asked for.
    pub symbol: String,
    /// The version node that its definition stands in.
    pub version: Option<String>,
    /// The object that it is in, where any holds its address.
    pub provider: Option<PathBuf>,
    /// How the caller came by it.
    pub via: Via,
    /// How often it was called.
    pub count: u64,
}

/// A reference or pointer whose calls are not counted: how many there were is unknown, not zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    /// The object that calls, if anyone does.
    pub caller: PathBuf,
    /// The function.
    pub symbol: String,
    /// How the caller came by it.
    pub via: Via,
    /// Why it could not be counted.
    pub reason: Reason,
}

/// Why calls could not be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The kernel did not let the observer change the object's relocations.
    Refused,
    /// The program's own PLT entry is the function's address for every object, and counts as the program's call.
    Canonical,
    /// A reference with an addend.
    Addend,
    /// A protected definition of the object's own.
    Protected,
    /// glibc before 2.35 tells its auditors nothing of references outside the PLT.
    OldLoader,
    /// A pointer to the caller's own function, which must equal what it was linked with.
    Own,
    /// A pointer that must equal a reference that could not be changed.
    Raw,
    /// The observer has no trampoline left.
    Full,
}

impl Reason {
    fn from_word(word: &str) -> Reason {
        match word {
            "canonical" => Reason::Canonical,
            "addend" => Reason::Addend,
            "protected" => Reason::Protected,
            "old-loader" => Reason::OldLoader,
            "self" => Reason::Own,
            "raw" => Reason::Raw,
            "full" => Reason::Full,
            _ => Reason::Refused,
        }
    }

    /// In words.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Refused => "the kernel did not let the observer change this reference",
            Reason::Canonical => "bound to the program's own PLT entry, and counted as the program's call",
            Reason::Addend => "a reference with an addend",
            Reason::Protected => "a protected definition of the caller's own",
            Reason::OldLoader => "glibc before 2.35 shows its auditors the PLT's references only",
            Reason::Own => "a pointer to the caller's own function",
            Reason::Raw => "a pointer that must equal a reference that could not be changed",
            Reason::Full => "the observer has no trampoline left: narrow --api",
        }
    }
}

impl Image {
    /// The program's file.
    pub fn program(&self) -> Option<&Path> {
        self.objects.first().map(|object| object.path.as_path())
    }

    fn path(&self, number: usize) -> PathBuf {
        self.objects.get(number).map_or_else(|| "?".into(), |object| object.path.clone())
    }

    /// Takes what a record says; `counts` are its counters by their numbers.
    pub(super) fn add(&mut self, record: Record, counts: &[u64]) {
        match record {
            Record::Object { number, namespace, path } if number <= self.objects.len() => {
                self.objects.truncate(number);
                self.objects.push(Object { path, namespace });
            }
            Record::Entry { number, caller, provider, via, version, symbol } => {
                let (Some(via), Some(&count)) = (Via::from_number(via), counts.get(number)) else { return };
                let provider = provider.map(|provider| self.path(provider));
                self.calls.push(Call { caller: self.path(caller), symbol, version, provider, via, count });
            }
            Record::Unseen { caller, via, reason, symbol } => {
                let Some(via) = Via::from_number(via) else { return };
                let caller = self.path(caller);
                self.unseen.push(Unseen { caller, symbol, via, reason: Reason::from_word(&reason) });
            }
            Record::Observer { parent, .. } if !self.forked => self.parent = parent,
            Record::Closed { number } => self.finished |= number == 0,
            Record::Object { .. } | Record::Observer { .. } | Record::Fork { .. } => {}
        }
    }
}
