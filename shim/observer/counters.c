/* Exact counts without a locked instruction: each thread has a block of its own in a file that is mapped and shared, so that what has
 * been counted is there however the process ends. Block 0 is for threads that can have none. */
#include "observer.h"
#include "system.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { BLOCKS = 4096, PAGE = 4096, PROBES = 8 };
#define BLOCK (TRAMPOLINES * sizeof(uint64_t))

/* Initial-exec and eight bytes only: it must fit the space that ld.so keeps for libraries that come late. */
__attribute__((tls_model("initial-exec"))) _Thread_local uint64_t *observer_block;

struct shared *observer_shared;
static uint64_t *blocks[BLOCKS];
/* The thread that counts in it; 0 in a forked child, where no one can tell which of them the forking thread has. */
static int owners[BLOCKS];
static unsigned block_count;

/* Reserved, not only promised: a full disk is an error here, and not a SIGBUS later. */
static int reserve(int file, uint64_t offset, uint64_t size) {
    if (!observer_may_grow_to(offset + size))
        return 0;
    long result = call6(SYS_fallocate, file, 0, (long)offset, (long)size, 0, 0);
    if (result == -95 /* EOPNOTSUPP */)
        result = call3(SYS_ftruncate, file, (long)(offset + size), 0);
    return !failed(result);
}

/* At `where`, or anywhere for NULL. */
static void *map_part(int file, uint64_t offset, uint64_t size, void *where) {
    if (file < 0 || !reserve(file, offset, size))
        return NULL;
    int fixed = where ? MAP_FIXED : 0;
    long got = call6(SYS_mmap, (long)where, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, file, (long)offset);
    return failed(got) ? NULL : (void *)got;
}

static uint64_t offset_of(unsigned block) {
    return PAGE + (uint64_t)block * BLOCK;
}

int observer_counters_start(void) {
    int file = observer_open_counts(1);
    observer_shared = map_part(file, 0, PAGE, NULL);
    blocks[0] = observer_shared ? map_part(file, offset_of(0), BLOCK, NULL) : NULL;
    if (file >= 0)
        call3(SYS_close, file, 0, 0);
    if (!blocks[0])
        return 0;
    block_count = 1;
    __builtin_memcpy(observer_shared->magic, "XDOBSRV1", 8);
    return 1;
}

/* A place of the parent's becomes one of the child's, or at least none of the parent's. */
static void *replace(int file, uint64_t offset, uint64_t size, void *where) {
    void *mapped = map_part(file, offset, size, where);
    if (!mapped)
        call6(SYS_mmap, (long)where, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return mapped;
}

/* At the same addresses: the forking thread goes on in the block that it had, wherever that is. */
void observer_counters_follow_fork(void) {
    int file = observer_open_counts(1);
    int all = file >= 0;
    for (unsigned block = 0; block < block_count; block++) {
        all &= replace(file, offset_of(block), BLOCK, blocks[block]) != NULL;
        owners[block] = 0;
    }
    /* The parent's page is the last to go: somebody must tell of a child that nobody counts. */
    struct shared *parents = observer_shared;
    if (!all || !observer_may_grow_to(PAGE))
        __atomic_add_fetch(&parents->children, 1, __ATOMIC_RELAXED);
    all &= replace(file, 0, PAGE, observer_shared) != NULL;
    if (file >= 0)
        call3(SYS_close, file, 0, 0);
    /* Without its magic the file claims nothing. */
    if (all)
        __builtin_memcpy(observer_shared->magic, "XDOBSRV1", 8);
}

/* A few at a time, so that a new thread costs the same however many there are. */
static uint64_t *block_of_the_dead(int thread) {
    static unsigned next;
    int process = (int)call3(SYS_getpid, 0, 0, 0);
    for (unsigned probe = 0; probe < PROBES && probe < block_count; probe++) {
        next = next + 1 < block_count ? next + 1 : 1;
        int owner = next < block_count ? owners[next] : 0;
        /* An id that is mine now was somebody's who is gone. */
        if (owner && (owner == thread || call3(SYS_tgkill, process, owner, 0) == -3 /* ESRCH */)) {
            owners[next] = thread;
            return blocks[next];
        }
    }
    return NULL;
}

static uint64_t *new_block(int thread) {
    if (block_count == BLOCKS)
        return NULL;
    int file = observer_open_counts(0);
    uint64_t *block = map_part(file, offset_of(block_count), BLOCK, NULL);
    if (file >= 0)
        call3(SYS_close, file, 0, 0);
    if (!block)
        return NULL;
    owners[block_count] = thread;
    blocks[block_count++] = block;
    return block;
}

void observer_count(unsigned index) {
    if (!observer_block) {
        int thread = (int)call3(SYS_gettid, 0, 0, 0);
        uint64_t *block = block_of_the_dead(thread);
        observer_block = block ? block : new_block(thread);
    }
    if (observer_block)
        observer_block[index]++;
    else
        blocks[0][index]++; /* under the lock */
}
