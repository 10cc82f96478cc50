/* Forks and waits until its child has lost its parent for a while, as a daemon does. */
#include <unistd.h>

int main(void) {
    int ends[2];
    char none;
    pid_t first = getpid();
    if (pipe(ends) || fork() < 0)
        return 1;
    if (getpid() == first) { /* until the grandchild is done */
        close(ends[1]);
        return (int)read(ends[0], &none, 1);
    }
    if (fork() == 0)
        usleep(300000);
    _exit(0); /* which asks nobody: such a fork leaves no files */
}
