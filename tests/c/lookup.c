/* The address that the runtime hands out is the one that the program's own references have. */
#include "hip.h"

int main(void) {
    void *address = NULL;
    int status = -1;
    MUST(hipGetProcAddress("hipMemcpyDtoH", &address, 600, 0, &status) == 0);
    MUST(status == 0 && address == (void *)hipMemcpyDtoH);
    /* ROCm 6 answers this name with another function. */
    MUST(hipGetProcAddress("hipGetDeviceProperties", &address, 600, 0, &status) == 0);
    hipError_t hipGetDevicePropertiesR0600(void *properties, int device);
    MUST(address == (void *)hipGetDevicePropertiesR0600);
    MUST(hipGetProcAddress("hipNoSuchFunction", &address, 600, 0, &status) != 0);
    MUST(hipGetProcAddress("hipFree", &address, 600, 0, &status) == 0);
    MUST(((hipError_t(*)(void *))address)(NULL) == 0);
    return 0;
}
