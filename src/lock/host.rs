//! Facts about the machine that explain a drift, remembered as information: they fail nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::elf::{Class, Machine, Mapped, escape};
use crate::loader::Glibc;

/// Kernel modules of GPUs; each says its version here where it has one of its own (amdgpu: only the one from DKMS has).
const DRIVERS: &[&str] = &["amdgpu", "nvidia"];

/// What the machine is made of: `glibc`, `kernel`, and the drivers that are loaded.
pub fn facts() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    facts.extend(glibc().map(|release| ("glibc".to_owned(), release)));
    let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
    facts.insert("kernel".to_owned(), kernel);
    for driver in DRIVERS {
        let module = Path::new("/sys/module").join(driver);
        if module.is_dir() {
            let version = fs::read_to_string(module.join("version"));
            let version = version
                .map_or_else(|_| "the kernel's own".to_owned(), |text| escape(text.trim().as_bytes()).to_string());
            facts.insert((*driver).to_owned(), version);
        }
    }
    facts
}

fn glibc() -> Option<String> {
    let machine = if cfg!(target_arch = "aarch64") { Machine::Aarch64 } else { Machine::X86_64 };
    let loader = Mapped::open(Glibc::usual_loader(Class::Elf64, machine)?).ok()?;
    let (major, minor) = Glibc::read(loader.bytes(), Class::Elf64, machine).release;
    Some(format!("{major}.{minor}"))
}
