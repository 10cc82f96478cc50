/* What the trampolines call: for a thread's first call, and after a lookup. */
#include "observer.h"
#include "system.h"

extern Elf64_Addr observer_target[];

Elf64_Addr observer_slow(unsigned index) {
    struct held held = observer_lock();
    observer_count(index);
    observer_unlock(held);
    return __atomic_load_n(&observer_target[index], __ATOMIC_ACQUIRE);
}

/* The lookup of trampoline `index` succeeded, asked for `symbol`, and put its address there. */
void observer_handed_out(unsigned index, const char *symbol, Elf64_Addr *there) {
    if (!symbol || !there || !*there || !observer_is_api(symbol))
        return;
    struct held held = observer_lock();
    Elf64_Addr address = *there;
    unsigned provider;
    /* A shim that asks further along has got a trampoline of its own: its caller is not the one who will call. */
    if (!observer_behind(address, &address, &provider))
        provider = observer_object_at(address);
    *there = observer_pointer(observer_caller(index), provider, symbol, NULL, address, VIA_HANDED_OUT);
    observer_unlock(held);
}
