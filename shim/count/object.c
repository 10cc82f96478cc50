/* The object that this code is in: its path and build id, as the counters' head gives them. */
#include "count.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char own_path[PATH_MAX] = "-";
static char own_build_id[2 * 64 + 1] = "-";

static size_t aligned(size_t bytes, size_t alignment) {
    return (bytes + alignment - 1) & ~(alignment - 1);
}

static void read_build_id(const char *notes, size_t bytes, size_t alignment) {
    size_t at = 0;
    while (at + sizeof(ElfW(Nhdr)) <= bytes) {
        const ElfW(Nhdr) *note = (const void *)(notes + at);
        const char *name = notes + at + sizeof *note;
        size_t description = aligned(at + sizeof *note + note->n_namesz, alignment);
        size_t next = aligned(description + note->n_descsz, alignment);
        if (next > bytes)
            return;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(name, "GNU", 4) && note->n_descsz <= 64) {
            for (size_t byte = 0; byte < note->n_descsz; byte++)
                snprintf(own_build_id + 2 * byte, 3, "%02x", (unsigned char)notes[description + byte]);
            return;
        }
        at = next;
    }
}

static int recognise(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size, (void)unused;
    int own = 0;
    for (int i = 0; i < info->dlpi_phnum; i++)
        own |= info->dlpi_phdr[i].p_type == PT_DYNAMIC &&
               info->dlpi_addr + info->dlpi_phdr[i].p_vaddr == (ElfW(Addr))_DYNAMIC;
    if (!own)
        return 0;
    if (!realpath(info->dlpi_name, own_path))
        snprintf(own_path, sizeof own_path, "%s", info->dlpi_name);
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE && own_build_id[0] == '-')
            read_build_id((const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr), info->dlpi_phdr[i].p_memsz,
                          info->dlpi_phdr[i].p_align == 8 ? 8 : 4);
    return 1;
}

static void recognise_self(void) {
    dl_iterate_phdr(recognise, NULL);
}

static pthread_once_t recognised = PTHREAD_ONCE_INIT;

const char *xd_own_path(void) {
    pthread_once(&recognised, recognise_self);
    return own_path;
}

const char *xd_own_build_id(void) {
    pthread_once(&recognised, recognise_self);
    return own_build_id;
}

void xd_say(const char *format, ...) {
    char line[1024];
    va_list arguments;
    int length = snprintf(line, sizeof line, "%s", xd_speaker);
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2)
        length = (int)sizeof line - 2;
    line[length++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)length) < 0) {
        /* No stderr: there is nobody to tell. */
    }
}
