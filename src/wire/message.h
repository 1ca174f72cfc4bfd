/* message.h: Kafka's messages: their structs, their schemas, and the APIs they belong to.
 *
 * Rows are in message_*.def, one a field in the order in which they travel:
 *     STRUCT(name) … END              struct wire_<name>, wire_<name>_schema()
 *     F(kind, name, …)                a value: BOOL I8 I16 U16 I32 I64 F64 UUID STR BYTES RECORDS
 *     LIST(kind, name, …)             a list of them
 *     SUB(struct, name, …)            a struct
 *     ARRAY(struct, name, …)          a list of structs
 *     PTR(struct, name, …)            a struct that may be null or (tagged) absent
 * with, where it is not so in all versions of the API that are served,
 *     FROM(v) TO(v)                   the first and the last version that has it
 *     NULLS NULLS_FROM(v)             it may be null: always, or from version v on
 *     TAG(t)                          a tagged field
 *     DEFAULT(n)                      what it is where it does not travel, if not 0
 *     RIGID                           in the old form also in flexible versions
 * Names and order are Kafka's, in C's spelling. APIs are in apis.def, what travels inside other
 * messages or lies in internal topics in inner.def.
 */
#ifndef ARUS_WIRE_MESSAGE_H
#define ARUS_WIRE_MESSAGE_H

#include "wire/codec.h"

/* ---- the structs */

#define WIRE_C_BOOL    bool
#define WIRE_C_I8      int8_t
#define WIRE_C_I16     int16_t
#define WIRE_C_U16     uint16_t
#define WIRE_C_I32     int32_t
#define WIRE_C_I64     int64_t
#define WIRE_C_F64     double
#define WIRE_C_UUID    wire_uuid_t
#define WIRE_C_STR     str_t
#define WIRE_C_BYTES   str_t
#define WIRE_C_RECORDS str_t

#define STRUCT(name)                                                                               \
    typedef struct wire_##name wire_##name##_t;                                                    \
    const wire_schema_t *wire_##name##_schema(void);                                               \
    struct wire_##name {
#define END                                                                                        \
    }                                                                                              \
    ;
#define F(...)                  WIRE_F_(__VA_ARGS__, )
#define LIST(...)               WIRE_LIST_(__VA_ARGS__, )
#define SUB(...)                WIRE_SUB_(__VA_ARGS__, )
#define ARRAY(...)              WIRE_ARRAY_(__VA_ARGS__, )
#define PTR(...)                WIRE_PTR_(__VA_ARGS__, )
#define WIRE_F_(kind, n, ...)   WIRE_C_##kind n;
#define WIRE_SUB_(type, n, ...) wire_##type##_t n;
#define WIRE_PTR_(type, n, ...) wire_##type##_t *n;
#define WIRE_LIST_(kind, n, ...)                                                                   \
    struct {                                                                                       \
        WIRE_C_##kind *ptr;                                                                        \
        int32_t len;                                                                               \
    } n;
#define WIRE_ARRAY_(type, n, ...)                                                                  \
    struct {                                                                                       \
        wire_##type##_t *ptr;                                                                      \
        int32_t len;                                                                               \
    } n;

#include "wire/messages.def"

#undef STRUCT
#undef END
#undef F
#undef LIST
#undef SUB
#undef ARRAY
#undef PTR
#undef WIRE_F_
#undef WIRE_SUB_
#undef WIRE_PTR_
#undef WIRE_LIST_
#undef WIRE_ARRAY_

/* n structs with their defaults, in the arena: WIRE_NEW(a, fetch_response_topic, 3). */
#define WIRE_NEW(a, name, n)                                                                       \
    ((wire_##name##_t *)wire_new_of(wire_##name##_schema(), (a), (size_t)(n)))

/* The 16 bytes of a topic's or a cluster's id as Kafka writes them: 22 characters. */
str_t wire_id_text(arena_t *a, const uint8_t *id);
/* What a consumer got: 2 bytes of version and the message, of which later versions are read as the
 * last that is known. ST_CORRUPT. */
ST wire_assignment_read(str_t in, arena_t *a, wire_consumer_protocol_assignment_t *ret);

/* ---- the APIs */

typedef enum wire_api_key {
#define API(key, name, title, min, max, flexible) WIRE_API_##name = key,
#include "wire/apis.def"
#undef API
    WIRE_API_KEYS = 93 /* keys are below it */
} wire_api_key_t;

#define WIRE_NEVER INT16_MAX

typedef struct wire_api {
    int16_t key, min, max;
    int16_t flexible_from; /* WIRE_NEVER */
    const char *title;
    const wire_schema_t *(*request)(void);
    const wire_schema_t *(*response)(void);
} wire_api_t;

/* NULL: not served. */
const wire_api_t *wire_api_find(int key);
/* All, by key. */
const wire_api_t *wire_api_list(size_t *ret_n);

static inline bool wire_api_flexible(const wire_api_t *api, int version)
{
    return version >= api->flexible_from;
}

/* A request's header has tags (v2) where its body is flexible. A response's too (v1), but never
 * that of ApiVersions: who asks does not know yet what the broker speaks. */
static inline int wire_request_header_version(const wire_api_t *api, int version)
{
    return wire_api_flexible(api, version) ? 2 : 1;
}

static inline int wire_response_header_version(const wire_api_t *api, int version)
{
    return wire_api_flexible(api, version) && api->key != WIRE_API_api_versions ? 1 : 0;
}

/* A message with 2 bytes of version before it: what lies in internal topics and inside the group
 * protocol. */
typedef struct wire_inner {
    const char *title;
    int16_t min, max, flexible_from;
    const wire_schema_t *(*schema)(void);
} wire_inner_t;

const wire_inner_t *wire_inner_list(size_t *ret_n);

#endif
