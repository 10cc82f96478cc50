//! Which symbols `--api` means.

use super::api::Api;

/// Functions of HIP that are newer than the table, and C++ names of them; not hipblas…, hipfft…, hiprtc….
const HIP_PATTERNS: [&str; 3] = ["hip[A-Z]*", "__hip[A-Z]*", "_Z[0-9][0-9]hip[A-Z]*"];
/// CUDA's runtime and driver; not cublas…, cufft….
const CUDA_PATTERNS: [&str; 3] = ["cuda[A-Z]*", "__cuda[A-Z]*", "cu[A-Z]*"];

/// The names, or patterns with `*`, `?` and `[a-z]`, that `hip`, `cuda`, a name or a pattern stands for.
pub fn names(api: &str) -> Vec<String> {
    let owned = |patterns: &[&str]| patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>();
    match api {
        "hip" => {
            let mut names: Vec<String> = Api::hip().functions.iter().map(|function| function.symbol.clone()).collect();
            names.extend(owned(&HIP_PATTERNS));
            names
        }
        "cuda" => owned(&CUDA_PATTERNS),
        pattern => vec![pattern.to_owned()],
    }
}
