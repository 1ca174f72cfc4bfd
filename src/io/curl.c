#include "io/curl.h"

#define FILE_NAME "libcurl.so.4"

st_t io_curl_load(io_curl_t *ret, err_t *err)
{
#define NAME(name) "curl_" #name,
    static const char *const names[] = {IO_CURL_FUNCTIONS(NAME)};
    io_curl_t curl;
    TRY(io_library_load(FILE_NAME, names, sizeof names / sizeof *names, &curl, err));
    if (curl.global_init(CURL_GLOBAL_DEFAULT))
        return err_set(err, ST_UNSUPPORTED, FILE_NAME " does not start");
    *ret = curl;
    return ST_OK;
}
