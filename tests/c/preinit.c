/* A program that calls the API before any constructor has run. */
#include "hip.h"

static void first(void) {
    int device;
    MUST(hipGetDevice(&device) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = first;

int main(void) {
    return 0;
}
