/* The observer: an rtld-audit library that answers each binding of an API with the address of a counting trampoline.
 *
 *     la_objopen:    note the object, turn its GOT references of the API into ones that la_symbind64 sees
 *     la_symbind64:  (caller, symbol, provider) ──► trampoline i, which counts and jumps to target i
 *
 * It leaves two files for each process image in the folder that XDOCTOR_OBSERVER names, and one for all of them:
 *     PID.N.log      records, each ended by NUL, fields parted by tabs: what i stands for
 *     PID.N.counts   a page of struct shared, then blocks of 64-bit counters, one block a thread: how often
 *     departures     records alike: which process was to become which program, or was started as it, and by whom
 * It lives in a namespace without a libc, so it has none: see system.h. */
#ifndef XDOCTOR_OBSERVER_H
#define XDOCTOR_OBSERVER_H

#define TRAMPOLINES 8192
#define TRAMPOLINE_SIZE 48
#define LOOKUPS 64 /* the first trampolines: for functions that hand out addresses */
#define DEPARTURES 64 /* functions that a process becomes another program by, or starts one */
#define STUB_SIZE 16

#ifndef __ASSEMBLER__
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* trampoline.S */
extern const char observer_trampolines[TRAMPOLINES * TRAMPOLINE_SIZE];
extern const char observer_lookups[LOOKUPS * STUB_SIZE];
extern const char observer_becoming[DEPARTURES * STUB_SIZE], observer_starting[DEPARTURES * STUB_SIZE];

/* state.c: what a forked child must not take over. The kernel fills this page with zeros there (MADV_WIPEONFORK): a trampoline then
 * finds no block to count in, and a lock that another thread held is free. */
struct wiped {
    _Alignas(4096) uint64_t mask; /* all bits; trampolines AND it onto the thread's block */
    uint32_t lock;
};
extern struct wiped observer_wiped;
int observer_state_start(void);
struct held {
    uint64_t signals;
};
/* Nothing that holds it calls out, and no signal handler runs meanwhile. In a child that starts afresh, the first to lock does that. */
struct held observer_lock(void);
void observer_unlock(struct held held);

/* counters.c */
struct shared {
    char magic[8];
    uint64_t lost;     /* bindings that could not be recorded, so that their calls are not counted */
    uint64_t departed; /* departures that could not be recorded, as after chroot or setuid: this page is mapped already */
    uint64_t children; /* forked processes that could have no files of their own: nothing that they call is counted */
};
extern struct shared *observer_shared;
int observer_counters_start(void);
void observer_counters_follow_fork(void);
/* Counts one call of the trampoline on behalf of a thread that has no block yet. */
void observer_count(unsigned index);

/* log.c */
int observer_log_start(const char *folder);
/* A child's files: its log begins where its parent's stood. */
int observer_log_follow_fork(void);
int observer_open_counts(int create);
/* Asked first: to cross the limit of a file's size is answered with SIGXFSZ, which would be the program's end. */
int observer_may_grow_to(uint64_t size);
/* One record, fields parted by tabs; a NULL field ends it. 0 where it could not be written. */
int observer_record(const char *first, ...) __attribute__((sentinel));
const char *observer_number(uint64_t value, char buffer[24]);
/* A program that the process with this id is about to become, or was started as; it is NULL where nobody knows which. 0 where it could
 * not be written. */
int observer_record_departure(uint64_t process, const char *symbol, const char *program);

/* memory.c: never given back, as long as trampolines may live. NULL where there is no more. */
void *observer_allocate(size_t bytes);
const char *observer_copy(const char *string);

/* names.c: which symbols are the API. */
int observer_names_start(const char *folder);
int observer_is_api(const char *symbol);
/* Whether it hands out the address of the function that its first argument names through its second: 0 is success. */
int observer_is_lookup(const char *symbol);

/* objects.c */
enum { RETAGGED, RAW };
struct reference {
    struct reference *next;
    const char *symbol;
    int state;
};
struct range {
    Elf64_Addr from, to;
};
struct object {
    const char *path;
    const struct link_map *map;
    long space;
    int open;
    int executable; /* the program itself */
    Elf64_Addr base;
    const Elf64_Sym *symbols;
    const char *strings;
    const Elf64_Half *version_of;
    const char *versions;
    size_t version_count;
    Elf64_Rela *relocations;
    size_t relocations_size, plt_size;
    const Elf64_Rela *plt;
    Elf64_Phdr headers[32];
    unsigned header_count;
    struct reference *references; /* those of the API outside the PLT */
};
enum { OBJECTS = 4096, NOBODY = 0xffff };
extern struct object observer_objects[OBJECTS];
unsigned observer_object_opened(struct link_map *map, long space);
void observer_object_closed(unsigned object);
/* The open object that has this address in an executable segment, else NOBODY. */
unsigned observer_object_at(Elf64_Addr address);
int observer_is_code(unsigned object, Elf64_Addr address);
const char *observer_version(unsigned object, unsigned symbol_index);
struct reference *observer_reference(unsigned object, const char *symbol);
struct reference *observer_new_reference(unsigned object, const char *symbol);

/* given.c */
extern unsigned observer_audit_version;
const char *observer_variable(const char *name); /* NULL where it is not set */
uint64_t observer_auxiliary_value(uint64_t type); /* 0 where there is none */

/* retag.c */
void observer_retag(unsigned object);
/* The program's own PLT entry is this symbol's address everywhere. */
int observer_is_canonical(const char *symbol);

/* entries.c */
enum via { VIA_PLT, VIA_DLSYM, VIA_HANDED_OUT };
struct binding {
    unsigned caller, provider;
    const char *symbol, *version;
    Elf64_Addr address;
    enum via via;
};
/* The trampoline's address; the raw one where there is no room or no record of it. Under the lock. */
Elf64_Addr observer_bind(const struct binding *binding);
/* The trampoline of that binding where there is one, else 0. */
Elf64_Addr observer_bound(const struct binding *binding);
/* What lies behind the address of a trampoline; 0 where it is none. */
unsigned observer_caller(unsigned index);
int observer_behind(Elf64_Addr trampoline, Elf64_Addr *address, unsigned *provider);
/* A reference or pointer whose calls cannot be counted; recorded once. */
void observer_unseen(unsigned caller, const char *symbol, enum via via, const char *reason);

/* departures.c */
int observer_is_departure(const char *symbol);
/* The stub's address; the raw one where there is no room. Under the lock. */
Elf64_Addr observer_departure(const char *symbol, Elf64_Addr address);

/* audit.c */
Elf64_Addr observer_pointer(unsigned caller, unsigned provider, const char *symbol, const char *version, Elf64_Addr address,
                            enum via via);
#endif
#endif
