#include <unistd.h>

#ifndef SECONDS
#define SECONDS 0
#endif

int main(void) {
    return (int)sleep(SECONDS);
}
