/* A shim in front of the runtime: it forwards hipMalloc, and hipGetProcAddress with whatever that hands out. */
#include "api.h"

#include <dlfcn.h>

int hipMalloc(void **address, unsigned long size) {
    return ((int (*)(void **, unsigned long))dlsym(RTLD_NEXT, "hipMalloc"))(address, size);
}

int hipGetProcAddress(const char *symbol, void **address, int version, unsigned long flags, void *status) {
    typedef int look_up(const char *, void **, int, unsigned long, void *);
    return ((look_up *)dlsym(RTLD_NEXT, "hipGetProcAddress"))(symbol, address, version, flags, status);
}
