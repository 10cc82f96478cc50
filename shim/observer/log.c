/* The records of a process image. The file is opened anew for each one: a descriptor that stayed open would be closed, and its number
 * reused, by programs that close whatever they find open. */
#include "observer.h"
#include "system.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/uio.h>

enum { PATH = 4096, RECORD = 8192 };

static char folder[PATH];
static char stem[PATH]; /* FOLDER/PID.N */
static char departures[PATH + 16];
static uint64_t written;

const char *observer_number(uint64_t value, char buffer[24]) {
    char *at = buffer + 23;
    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    return at;
}

/* Appends while there is room for it and a NUL; returns the new end, or NULL. */
static char *append(char *at, const char *end, const char *string) {
    while (at && *string) {
        if (at + 1 >= end)
            return NULL;
        *at++ = *string++;
    }
    if (at)
        *at = 0;
    return at;
}

static int open_file(const char *suffix, int flags) {
    char path[PATH + 16];
    if (!stem[0] || !append(append(path, path + sizeof path, stem), path + sizeof path, suffix))
        return -1;
    return (int)call6(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC | O_NOFOLLOW, 0600, 0, 0);
}

int observer_open_counts(int create) {
    return open_file(".counts", create ? O_RDWR | O_CREAT | O_EXCL : O_RDWR);
}

static int name_files(unsigned attempt) {
    char number[24];
    const char *end = stem + sizeof stem;
    char *at = append(append(stem, end, folder), end, "/");
    at = append(at, end, observer_number((uint64_t)call3(SYS_getpid, 0, 0, 0), number));
    at = append(append(at, end, "."), end, observer_number(attempt, number));
    return at != NULL;
}

/* An exec keeps the process id, and ids come round again: the first N that is free. */
static int create(void) {
    for (unsigned attempt = 0; attempt < 100000; attempt++) {
        if (!name_files(attempt))
            return 0;
        int file = open_file(".log", O_WRONLY | O_CREAT | O_EXCL);
        if (file >= 0) {
            call3(SYS_close, file, 0, 0);
            written = 0;
            return 1;
        }
        if (file != -17 /* EEXIST */)
            return 0;
    }
    return 0;
}

int observer_log_start(const char *where) {
    const char *end = departures + sizeof departures;
    return append(folder, folder + sizeof folder, where) && append(append(departures, end, where), end, "/departures") && create();
}

int observer_log_follow_fork(void) {
    static char parent[PATH];
    char bytes[24];
    append(parent, parent + sizeof parent, stem);
    const char *length_then = observer_number(written, bytes);
    if (create())
        return observer_record("fork", length_then, parent, NULL);
    stem[0] = 0; /* rather nothing than the parent's */
    return 0;
}

int observer_may_grow_to(uint64_t size) {
    struct rlimit limit;
    if (failed(call6(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0)))
        return 0;
    return limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

static int write_record(const char *record, size_t size) {
    if (!observer_may_grow_to(written + size))
        return 0;
    int file = open_file(".log", O_WRONLY | O_APPEND);
    if (file < 0)
        return 0;
    long wrote = call3(SYS_write, file, (long)record, (long)size);
    call3(SYS_close, file, 0, 0);
    if (wrote != (long)size)
        return 0;
    written += size;
    return 1;
}

int observer_record(const char *first, ...) {
    static char record[RECORD];
    char *at = append(record, record + sizeof record, first);
    va_list fields;
    va_start(fields, first);
    for (const char *field; (field = va_arg(fields, const char *));)
        at = append(append(at, record + sizeof record, "\t"), record + sizeof record, field);
    va_end(fields);
    return at && write_record(record, (size_t)(at - record) + 1);
}

/* In one call, so that those of several processes do not mingle, and without the lock: see departures.c. */
int observer_record_departure(uint64_t process, const char *symbol, const char *program) {
    char number[24];
    const char *recorder = stem;
    for (const char *at = stem; *at; at++)
        recorder = *at == '/' ? at + 1 : recorder;
    const char *fields[] = {observer_number(process, number), recorder, symbol, program ? program : "-"};
    struct iovec parts[2 * sizeof fields / sizeof *fields];
    uint64_t size = 0;
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        parts[2 * i] = (struct iovec){(void *)fields[i], length(fields[i])};
        parts[2 * i + 1] = (struct iovec){fields[i] == fields[3] ? "" : "\t", 1};
        size += parts[2 * i].iov_len + 1;
    }
    int file = (int)call6(SYS_openat, AT_FDCWD, (long)departures, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600, 0, 0);
    if (file < 0)
        return 0;
    long end = call3(SYS_lseek, file, 0, 2 /* SEEK_END */);
    long wrote = 0;
    if (!failed(end) && observer_may_grow_to((uint64_t)end + size))
        wrote = call3(SYS_writev, file, (long)parts, sizeof parts / sizeof *parts);
    call3(SYS_close, file, 0, 0);
    return wrote == (long)size;
}
