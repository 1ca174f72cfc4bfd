/* curl.h: libcurl, loaded when it is first needed (library.h). Its functions without their prefix.
 */
#ifndef ARUS_IO_CURL_H
#define ARUS_IO_CURL_H

#include "io/library.h"

#include <curl/curl.h>

#define IO_CURL_FUNCTIONS(F)                                                                       \
    F(easy_cleanup)                                                                                \
    F(easy_getinfo)                                                                                \
    F(easy_init)                                                                                   \
    F(easy_perform)                                                                                \
    F(easy_reset)                                                                                  \
    F(easy_setopt)                                                                                 \
    F(easy_strerror)                                                                               \
    F(easy_unescape)                                                                               \
    F(free)                                                                                        \
    F(global_cleanup)                                                                              \
    F(global_init)                                                                                 \
    F(multi_add_handle)                                                                            \
    F(multi_cleanup)                                                                               \
    F(multi_info_read)                                                                             \
    F(multi_init)                                                                                  \
    F(multi_perform)                                                                               \
    F(multi_poll)                                                                                  \
    F(multi_remove_handle)                                                                         \
    F(multi_wakeup)                                                                                \
    F(slist_append)                                                                                \
    F(slist_free_all)

#define IO_CURL_FIELD(name) __typeof__(curl_##name) *name;
typedef struct io_curl {
    IO_CURL_FUNCTIONS(IO_CURL_FIELD)
} io_curl_t;

/* Ready for use, until global_cleanup. ST_UNSUPPORTED: it is not installed. */
ST io_curl_load(io_curl_t *ret, err_t *err);

#endif
