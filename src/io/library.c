#include "io/library.h"

#include <dlfcn.h>

st_t io_library_load(const char *file, const char *const *names, size_t n, void *ret, err_t *err)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library)
        return err_set(err, ST_UNSUPPORTED,
                       "this needs a library that cannot be loaded, install "
                       "it: %s",
                       dlerror());
    st_t st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        void *function = dlsym(library, names[i]);
        if (!function)
            st = err_set(err, ST_UNSUPPORTED, "%s is of another version, it lacks %s", file,
                         names[i]);
        memcpy((char *)ret + i * sizeof function, &function, sizeof function);
    }
    dlclose(library);
    return st;
}
