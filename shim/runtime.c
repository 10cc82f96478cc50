#include "runtime.h"

#include "count/count.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* What every copy of the shim exports, under whatever file name it goes. */
static const char mark[] = "xdoctor_shim_write_counters";

static atomic_int second_copy;

int runtime_second_copy(void) {
    return atomic_load(&second_copy);
}

struct search {
    const ElfW(Dyn) *only; /* this object and no other, where not NULL */
    int after_self;
    struct loaded before, after;
    int found_before, found_after;
};

/* Objects after the shim come first: what lies before it may be another shim, and forward to this one. */
static int visit(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size;
    struct search *search = data;
    struct loaded object;
    if (!loaded_open(info, &object))
        return 0;
    if (object.dynamic == _DYNAMIC) {
        search->after_self = 1;
        return 0;
    }
    if (loaded_find(&object, mark, NULL)) {
        if (!search->after_self)
            atomic_store(&second_copy, 1);
        return 0;
    }
    if ((search->only && search->only != object.dynamic) || !loaded_find(&object, "hipInit", "hip_4.2"))
        return 0;
    if (search->after_self) {
        search->after = object;
        search->found_after = 1;
        return 1;
    }
    if (!search->found_before)
        search->before = object;
    search->found_before = 1;
    return 0;
}

static int find_loaded(struct loaded *runtime, const ElfW(Dyn) *only) {
    struct search search = {.only = only};
    dl_iterate_phdr(visit, &search);
    if (search.found_after)
        *runtime = search.after;
    else if (search.found_before)
        *runtime = search.before;
    return search.found_after || search.found_before;
}

static int same_file(const char *one, const char *other) {
    struct stat a, b;
    return !stat(one, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int find_in(void *handle, struct loaded *runtime) {
    struct link_map *map;
    return handle && !dlinfo(handle, RTLD_DI_LINKMAP, &map) && map->l_ld != _DYNAMIC && find_loaded(runtime, map->l_ld);
}

/* A path that was asked for and cannot be had is said once, and replaced by nothing: another runtime would answer instead. */
static int open_pinned(const char *path, struct loaded *runtime) {
    static atomic_int said;
    const char *trouble = NULL;
    if (same_file(path, xd_own_path()))
        trouble = "it is the shim itself";
    else if (find_in(dlopen(path, RTLD_NOW | RTLD_LOCAL), runtime))
        return 1;
    if (!trouble && !(trouble = dlerror()))
        trouble = "it defines no hipInit, or is a copy of the shim";
    if (!atomic_exchange(&said, 1))
        xd_say("XDOCTOR_RUNTIME=%s is no runtime: %s", path, trouble);
    return 0;
}

static int open_by_name(struct loaded *runtime) {
    static const char *const names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so"};
    static atomic_int tried;
    if (atomic_exchange(&tried, 1))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (find_in(dlopen(names[i], RTLD_NOW | RTLD_LOCAL), runtime)) {
            xd_say("no HIP runtime was loaded when it was called, so %s was opened by its name: %s", names[i], runtime->name);
            return 1;
        }
    return 0;
}

int runtime_find(struct loaded *runtime, int may_open) {
    const char *pinned = xd_environment("XDOCTOR_RUNTIME");
    if (pinned && *pinned)
        return open_pinned(pinned, runtime);
    return find_loaded(runtime, NULL) || (may_open && open_by_name(runtime));
}
