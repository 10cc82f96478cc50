/* System calls and strings, for code that has no libc. A system call answers a negative errno where it fails. */
#ifndef XDOCTOR_OBSERVER_SYSTEM_H
#define XDOCTOR_OBSERVER_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long call3(long number, long a, long b, long c) {
    return call6(number, a, b, c, 0, 0, 0);
}

static inline int failed(long result) {
    return (unsigned long)result > -4096UL;
}

static inline int same(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static inline size_t length(const char *string) {
    size_t count = 0;
    while (string[count])
        count++;
    return count;
}

#endif
