/* Threads that stand where their functions' names say: `stacks mutex`, `stacks spin`, `stacks open MODULE`. With PLUGIN,
 * the module whose constructor waits for a thread that asks the loader, by dlsym or (OPENS) by dlopen. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((unused)) static void ready(void) {
    if (puts("ready") < 0 || fflush(stdout) != 0) _exit(3);
}

#ifdef PLUGIN
static void *ask_the_loader(void *unused) {
    usleep(100 * 1000); /* so that its stack is the last thing that changes */
#ifdef OPENS
    return dlopen("libm.so.6", RTLD_LAZY) ? unused : NULL;
#else
    return dlsym(RTLD_DEFAULT, "nowhere_defined") ? unused : NULL;
#endif
}

__attribute__((constructor)) static void wait_in_constructor(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, ask_the_loader, NULL);
    pthread_join(thread, NULL);
}
#else
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Not tail calls: each leaves a frame. */
__attribute__((noinline)) static void *first_waiter(void *unused) {
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

__attribute__((noinline)) static void *second_waiter(void *unused) {
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

__attribute__((noinline)) static void hold_the_lock(void) {
    pthread_t one, two;
    pthread_mutex_lock(&lock);
    pthread_create(&one, NULL, first_waiter, NULL);
    pthread_create(&two, NULL, second_waiter, NULL);
    usleep(100 * 1000);
    ready();
    pthread_join(one, NULL);
}

__attribute__((noinline)) static void spin_for_ever(volatile unsigned *count) {
    for (;;) ++*count;
}

int main(int argc, char **argv) {
    volatile unsigned count = 0;
    alarm(60);
    if (argc > 1 && strcmp(argv[1], "mutex") == 0) hold_the_lock();
    if (argc > 1 && strcmp(argv[1], "spin") == 0) {
        ready();
        spin_for_ever(&count);
    }
    if (argc > 2 && strcmp(argv[1], "open") == 0) dlopen(argv[2], RTLD_NOW);
    return 0;
}
#endif
