int hipMalloc(void **address, unsigned long size);
int hipFree(void *address);
double hipSum(int count, ...);
typedef float vector __attribute__((vector_size(16)));
vector hipVectors(vector, vector, vector, vector, vector, vector, vector, vector, int, int, int, int, int, int, int);
struct large {
    long numbers[5];
};
struct large hipLarge(long first);
int hipGetProcAddress(const char *symbol, void **address, int version, unsigned long flags, void *status);
int cuGetProcAddress_v2(const char *symbol, void **address, int version, unsigned long flags, void *status);
