//! What the loader model said of a client's references, held against what was seen.

use std::path::PathBuf;

use serde::Serialize;

/// What the model said, and where the run was otherwise.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Prediction {
    /// How many references were both predicted and seen.
    pub compared: usize,
    /// Those of them that were bound elsewhere than predicted.
    pub differences: Vec<Difference>,
    /// What was not predicted, and why.
    pub unpredicted: Vec<String>,
}

/// A reference that was bound elsewhere than predicted.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The object that holds it.
    pub referrer: PathBuf,
    /// The function.
    pub symbol: String,
    /// The object that the model named.
    pub predicted: Option<PathBuf>,
    /// The object that it was bound to.
    pub observed: Option<PathBuf>,
}
