/* Preloads that break one thing each, to see that the matmul client notices. BREAK is which. */
#include "hip.h"

#include <dlfcn.h>
#include <string.h>

#define NEXT(symbol) ((__typeof__(&symbol))dlsym(RTLD_NEXT, #symbol))

#if defined BREAK_ALLOCATION /* the call fails */
hipError_t hipMalloc(void **ptr, size_t size) {
    (void)ptr, (void)size;
    return 2;
}
#elif defined BREAK_LAUNCH /* the kernel never runs */
hipError_t hipModuleLaunchKernel(void) {
    return 0;
}
#elif defined BREAK_COPY /* zeros arrive */
hipError_t hipMemcpyAsync(void *dst, const void *src, size_t size, int kind, void *stream) {
    (void)src, (void)kind, (void)stream;
    memset(dst, 0, size);
    return 0;
}
#elif defined BREAK_CHILD /* the second process has no memory */
static int second;

__attribute__((constructor)) static void begin(void) {
    second = getenv("IS_CHILD") != NULL;
    setenv("IS_CHILD", "1", 1);
}

hipError_t hipMalloc(void **ptr, size_t size) {
    return second ? 2 : NEXT(hipMalloc)(ptr, size);
}
#endif
