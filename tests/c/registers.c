/* Calls hipMemcpy with a value of its own in every register that may carry an argument; the runtime says what arrived.
 * The runtime comes by dlopen(RTLD_LOCAL), so that the first call takes the shim's slow path, and the second its fast one. */
#include "hip.h"

#include <dlfcn.h>
#include <string.h>

struct registers {
    unsigned long general[8];
    unsigned char vectors[16][64];
} sent, *seen;

static int width(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") ? 64 : __builtin_cpu_supports("avx2") ? 32 : 16;
}

#define EACH ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
#define VECTORS                                                                                                              \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",     \
        "xmm14", "xmm15"

static void call(int bytes) {
    __asm__ volatile("cmp $32, %1\n jl 1f\n je 2f\n" EACH " vmovdqu64 64+64*\\n(%0), %%zmm\\n\n.endr\n jmp 3f\n"
                     "1:\n" EACH " movdqu 64+64*\\n(%0), %%xmm\\n\n.endr\n jmp 3f\n"
                     "2:\n" EACH " vmovdqu 64+64*\\n(%0), %%ymm\\n\n.endr\n"
                     "3: mov %0, %%r11\n"
                     " mov (%%r11), %%rdi\n mov 8(%%r11), %%rsi\n mov 16(%%r11), %%rdx\n mov 24(%%r11), %%rcx\n"
                     " mov 32(%%r11), %%r8\n mov 40(%%r11), %%r9\n mov 48(%%r11), %%rax\n mov 56(%%r11), %%r10\n"
                     " call *hipMemcpy@GOTPCREL(%%rip)\n"
                     :
                     : "b"(&sent), "r"(bytes)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc", VECTORS);
}

static void compare(const char *path, int bytes) {
    for (int i = 0; i < 8; i++)
        if (sent.general[i] != seen->general[i])
            printf("%s: general register %d: %lx became %lx\n", path, i, sent.general[i], seen->general[i]), exit(1);
    for (int i = 0; i < 16; i++)
        if (memcmp(sent.vectors[i], seen->vectors[i], (size_t)bytes))
            printf("%s: vector register %d differs\n", path, i), exit(1);
    memset(seen, 0, sizeof *seen);
}

int main(int argc, char **argv) {
    void *runtime = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    int bytes = width();
    MUST(argc == 2 && runtime);
    seen = dlsym(runtime, "seen");
    *(int *)dlsym(runtime, "vector_bytes") = bytes;
    for (size_t i = 0; i < sizeof sent; i++)
        ((unsigned char *)&sent)[i] = (unsigned char)(i * 37 + 11);
    /* The stack must be aligned for the call. */
    call(bytes);
    compare("slow path", bytes);
    call(bytes);
    compare("fast path", bytes);
    printf("%d-byte vectors\n", bytes);
    return 0;
}
