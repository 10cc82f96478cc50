/* A library that is initialised before the shim, and ended after it: it calls the API from both. */
#include "hip.h"

static void *memory;

__attribute__((constructor)) static void begin(void) {
    MUST(hipMalloc(&memory, 64) == 0);
}

__attribute__((destructor)) static void end(void) {
    MUST(hipFree(memory) == 0);
    MUST(hipDeviceSynchronize() == 0);
}
