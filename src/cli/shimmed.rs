//! The flags that say which shim stands before which runtime, under what limits: for every command that runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use crate::bundle;
use crate::check::parse_duration;
use crate::interpose::Selection;
use crate::ladder::{Deployment, Setup};
use crate::probe::{Limits, parse_size};

/// A shim, a runtime, and what their runs are given.
#[derive(clap::Args)]
pub struct Shimmed {
    /// The shim [default: the bundled one]
    #[arg(long, value_name = "LIB")]
    shim: Option<PathBuf>,
    /// The runtime to forward to [default: what the command finds by itself; else the bundled CPU runtime]
    #[arg(long, value_name = "LIB")]
    runtime: Option<PathBuf>,
    /// How the shim gets in front
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    deploy: Deployment,
    /// The functions that are watched: hip, cuda, a table's file, or a pattern such as 'cl[A-Z]*'
    #[arg(long, default_value = "hip", value_name = "NAME|FILE|GLOB")]
    api: String,
    /// How long each run may take (a lane: until its first latency)
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
    /// How much memory each run may use, all its processes together, such as 8GiB [default: no limit]
    #[arg(long, value_parser = size, value_name = "SIZE")]
    memory_limit: Option<u64>,
    /// How many processes each run may have at once [default: 1000]
    #[arg(long, value_name = "N")]
    process_limit: Option<usize>,
    /// Set a variable for every run; repeatable
    #[arg(long, value_name = "K=V", value_parser = name_and_value)]
    env: Vec<(String, String)>,
    /// The exit status with which the command itself says that it cannot be run here; its last line on stdout is the reason
    #[arg(long, value_name = "STATUS")]
    skip_exit: Option<i32>,
    /// What must be there: without it the command fails instead of skipping
    #[arg(long, value_parser = ["gpu"], value_name = "WHAT")]
    require: Option<String>,
}

impl Shimmed {
    /// What they ask for of this command, or of the bundled client where it is empty, with variables of its own after those for
    /// all. What is bundled is unpacked below the scratch folder.
    ///
    /// # Errors
    /// Where the bundle cannot be unpacked, the API is none, or something is asked of the bundled client that it has not.
    pub fn setup(&self, scratch: &Path, command: &[OsString], own: &[(String, String)]) -> anyhow::Result<Setup> {
        let env = [&self.env[..], own].concat();
        let runs_bundled = command.is_empty();
        if runs_bundled {
            self.refuse_what_the_bundled_client_cannot(&env)?;
        }
        let bundled = bundle::unpacked_in(scratch)?;
        let default = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| bundled.join(name));
        let shim = default(&self.shim, "lib/libshimhip.so");
        let runtime =
            if runs_bundled { Some(default(&self.runtime, "lib/libamdhip64.so.7")) } else { self.runtime.clone() };
        Ok(Setup {
            runtime,
            deploy: self.deploy,
            api: Selection::parse(&self.api)?,
            env,
            limits: self.limits(),
            require_gpu: self.require.is_some(),
            skip_exit: self.skip_exit,
            ..Setup::of_command(&shim, command, scratch)
        })
    }

    fn refuse_what_the_bundled_client_cannot(&self, env: &[(String, String)]) -> anyhow::Result<()> {
        let wants = match self {
            Shimmed { deploy: Deployment::Itself, .. } => "--deploy itself",
            Shimmed { api, .. } if api != "hip" => "--api",
            _ if env.iter().any(|(name, _)| LISTS.contains(&name.as_str())) => {
                "--env LD_PRELOAD=… or LD_LIBRARY_PATH=…"
            }
            _ => return Ok(()),
        };
        bail!("{wants} needs a command of your own, after --")
    }

    fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            time: self.timeout,
            memory: self.memory_limit,
            processes: self.process_limit.unwrap_or(usual.processes),
            ..usual
        }
    }

    /// Whether the command brings the shim in by itself, so that it never runs without.
    pub fn is_itself(&self) -> bool {
        self.deploy == Deployment::Itself
    }
}

/// The variables that xdoctor puts its own words before.
const LISTS: [&str; 2] = ["LD_LIBRARY_PATH", "LD_PRELOAD"];

/// A time such as 60s, and no time at all is none.
///
/// # Errors
/// What was expected, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| "expected a time such as 60s, 500ms or 2m".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "expected a size such as 8GiB or 512MiB".to_owned())
}

/// A variable that xdoctor does not set itself.
///
/// # Errors
/// What was expected, in words.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected K=V")?;
    if matches!(name, "LD_AUDIT" | "XDOCTOR_OBSERVER") {
        return Err(format!("{name} is what the command is observed with"));
    }
    Ok((name.to_owned(), value.to_owned()))
}
