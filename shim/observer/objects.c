/* The objects of the process: which file, in which namespace, and where its dynamic section leads. */
#include "observer.h"
#include "system.h"

#include <fcntl.h>

struct object observer_objects[OBJECTS];
static unsigned object_count;

/* The hexadecimal number at `*at`, which moves behind it and the character that follows. */
static uint64_t take_number(const char **at) {
    uint64_t value = 0;
    for (char c; c = **at, (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); ++*at)
        value = value * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    ++*at;
    return value;
}

/* The path in a line of /proc/self/maps that holds the address, else NULL. */
static const char *path_in(const char *line, Elf64_Addr address) {
    Elf64_Addr from = take_number(&line), to = take_number(&line);
    if (address < from || address >= to)
        return NULL;
    while (*line && *line != '/')
        line++;
    return *line ? line : NULL;
}

/* The program has no name in its link map, and /proc/self/exe is ld.so where somebody ran that. */
static const char *mapped_path(Elf64_Addr address) {
    static char text[8192]; /* holds the answer, until it is asked again */
    size_t filled = 0;
    const char *path = NULL;
    int file = (int)call6(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (file < 0)
        return NULL;
    for (long got; !path && (got = call3(SYS_read, file, (long)(text + filled), (long)(sizeof text - 1 - filled))) > 0;) {
        filled += (size_t)got;
        char *line = text;
        for (char *end = text; !path && end < text + filled; end++) {
            if (*end != '\n')
                continue;
            *end = 0;
            path = path_in(line, address);
            line = end + 1;
        }
        if (path)
            break;
        filled -= (size_t)(line - text);
        for (size_t i = 0; i < filled; i++)
            text[i] = line[i];
    }
    call3(SYS_close, file, 0, 0);
    return path;
}

static const char *path_of(const struct link_map *map) {
    if (map->l_name && map->l_name[0] == '/')
        return map->l_name;
    const char *path = mapped_path((Elf64_Addr)map->l_ld);
    if (path)
        return path;
    return map->l_name && map->l_name[0] ? map->l_name : "-";
}

static void read_headers(struct object *object) {
    Elf64_Ehdr header;
    int file = (int)call6(SYS_openat, AT_FDCWD, (long)object->path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (file < 0)
        return;
    object->header_count = 0;
    long got = call6(SYS_pread64, file, (long)&header, sizeof header, 0, 0, 0);
    if (got == sizeof header && header.e_phnum <= sizeof object->headers / sizeof *object->headers &&
        header.e_phentsize == sizeof(Elf64_Phdr)) {
        long size = (long)(header.e_phnum * sizeof(Elf64_Phdr));
        if (call6(SYS_pread64, file, (long)object->headers, size, (long)header.e_phoff, 0, 0) == size)
            object->header_count = header.e_phnum;
    }
    call3(SYS_close, file, 0, 0);
}

/* ld.so has relocated these in place, unless the section is read-only. */
static void *address_in(const struct object *object, Elf64_Addr value) {
    return (void *)(value < object->base ? value + object->base : value);
}

static void read_dynamic(struct object *object) {
    for (const Elf64_Dyn *entry = object->map->l_ld; entry->d_tag != DT_NULL; entry++) {
        void *address = address_in(object, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB: object->symbols = address; break;
        case DT_STRTAB: object->strings = address; break;
        case DT_VERSYM: object->version_of = address; break;
        case DT_VERDEF: object->versions = address; break;
        case DT_VERDEFNUM: object->version_count = entry->d_un.d_val; break;
        case DT_RELA: object->relocations = address; break;
        case DT_RELASZ: object->relocations_size = entry->d_un.d_val; break;
        case DT_JMPREL: object->plt = address; break;
        case DT_PLTRELSZ: object->plt_size = entry->d_un.d_val; break;
        default: break;
        }
    }
}

/* The place of an object of that path and namespace that has been closed, so that dlopen in a loop fills no table; else a new one. */
static unsigned place_for(const char *path, long space) {
    for (unsigned i = 0; i < object_count; i++) {
        const struct object *object = &observer_objects[i];
        if (!object->open && object->space == space && same(object->path, path))
            return i;
    }
    return object_count < OBJECTS ? object_count : NOBODY;
}

static int record_object(unsigned index) {
    char number[24], space[24];
    const struct object *object = &observer_objects[index];
    return observer_record("object", observer_number(index, number), observer_number((uint64_t)object->space, space), object->path,
                           NULL);
}

unsigned observer_object_opened(struct link_map *map, long space) {
    const char *path = path_of(map);
    unsigned index = place_for(path, space);
    if (index == NOBODY)
        return NOBODY;
    struct object *object = &observer_objects[index];
    int known = index < object_count;
    path = known ? object->path : observer_copy(path);
    if (!path)
        return NOBODY;
    *object = (struct object){.path = path, .map = map, .space = space, .open = 1, .base = map->l_addr};
    object->executable = !map->l_name || !map->l_name[0];
    read_headers(object);
    read_dynamic(object);
    if (!known && !record_object(index))
        return NOBODY;
    object_count += !known;
    return index;
}

static struct reference *spare;

void observer_object_closed(unsigned index) {
    struct object *object = &observer_objects[index];
    object->open = 0;
    for (struct reference *next; object->references; object->references = next) {
        next = object->references->next;
        object->references->next = spare;
        spare = object->references;
    }
}

struct reference *observer_new_reference(unsigned index, const char *symbol) {
    struct object *object = &observer_objects[index];
    struct reference *reference = spare;
    if (reference)
        spare = reference->next;
    else if (!(reference = observer_allocate(sizeof *reference)))
        return NULL;
    *reference = (struct reference){object->references, symbol, RETAGGED};
    object->references = reference;
    return reference;
}

int observer_is_code(unsigned index, Elf64_Addr address) {
    const struct object *object = &observer_objects[index];
    for (unsigned i = 0; i < object->header_count; i++) {
        const Elf64_Phdr *header = &object->headers[i];
        if (header->p_type == PT_LOAD && header->p_flags & PF_X && address - object->base - header->p_vaddr < header->p_memsz)
            return 1;
    }
    return 0;
}

unsigned observer_object_at(Elf64_Addr address) {
    for (unsigned i = 0; i < object_count; i++)
        if (observer_objects[i].open && observer_is_code(i, address))
            return i;
    return NOBODY;
}

/* NULL in the base version, and where the object has none. */
const char *observer_version(unsigned index, unsigned symbol_index) {
    const struct object *object = &observer_objects[index];
    if (!object->version_of || !object->versions)
        return NULL;
    unsigned wanted = object->version_of[symbol_index] & 0x7fff;
    const char *at = object->versions;
    for (size_t i = 0; i < object->version_count; i++) {
        const Elf64_Verdef *version = (const void *)at;
        if (version->vd_ndx == wanted && !(version->vd_flags & VER_FLG_BASE))
            return object->strings + ((const Elf64_Verdaux *)(at + version->vd_aux))->vda_name;
        at += version->vd_next;
    }
    return NULL;
}

struct reference *observer_reference(unsigned index, const char *symbol) {
    struct reference *reference = observer_objects[index].references;
    while (reference && !same(reference->symbol, symbol))
        reference = reference->next;
    return reference;
}
