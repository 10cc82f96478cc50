//! Numbers of the format, with the names that people use for them.

use std::fmt::{self, Display};

use goblin::elf::header as h;
use goblin::elf::sym as s;
use serde::{Serialize, Serializer};

/// Declares an enum over numbers of the format: each known number has a variant and a name, all others keep their value.
macro_rules! numbers {
    ($(#[$meta:meta])* $name:ident($number:ty) { $($(#[$doc:meta])* $variant:ident = $value:pat => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// Any other number.
            Other($number),
        }

        impl From<$number> for $name {
            fn from(number: $number) -> $name {
                match number {
                    $($value => $name::$variant,)+
                    other => $name::Other(other),
                }
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($name::$variant => f.pad($text),)+
                    $name::Other(number) => f.pad(&format!("{number:#x}")),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

numbers! {
    /// `EI_CLASS`.
    Class(u8) {
        /// 32-bit.
        Elf32 = h::ELFCLASS32 => "ELF32",
        /// 64-bit.
        Elf64 = h::ELFCLASS64 => "ELF64",
    }
}

numbers! {
    /// `EI_DATA`.
    ByteOrder(u8) {
        /// Least significant byte first.
        Little = h::ELFDATA2LSB => "little-endian",
        /// Most significant byte first.
        Big = h::ELFDATA2MSB => "big-endian",
    }
}

numbers! {
    /// `e_machine`.
    Machine(u16) {
        /// Intel 80386.
        I386 = h::EM_386 => "i386",
        /// AMD x86-64.
        X86_64 = h::EM_X86_64 => "x86-64",
        /// ARM, 32-bit.
        Arm = h::EM_ARM => "arm",
        /// ARM, 64-bit.
        Aarch64 = h::EM_AARCH64 => "aarch64",
        /// PowerPC.
        Ppc = h::EM_PPC => "ppc",
        /// PowerPC, 64-bit.
        Ppc64 = h::EM_PPC64 => "ppc64",
        /// RISC-V.
        Riscv = h::EM_RISCV => "riscv",
        /// IBM Z.
        S390 = h::EM_S390 => "s390x",
        /// MIPS.
        Mips = h::EM_MIPS => "mips",
        /// SPARC, 64-bit.
        Sparcv9 = h::EM_SPARCV9 => "sparc64",
        /// LoongArch.
        LoongArch = 258 => "loongarch",
        /// AMD GPU.
        AmdGpu = 224 => "amdgpu",
        /// NVIDIA GPU.
        Cuda = 190 => "cuda",
        /// eBPF.
        Bpf = 247 => "bpf",
        /// Alpha (the number that Linux uses).
        Alpha = 0x9026 => "alpha",
    }
}

/// `e_type`, with a position-independent executable told apart from a library (both are `ET_DYN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Relocatable object.
    Relocatable,
    /// Executable at fixed addresses.
    Executable,
    /// Position-independent executable.
    Pie,
    /// Shared library.
    Shared,
    /// Core dump.
    Core,
    /// Any other number.
    Other(u16),
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Relocatable => f.pad("REL"),
            Kind::Executable => f.pad("EXEC"),
            Kind::Pie => f.pad("PIE"),
            Kind::Shared => f.pad("DYN"),
            Kind::Core => f.pad("CORE"),
            Kind::Other(number) => f.pad(&format!("{number:#x}")),
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

numbers! {
    /// `ELF64_ST_TYPE`.
    SymbolKind(u8) {
        /// Not said.
        NoType = s::STT_NOTYPE => "notype",
        /// Data.
        Object = s::STT_OBJECT => "object",
        /// Code.
        Function = s::STT_FUNC => "function",
        /// A section.
        Section = s::STT_SECTION => "section",
        /// A source file.
        File = s::STT_FILE => "file",
        /// Uninitialised common block.
        Common = s::STT_COMMON => "common",
        /// Thread-local data.
        Tls = s::STT_TLS => "tls",
        /// A resolver that yields the function's address.
        Ifunc = s::STT_GNU_IFUNC => "ifunc",
    }
}

impl SymbolKind {
    /// Whether it is code that can be called: a function, or one that a resolver chooses.
    pub fn is_function(self) -> bool {
        matches!(self, SymbolKind::Function | SymbolKind::Ifunc)
    }
}

numbers! {
    /// `ELF64_ST_BIND`.
    Binding(u8) {
        /// Seen in its file only.
        Local = s::STB_LOCAL => "local",
        /// Seen by all.
        Global = s::STB_GLOBAL => "global",
        /// Seen by all; may stay undefined.
        Weak = s::STB_WEAK => "weak",
        /// One in the whole process.
        Unique = s::STB_GNU_UNIQUE => "unique",
    }
}

numbers! {
    /// `ELF64_ST_VISIBILITY`.
    Visibility(u8) {
        /// As the binding says.
        Default = s::STV_DEFAULT => "default",
        /// For the processor's use.
        Internal = s::STV_INTERNAL => "internal",
        /// Not seen outside its object.
        Hidden = s::STV_HIDDEN => "hidden",
        /// Seen outside, cannot be preempted inside.
        Protected = s::STV_PROTECTED => "protected",
    }
}
