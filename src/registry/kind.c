#include "registry/kind.h"

static const kind_class_t *const kinds[] = {
#define KIND(id) &kind_##id,
#include "registry/kinds.def"
#undef KIND
};

const kind_class_t *kind_find(str_t name)
{
    if (!name.len)
        return &kind_avro;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_eq(name, str_of(kinds[i]->name)))
            return kinds[i];
    return NULL;
}
