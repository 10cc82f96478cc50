//! The checklist that says what was found, with the reason beside each check.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::interpose::Api;

use super::expect::{self, Expected};
use super::finds::{Build, Finds, Framework, Repository};
use super::libraries::{Elf, Role};

/// Libraries that have nothing to do with the API beyond which no check is written for each.
const MOST: usize = 20;

/// A checklist, written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// The id and kind of each check.
    pub checks: Vec<(String, &'static str)>,
}

/// Writes a checklist about what was found. It is to lie at `target`, from whose folder its paths start; paths that are
/// not UTF-8 are left out, since YAML cannot hold them.
pub fn checklist(finds: &Finds, target: &Path) -> Written {
    let base = target.parent().unwrap_or(Path::new("/")).to_owned();
    let mut writer =
        Writer { base, target: target.to_owned(), text: String::new(), checks: Vec::new(), ids: BTreeSet::new() };
    writer.head(finds);
    writer.sources(finds);
    writer.builds(finds);
    writer.libraries(finds);
    writer.symbols(finds);
    writer.interception(finds);
    Written { text: writer.text, checks: writer.checks }
}

struct Writer {
    base: PathBuf,
    target: PathBuf,
    text: String,
    checks: Vec<(String, &'static str)>,
    ids: BTreeSet<String>,
}

impl Writer {
    fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref();
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn head(&mut self, finds: &Finds) {
        let folder = self.base.file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned());
        let count = |number: usize, one: &str, many: &str| match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            number => Some(format!("{number} {many}")),
        };
        let files = |role| finds.of(role).count();
        let found = [
            count(finds.repositories.len(), "git tree", "git trees"),
            count(finds.builds.len(), "build tree", "build trees"),
            count(files(Role::Shim), "shim", "shims"),
            count(files(Role::Runtime), "runtime", "runtimes"),
            count(files(Role::Client), "client", "clients"),
            count(files(Role::Other), "other library", "other libraries"),
            count(finds.frameworks.len(), "Python framework", "Python frameworks"),
        ];
        let found = found.into_iter().flatten().collect::<Vec<_>>().join(", ");
        self.line(format!("# Written by `xdoctor init`, which found {found}. It is yours: change what it asks for."));
        self.line("#   xdoctor check        does all of it hold?");
        self.line("#   xdoctor lock         remembers this state, so that `check` says what has changed since");
        self.line(format!("title: {}", quoted(&format!("The environment in {folder}"))));
        self.line("steps:");
    }

    fn step(&mut self, title: &str) {
        self.line(format!("  - title: {title}"));
        self.line("    checks:");
    }

    /// Starts a check, and returns whether its path can be written.
    fn check(&mut self, id: &str, kind: &'static str, path: Option<&Path>) -> bool {
        let path = path.map(|path| self.path(path));
        if matches!(path, Some(None)) {
            self.line(format!("      # {id}: its path is not UTF-8, so that no checklist can name it"));
            return false;
        }
        let mut unique = id.to_owned();
        let mut number = 2;
        while !self.ids.insert(unique.clone()) {
            unique = format!("{id}-{number}");
            number += 1;
        }
        self.line(format!("      - id: {}", quoted(&unique)));
        self.line(format!("        kind: {kind}"));
        if let Some(path) = path.flatten() {
            self.line(format!("        path: {path}"));
        }
        self.checks.push((unique, kind));
        true
    }

    fn field(&mut self, name: &str, value: impl AsRef<str>) {
        self.line(format!("        {name}: {}", value.as_ref()));
    }

    fn remark(&mut self, text: &str) {
        self.line(format!("      # {text}"));
    }

    /// A path as a checklist has it; `None` where it is not UTF-8.
    fn path(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.base).unwrap_or(path).to_str()?;
        Some(quoted(if below.is_empty() { "." } else { below }))
    }

    fn list(&mut self, name: &str, values: &[String]) {
        self.line(format!("        {name}:"));
        for value in values {
            self.line(format!("          - {}", quoted(value)));
        }
    }

    fn sources(&mut self, finds: &Finds) {
        if finds.repositories.is_empty() {
            return;
        }
        self.step("Source tree");
        for repository in &finds.repositories {
            self.repository(repository);
        }
    }

    fn repository(&mut self, repository: &Repository) {
        if !self.check(&stem(&repository.path, "source"), "git", Some(&repository.path)) {
            return;
        }
        let inside = self.target.starts_with(&repository.path);
        match repository.dirty {
            0 if !inside => self.field("clean", "true"),
            0 => self.line("        # clean: true      once this checklist is committed"),
            1 => self.line("        # clean: true      1 file is not as committed now"),
            dirty => self.line(format!("        # clean: true      {dirty} files are not as committed now")),
        }
        if repository.submodules {
            self.field("submodules", "true");
        }
        if let Some(commit) = &repository.commit {
            self.line(format!("        # commit: {commit}      where no other will do"));
        }
    }

    fn builds(&mut self, finds: &Finds) {
        if finds.builds.is_empty() {
            return;
        }
        self.step("Build tree");
        for build in &finds.builds {
            self.build(build);
        }
    }

    fn build(&mut self, build: &Build) {
        if !self.check(&stem(&build.path, "build"), "build", Some(&build.path)) {
            return;
        }
        if let Some(source) = self.path(&build.source) {
            self.field("source", source);
        }
        if !build.products.is_empty() {
            self.line("        # Each is to be newer than the sources.");
            self.list("products", &build.products);
        }
    }

    fn libraries(&mut self, finds: &Finds) {
        if finds.files.is_empty() {
            return;
        }
        self.step("Installed libraries");
        let concerned = finds.files.iter().filter(|file| file.role != Role::Other);
        let needed = finds.files.iter().filter(|file| file.role == Role::Other && serves(file, finds));
        let others: Vec<&Elf> =
            finds.files.iter().filter(|file| file.role == Role::Other && !serves(file, finds)).collect();
        let (listed, left) = others.split_at(others.len().min(MOST));
        for file in concerned.chain(needed).chain(listed.iter().copied()) {
            let what = match file.role {
                Role::Shim => "a shim: it is put in front of a runtime",
                Role::Runtime => "a runtime, by its SONAME",
                Role::Client => "a client: it asks for the API",
                Role::Other if serves(file, finds) => "the shim needs it",
                Role::Other => "it has nothing to do with the API",
            };
            self.remark(what);
            if !self.check(file.stem(), "library", Some(&file.path)) {
                continue;
            }
            if let Some(soname) = &file.facts.soname {
                self.field("soname", quoted(soname));
            }
            if let Some(product) = file.product.as_ref().and_then(|product| self.path(product)) {
                self.line("        # Else it was built and not installed, or installed from another build.");
                self.field("same_build_as", product);
            }
        }
        if !left.is_empty() {
            self.remark(&format!("{} more libraries have nothing to do with the API", left.len()));
        }
    }

    fn symbols(&mut self, finds: &Finds) {
        if finds.of(Role::Shim).next().is_none() {
            return;
        }
        self.step("Symbol versioning");
        for shim in finds.of(Role::Shim) {
            self.exports(shim, finds);
            for neighbour in finds.of(Role::Other).filter(|other| shim.facts.needed.contains(&other.facts.name())) {
                self.remark("what the shim needs must not be hidden by the shim's version script");
                if self.check(&format!("{}.symbols", neighbour.stem()), "symbols", Some(&neighbour.path)) {
                    self.field("lacks_api", "hip");
                    if let Some(shim) = self.path(&shim.path) {
                        self.field("serves", shim);
                    }
                }
            }
            self.remark("ld.so really loads it, in a process of its own");
            self.check(&format!("{}.loads", shim.stem()), "loads", Some(&shim.path));
        }
    }

    fn exports(&mut self, shim: &Elf, finds: &Finds) {
        self.remark("each function must stand in the runtime's version node: ld.so silently passes over any other");
        if self.check(&format!("{}.symbols", shim.stem()), "symbols", Some(&shim.path)) {
            match expect::of(&shim.facts, Api::hip()) {
                Expected::WholeApi => self.field("api", "hip"),
                Expected::Functions(functions) => self.list("defines", &functions),
            }
        }
        if let [script] = finds.scripts.as_slice()
            && let Some(map) = self.path(script)
        {
            self.remark("and as the version script in the sources says");
            if self.check(&format!("{}.map", shim.stem()), "symbols", Some(&shim.path)) {
                self.field("map", map);
            }
        }
    }

    fn interception(&mut self, finds: &Finds) {
        let pairs: Vec<(&Elf, &Elf)> =
            finds.of(Role::Shim).filter_map(|shim| Some((shim, runtime_of(shim, finds)?))).collect();
        let imports = finds.frameworks.iter().filter(|framework| framework.python.is_some()).count();
        if finds.of(Role::Shim).next().is_none() && imports == 0 {
            return;
        }
        if pairs.is_empty() && imports == 0 {
            self.line("  # No runtime was found, so that nothing is checked of whether the shim intercepts. With one:");
            self.line("  #   - id: matmul");
            self.line("  #     kind: smoke");
            self.line("  #     shim: SHIM");
            self.line("  #     runtime: /opt/rocm/lib/libamdhip64.so.6");
            return;
        }
        self.step("Does it intercept");
        for (shim, runtime) in pairs {
            let (Some(shim_path), Some(runtime_path)) = (self.path(&shim.path), self.path(&runtime.path)) else {
                continue;
            };
            self.remark("a HIP matmul, natively and under the shim: the evidence ladder");
            self.check(&format!("{}.matmul", shim.stem()), "smoke", None);
            self.field("shim", &shim_path);
            self.field("runtime", &runtime_path);
            let clients = finds.of(Role::Client).map(|client| &client.path);
            let frameworks = finds.frameworks.iter().map(|framework| &framework.libraries);
            let clients: Vec<String> = clients.chain(frameworks).filter_map(|path| self.path(path)).collect();
            if !clients.is_empty() {
                self.remark("every call of these clients must reach the shim");
                self.check(&format!("{}.coverage", shim.stem()), "coverage", None);
                self.field("shim", &shim_path);
                self.field("runtime", &runtime_path);
                self.line("        clients:");
                clients.iter().for_each(|client| self.line(format!("          - {client}")));
            }
        }
        for framework in &finds.frameworks {
            self.framework(framework);
        }
    }

    fn framework(&mut self, framework: &Framework) {
        let Some(python) = framework.python.as_deref().and_then(|python| self.path(python)) else { return };
        self.remark("the interpreter that has it can import it");
        self.check(&format!("{}.import", framework.module), "python", None);
        self.field("module", quoted(&framework.module));
        self.field("interpreter", python);
    }
}

/// Whether a shim needs it.
fn serves(file: &Elf, finds: &Finds) -> bool {
    finds.of(Role::Shim).any(|shim| shim.facts.needed.contains(&file.facts.name()))
}

/// The runtime beside the shim, else any.
fn runtime_of<'f>(shim: &Elf, finds: &'f Finds) -> Option<&'f Elf> {
    let beside = finds.of(Role::Runtime).find(|runtime| runtime.path.parent() == shim.path.parent());
    beside.or_else(|| finds.of(Role::Runtime).next())
}

/// An id after a folder, unless it has no name that says something.
fn stem(path: &Path, otherwise: &str) -> String {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) => name.to_owned(),
        _ => otherwise.to_owned(),
    }
}

/// A text as YAML and the checklist's variables have it.
fn quoted(text: &str) -> String {
    let text = text.replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+@-".contains(c);
    let starts = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || "/._".contains(c));
    let special = ["true", "false", "null", "yes", "no", "on", "off", "~", "."];
    if starts && text.chars().all(plain) && !special.contains(&text.to_ascii_lowercase().as_str()) {
        return text;
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
