//! Which runtime fits which kernel driver, as the drivers' makers say it: the table `checks/drivers.tsv`, and no more.

use super::versions::debian;

/// The table: which of its three parts, of what, and what is said of it.
const TABLE: &str = include_str!("../../../checks/drivers.tsv");

/// What the table says of a driver and a runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// They fit: why.
    Fits(String),
    /// They do not: what would.
    Differs(String),
    /// The table does not say: what is missing from it.
    Unsaid(String),
}

/// Whether AMD supports a ROCm of that release (`6.2.4`, or `6.2` where no more is known) over the module amdgpu of that
/// version, as `/sys/module/amdgpu/version` has it: `6.10.5`, and since 31.40 `6.19.14.31400000`.
pub(super) fn amdgpu(module: &str, rocm: &str) -> Fit {
    let Some((_, release)) = rows("module").find(|(version, _)| begins(module, version)) else {
        return Fit::Unsaid(format!("which release of AMD's driver has the version {module} is not known here"));
    };
    let takes = |said: &str| said.split(' ').any(|known| begins(rocm, known));
    let Some((_, said)) = rows("amdgpu").find(|(of, _)| *of == release) else {
        return Fit::Unsaid(format!("AMD's table does not name the driver {release}"));
    };
    if takes(said) {
        return Fit::Fits(format!("AMD supports ROCm {rocm} over its driver {release}"));
    }
    if !rows("amdgpu").any(|(_, said)| takes(said)) {
        return Fit::Unsaid(format!("AMD's table does not name ROCm {rocm}"));
    }
    let supported = format!("ROCm {}, which AMD supports over its driver {release}", said.replace(' ', ", "));
    Fit::Differs(supported)
}

/// Whether a CUDA runtime of that version (`12`, `12.4.127`) runs over NVIDIA's driver of that version.
pub(super) fn cuda(driver: &str, runtime: &str) -> Fit {
    let row = rows("cuda").find(|(major, _)| begins(runtime, major));
    let Some((major, none, all)) = row.and_then(|(major, drivers)| drivers.split_once(' ').map(|(a, b)| (major, a, b)))
    else {
        return Fit::Unsaid(format!("the least driver for CUDA {runtime} is not known here"));
    };
    if debian(driver, all).is_ge() {
        Fit::Fits(format!("CUDA {major}.x asks for a driver of at least {all}"))
    } else if debian(driver, none).is_lt() {
        Fit::Differs(format!("a driver nvidia of at least {all}, which CUDA {major}.x asks for"))
    } else {
        Fit::Unsaid(format!(
            "CUDA {major}.x asks for a driver of at least {all}, of which {driver} falls a little short"
        ))
    }
}

fn rows(part: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(move |line| {
        let mut fields = line.split('\t');
        (fields.next()? == part).then_some((fields.next()?, fields.next()?))
    })
}

/// Whether a version is another one, or a later part of it: 6.4.1 begins with 6.4, 6.40 does not.
fn begins(version: &str, with: &str) -> bool {
    version.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_table_can_be_read_and_each_module_belongs_to_one_release_that_is_named() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(["amdgpu", "module", "cuda"].into_iter().map(|part| rows(part).count()).sum::<usize>(), lines);
        for (version, release) in rows("module") {
            assert!(rows("amdgpu").any(|(of, _)| of == release), "{version} of {release}");
            assert_eq!(rows("module").filter(|(other, _)| begins(other, version) || begins(version, other)).count(), 1);
        }
    }

    #[test]
    fn a_driver_takes_its_own_release_and_what_is_said_beside_it() {
        for (module, rocm) in [("6.8.5", "6.2.4"), ("6.12.12", "7.2"), ("6.19.14.31400000", "10.0.0")] {
            assert!(matches!(amdgpu(module, rocm), Fit::Fits(_)), "{module} {rocm}");
        }
        for (module, rocm) in [("6.8.5", "7.2"), ("6.16.13", "6.2.4"), ("5.18.13", "6.4.1")] {
            assert!(matches!(amdgpu(module, rocm), Fit::Differs(_)), "{module} {rocm}");
        }
    }

    #[test]
    fn what_the_table_does_not_name_is_left_unsaid() {
        // 6.10.50 is not 6.10.5; 31.30 (6.19.4) and ROCm 7.13 are in no row; only 10.0.0 of 10.0 is.
        for (module, rocm) in
            [("6.10.50", "6.2"), ("6.19.4", "7.2"), ("6.16.13", "7.13.0"), ("6.16.13", "10.0"), ("6.16.13", "6")]
        {
            assert!(matches!(amdgpu(module, rocm), Fit::Unsaid(_)), "{module} {rocm}");
        }
        assert!(matches!(cuda("580.65.06", "14.0"), Fit::Unsaid(_)));
        assert!(matches!(cuda("580.65.06", "10.2.89"), Fit::Unsaid(_)));
    }

    #[test]
    fn a_cuda_runtime_asks_for_a_driver_and_takes_any_later_one() {
        assert!(matches!(cuda("595.10", "12.4.127"), Fit::Fits(_)));
        assert!(matches!(cuda("525.60.13", "12"), Fit::Fits(_)));
        assert!(matches!(cuda("525.53", "12"), Fit::Unsaid(_)));
        assert!(matches!(cuda("470.256.02", "12.4.127"), Fit::Differs(_)));
        assert!(matches!(cuda("570.172.08", "13"), Fit::Differs(_)));
    }
}
