/* Symbols of a loaded object, read from its own tables in memory.
 *
 * dlsym would take dl_load_lock: a constructor that runs inside dlopen and waits for a thread that looks a function up would then wait
 * for ever. Nothing here takes a lock; dl_iterate_phdr takes dl_load_write_lock, which no constructor runs under (glibc, elf/dl-open.c). */
#ifndef XDOCTOR_LOOKUP_H
#define XDOCTOR_LOOKUP_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

struct loaded {
    ElfW(Addr) base;
    const ElfW(Dyn) *dynamic;
    const char *name; /* ld.so's; valid while the object is loaded */
    const ElfW(Sym) *symbols;
    const char *strings;
    const uint32_t *gnu_hash;
    const uint32_t *sysv_hash;
    const ElfW(Versym) *versions; /* NULL: the object has no versions */
    const char *definitions;      /* DT_VERDEF */
    size_t definition_count;
};

/* False where the object has no dynamic symbols. */
int loaded_open(const struct dl_phdr_info *info, struct loaded *object);

/* The address of `symbol`, by preference in version node `node`, else in its default version, else without one; NULL where it is not
 * defined so. `node` may be NULL. */
void *loaded_find(const struct loaded *object, const char *symbol, const char *node);

#endif
