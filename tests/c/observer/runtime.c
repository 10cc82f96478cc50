/* A runtime of a few functions, with two that hand out the others. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

int hipMalloc(void **address, unsigned long size) {
    *address = &address;
    return (int)(size >> 60);
}

int hipFree(void *address) {
    return address == (void *)1;
}

double hipSum(int count, ...) {
    va_list numbers;
    double sum = 0;
    va_start(numbers, count);
    while (count--)
        sum += va_arg(numbers, double);
    va_end(numbers);
    return sum;
}

typedef float vector __attribute__((vector_size(16)));

vector hipVectors(vector a, vector b, vector c, vector d, vector e, vector f, vector g, vector h, int i, int j, int k, int l, int m,
                  int n, int on_stack) {
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + (float)(i + j + k + l + m + n + on_stack);
}

/* More than two registers' worth: its address comes in %rdi, before the arguments. */
struct large {
    long numbers[5];
};

struct large hipLarge(long first) {
    return (struct large){{first, 2, 3, 4, 5}};
}

int hipGetProcAddress(const char *symbol, void **address, int version, unsigned long flags, void *status) {
    (void)version, (void)flags, (void)status;
    *address = !strcmp(symbol, "hipMalloc") ? (void *)hipMalloc : !strcmp(symbol, "hipFree") ? (void *)hipFree : NULL;
    return *address ? 0 : 500;
}

int cuGetProcAddress_v2(const char *symbol, void **address, int version, unsigned long flags, void *status) {
    return hipGetProcAddress(symbol, address, version, flags, status);
}
