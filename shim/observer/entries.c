/* Which trampoline stands for which (caller, symbol, provider). Pointers must stay equal: the same three give the same address. */
#include "observer.h"
#include "system.h"

struct entry {
    uint16_t caller, provider;
    uint8_t via;
    const char *symbol;
    Elf64_Addr offset; /* from the provider's base, so that it is found again after a dlclose */
};

static struct entry entries[TRAMPOLINES];
Elf64_Addr observer_target[TRAMPOLINES];       /* where each trampoline jumps */
Elf64_Addr observer_behind_lookup[LOOKUPS];    /* where a lookup's stub calls */
static unsigned next_lookup = 0, next_plain = LOOKUPS;

enum { SLOTS = 2 * TRAMPOLINES };
static uint16_t slots[SLOTS]; /* index + 1 */

static Elf64_Addr offset_in(unsigned provider, Elf64_Addr address) {
    return provider == NOBODY ? address : address - observer_objects[provider].base;
}

static int is_entry(const struct entry *entry, const struct binding *binding, Elf64_Addr offset) {
    return entry->caller == binding->caller && entry->provider == binding->provider && entry->via == binding->via &&
           entry->offset == offset && same(entry->symbol, binding->symbol);
}

static uint16_t *slot_of(const struct binding *binding) {
    Elf64_Addr offset = offset_in(binding->provider, binding->address);
    uint64_t hash = (offset >> 4) * 31 + binding->caller * 8191 + binding->provider * 131 + binding->via;
    for (const char *c = binding->symbol; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    unsigned at = (unsigned)(hash % SLOTS);
    while (slots[at] && !is_entry(&entries[slots[at] - 1], binding, offset))
        at = (at + 1) % SLOTS;
    return &slots[at];
}

static Elf64_Addr trampoline(unsigned index) {
    return (Elf64_Addr)observer_trampolines + index * TRAMPOLINE_SIZE;
}

static void aim(unsigned index, Elf64_Addr address) {
    if (index < LOOKUPS) {
        observer_behind_lookup[index] = address;
        address = (Elf64_Addr)observer_lookups + index * STUB_SIZE;
    }
    __atomic_store_n(&observer_target[index], address, __ATOMIC_RELEASE);
}

static const char *provider_number(unsigned provider, char number[24]) {
    return provider == NOBODY ? "-" : observer_number(provider, number);
}

static int record(unsigned index, const struct binding *binding) {
    char a[24], b[24], c[24], d[24];
    const char *version = binding->version ? binding->version : "-";
    return observer_record("entry", observer_number(index, a), observer_number(binding->caller, b),
                           provider_number(binding->provider, c), observer_number(binding->via, d), version, binding->symbol, NULL);
}

/* Its index, or TRAMPOLINES where there is no room or the record cannot be written. */
static unsigned new_entry(const struct binding *binding) {
    int lookup = observer_is_lookup(binding->symbol);
    unsigned *next = lookup ? &next_lookup : &next_plain;
    unsigned index = *next;
    if (index == (lookup ? LOOKUPS : TRAMPOLINES)) {
        observer_unseen(binding->caller, binding->symbol, binding->via, "full");
        return TRAMPOLINES;
    }
    const char *symbol = observer_copy(binding->symbol);
    if (!symbol || !record(index, binding)) {
        observer_shared->lost++;
        return TRAMPOLINES;
    }
    ++*next;
    entries[index] = (struct entry){(uint16_t)binding->caller, (uint16_t)binding->provider, (uint8_t)binding->via, symbol,
                                    offset_in(binding->provider, binding->address)};
    return index;
}

Elf64_Addr observer_bind(const struct binding *binding) {
    uint16_t *slot = slot_of(binding);
    unsigned index = *slot ? *slot - 1u : new_entry(binding);
    if (index == TRAMPOLINES)
        return binding->address;
    aim(index, binding->address);
    *slot = (uint16_t)(index + 1);
    return trampoline(index);
}

unsigned observer_caller(unsigned index) {
    return entries[index].caller;
}

Elf64_Addr observer_bound(const struct binding *binding) {
    unsigned found = *slot_of(binding);
    return found ? trampoline(found - 1) : 0;
}

int observer_behind(Elf64_Addr address, Elf64_Addr *behind, unsigned *provider) {
    Elf64_Addr distance = address - (Elf64_Addr)observer_trampolines;
    unsigned index = (unsigned)(distance / TRAMPOLINE_SIZE);
    if (distance >= sizeof observer_trampolines || distance % TRAMPOLINE_SIZE || !observer_target[index])
        return 0;
    *behind = index < LOOKUPS ? observer_behind_lookup[index] : observer_target[index];
    *provider = entries[index].provider;
    return 1;
}

void observer_unseen(unsigned caller, const char *symbol, enum via via, const char *reason) {
    static uint64_t said[4096]; /* a program may ask for the same one again and again */
    char a[24], b[24];
    uint64_t hash = 14695981039346656037u ^ (caller * 4 + via);
    for (const char *c = symbol; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    uint64_t *place = &said[hash % (sizeof said / sizeof *said)];
    if (*place == hash)
        return;
    *place = hash;
    if (!observer_record("unseen", observer_number(caller, a), observer_number(via, b), reason, symbol, NULL))
        observer_shared->lost++;
}
