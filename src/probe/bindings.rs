//! What the real loader did, as it tells with `LD_DEBUG=bindings`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// What ld.so told of one run, all of its processes together.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every object that ld.so named: as referrer, as provider, or when it called its initialisers.
    pub objects: BTreeSet<PathBuf>,
    /// Every reference that it bound.
    pub bindings: Vec<Binding>,
}

/// One reference, as ld.so bound it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The object that holds the reference, as ld.so names it.
    pub referrer: PathBuf,
    /// The object that it was bound to.
    pub provider: PathBuf,
    /// The symbol.
    pub symbol: String,
    /// The version node that the reference asks for.
    pub version: Option<String>,
}

/// The line that glibc's elf/dl-lookup.c prints in `_dl_lookup_symbol_x` for each binding.
#[expect(clippy::unwrap_used, reason = "a literal pattern")]
static BINDING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"binding file (.+?) \[\d+\] to (.+?) \[\d+\]: \w+ symbol `([^']*)'(?: \[([^\]]*)\])?").unwrap()
});

impl Observed {
    /// Reads the files that `LD_DEBUG_OUTPUT=STEM` left: one for each process, `STEM.PID`. `None` where there is none:
    /// then nothing was observed.
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be read.
    pub fn read(stem: &Path) -> io::Result<Option<Observed>> {
        let folder = stem.parent().unwrap_or(Path::new("."));
        let prefix = format!("{}.", stem.file_name().unwrap_or_default().to_string_lossy());
        let mut observed = None;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
                let text = fs::read(&path)?;
                observed.get_or_insert_with(Observed::default).add(&String::from_utf8_lossy(&text));
            }
        }
        Ok(observed)
    }

    fn add(&mut self, text: &str) {
        for line in text.lines() {
            if let Some((_, object)) = line.split_once("calling init: ") {
                self.objects.insert(object.trim().into());
            } else if let Some(found) = BINDING.captures(line) {
                let (referrer, provider) = (PathBuf::from(&found[1]), PathBuf::from(&found[2]));
                self.objects.extend([referrer.clone(), provider.clone()]);
                let version = found.get(4).map(|version| version.as_str().to_owned());
                self.bindings.push(Binding { referrer, provider, symbol: found[3].to_owned(), version });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_bindings_are_read_with_and_without_version() {
        let mut observed = Observed::default();
        observed.add(
            "   9:\tbinding file ./c [0] to /l/libshimhip.so [0]: normal symbol `hipMalloc' [hip_4.2]\n\
                9:\tbinding file ./c [0] to /l/libc.so.6 [0]: normal symbol `puts'\n9:\tcalling init: /l/libq.so\n\
                9:\tother words\n",
        );
        let [first, second] = &observed.bindings[..] else { panic!("two bindings") };
        assert_eq!((first.symbol.as_str(), first.version.as_deref()), ("hipMalloc", Some("hip_4.2")));
        assert_eq!(second.version, None);
        assert_eq!(observed.objects.len(), 4);
        assert!(observed.objects.contains(Path::new("/l/libq.so")));
    }
}
