/* Bare declarations, so that each test shows what it calls. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef int hipError_t;
hipError_t hipInit(unsigned flags);
hipError_t hipGetDevice(int *device);
hipError_t hipMalloc(void **ptr, size_t size);
hipError_t hipFree(void *ptr);
hipError_t hipMemcpy(void *dst, const void *src, size_t size, int kind);
hipError_t hipMemcpyDtoH(void *dst, void *src, size_t size);
hipError_t hipDeviceSynchronize(void);
hipError_t hipGetProcAddress(const char *symbol, void **address, int version, uint64_t flags, int *status);
const char *hipGetErrorName(hipError_t error);

/* Ends the program with the line that does not hold. */
#define MUST(condition)                                                                                                      \
    do {                                                                                                                     \
        if (!(condition)) {                                                                                                  \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                                                  \
            exit(1);                                                                                                         \
        }                                                                                                                    \
    } while (0)
