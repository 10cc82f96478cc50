/* A constructor inside dlopen waits for a thread that makes the first call of the API. */
#include "hip.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#ifdef PLUGIN
static void *work(void *unused) {
    MUST(hipInit(0) == 0);
    return unused;
}

__attribute__((constructor)) static void begin(void) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, work, NULL) == 0);
    MUST(pthread_join(thread, NULL) == 0);
}
#else
int main(int argc, char **argv) {
    alarm(20);
    MUST(argc == 3);
    MUST(dlopen(argv[1], RTLD_NOW | RTLD_LOCAL));
    MUST(dlopen(argv[2], RTLD_NOW | RTLD_LOCAL));
    return 0;
}
#endif
