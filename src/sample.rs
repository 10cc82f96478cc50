//! The bundled sample environment: a source tree, a build tree and an install tree, as their owner would have made them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use git2::{IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions, Signature, Time};

use crate::bundle::{self, Entry};

/// The sample, unpacked.
#[derive(Debug)]
pub struct Sample {
    root: PathBuf,
}

/// A sample that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file of it cannot be written.
    #[error("cannot unpack the sample environment to {}: {source}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its git repository cannot be made.
    #[error("cannot make the sample's git repository: {0}")]
    Git(#[from] git2::Error),
    /// This build of xdoctor carries no bundle.
    #[error(transparent)]
    Bundle(#[from] bundle::BundleError),
}

/// Author, committer and time of every commit of the sample, so that its ids are the same everywhere.
const AUTHOR: (&str, &str) = ("xdoctor sample", "sample@xdoctor.invalid");
/// 2026-01-01T00:00:00Z.
const COMMITTED: i64 = 1_767_225_600;
/// The sample's submodule, and the one file in it.
const SUBMODULE: &str = "3rdparty/hip-headers";
const HEADER: (&str, &str) = ("hip_error.h", "#pragma once\nenum hipError_t { hipSuccess = 0 };\n");

impl Sample {
    /// Writes the sample below `root`.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn unpack(root: &Path) -> Result<Sample, SampleError> {
        let sample = Sample::at(root);
        sample.write_source()?;
        sample.write_install()?;
        sample.write_build()?;
        Ok(sample)
    }

    /// The sample that would be written there.
    pub fn at(root: &Path) -> Sample {
        Sample { root: root.to_owned() }
    }

    /// What the bundled self-check's variables stand for.
    pub fn variables(&self) -> Vec<(String, String)> {
        let trees = [("source", self.source()), ("build", self.build()), ("install", self.install())];
        trees.map(|(name, path)| (name.to_owned(), path.display().to_string())).into()
    }

    fn source(&self) -> PathBuf {
        self.root.join("source")
    }

    fn build(&self) -> PathBuf {
        self.root.join("build")
    }

    fn install(&self) -> PathBuf {
        self.root.join("install")
    }

    /// A real repository, committed once, with a submodule.
    fn write_source(&self) -> Result<(), SampleError> {
        let source = self.source();
        let files: Vec<(&str, &[u8])> = of_sample("sample/source/").map(|(path, entry)| (path, entry.bytes)).collect();
        let module = commit(&source.join(SUBMODULE), &[(HEADER.0, HEADER.1.as_bytes())], None)?;
        commit(&source, &files, Some(module))?;
        Ok(())
    }

    fn write_install(&self) -> Result<(), SampleError> {
        let lib = self.install().join("lib");
        for entry in installed()? {
            write(&lib.join(file_name(entry)), entry.bytes)?;
        }
        Ok(())
    }

    /// What CMake would have left: where it was configured from, and the products.
    fn write_build(&self) -> Result<(), SampleError> {
        let build = self.build();
        let cache = format!(
            "# This is the CMakeCache file of the sample environment, written by xdoctor.\n\
             CMAKE_BUILD_TYPE:STRING=Release\n\
             CMAKE_HOME_DIRECTORY:INTERNAL={}\n",
            self.source().display()
        );
        write(&build.join("CMakeCache.txt"), cache.as_bytes())?;
        for entry in installed()?.iter().filter(|entry| file_name(entry).contains("hip.so")) {
            write(&build.join(file_name(entry)), entry.bytes)?;
        }
        Ok(())
    }
}

/// The shim that is linked with libhalhip.so, that library, and a runtime.
fn installed() -> Result<Vec<&'static Entry>, SampleError> {
    let runtime = bundle::entries().iter().filter(|entry| entry.path == "lib/libamdhip64.so.7");
    let entries: Vec<&Entry> = of_sample("sample/lib/").map(|(_, entry)| entry).chain(runtime).collect();
    if entries.is_empty() { Err(bundle::BundleError::Unsupported.into()) } else { Ok(entries) }
}

/// The sample's entries below a folder, each with its path in it.
fn of_sample(folder: &str) -> impl Iterator<Item = (&'static str, &'static Entry)> {
    bundle::sample().iter().filter_map(move |entry| Some((entry.path.strip_prefix(folder)?, entry)))
}

fn file_name(entry: &Entry) -> &'static str {
    entry.path.rsplit('/').next().unwrap_or(entry.path)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    let failed = |source| SampleError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes)).map_err(failed)
}

/// Makes a repository with these files in one commit, all as old as the commit says.
fn commit(folder: &Path, files: &[(&str, &[u8])], submodule: Option<Oid>) -> Result<Oid, SampleError> {
    let mut options = RepositoryInitOptions::new();
    // The user's templates could bring hooks along, and their default branch another name.
    options.external_template(false).initial_head("main");
    let repository = Repository::init_opts(folder, &options)?;
    let mut index = repository.index()?;
    let modules = format!("[submodule \"{SUBMODULE}\"]\n\tpath = {SUBMODULE}\n\turl = ./{SUBMODULE}\n");
    let declared = submodule.map(|_| (".gitmodules", modules.as_bytes()));
    for (name, bytes) in files.iter().copied().chain(declared) {
        let path = folder.join(name);
        write(&path, bytes)?;
        let file = fs::File::options().write(true).open(&path);
        let committed = SystemTime::UNIX_EPOCH + Duration::from_secs(COMMITTED.unsigned_abs());
        file.and_then(|file| file.set_modified(committed)).map_err(|source| SampleError::Write { path, source })?;
        index.add_path(Path::new(name))?;
    }
    if let Some(id) = submodule {
        index.add(&gitlink(SUBMODULE, id))?;
    }
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let author = Signature::new(AUTHOR.0, AUTHOR.1, &Time::new(COMMITTED, 0))?;
    Ok(repository.commit(Some("HEAD"), &author, &author, "Sample sources\n", &tree, &[])?)
}

/// The index entry by which a repository records a submodule's commit.
fn gitlink(path: &str, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode: 0o160_000,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
