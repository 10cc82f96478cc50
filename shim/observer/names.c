/* Which symbols are the API: names and patterns, one a line, from the file `api` in the observer's folder. */
#include "observer.h"
#include "system.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { SLOTS = 1 << 14, PATTERNS = 256 };

static const char *slots[SLOTS];
static const char *patterns[PATTERNS];
static unsigned name_count, pattern_count;
static char begins[256]; /* whether a name of the API may begin so: most symbols end here */

/* Functions of the form f(const char *name, void **address, …). */
static const char *const lookups[] = {
    "hipGetProcAddress",          "hipGetProcAddress_spt",       "hipGetDriverEntryPoint",
    "hipGetDriverEntryPoint_spt", "cuGetProcAddress",            "cuGetProcAddress_v2",
    "cudaGetDriverEntryPoint",    "cudaGetDriverEntryPoint_ptsz", "cudaGetDriverEntryPointByVersion",
    "cudaGetDriverEntryPointByVersion_ptsz",
};

/* glibc's answers depend on the address that it returns to. */
static const char *const never[] = {"dlsym", "dlvsym"};

static unsigned hash(const char *name) {
    unsigned value = 5381;
    while (*name)
        value = value * 33 + (unsigned char)*name++;
    return value;
}

static const char **slot(const char *name) {
    unsigned at = hash(name) % SLOTS;
    while (slots[at] && !same(slots[at], name))
        at = (at + 1) % SLOTS;
    return &slots[at];
}

/* The character after the set, having said whether `one` is in it. */
static const char *in_set(const char *set, char one, int *found) {
    *found = 0;
    while (*set && *set != ']') {
        int is_range = set[1] == '-' && set[2] && set[2] != ']';
        char last = is_range ? set[2] : *set;
        *found |= one >= *set && one <= last;
        set += is_range ? 3 : 1;
    }
    return *set ? set + 1 : set;
}

/* `*`, `?` and `[a-z]`. */
static int matches(const char *pattern, const char *text) {
    const char *retry_pattern = NULL, *retry_text = NULL;
    while (*text || *pattern == '*') {
        int found = 0;
        const char *next = pattern + 1;
        if (*pattern == '*') {
            retry_pattern = ++pattern;
            retry_text = text;
            continue;
        }
        if (*pattern == '[')
            next = in_set(pattern + 1, *text, &found);
        else
            found = *pattern && (*pattern == '?' || *pattern == *text);
        if (found) {
            pattern = next;
            text++;
        } else {
            if (!retry_pattern || !*retry_text)
                return 0;
            pattern = retry_pattern;
            text = ++retry_text;
        }
    }
    return !*pattern;
}

static int is_pattern(const char *name) {
    for (; *name; name++)
        if (*name == '*' || *name == '?' || *name == '[')
            return 1;
    return 0;
}

static void note_beginning(char first) {
    int any = first == '*' || first == '?' || first == '[';
    for (unsigned i = 0; i < sizeof begins; i++)
        begins[i] |= any || i == (unsigned char)first;
}

static int add(const char *line) {
    note_beginning(*line);
    if (is_pattern(line)) {
        if (pattern_count == PATTERNS)
            return 0;
        patterns[pattern_count++] = line;
        return 1;
    }
    if (name_count == SLOTS / 2)
        return 0;
    name_count++;
    *slot(line) = line;
    return 1;
}

static char *read_file(const char *path, size_t *size) {
    struct stat status;
    int file = (int)call6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (file < 0)
        return NULL;
    long got = call3(SYS_fstat, file, (long)&status, 0);
    *size = (size_t)status.st_size;
    if (!failed(got)) /* one byte more, for the last line's end */
        got = call6(SYS_mmap, 0, (long)(*size + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *text = failed(got) ? NULL : (char *)got;
    if (text && call3(SYS_read, file, (long)text, (long)*size) != (long)*size)
        text = NULL;
    call3(SYS_close, file, 0, 0);
    return text;
}

int observer_names_start(const char *folder) {
    char path[4096 + 8];
    size_t size = 0, at = length(folder);
    if (at > 4096)
        return 0;
    __builtin_memcpy(path, folder, at);
    __builtin_memcpy(path + at, "/api", 5);
    char *text = read_file(path, &size);
    if (!text)
        return 0;
    for (char *line = text, *end; line < text + size; line = end + 1) {
        for (end = line; end < text + size && *end != '\n'; end++) {
        }
        *end = 0;
        if (*line && !add(line))
            return 0;
    }
    return 1;
}

static int is_one_of(const char *symbol, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (same(symbol, names[i]))
            return 1;
    return 0;
}

int observer_is_lookup(const char *symbol) {
    return is_one_of(symbol, lookups, sizeof lookups / sizeof *lookups);
}

int observer_is_api(const char *symbol) {
    if (!begins[(unsigned char)*symbol])
        return 0;
    int api = name_count && *slot(symbol);
    for (unsigned i = 0; !api && i < pattern_count; i++)
        api = matches(patterns[i], symbol);
    return api && !is_one_of(symbol, never, sizeof never / sizeof *never);
}
