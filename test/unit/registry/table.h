/* table.h: tables of cases in test/registry, arrays of objects in JSON. */
#ifndef ARUS_TEST_REGISTRY_TABLE_H
#define ARUS_TEST_REGISTRY_TABLE_H

#include <stdio.h>

#include "base/json.h"

/* The table beside this file's folder; it is run from where __FILE__ leads. */
static const json_value_t *table_read(arena_t *a, const char *name)
{
    str_t here = str_of(__FILE__);
    while (here.len && here.ptr[here.len - 1] != '/')
        here.len--;
    str_t path = arena_printf(a, STR_FMT "../../registry/%s", STR_ARG(here), name);
    FILE *f = fopen(arena_z(a, path), "rb");
    if (!f)
        die("cannot read " STR_FMT, STR_ARG(path));
    char *text = arena_alloc(a, 1 << 20);
    size_t n = fread(text, 1, 1 << 20, f);
    fclose(f);
    const json_value_t *v;
    err_t err;
    if (json_parse(a, str_n(text, n), JSON_LENIENT, &v, &err) != ST_OK)
        die("%s: %s", name, err.msg);
    return v;
}

#endif
