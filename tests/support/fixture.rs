//! ELF files made to measure, written with `object`: libraries of any class, byte order, machine and number of symbols.

use object::Endianness;
use object::elf;
use object::write::elf::{FileHeader, ProgramHeader, SectionIndex, Sym, Verdef, Vernaux, Verneed, Writer};

/// Where the file is loaded: other than at 0, so that an address is never an offset.
const BASE: u64 = 0x1_0000;

/// A library.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub is_64: bool,
    pub big_endian: bool,
    pub machine: u16,
    pub gnu_hash: bool,
    pub sysv_hash: bool,
    pub sections: bool,
    pub soname: String,
    pub nodes: Vec<FixtureNode>,
    pub needs: Vec<FixtureNeed>,
    pub symbols: Vec<FixtureSymbol>,
}

/// A version node with its parents; the first has index 2.
#[derive(Clone, Debug)]
pub struct FixtureNode {
    pub name: String,
    pub parents: Vec<String>,
    pub weak: bool,
}

/// What is needed of a file; indices follow those of the nodes.
#[derive(Clone, Debug)]
pub struct FixtureNeed {
    pub file: String,
    pub nodes: Vec<(String, bool)>,
}

/// A dynamic symbol; `versym` is its version index, with 0x8000 for hidden.
#[derive(Clone, Debug)]
pub struct FixtureSymbol {
    pub name: Vec<u8>,
    pub versym: u16,
    pub defined: bool,
    pub weak: bool,
    pub kind: u8,
    pub visibility: u8,
    pub value: u64,
    pub size: u64,
}

impl Default for Fixture {
    fn default() -> Fixture {
        Fixture {
            is_64: true,
            big_endian: false,
            machine: elf::EM_X86_64.0,
            gnu_hash: true,
            sysv_hash: false,
            sections: false,
            soname: "libfixture.so.1".to_owned(),
            nodes: Vec::new(),
            needs: Vec::new(),
            symbols: Vec::new(),
        }
    }
}

impl Fixture {
    #[allow(dead_code, clippy::allow_attributes, reason = "benchmarks use it")]
    /// A library with so many functions over a few nodes, their names as long as mangled ones are.
    pub fn of_size(symbols: usize) -> Fixture {
        let node = |index: usize| FixtureNode {
            name: format!("node_{index}"),
            parents: (index > 0).then(|| format!("node_{}", index - 1)).into_iter().collect(),
            weak: false,
        };
        let symbol = |index: usize| FixtureSymbol {
            name: format!("_ZN10tensorflow7functor12UnaryFunctorIN5Eigen9GpuDeviceE{index}EclERKS3_").into_bytes(),
            versym: 2 + (index % 4) as u16,
            defined: true,
            weak: index.is_multiple_of(3),
            kind: elf::STT_FUNC.0,
            visibility: 0,
            value: 0x1000 + 16 * index as u64,
            size: 16,
        };
        let symbols = (0..symbols).map(symbol).collect();
        Fixture { nodes: (0..4).map(node).collect(), symbols, ..Fixture::default() }
    }

    /// Puts the symbols in the order that the GNU hash table wants: undefined ones first, then by bucket.
    pub fn sort(&mut self) {
        let buckets = self.buckets();
        self.symbols.sort_by_key(|symbol| (symbol.defined, elf::gnu_hash(&symbol.name) % buckets));
    }

    fn buckets(&self) -> u32 {
        (self.symbols.iter().filter(|symbol| symbol.defined).count() as u32 / 2).max(1)
    }

    /// The file. Sorts the symbols first.
    pub fn write(&mut self) -> Vec<u8> {
        self.sort();
        let mut buffer = Vec::new();
        let endian = if self.big_endian { Endianness::Big } else { Endianness::Little };
        let mut writer = Writer::new(endian, self.is_64, &mut buffer);
        let loaded = self.emit(&mut writer);
        if !self.sections {
            strip(&mut buffer, self.is_64, loaded as usize);
        }
        buffer
    }

    /// Writes everything, and returns where the loaded part ends.
    fn emit<'a>(&'a self, writer: &mut Writer<'a>) -> u64 {
        let count = self.symbols.len() as u32;
        let undefined = self.symbols.iter().filter(|symbol| !symbol.defined).count() as u32;
        let (buckets, blooms) = (self.buckets(), (count / 8).next_power_of_two().max(1));
        let versioned = !self.nodes.is_empty() || !self.needs.is_empty();

        writer.reserve_file_header();
        writer.reserve_program_headers(2);
        let soname = writer.add_dynamic_string(self.soname.as_bytes());
        let files: Vec<_> = self.needs.iter().map(|need| writer.add_dynamic_string(need.file.as_bytes())).collect();
        let need_names: Vec<Vec<_>> = self
            .needs
            .iter()
            .map(|need| need.nodes.iter().map(|node| writer.add_dynamic_string(node.0.as_bytes())).collect())
            .collect();
        let node_names: Vec<_> =
            self.nodes.iter().map(|node| writer.add_dynamic_string(node.name.as_bytes())).collect();
        let parent_names: Vec<Vec<_>> = self
            .nodes
            .iter()
            .map(|node| node.parents.iter().map(|parent| writer.add_dynamic_string(parent.as_bytes())).collect())
            .collect();
        let names: Vec<_> = self.symbols.iter().map(|symbol| writer.add_dynamic_string(&symbol.name)).collect();

        writer.reserve_null_dynamic_symbol_index();
        for _ in &self.symbols {
            writer.reserve_dynamic_symbol_index();
        }
        let dynsym = writer.reserve_dynsym();
        let dynstr = writer.reserve_dynstr().unwrap();
        let hash = if self.sysv_hash { writer.reserve_hash(buckets, count + 1) } else { 0 };
        let gnu_hash = if self.gnu_hash { writer.reserve_gnu_hash(blooms, buckets, count - undefined) } else { 0 };
        let versym = if versioned { writer.reserve_gnu_versym() } else { 0 };
        let aux = self.nodes.iter().map(|node| 1 + node.parents.len()).sum::<usize>() + 1;
        let defined_nodes = if self.nodes.is_empty() { 0 } else { self.nodes.len() as u16 + 1 };
        let verdef = writer.reserve_gnu_verdef(defined_nodes, aux);
        let need_aux = self.needs.iter().map(|need| need.nodes.len()).sum();
        let verneed = writer.reserve_gnu_verneed(self.needs.len() as u16, need_aux);
        let mut entries = vec![
            (elf::DT_STRTAB, BASE + dynstr),
            (elf::DT_STRSZ, u64::from(writer.dynstr_len())),
            (elf::DT_SYMTAB, BASE + dynsym),
            (elf::DT_SYMENT, if self.is_64 { 24 } else { 16 }),
        ];
        let optional = [
            (elf::DT_HASH, hash),
            (elf::DT_GNU_HASH, gnu_hash),
            (elf::DT_VERSYM, versym),
            (elf::DT_VERDEF, verdef),
            (elf::DT_VERNEED, verneed),
        ];
        entries.extend(optional.iter().filter(|entry| entry.1 != 0).map(|entry| (entry.0, BASE + entry.1)));
        entries.push((elf::DT_VERDEFNUM, u64::from(defined_nodes)));
        entries.push((elf::DT_VERNEEDNUM, self.needs.len() as u64));
        let dynamic = writer.reserve_dynamic(entries.len() + 2 + files.len());
        let loaded = writer.reserved_len();
        let dynamic_size = loaded - dynamic;
        self.reserve_sections(writer, versioned);

        writer
            .write_file_header(&FileHeader {
                os_abi: elf::ELFOSABI_NONE,
                abi_version: 0,
                e_type: elf::ET_DYN,
                e_machine: elf::Machine(self.machine),
                e_entry: 0,
                e_flags: Default::default(),
            })
            .unwrap();
        writer.write_align_program_headers();
        let segment = |p_type, p_flags, offset: u64, size: u64| ProgramHeader {
            p_type,
            p_flags,
            p_offset: offset,
            p_vaddr: BASE + offset,
            p_paddr: BASE + offset,
            p_filesz: size,
            p_memsz: size,
            p_align: 8,
        };
        writer.write_program_header(&segment(elf::PT_LOAD, elf::PF_R | elf::PF_X, 0, loaded));
        writer.write_program_header(&segment(elf::PT_DYNAMIC, elf::PF_R, dynamic, dynamic_size));

        writer.write_null_dynamic_symbol();
        for (symbol, name) in self.symbols.iter().zip(&names) {
            let binding = if symbol.weak { elf::STB_WEAK } else { elf::STB_GLOBAL };
            writer.write_dynamic_symbol(&Sym {
                section: None,
                st_name: writer.dynamic_string_offset(Some(*name)),
                st_info: elf::SymbolInfo::new(binding, elf::SymbolType(symbol.kind)),
                st_other: elf::SymbolOther(symbol.visibility),
                st_shndx: if symbol.defined { elf::SymbolSection(1) } else { elf::SHN_UNDEF },
                st_value: symbol.value,
                st_size: symbol.size,
            });
        }
        writer.write_dynstr();
        if self.sysv_hash {
            let hash_of = |index: u32| index.checked_sub(1).map(|at| elf::hash(&self.symbols[at as usize].name));
            writer.write_hash(buckets, count + 1, hash_of);
        }
        if self.gnu_hash {
            let hash_of = |index: u32| elf::gnu_hash(&self.symbols[(undefined + index) as usize].name);
            writer.write_gnu_hash(1 + undefined, 5, blooms, buckets, count - undefined, hash_of);
        }
        if versioned {
            writer.write_null_gnu_versym();
            self.symbols.iter().for_each(|symbol| writer.write_gnu_versym(elf::VersymIndex(symbol.versym)));
        }
        if !self.nodes.is_empty() {
            writer.write_align_gnu_verdef();
            writer.write_gnu_verdef(&Verdef {
                version: 1,
                flags: elf::VER_FLG_BASE,
                index: elf::VersionIndex(1),
                aux_count: 1,
                name: writer.dynamic_string_offset(Some(soname)),
                hash: elf::hash(self.soname.as_bytes()),
            });
            for (index, node) in self.nodes.iter().enumerate() {
                writer.write_gnu_verdef(&Verdef {
                    version: 1,
                    flags: if node.weak { elf::VER_FLG_WEAK } else { elf::VersionFlags(0) },
                    index: elf::VersionIndex(2 + index as u16),
                    aux_count: 1 + node.parents.len() as u16,
                    name: writer.dynamic_string_offset(Some(node_names[index])),
                    hash: elf::hash(node.name.as_bytes()),
                });
                parent_names[index].iter().for_each(|parent| writer.write_gnu_verdaux(*parent));
            }
        }
        if !self.needs.is_empty() {
            writer.write_align_gnu_verneed();
            let mut index = 2 + self.nodes.len() as u16;
            for (at, need) in self.needs.iter().enumerate() {
                let file = writer.dynamic_string_offset(Some(files[at]));
                writer.write_gnu_verneed(&Verneed { version: 1, aux_count: need.nodes.len() as u16, file });
                for ((name, weak), string) in need.nodes.iter().zip(&need_names[at]) {
                    writer.write_gnu_vernaux(&Vernaux {
                        flags: if *weak { elf::VER_FLG_WEAK } else { elf::VersionFlags(0) },
                        index: elf::VersionIndex(index),
                        name: writer.dynamic_string_offset(Some(*string)),
                        hash: elf::hash(name.as_bytes()),
                    });
                    index += 1;
                }
            }
        }
        writer.write_align_dynamic();
        writer.write_dynamic_string(elf::DT_SONAME, soname).unwrap();
        files.iter().for_each(|file| writer.write_dynamic_string(elf::DT_NEEDED, *file).unwrap());
        entries.iter().for_each(|(tag, value)| writer.write_dynamic(*tag, *value).unwrap());
        writer.write_dynamic(elf::DT_NULL, 0).unwrap();
        writer.write_shstrtab();
        writer.write_null_section_header();
        writer.write_dynsym_section_header(BASE + dynsym, 1);
        writer.write_dynstr_section_header(BASE + dynstr);
        writer.write_hash_section_header(BASE + hash);
        writer.write_gnu_hash_section_header(BASE + gnu_hash);
        writer.write_gnu_versym_section_header(BASE + versym);
        writer.write_gnu_verdef_section_header(BASE + verdef);
        writer.write_gnu_verneed_section_header(BASE + verneed);
        writer.write_dynamic_section_header(BASE + dynamic);
        writer.write_shstrtab_section_header();
        loaded
    }

    fn reserve_sections(&self, writer: &mut Writer<'_>, versioned: bool) {
        let _: SectionIndex = writer.reserve_dynsym_section_index();
        writer.reserve_dynstr_section_index();
        if self.sysv_hash {
            writer.reserve_hash_section_index();
        }
        if self.gnu_hash {
            writer.reserve_gnu_hash_section_index();
        }
        if versioned {
            writer.reserve_gnu_versym_section_index();
        }
        if !self.nodes.is_empty() {
            writer.reserve_gnu_verdef_section_index();
        }
        if !self.needs.is_empty() {
            writer.reserve_gnu_verneed_section_index();
        }
        writer.reserve_dynamic_section_index();
        writer.reserve_shstrtab_section_index();
        writer.reserve_shstrtab().unwrap();
        writer.reserve_section_headers();
    }
}

/// Takes the section table away, as `strip --strip-section-headers` does.
fn strip(file: &mut Vec<u8>, is_64: bool, loaded: usize) {
    file.truncate(loaded);
    let (offset, numbers) = if is_64 { (0x28..0x30, 0x3c..0x40) } else { (0x20..0x24, 0x30..0x34) };
    file[offset].fill(0);
    file[numbers].fill(0);
}
