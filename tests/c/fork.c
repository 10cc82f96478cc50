/* Three calls, a child with two of its own, and one more. With `demand`, the counters are written half-way and the end is _exit. */
#include "hip.h"

#include <sys/wait.h>
#include <unistd.h>

int xdoctor_shim_write_counters(void) __attribute__((weak));

static void calls(int count) {
    int device;
    while (count--)
        MUST(hipGetDevice(&device) == 0);
}

int main(int argc, char **argv) {
    (void)argv;
    calls(3);
    if (argc == 2) {
        MUST(chdir("/") == 0);
        MUST(xdoctor_shim_write_counters() == 0);
        calls(5);
        _exit(0);
    }
    pid_t child = fork();
    if (child == 0) {
        calls(2);
        exit(0);
    }
    int status;
    MUST(waitpid(child, &status, 0) == child && status == 0);
    calls(1);
    printf("%d\n", (int)child);
    return 0;
}
