/* Memory that is never given back, and the functions that a compiler may call without being asked to. */
#include "observer.h"
#include "system.h"

#include <sys/mman.h>

enum { CHUNK = 1 << 16 };

static char *chunk, *chunk_end;

void *observer_allocate(size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > CHUNK)
        return NULL;
    if ((size_t)(chunk_end - chunk) < bytes) {
        long got = call6(SYS_mmap, 0, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (failed(got))
            return NULL;
        chunk = (char *)got;
        chunk_end = chunk + CHUNK;
    }
    void *piece = chunk;
    chunk += bytes;
    return piece;
}

const char *observer_copy(const char *string) {
    size_t bytes = length(string) + 1;
    char *copy = observer_allocate(bytes);
    for (size_t i = 0; copy && i < bytes; i++)
        copy[i] = string[i];
    return copy;
}

void *memset(void *to, int byte, size_t count) {
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(byte) : "memory");
    return start;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t count) {
    char *a = to;
    const char *b = from;
    if (a <= b)
        return memcpy(to, from, count);
    while (count--)
        a[count] = b[count];
    return to;
}

int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return a[i] - b[i];
    return 0;
}
