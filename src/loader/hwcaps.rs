//! The subdirectories for better processors that ld.so looks into before a directory itself.

use crate::elf::{Class, Machine};

use super::Glibc;

/// The `glibc-hwcaps` subdirectories that a processor can use, best first (glibc,
/// `sysdeps/x86_64/dl-hwcaps_subdirs.c` and its like), and the legacy ones that glibc knew up to 2.36.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hwcaps {
    names: Vec<String>,
    legacy: Vec<&'static str>,
}

impl Hwcaps {
    /// Those named, best first; no legacy ones.
    pub fn of(names: Vec<String>) -> Hwcaps {
        Hwcaps { names, legacy: Vec::new() }
    }

    /// Those that this processor can use, where it is of the given kind; else none.
    pub fn here(class: Class, machine: Machine, glibc: &Glibc) -> Hwcaps {
        if !cfg!(target_arch = "x86_64") || machine != Machine::X86_64 || class != Class::Elf64 {
            return Hwcaps::default();
        }
        let legacy = if glibc.since(37) { Vec::new() } else { legacy() };
        Hwcaps { names: levels(), legacy }
    }

    /// The names of the `glibc-hwcaps` subdirectories, best first.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All subdirectories in the order in which they are searched, the last one the directory itself: "".
    pub fn subdirectories(&self) -> Vec<String> {
        let named = self.names.iter().map(|name| format!("glibc-hwcaps/{name}"));
        // Every subset of the legacy names, the whole set first (glibc 2.36, `elf/dl-hwcaps.c`).
        let count = self.legacy.len();
        let subset = |bits: usize| {
            let part = |(place, name): (usize, &&'static str)| (bits >> (count - 1 - place) & 1 == 1).then_some(*name);
            self.legacy.iter().enumerate().filter_map(part).collect::<Vec<_>>().join("/")
        };
        let mut all: Vec<String> = named.collect();
        for directory in (0..1usize << count).rev().map(subset) {
            if !all.contains(&directory) {
                all.push(directory);
            }
        }
        all
    }

    /// What `$PLATFORM` stands for on x86-64.
    pub fn platform(&self) -> &'static str {
        self.legacy.get(1).copied().unwrap_or("x86_64")
    }
}

#[cfg(target_arch = "x86_64")]
fn levels() -> Vec<String> {
    use std::arch::is_x86_feature_detected as has;
    let v2 = has!("cmpxchg16b") && has!("popcnt") && has!("sse3") && has!("sse4.1") && has!("sse4.2") && has!("ssse3");
    let v3 = v2
        && has!("avx")
        && has!("avx2")
        && has!("bmi1")
        && has!("bmi2")
        && has!("f16c")
        && has!("fma")
        && has!("lzcnt")
        && has!("movbe");
    let v4 = v3 && has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl");
    let levels = [(v4, "x86-64-v4"), (v3, "x86-64-v3"), (v2, "x86-64-v2")];
    levels.into_iter().filter(|(usable, _)| *usable).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn levels() -> Vec<String> {
    Vec::new()
}

/// The names whose subsets were searched: "tls", the platform, "avx512_1" and "x86_64". glibc 2.36 gives Intel's
/// processors a platform and avx512_1 (`sysdeps/x86/cpu-features.c`), all others are plain x86_64.
#[cfg(target_arch = "x86_64")]
fn legacy() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected as has;
    let mut names = vec!["tls"];
    let wide = has!("avx512bw") && has!("avx512dq") && has!("avx512vl") && has!("avx512cd");
    let haswell = has!("avx2") && has!("bmi1") && has!("bmi2") && has!("fma") && has!("lzcnt") && has!("movbe");
    match is_intel() {
        true if haswell => names.push("haswell"),
        _ => names.push("x86_64"),
    }
    if is_intel() && wide {
        names.push("avx512_1");
    }
    names.push("x86_64");
    names
}

#[cfg(not(target_arch = "x86_64"))]
fn legacy() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(target_arch = "x86_64")]
fn is_intel() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"GenuineIntel"
}
