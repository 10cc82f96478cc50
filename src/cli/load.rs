//! `xdoctor load`: the child process that proves that a library loads. Hidden: `loads` checks run it.

use std::io::{Write, stderr, stdout};
use std::path::PathBuf;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::{Exit, Output};

/// dlopen a library with RTLD_NOW in this process, and end
#[derive(clap::Args)]
pub struct Args {
    /// The library
    library: PathBuf,
}

/// What is printed once dlopen has returned; `loads` checks wait for it.
const LOADED: &str = "xdoctor: loaded";

/// Runs the command.
///
/// # Errors
/// None: a library that does not load is the answer, with ld.so's words on stderr.
pub fn run(args: &Args, _: Output) -> anyhow::Result<Exit> {
    let path = args.library.canonicalize().unwrap_or_else(|_| args.library.clone());
    // SAFETY: the library's constructors run, which is what is asked for; this process does nothing else and ends.
    #[expect(unsafe_code, reason = "only dlopen itself proves that a library loads")]
    let opened = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
    match opened {
        Ok(library) => {
            // Its destructors are not what is asked for.
            std::mem::forget(library);
            // A constructor may end the process with status 0: only this line says that dlopen returned.
            let _ = writeln!(stdout(), "{LOADED}");
            Ok(Exit::Holds)
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            let _ = writeln!(stderr(), "{cause}");
            Ok(Exit::Fails)
        }
    }
}
