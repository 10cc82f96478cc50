//! A sound shim that sleeps before each launch: a cost that no busy machine hides.

use std::path::{Path, PathBuf};

use crate::shims::Shim;

/// Links it into this folder. Its launches are counted and forwarded like all others.
pub fn slow_shim(folder: &Path, milliseconds: u32) -> PathBuf {
    let source = SOURCE.replace("MILLISECONDS", &milliseconds.to_string());
    Shim::in_folder(folder).with_source("slow.c", &source).link()
}

/// Between the shim's trampoline and where that leads.
const SOURCE: &str = r#"
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
struct xd_function { const char *symbol, *node; };
extern const struct xd_function xd_functions[] __attribute__((visibility("hidden")));
extern _Atomic(void *) xd_target[] __attribute__((visibility("hidden")));
void xd_retarget(unsigned, void *) __attribute__((visibility("hidden")));
static int (*next)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
static int slow(void *f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g, unsigned h, void *s, void **p, void **x) {
    usleep(MILLISECONDS * 1000);
    return next(f, a, b, c, d, e, g, h, s, p, x);
}
__attribute__((constructor)) static void interfere(void) {
    unsigned index = 0;
    while (strcmp(xd_functions[index].symbol, "hipModuleLaunchKernel") != 0)
        index++;
    next = atomic_load(&xd_target[index]);
    xd_retarget(index, slow);
}
"#;
