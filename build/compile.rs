//! The C compiler: found as the `cc` crate finds it, run once an object, a few at a time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

/// What every object is compiled with.
const FLAGS: [&str; 6] = [
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-fvisibility=hidden",
    "-fcf-protection=full",
    "-fno-semantic-interposition",
    "-pthread",
];

/// What every library and program is linked with.
const LINK_FLAGS: [&str; 8] = [
    "-pthread",
    "-Wl,--build-id=sha1",
    "-Wl,-z,relro",
    "-Wl,-z,now",
    "-Wl,-z,noexecstack",
    "-Wl,-z,text",
    "-Wl,-z,defs",
    "-Wl,--as-needed",
];

/// One source file to compile.
pub struct Object {
    /// Its path in the source tree.
    pub source: String,
    /// The object's name, which tells apart two objects of one source.
    pub name: String,
    /// Flags of its own.
    pub flags: Vec<String>,
}

impl Object {
    /// `name` is also where the object goes.
    pub fn new(source: &str, name: &str, flags: &[&str]) -> Self {
        Self {
            source: source.to_owned(),
            name: name.to_owned(),
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
        }
    }
}

/// The compiler, and where its output goes.
pub struct Toolchain {
    tool: cc::Tool,
    /// The build's output directory, which also holds what was generated.
    pub out: PathBuf,
}

impl Toolchain {
    /// Finds the C compiler.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find(out: &Path) -> Result<Self, String> {
        println!("cargo::rerun-if-env-changed=XDOCTOR_CC_WERROR");
        let mut build = cc::Build::new();
        build.pic(true).opt_level(2).debug(false).warnings(true).extra_warnings(true);
        let tool = build.try_get_compiler().map_err(|error| without_compiler(&error.to_string()))?;
        let out = out.to_owned();
        Ok(Self { tool, out })
    }

    /// Compiles all of them, two at a time.
    ///
    /// # Errors
    /// The first that does not compile.
    pub fn compile(&self, objects: &[Object]) -> Result<(), String> {
        let queue = Mutex::new(objects.iter());
        let work = || -> Result<(), String> {
            loop {
                let next = queue.lock().map_err(|error| error.to_string())?.next();
                let Some(object) = next else { return Ok(()) };
                self.compile_one(object)?;
            }
        };
        thread::scope(|scope| {
            let other = scope.spawn(work);
            let mine = work();
            let theirs = other.join().unwrap_or_else(|_| Err("a compiling thread ended early".to_owned()));
            mine.and(theirs)
        })
    }

    fn compile_one(&self, object: &Object) -> Result<(), String> {
        let mut command = self.tool.to_command();
        command.args(FLAGS).arg("-I").arg(&self.out).args(&object.flags);
        if std::env::var("XDOCTOR_CC_WERROR").is_ok_and(|value| value == "1") {
            command.arg("-Werror");
        }
        command.arg("-c").arg(&object.source).arg("-o").arg(self.object(&object.name));
        run(command)
    }

    /// Where the object of that name lies.
    fn object(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}.o"))
    }

    /// Links objects into `output`, a path under the output directory.
    ///
    /// # Errors
    /// Where the linker says so.
    pub fn link(&self, output: &str, objects: &[&str], flags: &[&str]) -> Result<PathBuf, String> {
        let path = self.out.join(output);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
        }
        let mut command = self.tool.to_command();
        command.args(objects.iter().map(|name| self.object(name)));
        command.args(LINK_FLAGS).args(flags).arg("-o").arg(&path);
        run(command)?;
        Ok(path)
    }
}

/// Runs a command; its warnings become cargo's, its failure an error that shows the command.
fn run(mut command: Command) -> Result<(), String> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let output = command.output().map_err(|error| without_compiler(&format!("{shown}: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("this command failed ({}):\n  {shown}\n{said}", output.status));
    }
    for line in said.lines() {
        println!("cargo::warning={line}");
    }
    Ok(())
}

fn without_compiler(why: &str) -> String {
    format!(
        "xdoctor carries a shim and a runtime in C, and no C compiler could be run to build them.\n{why}\n\
         Install one (Debian, Ubuntu: apt install gcc libc6-dev; Fedora, RHEL: dnf install gcc glibc-devel), or name yours in CC."
    )
}
