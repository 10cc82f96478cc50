//! Arguments in, one command run, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(xdoctor::cli::main(std::env::args_os()))
}
