/* library.h: a shared library that is loaded when it is first needed.
 *
 * For large libraries that most runs do without: each that is linked costs every start, and all
 * that it links to in turn. A user declares a struct of pointers to functions from a list:
 *
 *   #define CURL_FUNCTIONS(F) F(easy_init) F(easy_setopt) …
 *   #define FIELD(name) __typeof__(curl_##name) *name;
 *   typedef struct io_curl { CURL_FUNCTIONS(FIELD) } io_curl_t;
 */
#ifndef ARUS_IO_LIBRARY_H
#define ARUS_IO_LIBRARY_H

#include "base/err.h"

/* Loads the library and finds its functions: n pointers at ret, in the names' order. It stays
 * loaded. ST_UNSUPPORTED when it is not installed, or lacks one of them. Any thread. */
ST io_library_load(const char *file, const char *const *names, size_t n, void *ret, err_t *err);

#endif
