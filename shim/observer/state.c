/* The lock, and the page that a fork wipes. */
#include "observer.h"
#include "system.h"

#include <signal.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

struct wiped observer_wiped; /* alone in its page, by its alignment */
_Static_assert(sizeof observer_wiped == 4096, "a page");

static int started;

int observer_state_start(void) {
    /* Without it a child would count in its parent's blocks, at the same time as the parent. */
    if (failed(call3(SYS_madvise, (long)&observer_wiped, sizeof observer_wiped, MADV_WIPEONFORK)))
        return 0;
    observer_wiped.mask = ~UINT64_C(0);
    started = 1;
    return 1;
}

static void start_in_child(void) {
    observer_log_follow_fork();
    observer_counters_follow_fork();
    __atomic_store_n(&observer_wiped.mask, ~UINT64_C(0), __ATOMIC_RELEASE);
}

struct held observer_lock(void) {
    uint64_t all = ~UINT64_C(0);
    struct held held;
    call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&held.signals, sizeof all, 0, 0);
    while (__atomic_exchange_n(&observer_wiped.lock, 1, __ATOMIC_ACQUIRE))
        call3(SYS_sched_yield, 0, 0, 0);
    if (started && !observer_wiped.mask)
        start_in_child();
    return held;
}

void observer_unlock(struct held held) {
    __atomic_store_n(&observer_wiped.lock, 0, __ATOMIC_RELEASE);
    call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&held.signals, 0, sizeof held.signals, 0, 0);
}
