/* A code object for the CPU runtime. */
#include "../../fixtures/hip-runtime/kernel.h"

KERNEL int scale = 3;

KERNEL __global__ void add(int *values, int amount) {
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    values[i] += amount + scale * i;
}
CPU_KERNEL(add, ARGUMENT(0, int *), ARGUMENT(1, int))

KERNEL __global__ void without_thunk(void) {
}
