/* jaas.h: a line of Java's login configuration, as Kafka's sasl.jaas.config has it:
 *     org.apache.kafka.…PlainLoginModule required user_alice="secret" user_bob=other;
 */
#ifndef ARUS_BASE_JAAS_H
#define ARUS_BASE_JAAS_H

#include "base/arena.h"
#include "base/vec.h"

typedef struct jaas_option {
    str_t name, value;
} jaas_option_t;

typedef struct jaas {
    str_t module; /* the class's whole name */
    VEC(jaas_option_t) options;
} jaas_t;

/* Text lies in the arena; free with jaas_done. ST_BAD_CONFIG never shows a value. */
ST jaas_parse(str_t text, arena_t *a, jaas_t *ret, err_t *err);
void jaas_done(jaas_t *j);

#endif
