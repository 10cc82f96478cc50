/* What the CPU runtime must answer. The argument names the promise. */
#include "../../shim/hip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                                                      \
    do {                                                                                                                     \
        if (!(condition)) {                                                                                                  \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                                                  \
            exit(1);                                                                                                         \
        }                                                                                                                    \
    } while (0)

#define HIP hipError_t
HIP hipInit(unsigned), hipMalloc(void **, size_t), hipFree(void *), hipHostMalloc(void **, size_t, unsigned), hipHostFree(void *);
HIP hipMallocManaged(void **, size_t, unsigned), hipMallocPitch(void **, size_t *, size_t, size_t), hipMemGetInfo(size_t *, size_t *);
HIP hipHostRegister(void *, size_t, unsigned), hipHostUnregister(void *);
HIP hipPointerGetAttributes(hipPointerAttribute_t *, const void *), hipMemcpy(void *, const void *, size_t, int);
HIP hipMemcpyAsync(void *, const void *, size_t, int, hipStream_t), hipMemcpyDtoD(void *, void *, size_t);
HIP hipMemcpy2D(void *, size_t, const void *, size_t, size_t, size_t, int);
HIP hipMemset(void *, int, size_t), hipMemsetD16(void *, unsigned short, size_t), hipMemsetD32(void *, int, size_t);
HIP hipMemset2D(void *, size_t, int, size_t, size_t), hipMemset3D(hipPitchedPtr, int, hipExtent), hipMalloc3D(hipPitchedPtr *, hipExtent);
HIP hipGetLastError(void), hipPeekAtLastError(void), hipStreamCreate(hipStream_t *), hipStreamDestroy(hipStream_t);
HIP hipStreamSynchronize(hipStream_t), hipStreamQuery(hipStream_t), hipStreamWaitEvent(hipStream_t, hipEvent_t, unsigned);
HIP hipEventCreate(hipEvent_t *), hipEventCreateWithFlags(hipEvent_t *, unsigned), hipEventDestroy(hipEvent_t);
HIP hipEventRecord(hipEvent_t, hipStream_t), hipEventElapsedTime(float *, hipEvent_t, hipEvent_t);
HIP hipGetDeviceCount(int *), hipSetDevice(int), hipGetDevice(int *), hipGetDevicePropertiesR0600(hipDeviceProp_tR0600 *, int);
HIP hipGetDeviceProperties(hipDeviceProp_tR0000 *, int), hipDeviceGetAttribute(int *, int, int);
HIP hipModuleLoad(hipModule_t *, const char *), hipModuleLoadData(hipModule_t *, const void *), hipModuleUnload(hipModule_t);
HIP hipModuleGetFunction(hipFunction_t *, hipModule_t, const char *), hipModuleGetGlobal(void **, size_t *, hipModule_t, const char *);
HIP hipRuntimeGetVersion(int *), hipFuncGetAttribute(int *, int, hipFunction_t);
HIP hipModuleLaunchKernel(hipFunction_t, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, hipStream_t, void **,
                          void **);
HIP hipExtModuleLaunchKernel(hipFunction_t, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, size_t, hipStream_t, void **,
                             void **, hipEvent_t, hipEvent_t, unsigned);
HIP hipLaunchKernel(const void *, dim3, dim3, void **, size_t, hipStream_t), hipLaunchKernelExC(const hipLaunchConfig_t *, const void *, void **);
HIP __hipPopCallConfiguration(dim3 *, dim3 *, size_t *, hipStream_t *);
HIP hipGraphCreate(void **, unsigned), hipTexRefGetFlags(void), hipMemcpyToSymbol(const void *, const void *, size_t, size_t, int);
HIP hipMemcpyFromSymbol(void *, const void *, size_t, size_t, int), hipGetSymbolAddress(void **, const void *);
const char *hipGetErrorName(HIP), *hipGetErrorString(HIP), *hipKernelNameRef(hipFunction_t), *hipApiName(uint32_t);
struct channel { int x, y, z, w, f; } hipCreateChannelDesc(int, int, int, int, int);
void **__hipRegisterFatBinary(const void *), __hipUnregisterFatBinary(void **);
void __hipRegisterFunction(void **, const void *, char *, const char *, unsigned, void *, void *, dim3 *, dim3 *, int *);
void __hipRegisterVar(void **, void *, char *, const char *, int, size_t, int, int);

static const char *code_path; /* tests/c/kernels.c */

static void memory(void) {
    char *a, *b, local[64];
    size_t pitch, before, after, total;
    hipPointerAttribute_t attributes;
    int version;
    MUST(hipMemGetInfo(&before, &total) == 0);
    MUST(hipMalloc((void **)&a, 64) == 0 && hipMalloc((void **)&b, 32) == 0);
    MUST(hipMemGetInfo(&after, &total) == 0 && before - after == 96);
    MUST(hipFree(local) == 1 && hipFree(a + 1) == 1 && hipHostFree(a) == 1 && hipFree(NULL) == 0);
    MUST(hipPointerGetAttributes(&attributes, a + 3) == 0 && attributes.type == hipMemoryTypeDevice);
    MUST(hipPointerGetAttributes(&attributes, NULL) == 1);
    /* Since ROCm 6 a pointer that nobody registered is an answer, no error. */
    MUST(hipRuntimeGetVersion(&version) == 0 && hipPointerGetAttributes(&attributes, local) == (version < 60000000));
    MUST(version < 60000000 || (attributes.type == hipMemoryTypeUnregistered && attributes.device == -2));
    MUST(hipFree(a) == 0 && hipFree(a) == 1 && hipFree(b) == 0);
    MUST(hipMallocManaged((void **)&a, 8, 1) == 0 && hipPointerGetAttributes(&attributes, a) == 0 && attributes.isManaged);
    MUST(hipFree(a) == 0);
    MUST(hipHostMalloc((void **)&a, 8, 0) == 0 && hipFree(a) == 1 && hipHostFree(a) == 0);
    MUST(hipMallocPitch((void **)&a, &pitch, 100, 3) == 0 && pitch >= 100 && pitch % 256 == 0 && hipFree(a) == 0);
    MUST(hipMalloc((void **)&a, (size_t)-1) == 2 && a == NULL);
    MUST(hipHostRegister(local, 64, 0) == 0 && hipHostRegister(local, 64, 0) == 712);
    MUST(hipHostUnregister(local) == 0 && hipHostUnregister(local) == 713);
}

static void copies(void) {
    char *device, host[64], back[64];
    for (int i = 0; i < 64; i++)
        host[i] = (char)i;
    MUST(hipMalloc((void **)&device, 64) == 0);
    MUST(hipMemcpy(device, host, 64, hipMemcpyHostToDevice) == 0);
    MUST(hipMemcpy(device, host, 65, hipMemcpyHostToDevice) == 1);
    MUST(hipMemcpy(device + 60, host, 5, hipMemcpyHostToDevice) == 1);
    MUST(hipMemcpy(back, host, 8, hipMemcpyDeviceToHost) == 1);
    MUST(hipMemcpy(back, device, 8, 77) == 21);
    MUST(hipMemcpy(NULL, device, 8, hipMemcpyDefault) == 1 && hipMemcpy(NULL, NULL, 0, 0) == 0);
    MUST(hipMemcpy(back, device, 64, hipMemcpyDeviceToHost) == 0 && !memcmp(back, host, 64));
    MUST(hipMemcpyDtoD(device + 32, device, 32) == 0 && hipMemcpyDtoD(device, host, 8) == 1);
    MUST(hipMemcpy(back, device, 64, hipMemcpyDefault) == 0 && back[32] == 0 && back[63] == 31);
    /* A 4 x 3 block of a host matrix with rows of 8, to rows of 16 on the device. */
    MUST(hipMemcpy2D(device, 16, host, 8, 4, 3, hipMemcpyHostToDevice) == 0);
    MUST(hipMemcpy2D(device, 16, host, 8, 9, 3, hipMemcpyHostToDevice) == 12);
    MUST(hipMemcpy2D(device, 16, host, 8, 4, 6, hipMemcpyHostToDevice) == 1);
    MUST(hipMemcpy(back, device, 64, hipMemcpyDeviceToHost) == 0 && back[0] == 0 && back[16] == 8 && back[35] == 19);
    MUST(hipMemcpyAsync(device, host, 8, hipMemcpyHostToDevice, host) == 400);
    MUST(hipFree(device) == 0);
}

static void fills(void) {
    unsigned char *device, back[64];
    MUST(hipMalloc((void **)&device, 64) == 0);
    MUST(hipMemset(device, 0x1ab, 64) == 0 && hipMemset(device, 0, 65) == 1 && hipMemset(back, 0, 1) == 1);
    MUST(hipMemsetD16(device, 0x1234, 2) == 0 && hipMemsetD32(device + 4, 0x11223344, 1) == 0);
    MUST(hipMemsetD32(device + 60, 0, 2) == 1);
    MUST(hipMemcpy(back, device, 64, hipMemcpyDeviceToHost) == 0);
    MUST(back[0] == 0x34 && back[1] == 0x12 && back[4] == 0x44 && back[7] == 0x11 && back[63] == 0xab);
    MUST(hipMemset2D(device, 16, 7, 4, 4) == 0 && hipMemset2D(device, 16, 7, 17, 2) == 1);
    MUST(hipMemcpy(back, device, 64, hipMemcpyDeviceToHost) == 0 && back[16] == 7 && back[20] == 0xab && back[51] == 7);
    MUST(hipFree(device) == 0);
    /* Two slices of three rows of ten bytes. */
    hipPitchedPtr box;
    hipExtent extent = {10, 3, 2}, deeper = {10, 3, 3};
    MUST(hipMalloc3D(&box, extent) == 0 && box.pitch >= 10 && box.ysize == 3);
    MUST(hipMemset3D(box, 9, extent) == 0 && hipMemset3D(box, 9, deeper) == 1);
    MUST(hipMemcpy(back, (char *)box.ptr + 5 * box.pitch, 10, hipMemcpyDeviceToHost) == 0 && back[0] == 9 && back[9] == 9);
    MUST(hipFree(box.ptr) == 0);
}

static void errors(void) {
    MUST(hipGetLastError() == 0);
    MUST(hipFree(&code_path) == 1 && hipPeekAtLastError() == 1 && hipGetLastError() == 1 && hipGetLastError() == 0);
    MUST(hipGraphCreate(NULL, 0) == 801 && hipGetLastError() == 801);
    MUST(!strcmp(hipGetErrorName(801), "hipErrorNotSupported") && strlen(hipGetErrorString(1)) > 5);
    MUST(!strcmp(hipGetErrorName(-5), "hipErrorUnknown"));
}

static void unsupported(void) {
    void *graph;
    struct channel channel = hipCreateChannelDesc(8, 8, 8, 8, 1);
    MUST(hipGraphCreate(&graph, 0) == 801 && hipTexRefGetFlags() == 801);
    MUST(!channel.x && !channel.y && !channel.z && !channel.w && !channel.f);
    MUST(hipApiName(0) != NULL && hipKernelNameRef(NULL) == NULL);
}

static void handles(void) {
    hipStream_t stream;
    hipEvent_t a, b, untimed;
    float ms = -1;
    MUST(hipStreamCreate(&stream) == 0 && hipStreamSynchronize(stream) == 0 && hipStreamQuery(stream) == 0);
    MUST(hipStreamSynchronize(NULL) == 0 && hipStreamSynchronize(&stream) == 400 && hipStreamDestroy(&stream) == 400);
    MUST(hipEventCreate(&a) == 0 && hipEventCreate(&b) == 0 && hipEventCreateWithFlags(&untimed, 2) == 0);
    MUST(hipEventElapsedTime(&ms, a, b) == 400);
    MUST(hipEventRecord(a, stream) == 0 && hipEventRecord(stream, stream) == 400 && hipEventRecord(a, a) == 400);
    for (volatile int i = 0; i < 1000000; i++) {
    }
    MUST(hipEventRecord(b, stream) == 0 && hipEventElapsedTime(&ms, a, b) == 0 && ms > 0);
    MUST(hipEventElapsedTime(&ms, b, a) == 0 && ms < 0);
    MUST(hipEventRecord(untimed, NULL) == 0 && hipEventElapsedTime(&ms, a, untimed) == 400);
    MUST(hipStreamWaitEvent(stream, a, 0) == 0 && hipStreamWaitEvent(stream, stream, 0) == 400);
    MUST(hipEventDestroy(a) == 0 && hipEventDestroy(a) == 400);
    MUST(hipStreamDestroy(stream) == 0 && hipStreamDestroy(stream) == 400 && hipStreamSynchronize(stream) == 400);
}

static void devices(void) {
    int count, device, threads;
    hipDeviceProp_tR0600 new;
    hipDeviceProp_tR0000 old;
    MUST(hipGetDeviceCount(&count) == 0 && count == 2); /* XDOCTOR_DEVICES=2 */
    MUST(hipSetDevice(1) == 0 && hipGetDevice(&device) == 0 && device == 1 && hipSetDevice(2) == 101 && hipSetDevice(-1) == 101);
    MUST(hipGetDevicePropertiesR0600(&new, 1) == 0 && !strcmp(new.name, "xdoctor CPU reference"));
    MUST(hipGetDeviceProperties(&old, 1) == 0 && !strcmp(old.name, "xdoctor CPU reference"));
    MUST(old.totalGlobalMem == new.totalGlobalMem && new.multiProcessorCount > 0);
    MUST(hipDeviceGetAttribute(&threads, 56, 0) == 0 && threads == new.maxThreadsPerBlock);
    MUST(hipDeviceGetAttribute(&threads, 56, 2) == 101 && hipDeviceGetAttribute(&threads, -1, 0) == 1);
}

static void no_device(void) {
    int count = 7;
    void *memory;
    MUST(hipGetDeviceCount(&count) == 100 && count == 0); /* XDOCTOR_DEVICES=0 */
    MUST(hipInit(0) == 100 && hipMalloc(&memory, 8) == 100 && hipSetDevice(0) == 100);
}

static void *read_code(void) {
    FILE *file = fopen(code_path, "r");
    void *code = malloc(1 << 20);
    MUST(file && code && fread(code, 1, 1 << 20, file) > 0);
    fclose(file);
    return code;
}

static void modules(void) {
    hipModule_t module, other;
    hipFunction_t add, plain;
    int *device, back[8] = {0}, amount = 5, value, *global;
    size_t size;
    void *arguments[] = {&device, &amount}, *code = read_code(), *extra[] = {NULL};
    char garbage[64] = "no ELF file";
    MUST(hipModuleLoad(&module, "/no/such/file") == 301 && hipModuleLoadData(&module, garbage) == 200);
    MUST(hipModuleLoad(&module, code_path) == 0 && hipModuleLoadData(&other, code) == 0);
    MUST(hipModuleGetFunction(&add, module, "no_kernel") == 500 && hipModuleGetFunction(&add, &module, "add") == 400);
    MUST(hipModuleGetFunction(&add, other, "add") == 0 && !strcmp(hipKernelNameRef(add), "add"));
    MUST(hipModuleGetFunction(&plain, other, "without_thunk") == 0);
    MUST(hipFuncGetAttribute(&value, 0, add) == 0 && value == 1024 && hipFuncGetAttribute(&value, 4, add) == 0 && value == 0);
    MUST(hipFuncGetAttribute(&value, 10, add) == 1 && hipFuncGetAttribute(&value, 0, other) == 400);
    MUST(hipModuleGetGlobal((void **)&global, &size, other, "scale") == 0 && size == sizeof(int) && *global == 3);
    MUST(hipMalloc((void **)&device, sizeof back) == 0 && hipMemset(device, 0, sizeof back) == 0);
    MUST(hipModuleLaunchKernel(add, 2, 1, 1, 4, 1, 1, 0, NULL, arguments, NULL) == 0);
    MUST(hipExtModuleLaunchKernel(add, 8, 1, 1, 4, 1, 1, 0, NULL, arguments, NULL, NULL, NULL, 0) == 0);
    MUST(hipExtModuleLaunchKernel(add, 9, 1, 1, 4, 1, 1, 0, NULL, arguments, NULL, NULL, NULL, 0) == 9);
    MUST(hipMemcpy(back, device, sizeof back, hipMemcpyDeviceToHost) == 0);
    for (int i = 0; i < 8; i++)
        MUST(back[i] == 2 * (5 + 3 * i));
    MUST(hipModuleLaunchKernel(add, 0, 1, 1, 4, 1, 1, 0, NULL, arguments, NULL) == 9);
    MUST(hipModuleLaunchKernel(add, 1, 1, 1, 64, 32, 1, 0, NULL, arguments, NULL) == 9);
    MUST(hipModuleLaunchKernel(add, 1, 1, 1, 1, 1, 1, 0, back, arguments, NULL) == 400);
    MUST(hipModuleLaunchKernel(add, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, extra) == 801);
    MUST(hipModuleLaunchKernel(plain, 1, 1, 1, 1, 1, 1, 0, NULL, arguments, NULL) == 801);
    MUST(hipModuleLaunchKernel(back, 1, 1, 1, 1, 1, 1, 0, NULL, arguments, NULL) == 400);
    MUST(hipModuleUnload(other) == 0 && hipModuleUnload(other) == 400 && hipModuleUnload(module) == 0);
    MUST(hipModuleLaunchKernel(add, 1, 1, 1, 1, 1, 1, 0, NULL, arguments, NULL) == 400);
}

static int host_add, host_scale;

static void registered(void) {
    struct hip_fat_binary_wrapper wrapper = {HIP_FAT_BINARY_MAGIC, 1, read_code(), NULL}, wrong = {1, 1, wrapper.binary, NULL};
    int *device, amount = 1, back[4] = {0}, scale = 10;
    void *arguments[] = {&device, &amount}, *address;
    dim3 grid = {1, 1, 1}, block = {4, 1, 1};
    size_t shared;
    hipStream_t stream;
    MUST(__hipRegisterFatBinary(&wrong) == NULL);
    void **binary = __hipRegisterFatBinary(&wrapper);
    MUST(binary);
    MUST(hipLaunchKernel(&host_add, grid, block, arguments, 0, NULL) == 98);
    __hipRegisterFunction(binary, &host_add, "add", "add", 0, NULL, NULL, NULL, NULL, NULL);
    __hipRegisterVar(binary, &host_scale, "scale", "scale", 0, sizeof(int), 0, 0);
    MUST(hipMemcpyToSymbol(&host_scale, &scale, 4, 0, hipMemcpyHostToDevice) == 0);
    MUST(hipMemcpyToSymbol(&host_scale, &scale, 4, 1, hipMemcpyHostToDevice) == 13);
    MUST(hipMemcpyFromSymbol(back, &host_scale, 4, 0, hipMemcpyDeviceToHost) == 0 && back[0] == 10);
    MUST(hipGetSymbolAddress(&address, &host_scale) == 0 && *(int *)address == 10 && hipGetSymbolAddress(&address, &amount) == 13);
    MUST(hipMalloc((void **)&device, sizeof back) == 0 && hipMemset(device, 0, sizeof back) == 0);
    MUST(hipLaunchKernel(&host_add, grid, block, arguments, 0, NULL) == 0);
    hipLaunchConfig_t config = {.gridDim = grid, .blockDim = block};
    MUST(hipLaunchKernelExC(&config, &host_add, arguments) == 0);
    MUST(hipMemcpy(back, device, sizeof back, hipMemcpyDeviceToHost) == 0 && back[0] == 2 && back[3] == 62);
    MUST(__hipPopCallConfiguration(&grid, &block, &shared, &stream) == 52);
    __hipUnregisterFatBinary(binary);
    MUST(hipLaunchKernel(&host_add, grid, block, arguments, 0, NULL) == 98);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*keep)(void);
    } promises[] = {{"memory", memory},   {"copies", copies},   {"fills", fills},         {"errors", errors},
                    {"unsupported", unsupported}, {"handles", handles}, {"devices", devices},     {"no-device", no_device},
                    {"modules", modules}, {"registered", registered}};
    MUST(argc == 3);
    code_path = argv[2];
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++)
        if (!strcmp(promises[i].name, argv[1])) {
            promises[i].keep();
            puts("kept");
            return 0;
        }
    return 2;
}
