/* A shim that asks whether the function that it found is itself, as many do. Exit 40 where the answer is wrong. */
#include "api.h"

#include <dlfcn.h>
#include <stdlib.h>

int hipMalloc(void **address, unsigned long size) {
    static int (*real)(void **, unsigned long);
    if (!real) {
        void *next = dlsym(RTLD_NEXT, "hipMalloc"), *own = dlsym(RTLD_DEFAULT, "hipMalloc");
        if (next == (void *)hipMalloc || own != (void *)hipMalloc)
            exit(40);
        real = (int (*)(void **, unsigned long))next;
    }
    return real(address, size);
}
