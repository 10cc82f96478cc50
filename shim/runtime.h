/* The runtime behind the shim. */
#ifndef XDOCTOR_RUNTIME_H
#define XDOCTOR_RUNTIME_H

#include "lookup.h"

/* Finds it among the loaded objects: the one after the shim, else before it, that defines hipInit and is no copy of the shim.
 * Where XDOCTOR_RUNTIME names a path, that file and no other. `may_open`: where nothing is loaded, dlopen the names that ROCm gives
 * it; the only step that takes dl_load_lock, so never from a constructor of the shim's own. */
int runtime_find(struct loaded *runtime, int may_open);

/* Whether another copy of the shim was loaded before this one. */
int runtime_second_copy(void);

#endif
