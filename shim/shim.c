/* libshimhip.so: counts every call of the HIP runtime's API and passes it on, untouched. */
#include "count/count.h"
#include "runtime.h"
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char xd_counters_variable[] = "XDOCTOR_COUNTERS";
const char xd_speaker[] = "xdoctor shim: ";

void *xd_real[XD_FUNCTIONS]; /* the runtime's functions; NULL where it lacks one */

extern void *const xd_handler[XD_FUNCTIONS]; /* trampoline.S: trace_SYMBOL, or NULL */

static char runtime_path[PATH_MAX];
static atomic_int runtime_known; /* then the path and the table are complete */

/* Addresses that the runtime hands out lead past the shim: these handlers stand in the path whether or not calls are traced. */
static int always_handled(unsigned index) {
    switch (index) {
    case XD_hipGetProcAddress:
    case XD_hipGetProcAddress_spt:
    case XD_hipGetDriverEntryPoint:
    case XD_hipGetDriverEntryPoint_spt: return 1;
    default: return 0;
    }
}

/* Where a call of a function goes that the runtime has. */
static void *destination(unsigned index) {
    if (xd_handler[index] && (always_handled(index) || trace_wanted()))
        return xd_handler[index];
    return xd_real[index];
}

/* Everything at once, without a lock: threads that come here together store the same. */
static void take(const struct loaded *runtime) {
    for (unsigned index = 0; index < XD_FUNCTIONS; index++)
        xd_real[index] = loaded_find(runtime, xd_functions[index].symbol, xd_functions[index].node);
    for (unsigned index = 0; index < XD_FUNCTIONS; index++)
        if (xd_real[index] && (!trace_wanted() || xd_handler[index]))
            xd_retarget(index, destination(index));
    if (!realpath(*runtime->name ? runtime->name : "/proc/self/exe", runtime_path))
        snprintf(runtime_path, sizeof runtime_path, "%s", runtime->name);
    atomic_store(&runtime_known, 1);
}

static int find_runtime(int may_open) {
    struct loaded runtime;
    if (atomic_load(&runtime_known))
        return 1;
    if (!runtime_find(&runtime, may_open))
        return 0;
    take(&runtime);
    return 1;
}

static void *not_there(unsigned index) {
    static atomic_char said[XD_FUNCTIONS];
    static atomic_int said_none;
    const char *symbol = xd_functions[index].symbol;
    if (!atomic_load(&runtime_known)) {
        if (!atomic_exchange(&said_none, 1))
            xd_say("no HIP runtime is loaded, and none can be: %s answers hipErrorNotSupported (801)", symbol);
    } else if (!atomic_exchange(&said[index], 1)) {
        xd_say("%s has no %s: it answers hipErrorNotSupported (801)", runtime_path, symbol);
    }
    return xd_unsupported[index];
}

void *xd_resolve(unsigned index) {
    if (!find_runtime(1) || !xd_real[index])
        return not_there(index);
    if (trace_wanted() && !xd_handler[index])
        trace_plain_call(xd_functions[index].symbol);
    return destination(index);
}

void xd_runtime_path(char *path) {
    snprintf(path, PATH_MAX, "%s", atomic_load(&runtime_known) ? runtime_path : "-");
}

const char *xd_counters_suffix(void) {
    return runtime_second_copy() ? ".2" : "";
}

__attribute__((visibility("default"))) int xdoctor_shim_write_counters(void) {
    return xd_write_counters();
}

__attribute__((constructor)) static void load(void) {
    xd_start();
    xd_own_path(); /* while the working directory is still the one that a relative path was meant for */
    find_runtime(0);
    if (runtime_second_copy())
        xd_say("%s is a second copy of the shim in this process: only the first is in the path of calls", xd_own_path());
}
