/* Properties files: names and values are shorter than the text, and each comes from a later line.
 */
#include "base/properties.h"
#include "base/vec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    properties_t p = {.path = STR("f"), .left = str_n(size ? (const char *)data : "", size)};
    str_t name, value;
    size_t total = 0;
    int line = 0;
    while (properties_next(&p, &a, &name, &value, NULL) == ST_OK && name.ptr) {
        total += name.len + value.len + 1;
        ASSERT(name.len && total <= size && p.line > line);
        line = p.line;
    }
    arena_done(&a);
    return 0;
}
