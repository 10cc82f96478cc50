/* What ld.so and the kernel give a process at its start: environment, auxiliary vector, the version that ld.so speaks. */
#include "observer.h"

unsigned observer_audit_version;
static char **environment;
static const Elf64_auxv_t *auxiliary;

/* ld.so hands a constructor the arguments and the environment, as it would in a program. */
__attribute__((constructor)) static void begin(int count, char **arguments, char **variables) {
    (void)count, (void)arguments;
    environment = variables;
    while (*variables)
        variables++;
    auxiliary = (const void *)(variables + 1);
}

uint64_t observer_auxiliary_value(uint64_t type) {
    for (const Elf64_auxv_t *entry = auxiliary; entry && entry->a_type != AT_NULL; entry++)
        if (entry->a_type == type)
            return entry->a_un.a_val;
    return 0;
}

const char *observer_variable(const char *name) {
    for (char **at = environment; at && *at; at++) {
        const char *left = name, *value = *at;
        while (*left && *left == *value)
            left++, value++;
        if (!*left && *value == '=')
            return value + 1;
    }
    return NULL;
}
