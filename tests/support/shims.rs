//! Shims made of the bundled one's own objects, broken in one way each, as their authors break them: at the link line.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const OBJECTS: &[&str] = &["count_", "shim_"];

/// A shim being linked.
pub struct Shim {
    folder: PathBuf,
    map: Option<String>,
    sources: Vec<(String, String)>,
    flags: Vec<String>,
    weakened: Vec<String>,
}

/// The version script that the bundled shim is linked with.
pub fn version_script() -> String {
    fs::read_to_string(built("shim.map")).expect("the build script's version script")
}

fn built(name: &str) -> PathBuf {
    Path::new(env!("OUT_DIR")).join(name)
}

impl Shim {
    /// As the bundled one is linked, into this folder.
    pub fn in_folder(folder: &Path) -> Shim {
        Shim {
            folder: folder.to_owned(),
            map: Some(version_script()),
            sources: Vec::new(),
            flags: Vec::new(),
            weakened: Vec::new(),
        }
    }

    /// With another version script.
    pub fn with_map(mut self, map: impl Into<String>) -> Shim {
        self.map = Some(map.into());
        self
    }

    /// Without any.
    pub fn without_map(mut self) -> Shim {
        self.map = None;
        self
    }

    /// With this C source linked in.
    pub fn with_source(mut self, name: &str, text: &str) -> Shim {
        self.sources.push((name.to_owned(), text.to_owned()));
        self
    }

    /// With more on the link line.
    pub fn with_flag(mut self, flag: impl Into<String>) -> Shim {
        self.flags.push(flag.into());
        self
    }

    /// With a function that a source of its own may define anew.
    pub fn without_function(mut self, name: &str) -> Shim {
        self.weakened.push(name.to_owned());
        self
    }

    /// Links it with the system's compiler.
    pub fn link(self) -> PathBuf {
        fs::create_dir_all(&self.folder).expect("a folder");
        let shim = self.folder.join("libshimhip.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-w", "-Wl,-soname,libshimhip.so", "-Wl,-z,nodelete", "-o"]).arg(&shim);
        for object in self.objects() {
            cc.arg(object);
        }
        for (name, text) in &self.sources {
            let source = self.folder.join(name);
            fs::write(&source, text).expect("written");
            cc.arg(source);
        }
        if let Some(map) = &self.map {
            let file = self.folder.join("test.map");
            fs::write(&file, map).expect("written");
            cc.arg(format!("-Wl,--version-script={}", file.display()));
        }
        run(cc.args(&self.flags).arg("-ldl"));
        shim
    }

    fn objects(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(env!("OUT_DIR")).expect("the build script's output");
        let mut objects: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ours = |path: &PathBuf| {
            let name = name(path);
            name.ends_with(".o") && OBJECTS.iter().any(|prefix| name.starts_with(prefix))
        };
        objects.retain(ours);
        objects.sort();
        if self.weakened.is_empty() {
            return objects;
        }
        objects
            .iter()
            .map(|object| {
                let copy = self.folder.join(name(object));
                let flags = self.weakened.iter().map(|name| format!("--weaken-symbol={name}"));
                run(Command::new("objcopy").args(flags).arg(object).arg(&copy));
                copy
            })
            .collect()
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("binutils and gcc");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
