/* How much the slow path must save, so that no vector argument is lost, whatever their width. */
#include <cpuid.h>
#include <stdint.h>

/* SSE, AVX, MPX bounds, AVX-512 masks and registers: the state that glibc's _dl_runtime_resolve saves (sysdeps/x86/sysdep.h). */
#define ARGUMENT_STATE 0xeeu
#define LEGACY_BYTES 512u
#define HEADER_BYTES 64u

struct vector_area {
    uint64_t bytes;
    uint64_t mask;
};

/* Bits of `mask` that the kernel has enabled. */
static uint32_t enabled_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low & ARGUMENT_STATE;
}

/* Bytes of the standard-format XSAVE area that holds `mask`. */
static uint32_t area_bytes(uint32_t mask) {
    uint32_t end = LEGACY_BYTES + HEADER_BYTES;
    for (uint32_t bit = 2; bit < 8; bit++) {
        uint32_t size, offset, c, d;
        if (!(mask >> bit & 1))
            continue;
        __cpuid_count(0xd, bit, size, offset, c, d);
        if (offset + size > end)
            end = offset + size;
    }
    return (end + 63) & ~63u;
}

/* Runs while the caller's vector arguments are still in their registers: general registers only (see the build). */
struct vector_area xd_vector_area(void) {
    static uint64_t known; /* bytes << 32 | mask: one aligned store, the same from every thread */
    uint64_t seen = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!seen) {
        uint32_t a, b, c, d;
        uint32_t mask = 0, bytes = LEGACY_BYTES;
        __cpuid(1, a, b, c, d);
        if (c & bit_OSXSAVE) {
            mask = enabled_state();
            bytes = area_bytes(mask);
        }
        seen = (uint64_t)bytes << 32 | mask;
        __atomic_store_n(&known, seen, __ATOMIC_RELAXED);
    }
    return (struct vector_area){.bytes = seen >> 32, .mask = (uint32_t)seen};
}
