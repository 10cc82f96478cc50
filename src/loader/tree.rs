//! The file tree that a process is modelled in: this machine's, or one below a folder.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// How many symbolic links the kernel follows in one path (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// Where `/` is. Below a folder, absolute paths and absolute symbolic links stay in it, as after a `chroot`.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    root: Option<PathBuf>,
}

impl Tree {
    /// This machine's own tree.
    pub fn host() -> Tree {
        Tree::default()
    }

    /// The tree below a folder: a container's, or another machine's.
    pub fn below(root: impl Into<PathBuf>) -> Tree {
        Tree { root: Some(root.into()) }
    }

    /// The folder that stands for `/`, where it is not this machine's.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The path on this machine of a path in the tree; its symbolic links are followed inside the tree.
    pub fn on_host<'p>(&self, path: &'p Path) -> Cow<'p, Path> {
        match &self.root {
            None => Cow::Borrowed(path),
            Some(root) => Cow::Owned(resolve(root, path)),
        }
    }

    /// The path in the tree of a path on this machine; unchanged where it lies outside.
    pub fn inside<'p>(&self, path: &'p Path) -> Cow<'p, Path> {
        let below = self.root.as_deref().and_then(|root| path.strip_prefix(root).ok());
        below.map_or(Cow::Borrowed(path), |rest| Cow::Owned(Path::new("/").join(rest)))
    }
}

/// Follows every link of `path` with `root` as `/`. A path that loops, or is not there, is returned as far as it goes:
/// opening it says what is wrong.
fn resolve(root: &Path, path: &Path) -> PathBuf {
    let parts = |path: &Path| -> Vec<OsString> {
        let named = path.components().rev().filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
        named.map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut resolved, mut left, mut links) = (root.to_owned(), parts(path), 0);
    while let Some(part) = left.pop() {
        if part == ".." {
            if resolved != root {
                resolved.pop();
            }
            continue;
        }
        resolved.push(&part);
        if links < MOST_LINKS
            && let Ok(target) = fs::read_link(&resolved)
        {
            links += 1;
            resolved.pop();
            if target.is_absolute() {
                resolved = root.to_owned();
            }
            left.extend(parts(&target));
        }
    }
    resolved
}
