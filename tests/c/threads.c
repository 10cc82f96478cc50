/* 16 threads at a time, three waves of them, 210,000 calls each: ten million in all. */
#include "hip.h"

#include <pthread.h>

static void *work(void *unused) {
    for (int i = 0; i < 210000; i++) {
        int device;
        MUST(hipGetDevice(&device) == 0);
    }
    return unused;
}

int main(void) {
    pthread_t threads[16];
    for (int wave = 0; wave < 3; wave++) {
        for (int i = 0; i < 16; i++)
            MUST(pthread_create(&threads[i], NULL, work, NULL) == 0);
        for (int i = 0; i < 16; i++)
            MUST(pthread_join(threads[i], NULL) == 0);
    }
    return 0;
}
