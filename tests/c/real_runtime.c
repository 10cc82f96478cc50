/* Calls that AMD's own runtime answers without a device. */
#include "hip.h"

hipError_t hipRuntimeGetVersion(int *version);

int main(void) {
    int version = 0;
    hipRuntimeGetVersion(&version);
    puts(hipGetErrorName(100));
    return 0;
}
