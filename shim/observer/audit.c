/* What ld.so calls (rtld-audit(7)). */
#include "observer.h"
#include "system.h"

#define FACE __attribute__((visibility("default")))

static int shake_hands(void) {
    char version[24], parent[24];
    return observer_record("observer", observer_number(observer_audit_version, version),
                           observer_number((uint64_t)call3(SYS_getppid, 0, 0, 0), parent), NULL);
}

/* 0 makes ld.so go on without the observer: then nothing was observed, and nothing is claimed. */
FACE unsigned la_version(unsigned version) {
    const char *folder = observer_variable("XDOCTOR_OBSERVER");
    observer_audit_version = version < LAV_CURRENT ? version : LAV_CURRENT;
    if (!folder || folder[0] != '/' || !observer_names_start(folder) || !observer_log_start(folder) ||
        !observer_counters_start() || !observer_state_start() || !shake_hands())
        return 0;
    return observer_audit_version;
}

static unsigned object_of(const uintptr_t *cookie) {
    return *cookie && *cookie <= OBJECTS ? (unsigned)*cookie - 1 : NOBODY;
}

FACE unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie) {
    struct held held = observer_lock();
    unsigned object = observer_object_opened(map, space);
    if (object == NOBODY)
        observer_shared->lost++;
    else
        observer_retag(object);
    observer_unlock(held);
    *cookie = object == NOBODY ? NOBODY : object + 1;
    return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

FACE unsigned la_objclose(uintptr_t *cookie) {
    struct held held = observer_lock();
    unsigned object = object_of(cookie);
    if (object != NOBODY) {
        char number[24];
        /* The program is closed by exit only, once its own destructors have run, before those of most libraries. */
        if (observer_objects[object].executable)
            observer_record("closed", observer_number(object, number), NULL);
        observer_object_closed(object);
    }
    observer_unlock(held);
    return 0;
}

/* A pointer that the caller gets at run time may be compared with one that ld.so has put into it: where that one is a trampoline, it
 * gets the same; where it cannot be, none. */
Elf64_Addr observer_pointer(unsigned caller, unsigned provider, const char *symbol, const char *version, Elf64_Addr address,
                            enum via via) {
    struct binding binding = {caller, provider, symbol, version, address, VIA_PLT};
    const struct reference *own = observer_reference(caller, symbol);
    if (own && own->state == RETAGGED) {
        Elf64_Addr bound = observer_bound(&binding);
        if (bound)
            return bound;
    }
    if (provider == caller || (own && own->state == RAW)) {
        observer_unseen(caller, symbol, via, provider == caller ? "self" : "raw");
        return address;
    }
    binding.via = via;
    return observer_bind(&binding);
}

static int is_function(const Elf64_Sym *symbol, unsigned provider) {
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && observer_is_code(provider, symbol->st_value));
}

FACE uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned index, uintptr_t *caller_cookie, uintptr_t *provider_cookie, unsigned *flags,
                            const char *name) {
    unsigned caller = object_of(caller_cookie), provider = object_of(provider_cookie);
    uintptr_t address = symbol->st_value;
    *flags |= LA_SYMB_NOPLTENTER | LA_SYMB_NOPLTEXIT;
    int api = observer_is_api(name);
    if (!address || (!api && !observer_is_departure(name)))
        return address;
    struct held held = observer_lock();
    if (!api) {
        if (symbol->st_shndx != SHN_UNDEF)
            address = observer_departure(name, address);
    } else if (caller == NOBODY || provider == NOBODY) {
        observer_shared->lost++;
    } else if (symbol->st_shndx == SHN_UNDEF) {
        /* The program's own PLT entry: that is the function's address for everybody, and leads on to where it is counted. */
    } else if (is_function(symbol, provider)) {
        const char *version = observer_version(provider, index);
        struct binding binding = {caller, provider, name, version, address, VIA_PLT};
        address = *flags & LA_SYMB_DLSYM ? observer_pointer(caller, provider, name, version, address, VIA_DLSYM)
                                         : observer_bind(&binding);
    }
    observer_unlock(held);
    return address;
}
