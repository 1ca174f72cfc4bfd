/* admin.h: requests to a Kafka cluster, one at a time and waiting: what the tools are made of.
 *
 * Texts and structs that are given out live until admin_close. Records go by librdkafka, not here.
 */
#ifndef ARUS_TOOL_ADMIN_H
#define ARUS_TOOL_ADMIN_H

#include "io/io.h"
#include "tool/flags.h"
#include "wire/message.h"

typedef struct admin admin_t;

#define ADMIN_ANY (-1)

/* Connects to the first broker of --bootstrap-server that answers. ST_UNREACHABLE; ST_BAD_CONFIG:
 * a bad address, or --command-config (TLS and SASL: secure.h) says what cannot be. */
ST admin_open(const flags_t *f, admin_t **ret, err_t *err);
void admin_close(admin_t *a);
arena_t *admin_arena(admin_t *a);

/* A tool's whole work: connects, runs it, closes. A failure is printed, behind these words. The
 * exit code. */
int admin_run(const flags_t *f, st_t (*run)(admin_t *a, const flags_t *f, err_t *err),
              const char *failure);

/* One of several flags says what a tool does. */
typedef struct admin_action {
    const char *flag;
    st_t (*run)(admin_t *a, const flags_t *f, err_t *err);
} admin_action_t;

/* The same with the one action whose flag is given; with none or more than one, `choices` is
 * printed and nothing done. */
int admin_run_action(const flags_t *f, const admin_action_t *action, size_t n, const char *choices,
                     const char *failure);
io_t *admin_io(admin_t *a);

/* Sends a wire_<api>_request_t to a broker and waits for its answer, in the newest version up to
 * version_max that both speak. ST_UNSUPPORTED, ST_UNREACHABLE, ST_TIMEOUT, ST_CORRUPT. */
ST admin_call(admin_t *a, int32_t node, wire_api_key_t key, int version_max, const void *request,
              void *ret_response, err_t *err);

/* All topics when topic is NULL. Nothing is created. */
ST admin_metadata(admin_t *a, const str_t *topic, size_t n, wire_metadata_response_t *ret,
                  err_t *err);
typedef enum admin_key { ADMIN_GROUP = 0, ADMIN_TRANSACTION = 1 } admin_key_t;
/* The broker that coordinates a group or a transactional id. */
ST admin_coordinator(admin_t *a, admin_key_t kind, str_t key, int32_t *ret_node, err_t *err);

/* One end of a partition: what ListOffsets says for a timestamp (-1 latest, -2 earliest, …). */
typedef struct admin_offset {
    str_t topic;
    int32_t partition, leader;
    int64_t timestamp; /* asked; then the answer's */
    int64_t offset;    /* -1: none */
    int16_t error;
} admin_offset_t;

/* Fills in the answers; partitions without a leader get an error. */
ST admin_list_offsets(admin_t *a, admin_offset_t *o, size_t n, err_t *err);

/* A tool's list of names, "a,b", or a regular expression as Kafka's --topic takes it: whether a
 * name is meant. ST_BAD_INPUT for a bad expression. */
ST admin_matches(str_t pattern, str_t name, bool *ret, err_t *err);

#endif
