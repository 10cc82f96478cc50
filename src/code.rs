//! The stable names of everything that can be wrong, and how grave each is unless a checklist says otherwise.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; never changes the exit status.
    Info,
    /// Suspicious; exit status 0 unless `--fail-on warn`.
    Warn,
    /// Wrong; exit status 1.
    Fail,
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident,)*) => {
        /// A diagnosis's stable name. What it means, how it comes about and what mends it: [`Code::page`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $(#[serde(rename = $name)] #[expect(missing_docs, reason = "checks/codes.yaml documents each")] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The name in kebab-case, as reports print it.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The weight that this code has where nobody says otherwise.
            pub fn default_severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    PreloadIgnored "preload-ignored" Fail,
    ExportsNothing "exports-nothing" Fail,
    VersionMismatch "version-mismatch" Fail,
    VersionPartial "version-partial" Warn,
    MissingLibrary "missing-library" Fail,
    MissingVersion "missing-version" Fail,
    PreloadImpossible "preload-impossible" Fail,
    Outranked "outranked" Fail,
    LoadedLate "loaded-late" Fail,
    NotCovered "not-covered" Warn,
    MangledName "mangled-name" Fail,
    UnversionedShim "unversioned-shim" Warn,
    ReplacementMissingVersion "replacement-missing-version" Fail,
    SonameMismatch "soname-mismatch" Fail,
    UndefinedSymbol "undefined-symbol" Fail,
    SelfRecursion "self-recursion" Fail,
    NextNotFound "next-not-found" Fail,
    WrongRuntime "wrong-runtime" Fail,
    DlsymBypass "dlsym-bypass" Fail,
    DlsymHijacked "dlsym-hijacked" Fail,
    InitDeadlock "init-deadlock" Fail,
    ObserverIgnored "observer-ignored" Fail,
    RuntimeReenters "runtime-reenters" Info,
    SymbolicBypass "symbolic-bypass" Warn,
    DeepbindBypass "deepbind-bypass" Warn,
    StaticRuntime "static-runtime" Warn,
    RunpathDangling "runpath-dangling" Fail,
    StaleBuild "stale-build" Warn,
    PreloadLeaks "preload-leaks" Warn,
    TeardownCrash "teardown-crash" Fail,
    Hang "hang" Fail,
    WrongResult "wrong-result" Fail,
    DeviceMissing "device-missing" Fail,
    Unscheduled "unscheduled" Warn,
    Overhead "overhead" Fail,
    BoundMissed "bound-missed" Fail,
    FileMissing "file-missing" Fail,
    WrongType "wrong-type" Fail,
    WrongCommit "wrong-commit" Fail,
    TreeDirty "tree-dirty" Fail,
    SubmoduleMissing "submodule-missing" Fail,
    NotARepository "not-a-repository" Fail,
    RepositoryNotTrusted "repository-not-trusted" Fail,
    BuildOfOtherSource "build-of-other-source" Fail,
    LibraryMissing "library-missing" Fail,
    HashDiffers "hash-differs" Fail,
    FileUnexpected "file-unexpected" Fail,
    WrongPermissions "wrong-permissions" Fail,
    WrongSize "wrong-size" Fail,
    WrongTarget "wrong-target" Fail,
    WrongRemote "wrong-remote" Fail,
    WrongBuildOptions "wrong-build-options" Fail,
    WrongEnvironment "wrong-environment" Fail,
    WrongVersion "wrong-version" Fail,
    PackageMissing "package-missing" Fail,
    PackageUnexpected "package-unexpected" Fail,
    KernelModuleMissing "kernel-module-missing" Fail,
    WrongKernelParameter "wrong-kernel-parameter" Fail,
    DeviceAccess "device-access" Fail,
    ProcessMissing "process-missing" Fail,
    ProcessUnexpected "process-unexpected" Fail,
    LibraryNotMapped "library-not-mapped" Fail,
    MountMissing "mount-missing" Fail,
    WrongMount "wrong-mount" Fail,
    SpaceLow "space-low" Fail,
    AbiChanged "abi-changed" Fail,
    RebuildNeeded "rebuild-needed" Fail,
    Drifted "drifted" Warn,
    LockDamaged "lock-damaged" Fail,
    SymbolMissing "symbol-missing" Fail,
    SymbolUnexpected "symbol-unexpected" Fail,
    CommandFailed "command-failed" Fail,
    Crash "crash" Fail,
    TimeLimit "time-limit" Fail,
    OutputLimit "output-limit" Fail,
    MemoryLimit "memory-limit" Fail,
    ProcessLimit "process-limit" Fail,
    PredictionDiffers "prediction-differs" Fail,
    NoneHolds "none-holds" Fail,
    HoldsUnexpectedly "holds-unexpectedly" Fail,
}

/// What a code means, for the person who meets it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// One sentence: what is wrong.
    pub what: String,
    /// How it comes about.
    pub how: String,
    /// How to see it by hand, with standard tools.
    pub see: String,
    /// How to mend it.
    pub mend: String,
}

impl Code {
    /// The catalogue's page of this code; `None` only if the catalogue lacks it, which a test rules out.
    pub fn page(self) -> Option<&'static Page> {
        static PAGES: OnceLock<BTreeMap<Code, Page>> = OnceLock::new();
        PAGES.get_or_init(|| serde_yaml::from_str(include_str!("../checks/codes.yaml")).unwrap_or_default()).get(&self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(name: &str) -> Result<Code, UnknownCode> {
        Code::ALL.iter().copied().find(|code| code.name() == name).ok_or_else(|| UnknownCode(name.to_owned()))
    }
}

/// A name that no code has.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no code; `xdoctor codes` lists them all")]
pub struct UnknownCode(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_valid_and_has_a_page_for_every_code_and_no_other() {
        let pages: BTreeMap<Code, Page> = serde_yaml::from_str(include_str!("../checks/codes.yaml")).expect("valid");
        assert_eq!(pages.keys().copied().collect::<Vec<_>>(), Code::ALL);
    }

    #[test]
    fn every_code_reads_back_from_its_name() {
        for code in Code::ALL {
            assert_eq!(code.name().parse::<Code>().expect("known"), *code);
        }
        assert!("no-such-code".parse::<Code>().is_err());
    }
}
