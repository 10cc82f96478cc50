/* Programs that a process becomes, or starts: one that does not shake hands then runs unobserved, and however short its life is, it is
 * known that it was there. Each function gets one stub for all who call it. */
#include "observer.h"
#include "system.h"

#include <sys/types.h>

/* What the process becomes: the program is the first argument, or the second. It is noted before, for nothing comes after. */
static const char *const becoming[] = {"execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "fexecve", "execveat"};
/* What it starts, at the path in the second argument: it is noted after, for only then the child has an id. */
static const char *const starting[] = {"posix_spawn", "posix_spawnp"};

static const char *symbols[DEPARTURES];
Elf64_Addr observer_behind_departure[DEPARTURES]; /* the functions themselves */
static unsigned departure_count;

static int is_one_of(const char *symbol, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (same(symbol, names[i]))
            return 1;
    return 0;
}

static int is_starting(const char *symbol) {
    return is_one_of(symbol, starting, sizeof starting / sizeof *starting);
}

int observer_is_departure(const char *symbol) {
    if (*symbol != 'e' && *symbol != 'f' && *symbol != 'p')
        return 0; /* asked of every symbol: most end here */
    return is_one_of(symbol, becoming, sizeof becoming / sizeof *becoming) || is_starting(symbol);
}

Elf64_Addr observer_departure(const char *symbol, Elf64_Addr address) {
    unsigned index = 0;
    while (index < departure_count && !(observer_behind_departure[index] == address && same(symbols[index], symbol)))
        index++;
    if (index == DEPARTURES)
        return address;
    if (index == departure_count) {
        if (!(symbols[index] = observer_copy(symbol)))
            return address;
        observer_behind_departure[index] = address;
        departure_count++;
    }
    const char *stubs = is_starting(symbol) ? observer_starting : observer_becoming;
    return (Elf64_Addr)stubs + index * STUB_SIZE;
}

static void note(uint64_t process, const char *symbol, const char *program) {
    if (!observer_record_departure(process, symbol, program))
        __atomic_fetch_add(&observer_shared->departed, 1, __ATOMIC_RELAXED);
}

/* Before the call; the answer is where to go on. No lock: nothing here changes once there is a stub, and a forked child that only becomes
 * something else need not begin files of its own. */
Elf64_Addr observer_becomes(unsigned index, const char *first, const char *second) {
    const char *symbol = symbols[index];
    const char *program = same(symbol, "execveat") ? second : same(symbol, "fexecve") ? NULL : first;
    note((uint64_t)call3(SYS_getpid, 0, 0, 0), symbol, program);
    return observer_behind_departure[index];
}

/* After a call that succeeded. */
void observer_started(unsigned index, const pid_t *process, const char *program) {
    if (process)
        note((uint64_t)*process, symbols[index], program);
}
