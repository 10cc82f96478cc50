#include "lookup.h"

#include <elf.h>
#include <string.h>

#define HIDDEN_VERSION 0x8000
#define VERSION_INDEX 0x7fff

/* How well a definition fits what is asked for. */
enum fit { NO_FIT, UNVERSIONED, DEFAULT_VERSION, EXACT_NODE };

/* ld.so relocates some of these pointers in place and others (DT_VERDEF, the vdso's) not. */
static const void *pointer(const struct dl_phdr_info *info, ElfW(Addr) value) {
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        ElfW(Addr) start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && value >= start && value - start < segment->p_memsz)
            return (const void *)value;
    }
    return (const void *)(info->dlpi_addr + value);
}

static void note_entry(const struct dl_phdr_info *info, struct loaded *object, const ElfW(Dyn) *entry) {
    switch (entry->d_tag) {
    case DT_SYMTAB: object->symbols = pointer(info, entry->d_un.d_ptr); break;
    case DT_STRTAB: object->strings = pointer(info, entry->d_un.d_ptr); break;
    case DT_GNU_HASH: object->gnu_hash = pointer(info, entry->d_un.d_ptr); break;
    case DT_HASH: object->sysv_hash = pointer(info, entry->d_un.d_ptr); break;
    case DT_VERSYM: object->versions = pointer(info, entry->d_un.d_ptr); break;
    case DT_VERDEF: object->definitions = pointer(info, entry->d_un.d_ptr); break;
    case DT_VERDEFNUM: object->definition_count = entry->d_un.d_val; break;
    default: break;
    }
}

int loaded_open(const struct dl_phdr_info *info, struct loaded *object) {
    memset(object, 0, sizeof *object);
    object->base = info->dlpi_addr;
    object->name = info->dlpi_name;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            object->dynamic = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    if (!object->dynamic)
        return 0;
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++)
        note_entry(info, object, entry);
    return object->symbols && object->strings && (object->gnu_hash || object->sysv_hash);
}

static const char *version_name(const struct loaded *object, unsigned index) {
    const char *at = object->definitions;
    for (size_t i = 0; at && i < object->definition_count; i++) {
        const ElfW(Verdef) *definition = (const void *)at;
        if (definition->vd_ndx == index && !(definition->vd_flags & VER_FLG_BASE)) {
            const ElfW(Verdaux) *first = (const void *)(at + definition->vd_aux);
            return object->strings + first->vda_name;
        }
        if (!definition->vd_next)
            return NULL;
        at += definition->vd_next;
    }
    return NULL;
}

static enum fit version_fit(const struct loaded *object, size_t index, const char *node) {
    if (!object->versions)
        return UNVERSIONED;
    unsigned version = object->versions[index];
    if ((version & VERSION_INDEX) == VER_NDX_LOCAL)
        return NO_FIT;
    if ((version & VERSION_INDEX) == VER_NDX_GLOBAL)
        return version & HIDDEN_VERSION ? NO_FIT : UNVERSIONED;
    const char *name = version_name(object, version & VERSION_INDEX);
    if (node && name && !strcmp(name, node))
        return EXACT_NODE;
    return version & HIDDEN_VERSION ? NO_FIT : DEFAULT_VERSION;
}

static enum fit fit_of(const struct loaded *object, size_t index, const char *symbol, const char *node) {
    const ElfW(Sym) *entry = &object->symbols[index];
    unsigned type = ELF64_ST_TYPE(entry->st_info), visibility = ELF64_ST_VISIBILITY(entry->st_other);
    if (entry->st_shndx == SHN_UNDEF || !entry->st_value || ELF64_ST_BIND(entry->st_info) == STB_LOCAL)
        return NO_FIT;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
        return NO_FIT;
    if (visibility == STV_HIDDEN || visibility == STV_INTERNAL || strcmp(object->strings + entry->st_name, symbol))
        return NO_FIT;
    return version_fit(object, index, node);
}

static uint32_t gnu_hash(const char *name) {
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static uint32_t sysv_hash(const char *name) {
    uint32_t hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    return hash;
}

struct best {
    enum fit fit;
    size_t index;
};

static void consider(const struct loaded *object, size_t index, const char *symbol, const char *node, struct best *best) {
    enum fit fit = fit_of(object, index, symbol, node);
    if (fit > best->fit)
        *best = (struct best){.fit = fit, .index = index};
}

/* gABI's successor of DT_HASH: header, Bloom filter (not needed for a hit), buckets, chains whose last hash has its low bit set. */
static void search_gnu(const struct loaded *object, const char *symbol, const char *node, struct best *best) {
    const uint32_t *table = object->gnu_hash;
    uint32_t buckets = table[0], first = table[1], bloom_words = table[2], hash = gnu_hash(symbol);
    const uint32_t *bucket = table + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = bucket + buckets;
    if (!buckets)
        return;
    uint32_t index = bucket[hash % buckets];
    if (index < first)
        return;
    for (;; index++) {
        if ((chain[index - first] | 1) == (hash | 1))
            consider(object, index, symbol, node, best);
        if (chain[index - first] & 1)
            return;
    }
}

static void search_sysv(const struct loaded *object, const char *symbol, const char *node, struct best *best) {
    const uint32_t *table = object->sysv_hash;
    uint32_t buckets = table[0];
    if (!buckets)
        return;
    uint32_t index = table[2 + sysv_hash(symbol) % buckets];
    for (; index; index = table[2 + buckets + index])
        consider(object, index, symbol, node, best);
}

void *loaded_find(const struct loaded *object, const char *symbol, const char *node) {
    struct best best = {.fit = NO_FIT};
    if (object->gnu_hash)
        search_gnu(object, symbol, node, &best);
    else
        search_sysv(object, symbol, node, &best);
    if (best.fit == NO_FIT)
        return NULL;
    const ElfW(Sym) *entry = &object->symbols[best.index];
    void *address = (void *)(entry->st_shndx == SHN_ABS ? entry->st_value : object->base + entry->st_value);
    if (ELF64_ST_TYPE(entry->st_info) == STT_GNU_IFUNC)
        address = ((void *(*)(void))address)();
    return address;
}
