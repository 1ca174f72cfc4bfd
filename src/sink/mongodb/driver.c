#include "sink/mongodb/driver.h"

#include "base/trace.h"

#define FILE_NAME (MONGOC_MAJOR_VERSION == 1 ? "libmongoc-1.0.so.0" : "libmongoc2.so.2")

static void on_log(mongoc_log_level_t level, const char *domain, const char *text, void *user)
{
    (void)domain, (void)user;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        trace_line(TRACE_DEBUG, "mongodb", "%s", text);
}

st_t sink_driver_load(sink_driver_t *ret, err_t *err)
{
#define NAME(name) "mongoc_" #name,
    static const char *const names[] = {SINK_DRIVER_FUNCTIONS(NAME)};
    TRY(io_library_load(FILE_NAME, names, sizeof names / sizeof *names, ret, err));
    ret->init();
    ret->log_set_handler(on_log, NULL);
    return ST_OK;
}
