/* client HOW TIMES [MORE]: calls the runtime in one way or another. */
#include "api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int allocate(void **, unsigned long);

static long times;
static char **arguments;

static int repeat(allocate *function, long count) {
    void *address;
    int failures = 0;
    while (count--)
        failures += function(&address, 1);
    return failures;
}

static int direct(void) {
    void *address;
    for (long i = 0; i < times; i++)
        if (hipMalloc(&address, 1))
            return 1;
    return 0;
}

static int pointer(void) {
    allocate *volatile function = hipMalloc;
    return direct() + repeat(function, times);
}

static allocate *const table[] = {hipMalloc, hipMalloc};

static int through_table(void) {
    allocate *const *volatile at = table;
    return repeat(at[0], times);
}

/* The same function has the same address, however one comes by it. */
static int compare(void) {
    void *volatile linked = (void *)hipMalloc;
    return dlsym(RTLD_DEFAULT, "hipMalloc") != linked || table[0] != linked || repeat(linked, times);
}

static int handed_out(void) {
    void *address = NULL;
    return hipGetProcAddress("hipMalloc", &address, 600, 0, NULL) || repeat((allocate *)address, times) ||
           hipGetProcAddress("hipNothing", &address, 600, 0, NULL) != 500;
}

static void *in_thread(void *unused) {
    direct();
    return unused;
}

static int in_threads(void) {
    pthread_t threads[64];
    int count = atoi(arguments[3]);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, in_thread, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* One after the other: a block for each would fill the disk. */
static int thread_by_thread(void) {
    for (int i = 0; i < atoi(arguments[3]); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, in_thread, NULL);
        pthread_join(thread, NULL);
    }
    return 0;
}

static int killed(void) {
    direct();
    raise(SIGKILL);
    return 0;
}

static int crashed(void) {
    direct();
    raise(SIGSEGV);
    return 0;
}

static int left(void) {
    direct();
    _exit(7);
}

/* The child counts three times as many, in two threads, of which the new one is first. */
static int forked(void) {
    direct();
    pid_t child = fork();
    if (!child) {
        pthread_t thread;
        pthread_create(&thread, NULL, in_thread, NULL);
        pthread_join(thread, NULL);
        exit(direct() + direct());
    }
    int status = 1;
    waitpid(child, &status, 0);
    return direct() + status;
}

static int executed(void) {
    direct();
    execl(arguments[0], arguments[0], "direct", "5", NULL);
    return 1;
}

static int executed_without_environment(void) {
    char *none[] = {NULL};
    direct();
    char *words[] = {arguments[0], "direct", "5", NULL};
    return execve(arguments[0], words, none);
}

/* A module that calls in its constructor, again and again. */
static int module(void) {
    int (*run)(void);
    for (long i = 0; i < times; i++) {
        void *handle = dlopen(arguments[3], RTLD_NOW | RTLD_LOCAL);
        if (!handle || !(run = (int (*)(void))dlsym(handle, "run")) || run() || dlclose(handle))
            return 1;
    }
    return 0;
}

static int other_namespace(void) {
    void *handle = dlmopen(LM_ID_NEWLM, arguments[3], RTLD_NOW);
    return !handle || ((int (*)(void))dlsym(handle, "run"))();
}

static int unharmed(void) {
    vector ones = {1, 1, 1, 1};
    for (long i = 0; i < times; i++) {
        vector sum = hipVectors(ones, ones, ones, ones, ones, ones, ones, ones, 1, 2, 3, 4, 5, 6, 7);
        if (sum[0] != 64 || sum[3] != 64 || hipSum(10, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10.) != 55 || hipLarge(1).numbers[0] != 1 ||
            hipLarge(9).numbers[4] != 5)
            return 1;
    }
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} ways[] = {
    {"direct", direct},
    {"pointer", pointer},
    {"table", through_table},
    {"compare", compare},
    {"handed-out", handed_out},
    {"threads", in_threads},
    {"thread-by-thread", thread_by_thread},
    {"killed", killed},
    {"crashed", crashed},
    {"left", left},
    {"forked", forked},
    {"executed", executed},
    {"executed-without-environment", executed_without_environment},
    {"module", module},
    {"other-namespace", other_namespace},
    {"unharmed", unharmed},
};

int main(int count, char **words) {
    arguments = words;
    times = count > 2 ? atol(words[2]) : 1;
    for (size_t i = 0; count > 1 && i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(ways[i].name, words[1]))
            return ways[i].run();
    return 2;
}
