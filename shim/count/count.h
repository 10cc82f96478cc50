/* Counting trampolines: every API function is entered through one of them, in the shim as in the CPU runtime.
 *
 *     client ──► trampoline: count, jump *xd_target[i] ──► handler, runtime or implementation
 *                     └─ first call: slow path, xd_resolve(i) fills the targets
 *
 * The including object provides what stands under "provided" below. */
#ifndef XDOCTOR_COUNT_H
#define XDOCTOR_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/* Generated from checks/api/hip.tsv: FUNCTION(index, symbol, "node", kind of what it returns), one a line. */
#define FUNCTION(index, symbol, node, kind) XD_##symbol = index,
enum {
#include "hip_functions.inc"
    XD_FUNCTIONS
};
#undef FUNCTION

struct xd_function {
    const char *symbol;
    const char *node;
};
extern const struct xd_function xd_functions[XD_FUNCTIONS];

/* Tables of trampoline.S. */
extern void *const xd_trampoline[XD_FUNCTIONS]; /* the exported functions' addresses */
extern void *const xd_cold[XD_FUNCTIONS];       /* the way to xd_resolve, argument registers saved */
extern void *const xd_unsupported[XD_FUNCTIONS]; /* returns hipErrorNotSupported, NULL or an empty struct */
extern _Atomic(void *) xd_target[XD_FUNCTIONS]; /* where each trampoline jumps; starts as xd_cold */

/* counters.c. Ready before the first constructor has run: whoever comes first calls xd_start. */
void xd_start(void);
/* 0, EINVAL where the environment names no file, else the errno of what failed. */
int xd_write_counters(void);
/* Where the function's trampoline shall jump from now on. No effect once the counters have been written at exit. */
void xd_retarget(unsigned index, void *target);

/* environment.c. NULL in a process that runs with more rights than its user (AT_SECURE). */
const char *xd_environment(const char *name);

/* object.c: the object that this code is in. */
const char *xd_own_path(void);
const char *xd_own_build_id(void);
/* One line on stderr in a single write(2), so that lines of several threads and processes do not mix. */
void xd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Provided. */
extern const char xd_counters_variable[]; /* the environment's name for the counters' file */
extern const char xd_speaker[];           /* how remarks on stderr begin */
void *xd_resolve(unsigned index);         /* where the call that is now counted shall go */
/* The path of the runtime behind this object into `path` (PATH_MAX bytes), or "-". */
void xd_runtime_path(char *path);
/* What the counters' file name ends in, where another copy of this object owns it; else "". */
const char *xd_counters_suffix(void);

#endif
