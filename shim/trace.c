/* Typed handlers. Without XDOCTOR_TRACE none of them is in the path, except those of lookups. */
#include "trace.h"

#include "count/count.h"
#include "hip.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern void *xd_real[XD_FUNCTIONS]; /* shim.c: the runtime's functions */

static int wanted;

static void read_environment(void) {
    const char *value = xd_environment("XDOCTOR_TRACE");
    wanted = value && !strcmp(value, "calls");
    if (value && *value && !wanted)
        xd_say("XDOCTOR_TRACE=%s is not known, and ignored; `calls` traces every call", value);
}

int trace_wanted(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    return wanted;
}

static const char *error_word(int error) {
    switch (error) {
    case hipSuccess: return "SUCCESS";
    case hipErrorInvalidValue: return "INVALID_VALUE";
    case hipErrorOutOfMemory: return "OUT_OF_MEMORY";
    case hipErrorInvalidDevicePointer: return "INVALID_DEVICE_POINTER";
    case hipErrorInvalidDeviceFunction: return "INVALID_DEVICE_FUNCTION";
    case hipErrorNoDevice: return "NO_DEVICE";
    case hipErrorInvalidDevice: return "INVALID_DEVICE";
    case hipErrorInvalidImage: return "INVALID_IMAGE";
    case hipErrorFileNotFound: return "FILE_NOT_FOUND";
    case hipErrorInvalidHandle: return "INVALID_HANDLE";
    case hipErrorNotFound: return "NOT_FOUND";
    case hipErrorNotReady: return "NOT_READY";
    case hipErrorNotSupported: return "NOT_SUPPORTED";
    default: return "ERROR";
    }
}

#define LINE_BYTES 512

/* One write(2) a line, so that the lines of several threads do not mix. */
static void write_line(char *line, int length) {
    if (length > LINE_BYTES - 2)
        length = LINE_BYTES - 2;
    line[length++] = '\n';
    int before = errno;
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        errno = before; /* no stderr, no trace */
}

__attribute__((format(printf, 2, 3))) static void print_line(const char *tag, const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    int length = snprintf(line, sizeof line - 1, "[TRACE_%s] ", tag);
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    write_line(line, length);
}

void trace_plain_call(const char *symbol) {
    print_line("CALL", "function=%s", symbol);
}

/* A handler: calls the runtime, then prints the format and ` ret=N (WORD)`. `ret` is in scope of the values. */
#define TRACE(tag, symbol, parameters, arguments, format, ...)                                                               \
    hipError_t trace_##symbol parameters {                                                                                   \
        hipError_t ret = ((hipError_t(*) parameters)xd_real[XD_##symbol])arguments;                                          \
        print_line(tag, format " ret=%d (%s)", ##__VA_ARGS__, ret, error_word(ret));                                         \
        return ret;                                                                                                          \
    }

/* The same for a function and its twin on the per-thread default stream. */
#define TRACE_SPT(tag, symbol, ...)                                                                                          \
    TRACE(tag, symbol, __VA_ARGS__)                                                                                          \
    TRACE(tag, symbol##_spt, __VA_ARGS__)

/* What a call has stored through a pointer, where it succeeded. */
#define OUT(pointer) (ret == hipSuccess && (pointer) ? *(void *const *)(pointer) : NULL)
#define OUT_SIZE(pointer) (ret == hipSuccess && (pointer) ? *(const size_t *)(pointer) : (size_t)0)

/* Allocate. */
TRACE("MALLOC", hipMalloc, (void **ptr, size_t size), (ptr, size), "size=%zu ptr=%p", size, OUT(ptr))
TRACE("MALLOC", hipMallocHost, (void **ptr, size_t size), (ptr, size), "size=%zu ptr=%p kind=host", size, OUT(ptr))
TRACE("MALLOC", hipMemAllocHost, (void **ptr, size_t size), (ptr, size), "size=%zu ptr=%p kind=host", size, OUT(ptr))
TRACE("MALLOC", hipHostMalloc, (void **ptr, size_t size, unsigned flags), (ptr, size, flags),
      "size=%zu ptr=%p kind=host flags=0x%x", size, OUT(ptr), flags)
TRACE("MALLOC", hipHostAlloc, (void **ptr, size_t size, unsigned flags), (ptr, size, flags),
      "size=%zu ptr=%p kind=host flags=0x%x", size, OUT(ptr), flags)
TRACE("MALLOC", hipMallocManaged, (void **ptr, size_t size, unsigned flags), (ptr, size, flags),
      "size=%zu ptr=%p kind=managed flags=0x%x", size, OUT(ptr), flags)
TRACE("MALLOC", hipExtMallocWithFlags, (void **ptr, size_t size, unsigned flags), (ptr, size, flags),
      "size=%zu ptr=%p flags=0x%x", size, OUT(ptr), flags)
TRACE("MALLOC", hipMallocAsync, (void **ptr, size_t size, hipStream_t stream), (ptr, size, stream), "size=%zu ptr=%p stream=%p",
      size, OUT(ptr), stream)
TRACE("MALLOC", hipMallocFromPoolAsync, (void **ptr, size_t size, void *pool, hipStream_t stream), (ptr, size, pool, stream),
      "size=%zu ptr=%p pool=%p stream=%p", size, OUT(ptr), pool, stream)
TRACE("MALLOC", hipMallocPitch, (void **ptr, size_t *pitch, size_t width, size_t height), (ptr, pitch, width, height),
      "width=%zu height=%zu pitch=%zu ptr=%p", width, height, OUT_SIZE(pitch), OUT(ptr))
TRACE("MALLOC", hipMemAllocPitch, (void **ptr, size_t *pitch, size_t width, size_t height, unsigned element),
      (ptr, pitch, width, height, element), "width=%zu height=%zu pitch=%zu ptr=%p", width, height, OUT_SIZE(pitch), OUT(ptr))
TRACE("MALLOC", hipMalloc3D, (hipPitchedPtr * pitched, hipExtent extent), (pitched, extent),
      "width=%zu height=%zu depth=%zu ptr=%p", extent.width, extent.height, extent.depth, OUT(pitched))
TRACE("MALLOC", hipMallocArray, (void **array, const void *format, size_t width, size_t height, unsigned flags),
      (array, format, width, height, flags), "width=%zu height=%zu array=%p", width, height, OUT(array))
TRACE("MALLOC", hipMalloc3DArray, (void **array, const void *format, hipExtent extent, unsigned flags),
      (array, format, extent, flags), "width=%zu height=%zu depth=%zu array=%p", extent.width, extent.height, extent.depth,
      OUT(array))
TRACE("MALLOC", hipMallocMipmappedArray, (void **array, const void *format, hipExtent extent, unsigned levels, unsigned flags),
      (array, format, extent, levels, flags), "width=%zu height=%zu depth=%zu levels=%u array=%p", extent.width, extent.height,
      extent.depth, levels, OUT(array))
TRACE("MALLOC", hipArrayCreate, (void **array, const void *descriptor), (array, descriptor), "array=%p", OUT(array))
TRACE("MALLOC", hipArray3DCreate, (void **array, const void *descriptor), (array, descriptor), "array=%p", OUT(array))
TRACE("MALLOC", hipMipmappedArrayCreate, (void **array, const void *descriptor, unsigned levels), (array, descriptor, levels),
      "levels=%u array=%p", levels, OUT(array))
TRACE("MALLOC", hipMemCreate, (void **handle, size_t size, const void *properties, unsigned long long flags),
      (handle, size, properties, flags), "size=%zu handle=%p", size, OUT(handle))

/* Free. */
TRACE("FREE", hipFree, (void *ptr), (ptr), "ptr=%p", ptr)
TRACE("FREE", hipFreeAsync, (void *ptr, hipStream_t stream), (ptr, stream), "ptr=%p stream=%p", ptr, stream)
TRACE("FREE", hipFreeHost, (void *ptr), (ptr), "ptr=%p kind=host", ptr)
TRACE("FREE", hipHostFree, (void *ptr), (ptr), "ptr=%p kind=host", ptr)
TRACE("FREE", hipFreeArray, (void *array), (array), "array=%p", array)
TRACE("FREE", hipArrayDestroy, (void *array), (array), "array=%p", array)
TRACE("FREE", hipFreeMipmappedArray, (void *array), (array), "array=%p", array)
TRACE("FREE", hipMipmappedArrayDestroy, (void *array), (array), "array=%p", array)
TRACE("FREE", hipMemRelease, (void *handle), (handle), "handle=%p", handle)

/* Copy. */
TRACE_SPT("MEMCPY", hipMemcpy, (void *dst, const void *src, size_t size, int kind), (dst, src, size, kind),
          "dst=%p src=%p size=%zu kind=%d", dst, src, size, kind)
TRACE_SPT("MEMCPY", hipMemcpyAsync, (void *dst, const void *src, size_t size, int kind, hipStream_t stream),
          (dst, src, size, kind, stream), "dst=%p src=%p size=%zu kind=%d stream=%p", dst, src, size, kind, stream)
TRACE("MEMCPY", hipMemcpyWithStream, (void *dst, const void *src, size_t size, int kind, hipStream_t stream),
      (dst, src, size, kind, stream), "dst=%p src=%p size=%zu kind=%d stream=%p", dst, src, size, kind, stream)

#define TRACE_DIRECTED(symbol)                                                                                               \
    TRACE("MEMCPY", symbol, (void *dst, void *src, size_t size), (dst, src, size), "dst=%p src=%p size=%zu", dst, src, size) \
    TRACE("MEMCPY", symbol##Async, (void *dst, void *src, size_t size, hipStream_t stream), (dst, src, size, stream),        \
          "dst=%p src=%p size=%zu stream=%p", dst, src, size, stream)
TRACE_DIRECTED(hipMemcpyHtoD)
TRACE_DIRECTED(hipMemcpyDtoH)
TRACE_DIRECTED(hipMemcpyDtoD)

TRACE("MEMCPY", hipMemcpyPeer, (void *dst, int to, const void *src, int from, size_t size), (dst, to, src, from, size),
      "dst=%p to=%d src=%p from=%d size=%zu", dst, to, src, from, size)
TRACE("MEMCPY", hipMemcpyPeerAsync, (void *dst, int to, const void *src, int from, size_t size, hipStream_t stream),
      (dst, to, src, from, size, stream), "dst=%p to=%d src=%p from=%d size=%zu stream=%p", dst, to, src, from, size, stream)

#define RECTANGLE void *dst, size_t dst_pitch, const void *src, size_t src_pitch, size_t width, size_t height, int kind
TRACE_SPT("MEMCPY", hipMemcpy2D, (RECTANGLE), (dst, dst_pitch, src, src_pitch, width, height, kind),
          "dst=%p src=%p width=%zu height=%zu kind=%d", dst, src, width, height, kind)
TRACE_SPT("MEMCPY", hipMemcpy2DAsync, (RECTANGLE, hipStream_t stream),
          (dst, dst_pitch, src, src_pitch, width, height, kind, stream), "dst=%p src=%p width=%zu height=%zu kind=%d stream=%p",
          dst, src, width, height, kind, stream)

TRACE_SPT("MEMCPY", hipMemcpyToSymbol, (const void *symbol, const void *src, size_t size, size_t offset, int kind),
          (symbol, src, size, offset, kind), "symbol=%p src=%p size=%zu offset=%zu kind=%d", symbol, src, size, offset, kind)
TRACE_SPT("MEMCPY", hipMemcpyToSymbolAsync,
          (const void *symbol, const void *src, size_t size, size_t offset, int kind, hipStream_t stream),
          (symbol, src, size, offset, kind, stream), "symbol=%p src=%p size=%zu offset=%zu kind=%d stream=%p", symbol, src, size,
          offset, kind, stream)
TRACE_SPT("MEMCPY", hipMemcpyFromSymbol, (void *dst, const void *symbol, size_t size, size_t offset, int kind),
          (dst, symbol, size, offset, kind), "dst=%p symbol=%p size=%zu offset=%zu kind=%d", dst, symbol, size, offset, kind)
TRACE_SPT("MEMCPY", hipMemcpyFromSymbolAsync,
          (void *dst, const void *symbol, size_t size, size_t offset, int kind, hipStream_t stream),
          (dst, symbol, size, offset, kind, stream), "dst=%p symbol=%p size=%zu offset=%zu kind=%d stream=%p", dst, symbol, size,
          offset, kind, stream)

TRACE("MEMCPY", hipMemcpyToArray, (void *array, size_t x, size_t y, const void *src, size_t size, int kind),
      (array, x, y, src, size, kind), "array=%p src=%p size=%zu kind=%d", array, src, size, kind)
TRACE_SPT("MEMCPY", hipMemcpyFromArray, (void *dst, const void *array, size_t x, size_t y, size_t size, int kind),
          (dst, array, x, y, size, kind), "dst=%p array=%p size=%zu kind=%d", dst, array, size, kind)
TRACE_SPT("MEMCPY", hipMemcpy2DToArray,
          (void *array, size_t x, size_t y, const void *src, size_t pitch, size_t width, size_t height, int kind),
          (array, x, y, src, pitch, width, height, kind), "array=%p src=%p width=%zu height=%zu kind=%d", array, src, width,
          height, kind)
TRACE_SPT("MEMCPY", hipMemcpy2DToArrayAsync,
          (void *array, size_t x, size_t y, const void *src, size_t pitch, size_t width, size_t height, int kind,
           hipStream_t stream),
          (array, x, y, src, pitch, width, height, kind, stream), "array=%p src=%p width=%zu height=%zu kind=%d stream=%p", array,
          src, width, height, kind, stream)
TRACE_SPT("MEMCPY", hipMemcpy2DFromArray,
          (void *dst, size_t pitch, const void *array, size_t x, size_t y, size_t width, size_t height, int kind),
          (dst, pitch, array, x, y, width, height, kind), "dst=%p array=%p width=%zu height=%zu kind=%d", dst, array, width,
          height, kind)
TRACE_SPT("MEMCPY", hipMemcpy2DFromArrayAsync,
          (void *dst, size_t pitch, const void *array, size_t x, size_t y, size_t width, size_t height, int kind,
           hipStream_t stream),
          (dst, pitch, array, x, y, width, height, kind, stream), "dst=%p array=%p width=%zu height=%zu kind=%d stream=%p", dst,
          array, width, height, kind, stream)
TRACE("MEMCPY", hipMemcpy2DArrayToArray,
      (void *to, size_t to_x, size_t to_y, const void *from, size_t from_x, size_t from_y, size_t width, size_t height, int kind),
      (to, to_x, to_y, from, from_x, from_y, width, height, kind), "to=%p from=%p width=%zu height=%zu kind=%d", to, from, width,
      height, kind)
TRACE("MEMCPY", hipMemcpyAtoH, (void *dst, void *array, size_t offset, size_t size), (dst, array, offset, size),
      "dst=%p array=%p size=%zu", dst, array, size)
TRACE("MEMCPY", hipMemcpyAtoD, (void *dst, void *array, size_t offset, size_t size), (dst, array, offset, size),
      "dst=%p array=%p size=%zu", dst, array, size)
TRACE("MEMCPY", hipMemcpyAtoHAsync, (void *dst, void *array, size_t offset, size_t size, hipStream_t stream),
      (dst, array, offset, size, stream), "dst=%p array=%p size=%zu stream=%p", dst, array, size, stream)
TRACE("MEMCPY", hipMemcpyHtoA, (void *array, size_t offset, const void *src, size_t size), (array, offset, src, size),
      "array=%p src=%p size=%zu", array, src, size)
TRACE("MEMCPY", hipMemcpyDtoA, (void *array, size_t offset, const void *src, size_t size), (array, offset, src, size),
      "array=%p src=%p size=%zu", array, src, size)
TRACE("MEMCPY", hipMemcpyHtoAAsync, (void *array, size_t offset, const void *src, size_t size, hipStream_t stream),
      (array, offset, src, size, stream), "array=%p src=%p size=%zu stream=%p", array, src, size, stream)
TRACE("MEMCPY", hipMemcpyAtoA, (void *to, size_t to_offset, void *from, size_t from_offset, size_t size),
      (to, to_offset, from, from_offset, size), "to=%p from=%p size=%zu", to, from, size)

#define TRACE_DESCRIBED(symbol)                                                                                              \
    TRACE("MEMCPY", symbol, (const void *description), (description), "description=%p", description)
#define TRACE_DESCRIBED_ASYNC(symbol)                                                                                        \
    TRACE("MEMCPY", symbol, (const void *description, hipStream_t stream), (description, stream),                            \
          "description=%p stream=%p", description, stream)
TRACE_DESCRIBED(hipMemcpy3D)
TRACE_DESCRIBED(hipMemcpy3D_spt)
TRACE_DESCRIBED(hipMemcpy3DPeer)
TRACE_DESCRIBED(hipMemcpyParam2D)
TRACE_DESCRIBED(hipDrvMemcpy3D)
TRACE_DESCRIBED(hipDrvMemcpy2DUnaligned)
TRACE_DESCRIBED_ASYNC(hipMemcpy3DAsync)
TRACE_DESCRIBED_ASYNC(hipMemcpy3DAsync_spt)
TRACE_DESCRIBED_ASYNC(hipMemcpy3DPeerAsync)
TRACE_DESCRIBED_ASYNC(hipMemcpyParam2DAsync)
TRACE_DESCRIBED_ASYNC(hipDrvMemcpy3DAsync)
TRACE("MEMCPY", hipMemcpyBatchAsync,
      (void **to, void **from, size_t *sizes, size_t count, void *attributes, size_t *indices, size_t attribute_count,
       size_t *failed, hipStream_t stream),
      (to, from, sizes, count, attributes, indices, attribute_count, failed, stream), "count=%zu stream=%p", count, stream)
TRACE("MEMCPY", hipMemcpy3DBatchAsync,
      (size_t count, void *operations, size_t *failed, unsigned long long flags, hipStream_t stream),
      (count, operations, failed, flags, stream), "count=%zu stream=%p", count, stream)

/* Set. */
#define TRACE_SET(symbol, type)                                                                                              \
    TRACE("MEMSET", symbol, (void *dst, type value, size_t count), (dst, value, count), "dst=%p value=%d count=%zu", dst,    \
          (int)value, count)
#define TRACE_SET_ASYNC(symbol, type)                                                                                        \
    TRACE("MEMSET", symbol, (void *dst, type value, size_t count, hipStream_t stream), (dst, value, count, stream),          \
          "dst=%p value=%d count=%zu stream=%p", dst, (int)value, count, stream)
TRACE_SET(hipMemset, int)
TRACE_SET(hipMemset_spt, int)
TRACE_SET(hipMemsetD8, unsigned char)
TRACE_SET(hipMemsetD16, unsigned short)
TRACE_SET(hipMemsetD32, int)
TRACE_SET_ASYNC(hipMemsetAsync, int)
TRACE_SET_ASYNC(hipMemsetAsync_spt, int)
TRACE_SET_ASYNC(hipMemsetD8Async, unsigned char)
TRACE_SET_ASYNC(hipMemsetD16Async, unsigned short)
TRACE_SET_ASYNC(hipMemsetD32Async, int)

#define TRACE_SET_2D(symbol, type)                                                                                           \
    TRACE("MEMSET", symbol, (void *dst, size_t pitch, type value, size_t width, size_t height),                              \
          (dst, pitch, value, width, height), "dst=%p value=%d width=%zu height=%zu", dst, (int)value, width, height)
#define TRACE_SET_2D_ASYNC(symbol, type)                                                                                     \
    TRACE("MEMSET", symbol, (void *dst, size_t pitch, type value, size_t width, size_t height, hipStream_t stream),          \
          (dst, pitch, value, width, height, stream), "dst=%p value=%d width=%zu height=%zu stream=%p", dst, (int)value, width, \
          height, stream)
TRACE_SET_2D(hipMemset2D, int)
TRACE_SET_2D(hipMemset2D_spt, int)
TRACE_SET_2D(hipMemsetD2D8, unsigned char)
TRACE_SET_2D(hipMemsetD2D16, unsigned short)
TRACE_SET_2D(hipMemsetD2D32, unsigned)
TRACE_SET_2D_ASYNC(hipMemset2DAsync, int)
TRACE_SET_2D_ASYNC(hipMemset2DAsync_spt, int)
TRACE_SET_2D_ASYNC(hipMemsetD2D8Async, unsigned char)
TRACE_SET_2D_ASYNC(hipMemsetD2D16Async, unsigned short)
TRACE_SET_2D_ASYNC(hipMemsetD2D32Async, unsigned)
TRACE_SPT("MEMSET", hipMemset3D, (hipPitchedPtr dst, int value, hipExtent extent), (dst, value, extent),
          "dst=%p value=%d width=%zu height=%zu depth=%zu", dst.ptr, value, extent.width, extent.height, extent.depth)
TRACE_SPT("MEMSET", hipMemset3DAsync, (hipPitchedPtr dst, int value, hipExtent extent, hipStream_t stream),
          (dst, value, extent, stream), "dst=%p value=%d width=%zu height=%zu depth=%zu stream=%p", dst.ptr, value, extent.width,
          extent.height, extent.depth, stream)

/* Launch. */
#define SHAPE "grid=(%u,%u,%u) block=(%u,%u,%u) shared=%zu"
#define DIM3(d) (d).x, (d).y, (d).z

TRACE("PUSH", __hipPushCallConfiguration, (dim3 grid, dim3 block, size_t shared, hipStream_t stream),
      (grid, block, shared, stream), "stream=%p " SHAPE, stream, DIM3(grid), DIM3(block), shared)
TRACE("POP", __hipPopCallConfiguration, (dim3 * grid, dim3 *block, size_t *shared, hipStream_t *stream),
      (grid, block, shared, stream), "stream=%p", OUT(stream))
TRACE("PUSH", hipConfigureCall, (dim3 grid, dim3 block, size_t shared, hipStream_t stream), (grid, block, shared, stream),
      "stream=%p " SHAPE, stream, DIM3(grid), DIM3(block), shared)
TRACE("ARGUMENT", hipSetupArgument, (const void *argument, size_t size, size_t offset), (argument, size, offset),
      "argument=%p size=%zu offset=%zu", argument, size, offset)
TRACE("KERNEL", hipLaunchByPtr, (const void *func), (func), "func=%p", func)

#define HOST_LAUNCH const void *func, dim3 grid, dim3 block, void **arguments, size_t shared, hipStream_t stream
TRACE_SPT("KERNEL", hipLaunchKernel, (HOST_LAUNCH), (func, grid, block, arguments, shared, stream),
          "func=%p stream=%p " SHAPE, func, stream, DIM3(grid), DIM3(block), shared)
TRACE("KERNEL", hipExtLaunchKernel, (HOST_LAUNCH, hipEvent_t start, hipEvent_t stop, int flags),
      (func, grid, block, arguments, shared, stream, start, stop, flags), "func=%p stream=%p " SHAPE, func, stream, DIM3(grid),
      DIM3(block), shared)
#define COOPERATIVE_LAUNCH const void *func, dim3 grid, dim3 block, void **arguments, unsigned shared, hipStream_t stream
TRACE_SPT("KERNEL", hipLaunchCooperativeKernel, (COOPERATIVE_LAUNCH), (func, grid, block, arguments, shared, stream),
          "func=%p stream=%p " SHAPE, func, stream, DIM3(grid), DIM3(block), (size_t)shared)
TRACE("KERNEL", hipLaunchKernelExC, (const hipLaunchConfig_t *config, const void *func, void **arguments),
      (config, func, arguments), "func=%p stream=%p", func, config ? config->stream : NULL)
TRACE("KERNEL", hipLaunchCooperativeKernelMultiDevice, (hipLaunchParams * list, int count, unsigned flags), (list, count, flags),
      "func=%p count=%d", list && count > 0 ? list->func : NULL, count)
TRACE("KERNEL", hipExtLaunchMultiKernelMultiDevice, (hipLaunchParams * list, int count, unsigned flags), (list, count, flags),
      "func=%p count=%d", list && count > 0 ? list->func : NULL, count)

#define MODULE_LAUNCH hipFunction_t func, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz
TRACE("KERNEL", hipModuleLaunchKernel, (MODULE_LAUNCH, unsigned shared, hipStream_t stream, void **arguments, void **extra),
      (func, gx, gy, gz, bx, by, bz, shared, stream, arguments, extra), "func=%p stream=%p " SHAPE, func, stream, gx, gy, gz, bx,
      by, bz, (size_t)shared)
TRACE("KERNEL", hipModuleLaunchCooperativeKernel, (MODULE_LAUNCH, unsigned shared, hipStream_t stream, void **arguments),
      (func, gx, gy, gz, bx, by, bz, shared, stream, arguments), "func=%p stream=%p " SHAPE, func, stream, gx, gy, gz, bx, by, bz,
      (size_t)shared)
TRACE("KERNEL", hipModuleLaunchCooperativeKernelMultiDevice, (hipFunctionLaunchParams * list, unsigned count, unsigned flags),
      (list, count, flags), "func=%p count=%u", list && count ? list->function : NULL, count)
/* Grid in threads, not in blocks. */
TRACE("KERNEL", hipExtModuleLaunchKernel,
      (MODULE_LAUNCH, size_t shared, hipStream_t stream, void **arguments, void **extra, hipEvent_t start, hipEvent_t stop,
       unsigned flags),
      (func, gx, gy, gz, bx, by, bz, shared, stream, arguments, extra, start, stop, flags), "func=%p stream=%p threads=" SHAPE,
      func, stream, gx, gy, gz, bx, by, bz, shared)
TRACE("KERNEL", hipHccModuleLaunchKernel,
      (MODULE_LAUNCH, size_t shared, hipStream_t stream, void **arguments, void **extra, hipEvent_t start, hipEvent_t stop),
      (func, gx, gy, gz, bx, by, bz, shared, stream, arguments, extra, start, stop), "func=%p stream=%p threads=" SHAPE, func,
      stream, gx, gy, gz, bx, by, bz, shared)
TRACE("KERNEL", hipDrvLaunchKernelEx, (const HIP_LAUNCH_CONFIG *config, hipFunction_t func, void **arguments, void **extra),
      (config, func, arguments, extra), "func=%p stream=%p", func, config ? config->hStream : NULL)
TRACE_SPT("GRAPH_LAUNCH", hipGraphLaunch, (void *graph, hipStream_t stream), (graph, stream), "graph=%p stream=%p", graph, stream)

/* Streams. */
TRACE("STREAM_CREATE", hipStreamCreate, (hipStream_t * stream), (stream), "stream=%p", OUT(stream))
TRACE("STREAM_CREATE", hipStreamCreateWithFlags, (hipStream_t * stream, unsigned flags), (stream, flags), "stream=%p flags=0x%x",
      OUT(stream), flags)
TRACE("STREAM_CREATE", hipStreamCreateWithPriority, (hipStream_t * stream, unsigned flags, int priority),
      (stream, flags, priority), "stream=%p flags=0x%x priority=%d", OUT(stream), flags, priority)
TRACE("STREAM_CREATE", hipExtStreamCreateWithCUMask, (hipStream_t * stream, uint32_t words, const uint32_t *mask),
      (stream, words, mask), "stream=%p words=%u", OUT(stream), words)
TRACE("STREAM_DESTROY", hipStreamDestroy, (hipStream_t stream), (stream), "stream=%p", stream)
TRACE_SPT("STREAM_QUERY", hipStreamQuery, (hipStream_t stream), (stream), "stream=%p", stream)
TRACE_SPT("CALLBACK", hipStreamAddCallback, (hipStream_t stream, void *callback, void *data, unsigned flags),
          (stream, callback, data, flags), "stream=%p callback=%p", stream, callback)
TRACE_SPT("CALLBACK", hipLaunchHostFunc, (hipStream_t stream, void *callback, void *data), (stream, callback, data),
          "stream=%p callback=%p", stream, callback)
TRACE("STREAM_WRITE", hipStreamWriteValue32, (hipStream_t stream, void *ptr, uint32_t value, unsigned flags),
      (stream, ptr, value, flags), "stream=%p ptr=%p", stream, ptr)
TRACE("STREAM_WRITE", hipStreamWriteValue64, (hipStream_t stream, void *ptr, uint64_t value, unsigned flags),
      (stream, ptr, value, flags), "stream=%p ptr=%p", stream, ptr)

/* Synchronise. */
TRACE_SPT("SYNCHRONIZE", hipStreamSynchronize, (hipStream_t stream), (stream), "stream=%p", stream)
TRACE("SYNCHRONIZE", hipDeviceSynchronize, (void), (), "device=current")
TRACE("SYNCHRONIZE", hipCtxSynchronize, (void), (), "context=current")
TRACE("SYNCHRONIZE", hipEventSynchronize, (hipEvent_t event), (event), "event=%p", event)
TRACE_SPT("WAIT", hipStreamWaitEvent, (hipStream_t stream, hipEvent_t event, unsigned flags), (stream, event, flags),
          "stream=%p event=%p", stream, event)
TRACE("WAIT", hipStreamWaitValue32, (hipStream_t stream, void *ptr, uint32_t value, unsigned flags, uint32_t mask),
      (stream, ptr, value, flags, mask), "stream=%p ptr=%p", stream, ptr)
TRACE("WAIT", hipStreamWaitValue64, (hipStream_t stream, void *ptr, uint64_t value, unsigned flags, uint64_t mask),
      (stream, ptr, value, flags, mask), "stream=%p ptr=%p", stream, ptr)

/* Events. */
TRACE("EVENT_CREATE", hipEventCreate, (hipEvent_t * event), (event), "event=%p", OUT(event))
TRACE("EVENT_CREATE", hipEventCreateWithFlags, (hipEvent_t * event, unsigned flags), (event, flags), "event=%p flags=0x%x",
      OUT(event), flags)
TRACE("EVENT_DESTROY", hipEventDestroy, (hipEvent_t event), (event), "event=%p", event)
TRACE_SPT("EVENT_RECORD", hipEventRecord, (hipEvent_t event, hipStream_t stream), (event, stream), "event=%p stream=%p", event,
          stream)
TRACE("EVENT_RECORD", hipEventRecordWithFlags, (hipEvent_t event, hipStream_t stream, unsigned flags), (event, stream, flags),
      "event=%p stream=%p", event, stream)
TRACE("EVENT_QUERY", hipEventQuery, (hipEvent_t event), (event), "event=%p", event)
TRACE("EVENT_ELAPSED", hipEventElapsedTime, (float *ms, hipEvent_t start, hipEvent_t stop), (ms, start, stop),
      "start=%p stop=%p ms=%g", start, stop, ret == hipSuccess && ms ? (double)*ms : -1.0)

/* Modules. */
TRACE("MODULE_LOAD", hipModuleLoad, (hipModule_t * module, const char *file), (module, file), "module=%p file=%s", OUT(module),
      file ? file : "(nil)")
TRACE("MODULE_LOAD", hipModuleLoadData, (hipModule_t * module, const void *image), (module, image), "module=%p image=%p",
      OUT(module), image)
TRACE("MODULE_LOAD", hipModuleLoadDataEx, (hipModule_t * module, const void *image, unsigned count, void *options, void **values),
      (module, image, count, options, values), "module=%p image=%p", OUT(module), image)
TRACE("MODULE_LOAD", hipModuleLoadFatBinary, (hipModule_t * module, const void *image), (module, image), "module=%p image=%p",
      OUT(module), image)
TRACE("MODULE_UNLOAD", hipModuleUnload, (hipModule_t module), (module), "module=%p", module)
TRACE("MODULE_FUNCTION", hipModuleGetFunction, (hipFunction_t * func, hipModule_t module, const char *name),
      (func, module, name), "func=%p module=%p name=%s", OUT(func), module, name ? name : "(nil)")
TRACE("MODULE_GLOBAL", hipModuleGetGlobal, (void **ptr, size_t *size, hipModule_t module, const char *name),
      (ptr, size, module, name), "ptr=%p module=%p name=%s", OUT(ptr), module, name ? name : "(nil)")
#define LIBRARY_OPTIONS void *jit, void **jit_values, unsigned jit_count, void *options, void **values, unsigned count
TRACE("MODULE_LOAD", hipLibraryLoadData, (void **library, const void *image, LIBRARY_OPTIONS),
      (library, image, jit, jit_values, jit_count, options, values, count), "library=%p image=%p", OUT(library), image)
TRACE("MODULE_LOAD", hipLibraryLoadFromFile, (void **library, const char *file, LIBRARY_OPTIONS),
      (library, file, jit, jit_values, jit_count, options, values, count), "library=%p file=%s", OUT(library),
      file ? file : "(nil)")
TRACE("MODULE_UNLOAD", hipLibraryUnload, (void *library), (library), "library=%p", library)
TRACE("MODULE_FUNCTION", hipLibraryGetKernel, (void **kernel, void *library, const char *name), (kernel, library, name),
      "kernel=%p library=%p name=%s", OUT(kernel), library, name ? name : "(nil)")
TRACE("MODULE_FUNCTION", hipKernelGetFunction, (hipFunction_t * func, void *kernel), (func, kernel), "func=%p kernel=%p",
      OUT(func), kernel)

/* Lookup. */
TRACE("LOOKUP", hipGetSymbolAddress, (void **ptr, const void *symbol), (ptr, symbol), "symbol=%p ptr=%p", symbol, OUT(ptr))
TRACE("LOOKUP", hipGetSymbolSize, (size_t * size, const void *symbol), (size, symbol), "symbol=%p size=%zu", symbol,
      OUT_SIZE(size))
TRACE("LOOKUP", hipGetFuncBySymbol, (hipFunction_t * func, const void *symbol), (func, symbol), "symbol=%p func=%p", symbol,
      OUT(func))

/* The trampoline of the runtime's function at `address`, preferably that of the name asked for (some share an address); else itself. */
static void *trampoline_of(void *address, const char *symbol) {
    void *found = address;
    for (unsigned index = 0; index < XD_FUNCTIONS; index++) {
        if (xd_real[index] != address)
            continue;
        if (symbol && !strcmp(xd_functions[index].symbol, symbol))
            return xd_trampoline[index];
        if (found == address)
            found = xd_trampoline[index];
    }
    return found;
}

/* The runtime hands out its own functions' addresses: the client gets the trampolines of the same functions. */
static hipError_t handed_out(hipError_t ret, const char *symbol, void **address) {
    if (ret == hipSuccess && address && *address)
        *address = trampoline_of(*address, symbol);
    if (trace_wanted())
        print_line("LOOKUP", "name=%s ptr=%p ret=%d (%s)", symbol ? symbol : "(nil)", OUT(address), ret, error_word(ret));
    return ret;
}

#define LOOKUP(function, parameters, arguments)                                                                              \
    hipError_t trace_##function parameters {                                                                                 \
        return handed_out(((hipError_t(*) parameters)xd_real[XD_##function])arguments, symbol, address);                     \
    }
#define PROC_ADDRESS (const char *symbol, void **address, int version, uint64_t flags, int *status)
#define ENTRY_POINT (const char *symbol, void **address, unsigned long long flags, int *status)
LOOKUP(hipGetProcAddress, PROC_ADDRESS, (symbol, address, version, flags, status))
LOOKUP(hipGetProcAddress_spt, PROC_ADDRESS, (symbol, address, version, flags, status))
LOOKUP(hipGetDriverEntryPoint, ENTRY_POINT, (symbol, address, flags, status))
LOOKUP(hipGetDriverEntryPoint_spt, ENTRY_POINT, (symbol, address, flags, status))

/* Register: no hipError_t. */
#define REAL(symbol, result, parameters) ((result(*) parameters)xd_real[XD_##symbol])

void **trace___hipRegisterFatBinary(const void *wrapper) {
    void **modules = REAL(__hipRegisterFatBinary, void **, (const void *))(wrapper);
    print_line("REGISTER_FAT_BINARY", "wrapper=%p modules=%p", wrapper, (void *)modules);
    return modules;
}

void trace___hipUnregisterFatBinary(void **modules) {
    REAL(__hipUnregisterFatBinary, void, (void **))(modules);
    print_line("UNREGISTER_FAT_BINARY", "modules=%p", (void *)modules);
}

#define REGISTER_FUNCTION                                                                                                    \
    (void **modules, const void *host, char *device, const char *name, unsigned limit, void *tid, void *bid, dim3 *block,    \
     dim3 *grid, int *words)
void trace___hipRegisterFunction REGISTER_FUNCTION {
    REAL(__hipRegisterFunction, void, REGISTER_FUNCTION)(modules, host, device, name, limit, tid, bid, block, grid, words);
    print_line("REGISTER_FUNCTION", "modules=%p host=%p name=%s", (void *)modules, host, name ? name : "(nil)");
}

#define REGISTER_VAR                                                                                                         \
    (void **modules, void *host, char *device, char *name, int external, size_t size, int constant, int global)
void trace___hipRegisterVar REGISTER_VAR {
    REAL(__hipRegisterVar, void, REGISTER_VAR)(modules, host, device, name, external, size, constant, global);
    print_line("REGISTER_VAR", "modules=%p host=%p name=%s size=%zu", (void *)modules, host, name ? name : "(nil)", size);
}
