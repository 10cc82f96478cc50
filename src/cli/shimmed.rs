//! The flags that say which shim stands before which runtime, for commands that measure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bundle;
use crate::check::parse_duration;
use crate::interpose::Deploy;
use crate::ladder::Setup;
use crate::probe::Limits;

/// A shim, a runtime, and what their runs are given.
#[derive(clap::Args)]
pub struct Shimmed {
    /// The shim [default: the bundled one]
    #[arg(long, value_name = "LIB")]
    shim: Option<PathBuf>,
    /// The runtime to forward to [default: the bundled CPU runtime]
    #[arg(long, value_name = "LIB")]
    runtime: Option<PathBuf>,
    /// How the shim gets in front
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    deploy: Deploy,
    /// How long each run may take
    #[arg(long, default_value = "60s", value_parser = duration, value_name = "TIME")]
    timeout: Duration,
    /// Set a variable for every run; repeatable
    #[arg(long, value_name = "K=V", value_parser = name_and_value)]
    env: Vec<(String, String)>,
    /// What must be there: without it the command fails instead of skipping
    #[arg(long, value_parser = ["gpu"], value_name = "WHAT")]
    require: Option<String>,
}

impl Shimmed {
    /// What they ask for; what is bundled is unpacked below the scratch folder.
    ///
    /// # Errors
    /// Where the bundle cannot be unpacked.
    pub fn setup(&self, scratch: &Path) -> anyhow::Result<Setup> {
        let bundled = scratch.join("bundle");
        if self.shim.is_none() || self.runtime.is_none() {
            bundle::unpack(&bundled)?;
        }
        let default = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| bundled.join(name));
        let shim = default(&self.shim, "lib/libshimhip.so");
        let runtime = default(&self.runtime, "lib/libamdhip64.so.7");
        Ok(Setup {
            deploy: self.deploy.into(),
            env: self.env.clone(),
            limits: Limits { time: self.timeout, ..Limits::default() },
            require_gpu: self.require.is_some(),
            ..Setup::new(&shim, &runtime, scratch)
        })
    }
}

/// A time such as 60s.
///
/// # Errors
/// What was expected, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "expected a time such as 60s, 500ms or 2m".to_owned())
}

/// A variable that xdoctor does not set itself.
///
/// # Errors
/// What was expected, in words.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected K=V")?;
    if matches!(name, "LD_PRELOAD" | "LD_LIBRARY_PATH" | "LD_AUDIT") {
        return Err(format!("{name} is set by xdoctor itself; --shim, --runtime and --deploy say how"));
    }
    Ok((name.to_owned(), value.to_owned()))
}
