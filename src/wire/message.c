/* message.c: the rows again, as schemas. */
#include "wire/message.h"

#include <stddef.h>

#define FROM(v)       .from = (v)
#define TO(v)         .until = (v) + 1
#define NULLS         .null_from = 1
#define NULLS_FROM(v) .null_from = (v) + 1
#define TAG(t)        .tag = (t) + 1
#define DEFAULT(v)    .otherwise = (v)
#define RIGID         .rigid = true

/* Each schema is made inside a function, so that its rows can name the struct they stand in. */
#define STRUCT(name)                                                                               \
    const wire_schema_t *wire_##name##_schema(void)                                                \
    {                                                                                              \
        typedef wire_##name##_t self_t;                                                            \
        static const char title[] = #name;                                                         \
        static const wire_field_t field[] = {
#define END                                                                                        \
    }                                                                                              \
    ;                                                                                              \
    static const wire_schema_t schema = {title, sizeof(self_t), field,                             \
                                         sizeof field / sizeof *field};                            \
    return &schema;                                                                                \
    }

#define F(...)     FIELD(__VA_ARGS__, )
#define LIST(...)  FIELD_LIST(__VA_ARGS__, )
#define SUB(...)   FIELD_SUB(__VA_ARGS__, )
#define ARRAY(...) FIELD_ARRAY(__VA_ARGS__, )
#define PTR(...)   FIELD_PTR(__VA_ARGS__, )

#define ROW(n, k, s, ...)                                                                          \
    {.name = #n, .offset = (uint16_t)offsetof(self_t, n), .kind = (k), .shape = (s), __VA_ARGS__},
#define FIELD(k, n, ...)      ROW(n, WIRE_##k, WIRE_ONE, __VA_ARGS__)
#define FIELD_LIST(k, n, ...) ROW(n, WIRE_##k, WIRE_LIST, __VA_ARGS__)
#define FIELD_SUB(type, n, ...)                                                                    \
    ROW(n, WIRE_STRUCT, WIRE_ONE, .item = wire_##type##_schema, __VA_ARGS__)
#define FIELD_ARRAY(type, n, ...)                                                                  \
    ROW(n, WIRE_STRUCT, WIRE_LIST, .item = wire_##type##_schema, __VA_ARGS__)
#define FIELD_PTR(type, n, ...)                                                                    \
    ROW(n, WIRE_STRUCT, WIRE_POINTER, .item = wire_##type##_schema, __VA_ARGS__)

#include "wire/messages.def"

/* ---- APIs */

static const wire_api_t apis[] = {
#define API(key, name, title, min, max, flexible)                                                  \
    {key, min, max, flexible, title, wire_##name##_request_schema, wire_##name##_response_schema},
#include "wire/apis.def"
#undef API
};

static const wire_inner_t inner[] = {
#define INNER(name, title, min, max, flexible) {title, min, max, flexible, wire_##name##_schema},
#include "wire/inner.def"
#undef INNER
};

#define N_APIS (sizeof apis / sizeof *apis)

const wire_api_t *wire_api_find(int key)
{
    size_t from = 0, to = N_APIS;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (apis[mid].key == key)
            return &apis[mid];
        if (apis[mid].key < key)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}

const wire_api_t *wire_api_list(size_t *ret_n)
{
    *ret_n = N_APIS;
    return apis;
}

const wire_inner_t *wire_inner_list(size_t *ret_n)
{
    *ret_n = sizeof inner / sizeof *inner;
    return inner;
}

/* ---- what stands inside messages */

#define ID_BYTES 16
#define ID_CHARS 22

str_t wire_id_text(arena_t *a, const uint8_t *id)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *p = arena_alloc(a, ID_CHARS);
    for (size_t i = 0; i < ID_CHARS; i++) {
        size_t bit = i * 6, byte = bit / 8;
        unsigned two = (unsigned)id[byte] << 8 | (byte + 1 < ID_BYTES ? id[byte + 1] : 0u);
        p[i] = digits[two >> (10 - bit % 8) & 63];
    }
    return str_n(p, ID_CHARS);
}

st_t wire_assignment_read(str_t in, arena_t *a, wire_consumer_protocol_assignment_t *ret)
{
    const int last = 3;
    if (in.len < 2)
        return ST_CORRUPT;
    int version = (int16_t)load_be16(in.ptr);
    in = str_sub(in, 2, SIZE_MAX);
    return wire_decode(wire_consumer_protocol_assignment_schema(),
                       version < 0 || version > last ? last : version, false, &in, a, ret, NULL);
}
