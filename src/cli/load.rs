//! `xdoctor load`: the child process that proves that a library loads. Hidden: `loads` checks run it.

use std::ffi::c_int;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::{Exit, Output};

/// dlopen a library with RTLD_NOW in this process, and end
#[derive(clap::Args)]
pub struct Args {
    /// The library
    library: PathBuf,
    /// Then ask this function of it how many devices there are: `int FUNCTION(int *)`
    #[arg(long, value_name = "FUNCTION")]
    count_devices: Option<String>,
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
            if let Some(function) = &args.count_devices {
                let _ = writeln!(stdout(), "xdoctor: {}", count_devices(&library, function));
            }
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

/// `N devices`, `error N`, or that there is no such function.
fn count_devices(library: &Library, function: &str) -> String {
    let mut count: c_int = 0;
    // SAFETY: hipGetDeviceCount and cudaGetDeviceCount, which are asked for here, have this type; the pointer is to a living int.
    #[expect(unsafe_code, reason = "a runtime can be asked for its devices in no other way")]
    let status = unsafe {
        match library.get::<unsafe extern "C" fn(*mut c_int) -> c_int>(function.as_bytes()) {
            Ok(ask) => ask(&raw mut count),
            Err(_) => return format!("no function {function}"),
        }
    };
    if status == 0 { format!("{count} devices") } else { format!("error {status}") }
}
