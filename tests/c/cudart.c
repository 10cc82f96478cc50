/* A CUDA runtime's stand-in: the functions that a launch and an allocation go through, and some that take and return what is
 * easily lost on the way. */
#include <stdarg.h>
#include <stdlib.h>

struct dim3 {
    unsigned x, y, z;
};

struct pair {
    double first;
    long second;
};

static double total;

int cudaMalloc(void **pointer, size_t size) {
    *pointer = malloc(size);
    return *pointer == NULL;
}

int cudaFree(void *pointer) {
    free(pointer);
    return 0;
}

/* dim3 by value, arguments on the stack. */
int cudaLaunchKernel(const void *function, struct dim3 grid, struct dim3 block, void **arguments, size_t shared, void *stream) {
    (void)function, (void)shared, (void)stream;
    total += grid.x * 100 + grid.y * 10 + grid.z + block.x * block.y * block.z + *(double *)arguments[0];
    return 0;
}

int __cudaLaunchKernel(const void *kernel, struct dim3 grid, struct dim3 block, void **arguments, size_t shared, void *stream) {
    return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}

/* All eight vector registers, and the number of them in al. */
double cudaTestSum(int count, ...) {
    double sum = total;
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        sum += va_arg(list, double);
    va_end(list);
    return sum;
}

/* Returned in a general and a vector register. */
struct pair cudaTestPair(double first, long second) {
    return (struct pair){first + 1, second + 1};
}
