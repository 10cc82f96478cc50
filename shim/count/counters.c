/* Exact counts without a locked instruction: each thread has a block of its own, which the trampolines increment. */
#include "count.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Blocks are never freed. A thread that ends leaves its counts in its block, and the block to the next thread. */
struct block {
    struct block *next;
    atomic_int taken;
    _Alignas(64) uint64_t calls[XD_FUNCTIONS];
};
_Static_assert(offsetof(struct block, calls) == 64, "trampoline.S relies on it");

/* Initial-exec and eight bytes only: it must fit the space that ld.so keeps for libraries that come late. */
__attribute__((tls_model("initial-exec"))) _Thread_local struct block *xd_block;

static _Atomic(struct block *) blocks;
static struct block spare; /* counts with atomic adds when there is no memory for a block */
static pthread_key_t thread_end;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static pid_t loaded_in, counting_in; /* they differ after fork */
static atomic_int finished;
static char counters_path[PATH_MAX];

#define FUNCTION(index, symbol, node, kind) {#symbol, node},
const struct xd_function xd_functions[XD_FUNCTIONS] = {
#include "hip_functions.inc"
};
#undef FUNCTION

static void release_block(void *block) {
    xd_block = NULL;
    atomic_store(&((struct block *)block)->taken, 0);
}

static struct block *idle_block(void) {
    for (struct block *block = atomic_load(&blocks); block; block = block->next) {
        int idle = 0;
        if (atomic_compare_exchange_strong(&block->taken, &idle, 1))
            return block;
    }
    return NULL;
}

static struct block *new_block(void) {
    struct block *block =
        mmap(NULL, sizeof *block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return NULL;
    block->taken = 1;
    block->next = atomic_load(&blocks);
    while (!atomic_compare_exchange_weak(&blocks, &block->next, block)) {
    }
    return block;
}

static void count_first_call(unsigned index) {
    if (!xd_block) { /* else a signal handler was faster */
        struct block *block = idle_block();
        if (!block)
            block = new_block();
        if (!block) {
            __atomic_fetch_add(&spare.calls[index], 1, __ATOMIC_RELAXED);
            return;
        }
        pthread_setspecific(thread_end, block);
        xd_block = block;
    }
    xd_block->calls[index]++;
}

/* The C half of the slow path: the upper bit of `word` says that the call is not counted yet. */
void *xd_slow(unsigned word) {
    int before = errno;
    unsigned index = word & 0x7fffffff;
    xd_start();
    if (word >> 31)
        count_first_call(index);
    void *target = xd_resolve(index);
    if (atomic_load(&finished))
        xd_write_counters();
    errno = before;
    return target;
}

static uint64_t calls_of(unsigned index) {
    uint64_t sum = __atomic_load_n(&spare.calls[index], __ATOMIC_RELAXED);
    for (struct block *block = atomic_load(&blocks); block; block = block->next)
        sum += __atomic_load_n(&block->calls[index], __ATOMIC_RELAXED);
    return sum;
}

/* A child counts from zero; the threads of its parent are not in it. */
static void start_over_in_child(void) {
    for (struct block *block = atomic_load(&blocks); block; block = block->next) {
        memset(block->calls, 0, sizeof block->calls);
        atomic_store(&block->taken, block == xd_block);
    }
    memset(spare.calls, 0, sizeof spare.calls);
    writing = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    counting_in = getpid();
}

/* A relative path is meant for the directory that the program was started in. */
static void read_environment(void) {
    char here[PATH_MAX] = "";
    const char *path = xd_environment(xd_counters_variable);
    if (!path || !*path)
        return;
    if (*path != '/' && !getcwd(here, sizeof here))
        return;
    int length = snprintf(counters_path, sizeof counters_path, "%s%s%s", here, *here ? "/" : "", path);
    if (length >= (int)sizeof counters_path) {
        xd_say("%s is too long a path: no counters will be written", xd_counters_variable);
        counters_path[0] = 0;
    }
}

static void start(void) {
    read_environment();
    loaded_in = counting_in = getpid();
    pthread_key_create(&thread_end, release_block);
    pthread_atfork(NULL, NULL, start_over_in_child);
}

void xd_start(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}

void xd_retarget(unsigned index, void *target) {
    if (!atomic_load(&finished))
        atomic_store(&xd_target[index], target);
}

/* The file's name: `%p` is the pid; a forked child without one gets a name of its own. False where it is too long. */
static int expand_path(char *path, size_t size) {
    size_t length = 0;
    int own = 0;
    for (const char *from = counters_path; *from; from++) {
        if (from[0] == '%' && from[1] == 'p') {
            length += (size_t)snprintf(path + length, size - length, "%d", (int)getpid());
            own = 1;
            from++;
        } else {
            path[length++] = *from;
        }
        if (length + 32 > size)
            return 0;
    }
    path[length] = 0;
    if (!own && counting_in != loaded_in)
        length += (size_t)snprintf(path + length, size - length, ".%d", (int)getpid());
    snprintf(path + length, size - length, "%s", xd_counters_suffix());
    return 1;
}

static void print_counters(FILE *file) {
    char runtime[PATH_MAX];
    xd_runtime_path(runtime);
    fprintf(file, "# xdoctor counters 1\n# pid %d\n# object %s\n# build-id %s\n# runtime %s\n", (int)getpid(),
            xd_own_path(), xd_own_build_id(), runtime);
    for (unsigned index = 0; index < XD_FUNCTIONS; index++) {
        uint64_t calls = calls_of(index);
        if (calls)
            fprintf(file, "%s\t%llu\n", xd_functions[index].symbol, (unsigned long long)calls);
    }
}

/* Whole or not at all: written beside the file, then renamed. */
static int replace_file(const char *path) {
    char beside[PATH_MAX + 16];
    snprintf(beside, sizeof beside, "%s.%d.tmp", path, (int)getpid());
    FILE *file = fopen(beside, "we");
    if (!file)
        return errno;
    print_counters(file);
    int failed = ferror(file) ? EIO : 0;
    if (fclose(file) && !failed)
        failed = errno;
    if (!failed && rename(beside, path))
        failed = errno;
    if (failed)
        unlink(beside);
    return failed;
}

int xd_write_counters(void) {
    char path[PATH_MAX];
    xd_start();
    /* Copied by a bare clone(2), past atfork: what is counted here is partly the parent's, so nothing is claimed. */
    if (!counters_path[0] || counting_in != getpid())
        return EINVAL;
    if (!expand_path(path, sizeof path))
        return ENAMETOOLONG;
    pthread_mutex_lock(&writing);
    int failed = replace_file(path);
    pthread_mutex_unlock(&writing);
    if (failed)
        xd_say("cannot write the counters to %s: %s", path, strerror(failed));
    return failed;
}

/* Destructors of others may call the API after this one: they go through the slow path, which then writes after each call. */
__attribute__((destructor)) static void write_at_exit(void) {
    atomic_store(&finished, 1);
    for (unsigned index = 0; index < XD_FUNCTIONS; index++)
        atomic_store(&xd_target[index], xd_cold[index]);
    xd_write_counters();
}
