//! How a shim gets in front of the runtime.

use serde::Serialize;

/// How a shim gets in front of the runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Deploy {
    /// LD_PRELOAD names it
    #[default]
    Preload,
    /// Its name stands in for the runtime's
    Replace,
}
