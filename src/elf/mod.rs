//! One mapped ELF file: header, dynamic section, symbols, versions.
