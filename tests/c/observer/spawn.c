/* Starts a program, in the way that the first word says. */
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **words) {
    char *arguments[] = {words[count - 1], NULL};
    pid_t child = 0;
    if (!strcmp(words[1], "posix_spawn")) {
        if (posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ))
            return 0;
    } else if (!strcmp(words[1], "vfork")) {
        child = vfork();
        if (child == 0) {
            execve("/no/such/folder/first", arguments, environ);
            execve(arguments[0], arguments, environ);
            _exit(0);
        }
    } else {
        execl(arguments[0], arguments[0], NULL);
        return 0;
    }
    waitpid(child, NULL, 0);
    return 0;
}
