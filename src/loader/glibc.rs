//! Which loader it is: the release, whose rules differ in places, and the folders that it was built with.
//!
//! Both stand in the loader's own file, and that is the only place where they are certain: a distribution chooses its
//! system directories when it builds glibc.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::elf::{Class, Machine};

/// A glibc's dynamic loader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glibc {
    /// Its release: 2 and 36 for glibc 2.36.
    pub release: (u32, u32),
    /// The directories searched last, without a slash at the end.
    pub system: Vec<PathBuf>,
}

/// What a loader says of itself (glibc, `csu/version.c`; the loader prints it for `--version`).
const BANNER: &[u8] = b"stable release version ";

impl Glibc {
    /// Reads the loader's file. Without a banner it is taken to be 2.36, without directories to have those that are
    /// common for the machine.
    pub fn read(loader: &[u8], class: Class, machine: Machine) -> Glibc {
        let system = system_directories(loader);
        Glibc {
            release: release(loader).unwrap_or((2, 36)),
            system: if system.is_empty() { Glibc::common_directories(class, machine) } else { system },
        }
    }

    /// What is assumed where no loader was found.
    pub fn assumed(class: Class, machine: Machine) -> Glibc {
        Glibc { release: (2, 36), system: Glibc::common_directories(class, machine) }
    }

    /// Debian's directories, then those of the distributions that have `lib64`.
    fn common_directories(class: Class, machine: Machine) -> Vec<PathBuf> {
        let triplet = match (machine, class) {
            (Machine::X86_64, Class::Elf64) => "x86_64-linux-gnu",
            (Machine::X86_64, _) => "x86_64-linux-gnux32",
            (Machine::I386, _) => "i386-linux-gnu",
            (Machine::Aarch64, _) => "aarch64-linux-gnu",
            (Machine::Arm, _) => "arm-linux-gnueabihf",
            (Machine::Ppc64, _) => "powerpc64le-linux-gnu",
            (Machine::Riscv, Class::Elf64) => "riscv64-linux-gnu",
            (Machine::S390, _) => "s390x-linux-gnu",
            _ => "",
        };
        let debian = ["/lib", "/usr/lib"].map(|dir| PathBuf::from(dir).join(triplet)).into_iter();
        let wide = if class == Class::Elf64 { &["/lib64", "/usr/lib64"][..] } else { &[] };
        let plain = ["/lib", "/usr/lib"].map(PathBuf::from);
        let multiarch = debian.filter(|_| !triplet.is_empty());
        multiarch.chain(wide.iter().map(PathBuf::from)).chain(plain).collect()
    }

    /// Whether an interpreter can be glibc's, by its name: other libcs' loaders are named after them.
    pub fn may_be_at(interpreter: &Path) -> bool {
        let name = interpreter.file_name().unwrap_or_default().as_bytes();
        !name.starts_with(b"ld-musl") && !name.starts_with(b"linker") && !name.starts_with(b"ld-uClibc")
    }

    /// Where the ABI puts the loader of a class and machine: what a library without `PT_INTERP` runs under.
    pub fn usual_loader(class: Class, machine: Machine) -> Option<PathBuf> {
        let path = match (machine, class) {
            (Machine::X86_64, Class::Elf64) => "/lib64/ld-linux-x86-64.so.2",
            (Machine::X86_64, _) => "/libx32/ld-linux-x32.so.2",
            (Machine::I386, _) => "/lib/ld-linux.so.2",
            (Machine::Aarch64, _) => "/lib/ld-linux-aarch64.so.1",
            (Machine::Arm, _) => "/lib/ld-linux-armhf.so.3",
            (Machine::Ppc64, _) => "/lib64/ld64.so.2",
            (Machine::Riscv, Class::Elf64) => "/lib/ld-linux-riscv64-lp64d.so.1",
            (Machine::S390, Class::Elf64) => "/lib/ld64.so.1",
            (Machine::LoongArch, Class::Elf64) => "/lib64/ld-linux-loongarch-lp64d.so.1",
            _ => return None,
        };
        Some(path.into())
    }

    /// Whether it is at least 2.`minor`.
    pub fn since(&self, minor: u32) -> bool {
        self.release >= (2, minor)
    }

    /// `$LIB` (`DL_DST_LIB`): the first system directory without its leading slash.
    pub fn lib(&self) -> &OsStr {
        let first = self.system.first().map_or(OsStr::new("lib"), |dir| dir.as_os_str());
        let path = first.as_bytes();
        OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path))
    }
}

fn release(loader: &[u8]) -> Option<(u32, u32)> {
    let at = memmem::find(loader, BANNER)? + BANNER.len();
    let text = loader.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').copied();
    let text: Vec<u8> = text.take(16).collect();
    let mut parts = std::str::from_utf8(&text).ok()?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `system_dirs` of glibc's `elf/dl-load.c`: paths that end in a slash, one after the other, the last of them under
/// `/usr`.
fn system_directories(loader: &[u8]) -> Vec<PathBuf> {
    let lists = memmem::find_iter(loader, b"\0/").map(|at| &loader[at + 1..]);
    lists
        .map(|list| {
            let texts = list.split(|&byte| byte == 0);
            texts.take_while(|text| is_directory(text)).take(16).collect::<Vec<_>>()
        })
        .find(|list| list.len() > 1)
        .into_iter()
        .flatten()
        .map(|dir| PathBuf::from(OsStr::from_bytes(&dir[..dir.len() - 1])))
        .collect()
}

fn is_directory(text: &[u8]) -> bool {
    text.len() > 1
        && text.len() < 4096
        && text.starts_with(b"/")
        && text.ends_with(b"/")
        && text.iter().all(|byte| byte.is_ascii_graphic())
}
