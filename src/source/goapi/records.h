/* records.h: rows to Avro records, gathered a partition at a time, for one commit.
 *
 * Keys and schemas of stocks and companies are the article's: TICKER_DATE and TICKER as text;
 * records Stock and Company. Values start with a zero byte and the schema's id.
 */
#ifndef ARUS_SOURCE_GOAPI_RECORDS_H
#define ARUS_SOURCE_GOAPI_RECORDS_H

#include "source/goapi/answer.h"
#include "source/goapi/settings.h"
#include "wire/batch.h"

typedef enum goapi_kind {
    GOAPI_STOCK,
    GOAPI_COMPANY,
    GOAPI_PRICE,
    GOAPI_INDEX,
    GOAPI_KINDS
} goapi_kind_t;

/* What went last under each key: hashes only. */
typedef struct goapi_seen {
    uint64_t *slot; /* pairs of key and value; key 0: free */
    size_t cap, len;
} goapi_seen_t;

/* One topic that is written to. */
typedef struct goapi_out {
    goapi_kind_t kind;
    log_topic_t *topic;
    int32_t schema_id, n;
    goapi_partitioner_t partitioner;
    goapi_seen_t *seen;    /* only what has changed is added; NULL: all */
    wire_writer_t *writer; /* a partition */
    buf_t *batch;
    buf_t key, value;
    uint64_t added; /* since the last commit */
} goapi_out_t;

/* Makes the topic when it is missing, registers the schema under <topic>-value. Where another
 * schema is there that does not agree, it is registered under the article's own subject, so that
 * the records can be read by their id all the same. */
ST goapi_out_open(goapi_out_t *o, const connector_env_t *env, const goapi_settings_t *s,
                  goapi_kind_t kind, str_t topic, err_t *err);
void goapi_out_close(goapi_out_t *o);
/* Reads what the topic holds, so that it is not sent again. */
ST goapi_out_remember(goapi_out_t *o, goapi_seen_t *seen, err_t *err);
void goapi_seen_done(goapi_seen_t *s);

/* GOAPI_STOCK needs ticker and date. `created` is a company's createdtime. */
void goapi_out_add(goapi_out_t *o, int64_t ts_ms, const goapi_row_t *row, str_t created);
/* Moves what was added to the commit. */
ST goapi_out_commit(goapi_out_t *o, log_commit_t *c, err_t *err);

#endif
