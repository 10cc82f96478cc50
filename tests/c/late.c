/* Calls the API before there is a runtime, then loads one as a Python extension does, and calls again. */
#include "hip.h"

#include <dlfcn.h>

int main(int argc, char **argv) {
    MUST(argc == 2);
    MUST(hipInit(0) == 801);
    MUST(hipGetErrorName(1) == NULL);
    void *passing = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    MUST(passing);
    MUST(hipInit(0) == 0);
    void *memory;
    printf("hipMalloc %d\n", hipMalloc(&memory, 16));
    printf("hipMalloc %d\n", hipMalloc(&memory, 16));
    return 0;
}
