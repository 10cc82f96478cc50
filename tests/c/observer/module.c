/* A module whose constructor calls, through the PLT and a table. */
#include "api.h"

static int (*const table[])(void *) = {hipFree};

__attribute__((constructor)) static void begin(void) {
    void *address;
    hipMalloc(&address, 1);
    table[0](address);
}

int run(void) {
    void *address;
    return hipMalloc(&address, 1);
}
