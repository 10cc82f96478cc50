/* Launches as nvcc 13 compiles a launch, and prints what came of it. */
#include <stdio.h>
#include <stddef.h>

struct dim3 {
    unsigned x, y, z;
};
struct pair {
    double first;
    long second;
};

int cudaMalloc(void **pointer, size_t size);
int cudaFree(void *pointer);
int __cudaLaunchKernel(const void *kernel, struct dim3 grid, struct dim3 block, void **arguments, size_t shared, void *stream);
double cudaTestSum(int count, ...);
struct pair cudaTestPair(double first, long second);

int main(void) {
    void *memory = NULL;
    double value = 0.5;
    void *arguments[] = {&value};
    if (cudaMalloc(&memory, 64))
        return 1;
    for (unsigned i = 1; i <= 3; i++)
        if (__cudaLaunchKernel(NULL, (struct dim3){i, 2, 3}, (struct dim3){4, 5, 6}, arguments, 0, NULL))
            return 1;
    struct pair pair = cudaTestPair(2.5, 41);
    printf("%.2f %.1f %ld\n", cudaTestSum(9, 1., 2., 3., 4., 5., 6., 7., 8., 9.), pair.first, pair.second);
    return cudaFree(memory);
}
