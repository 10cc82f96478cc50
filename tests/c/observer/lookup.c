/* lookup RUNTIME SYMBOL TIMES [maps]: opens the runtime, looks the function up, and calls it; or what it hands out, where it does that. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int allocate(void **, unsigned long);
typedef int look_up(const char *, void **, int, unsigned long, void *);

static void show_maps(void) {
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        fputs(line, stdout);
}

int main(int count, char **words) {
    void *runtime = dlopen(words[1], RTLD_NOW | RTLD_LOCAL), *address;
    void *found = dlsym(runtime, words[2]);
    if (!found || found != dlsym(runtime, words[2]))
        return 1;
    if (strstr(words[2], "GetProcAddress") && ((look_up *)found)("hipMalloc", &found, 600, 0, NULL))
        return 1;
    for (int i = 0; i < atoi(words[3]); i++)
        if (((allocate *)found)(&address, 1))
            return 1;
    if (count > 4)
        show_maps();
    return 0;
}
