//! Generates from the API table what the C parts need, compiles them, and writes down what the binary carries.

#[path = "src/interpose/api.rs"]
#[expect(dead_code, reason = "the library uses all of it, the build script little")]
mod api;
#[path = "build/compile.rs"]
mod compile;
#[path = "build/embed.rs"]
mod embed;
#[path = "build/generate.rs"]
mod generate;
#[path = "build/parts.rs"]
mod parts;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Directories and files whose change asks for a new build of the C parts.
const INPUTS: [&str; 9] = [
    "build.rs",
    "build",
    "checks/api",
    "checks/pytorch.py",
    "src/interpose/api.rs",
    "shim",
    "fixtures/hip-runtime",
    "fixtures/hip-matmul",
    "fixtures/sample",
];

fn main() -> ExitCode {
    for input in INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    if !supported()? {
        return Ok(embed::write(&out, None)?);
    }
    let api = api::Api::with_nodes(
        "hip",
        &std::fs::read_to_string("checks/api/hip.tsv")?,
        &std::fs::read_to_string("checks/api/hip_nodes.tsv")?,
    )
    .map_err(|error| format!("checks/api: {error}"))?;
    generate::write(&api, &out)?;
    let toolchain = compile::Toolchain::find(&out)?;
    let built = parts::build(&toolchain)?;
    Ok(embed::write(&out, Some(&built))?)
}

/// The trampolines are x86-64 assembly and the loader is glibc's: elsewhere nothing is bundled, and `bundle::unpack` says so.
fn supported() -> Result<bool, Box<dyn Error>> {
    Ok(variable("CARGO_CFG_TARGET_ARCH")? == "x86_64"
        && variable("CARGO_CFG_TARGET_OS")? == "linux"
        && variable("CARGO_CFG_TARGET_ENV")? == "gnu")
}

fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this through cargo").into())
}
