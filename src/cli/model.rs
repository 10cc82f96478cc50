//! The flags that say which process is modelled: shared by `deps`, `bindings` and `explain`.

pub mod document;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Exit, Unusable};
use crate::loader::{
    Environment, Index, Loaded, Module, Objects, Process, Reason, Refusal, Seen, Tree, Unmodelled, Where, locate,
};

/// What the process is started with.
#[derive(clap::Args)]
#[command(next_help_heading = "The process")]
pub struct ModelArgs {
    /// LD_PRELOAD this library; repeatable, in order
    #[arg(long, value_name = "LIB")]
    preload: Vec<OsString>,
    /// LD_LIBRARY_PATH
    #[arg(long, value_name = "DIRS")]
    library_path: Option<OsString>,
    /// dlopen this library after start-up, as RTLD_LOCAL, or LIB:global, LIB:deepbind; repeatable, in order
    #[arg(long = "module", value_name = "LIB", value_parser = clap::builder::OsStringValueParser::new())]
    modules: Vec<OsString>,
    /// The folder that stands for /: a container's tree, or another machine's
    #[arg(long, value_name = "DIR")]
    sysroot: Option<PathBuf>,
    /// The glibc-hwcaps subdirectories that the processor can use, best first [default: this processor's]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    hwcaps: Option<Vec<String>>,
    /// Start from this environment's LD_PRELOAD and LD_LIBRARY_PATH
    #[arg(long)]
    inherit_env: bool,
}

impl ModelArgs {
    /// The tree that paths are in.
    ///
    /// # Errors
    /// Where the folder is not there.
    pub fn tree(&self) -> Result<Tree, Unusable> {
        let Some(folder) = &self.sysroot else { return Ok(Tree::host()) };
        let root = std::fs::canonicalize(folder).and_then(|root| root.read_dir().map(|_| root));
        let root = root.map_err(|error| unusable(folder, format!("--sysroot {}: {error}", folder.display())))?;
        Ok(Tree::below(root))
    }

    /// What ld.so sees of the environment.
    pub fn environment(&self) -> Environment {
        let inherited = |name| std::env::var_os(name).filter(|value| self.inherit_env && !value.is_empty());
        let preload: Vec<OsString> = self.preload.iter().cloned().chain(inherited("LD_PRELOAD")).collect();
        Environment {
            library_path: self.library_path.clone().or_else(|| inherited("LD_LIBRARY_PATH")),
            preload: (!preload.is_empty()).then(|| preload.join(OsStr::new(":"))),
            hwcaps: self.hwcaps.clone(),
        }
    }

    /// What of the environment is not modelled, where it is set.
    pub fn caveat(&self) -> Option<&'static str> {
        let audited = self.inherit_env && std::env::var_os("LD_AUDIT").is_some_and(|value| !value.is_empty());
        audited.then_some("LD_AUDIT is set: what that library rewrites is not known here")
    }

    /// The modules, in order.
    pub fn modules(&self) -> Vec<Module> {
        self.modules.iter().map(|text| Module::parse(text)).collect()
    }
}

/// A process, with what came of its modules.
pub struct Modelled<'o, 'f> {
    /// The process.
    pub process: Process<'o, 'f>,
    /// The modules that dlopen refuses.
    pub refused: Vec<(Module, Refusal)>,
}

impl<'o, 'f> Modelled<'o, 'f> {
    /// Models a target as the flags say.
    ///
    /// # Errors
    /// Where the target cannot be modelled at all.
    pub fn new(
        objects: &'o Objects<'f>,
        target: &Path,
        environment: &Environment,
        modules: &[Module],
    ) -> Result<Modelled<'o, 'f>, Unmodelled> {
        let target = in_tree(objects.tree(), target);
        let mut process = Process::start(objects, &target, environment)?;
        let open = |module: &Module| Some((module.clone(), process.open(module).err()?));
        let refused = modules.iter().filter_map(open).collect();
        Ok(Modelled { process, refused })
    }

    /// Whether the program starts with all that was asked for: nothing is missing, no version, and no module refused.
    pub fn starts(&self) -> bool {
        self.process.missing().is_empty()
            && self.refused.is_empty()
            && !self.process.version_errors().iter().any(|error| error.flaw.is_fatal())
    }

    /// Whether besides every strong reference is bound.
    pub fn holds(&self) -> bool {
        self.starts() && !self.process.bindings().iter().any(|binding| self.process.is_unresolved(binding))
    }
}

/// The path of a target in its tree, absolute. A bare name that is no file here is searched for as ld.so would.
fn in_tree(tree: &Tree, target: &Path) -> PathBuf {
    let absolute = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    if tree.root().is_some() {
        return tree.inside(&absolute).into_owned();
    }
    let bare = target.components().count() == 1 && !target.exists();
    let found = if bare { locate(target.as_os_str(), None) } else { None };
    found.map_or(absolute, |found| found.path)
}

/// How a target ends that cannot be modelled: another libc's is undetermined, all else is unusable.
pub fn unmodelled(error: &Unmodelled) -> Exit {
    match error {
        Unmodelled::OtherLoader { .. } => Exit::Undetermined,
        Unmodelled::Refused { .. } | Unmodelled::NotLoadable { .. } => Exit::Unusable,
    }
}

/// An input that cannot be used.
pub fn unusable(file: &Path, message: String) -> Unusable {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    Unusable { message, file: Some(file), line: None, column: None }
}

/// How an object was found, in the words of the contract.
pub fn found(loaded: &Loaded<'_>) -> &'static str {
    match (loaded.reason, loaded.by) {
        (Reason::Program, _) => "target",
        (Reason::Interpreter, _) => "interpreter",
        (Reason::Preload | Reason::SystemPreload, _) => "preload",
        (_, None | Some(Where::Path)) => "path",
        (_, Some(Where::Rpath(_))) => "rpath",
        (_, Some(Where::LibraryPath)) => "LD_LIBRARY_PATH",
        (_, Some(Where::Runpath(_))) => "runpath",
        (_, Some(Where::Cache)) => "cache",
        (_, Some(Where::System)) => "default",
    }
}

/// The object whose RPATH or RUNPATH led to a file.
pub fn found_by(loaded: &Loaded<'_>, all: &[Loaded<'_>]) -> Option<String> {
    let (Some(Where::Rpath(owner)) | Some(Where::Runpath(owner))) = loaded.by else { return None };
    all.get(owner).map(|owner| shown(&owner.path))
}

/// Which part of the process sees an object, in the words of the contract.
pub fn scope(seen: Seen) -> &'static str {
    match seen {
        Seen::Global => "global",
        Seen::Local => "local",
        Seen::Nobody => "none",
        Seen::Refused => "refused",
    }
}

/// Who asked, in words: an object's path, or what made ld.so load it unasked.
pub fn requester(reason: Reason, loaded: &[Loaded<'_>]) -> Option<String> {
    let path = |index: Index| loaded.get(index).map(|by| shown(&by.path));
    match reason {
        Reason::Program => None,
        Reason::Interpreter => path(0),
        Reason::Preload => Some("LD_PRELOAD".to_owned()),
        Reason::SystemPreload => Some("/etc/ld.so.preload".to_owned()),
        Reason::Module => Some("dlopen".to_owned()),
        Reason::NeededBy(index) => path(index),
    }
}

/// A path for people and programs: absolute.
pub fn shown(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    crate::elf::escape(absolute.as_os_str().as_bytes()).to_string()
}
