//! Sound shims that sleep before each launch: a cost that no busy machine hides.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};

use crate::shims::Shim;

/// Links one into this folder. Its launches are counted and forwarded like all others.
pub fn slow_shim(folder: &Path, milliseconds: u32) -> PathBuf {
    link(folder, &format!("usleep({milliseconds} * 1000);"))
}

/// One that sleeps 2 ms where its process is the only one that has it, else 80 ms: programs that share a device.
pub fn sharing_shim(folder: &Path) -> PathBuf {
    let file = folder.join("shared");
    std::fs::write(&file, "x").expect("written");
    let body = r#"
        static int file = -1;
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
        if (file < 0) {
            file = open("FILE", O_RDWR | O_CLOEXEC);
            fcntl(file, F_SETLK, &lock);
        }
        lock.l_type = F_WRLCK;
        fcntl(file, F_GETLK, &lock);
        usleep(lock.l_type == F_UNLCK ? 2000 : 80000);
    "#;
    link(folder, &body.replace("FILE", file.to_str().expect("text")))
}

fn link(folder: &Path, body: &str) -> PathBuf {
    Shim::in_folder(folder).with_source("slow.c", &SOURCE.replace("BODY", body)).link()
}

/// Between the shim's trampoline and where that leads.
const SOURCE: &str = r#"
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
struct xd_function { const char *symbol, *node; };
extern const struct xd_function xd_functions[] __attribute__((visibility("hidden")));
extern _Atomic(void *) xd_target[] __attribute__((visibility("hidden")));
void xd_retarget(unsigned, void *) __attribute__((visibility("hidden")));
static int (*next)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
static int slow(void *f, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e, unsigned g, unsigned h, void *s, void **p, void **x) {
    BODY
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
