/* A runtime that came and went before the first call. */
#include "hip.h"

#include <dlfcn.h>

int main(int argc, char **argv) {
    MUST(argc == 2);
    void *passing = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    MUST(passing && dlclose(passing) == 0);
    MUST(hipInit(0) == 801);
    return 0;
}
