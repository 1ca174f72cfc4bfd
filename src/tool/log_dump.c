/* log_dump.c: kafka-dump-log: what a segment's file holds, ours or Apache Kafka's. */
#include "base/json.h"
#include "tool/row.h"
#include "tool/tool.h"
#include "wire/batch.h"
#include "wire/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH_BYTES_MAX    (5 << 20) /* Kafka's default */
#define UNPACKED_BYTES_MAX (256u << 20)
#define LENGTH_END         12 /* base offset and length of a batch */

static const flag_t table[] = {
    {"files", "FILE,...", "segments: *.log"},
    {"deep-iteration", NULL, "shows the records, too"},
    {"print-data-log", NULL, "shows the records with their keys and values"},
    {"key-decoder-class", "CLASS", "has no effect: texts are printed as they are"},
    {"value-decoder-class", "CLASS", "has no effect"},
    {"offsets-decoder", NULL, "reads __consumer_offsets"},
    {"transaction-log-decoder", NULL, "reads __transaction_state"},
    {"skip-record-metadata", NULL, "of records only key and value"},
    {"max-message-size", "BYTES", "a larger batch ends it (default 5242880)"},
    {"max-bytes", "BYTES", "looks at so many bytes only"},
    {"verify-index-only", NULL, "has no effect: an index is made anew from its segment"},
    {"index-sanity-check", NULL, "has no effect"},
    FLAGS_COMMON,
    {NULL, NULL, NULL}};

typedef struct dump {
    bool rows, records, data, metadata, offsets, transactions;
    int64_t batch_max, bytes_max;
    arena_t arena; /* of a record */
    wire_reader_t reader;
    buf_t batch;
} dump_t;

/* ---- keys and values */

/* "offset_metadata" as "offsetMetadata". */
static void put_camel(buf_t *out, str_t json)
{
    bool text = false, name = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (c == '"' && (i == 0 || json.ptr[i - 1] != '\\')) {
            text = !text;
            name = text && i > 0 && (json.ptr[i - 1] == '{' || json.ptr[i - 1] == ',');
        }
        if (text && name && c == '_' && i + 1 < json.len && json.ptr[i + 1] >= 'a' &&
            json.ptr[i + 1] <= 'z')
            c = (char)(json.ptr[++i] - 'a' + 'A');
        buf_put_char(out, c);
    }
}

static bool decode(dump_t *d, const char *title, str_t in, const char *version_name, buf_t *out)
{
    size_t n;
    const wire_inner_t *inner = wire_inner_list(&n);
    while (n && strcmp(inner->title, title) != 0)
        inner++, n--;
    int version = in.len >= 2 ? (int16_t)load_be16(in.ptr) : -1;
    if (!n || version < inner->min || version > inner->max)
        return false;
    void *m = arena_alloc(&d->arena, inner->schema()->size_bytes);
    in = str_sub(in, 2, in.len);
    if (wire_decode(inner->schema(), version, version >= inner->flexible_from, &in, &d->arena, m,
                    NULL) != ST_OK)
        return false;
    buf_t json = BUF_INIT;
    wire_print(inner->schema(), version, m, &json);
    buf_printf(out, "{\"%s\":\"%d\",\"data\":", version_name, version);
    put_camel(out, buf_str(&json));
    BUF_LIT(out, "}");
    buf_done(&json);
    return true;
}

typedef struct inner_record {
    int kind; /* the version of its key */
    const char *key, *value;
} inner_record_t;

#define RECORD(kind, name) {kind, name "Key", name "Value"}
static const inner_record_t offsets_records[] = {
    RECORD(0, "OffsetCommit"),
    RECORD(1, "OffsetCommit"),
    RECORD(2, "GroupMetadata"),
    RECORD(3, "ConsumerGroupMetadata"),
    RECORD(4, "ConsumerGroupPartitionMetadata"),
    RECORD(5, "ConsumerGroupMemberMetadata"),
    RECORD(6, "ConsumerGroupTargetAssignmentMetadata"),
    RECORD(7, "ConsumerGroupTargetAssignmentMember"),
    RECORD(8, "ConsumerGroupCurrentMemberAssignment"),
    RECORD(16, "ConsumerGroupRegularExpression"),
};
static const inner_record_t transactions_records[] = {RECORD(0, "TransactionLog")};
#undef RECORD

/* False: it is nothing known. */
static bool decode_inner(dump_t *d, const wire_record_t *r, buf_t *key, buf_t *value)
{
    const inner_record_t *known = d->offsets ? offsets_records : transactions_records;
    size_t n = d->offsets        ? sizeof offsets_records / sizeof *offsets_records
               : d->transactions ? sizeof transactions_records / sizeof *transactions_records
                                 : 0;
    int kind = r->key.len >= 2 ? (int16_t)load_be16(r->key.ptr) : -1;
    while (n && known->kind != kind)
        known++, n--;
    if (!n || !decode(d, known->key, r->key, "type", key))
        return false;
    if (!r->value.ptr)
        BUF_LIT(value, "<DELETE>");
    else if (!decode(d, known->value, r->value, "version", value))
        buf_put_str(value, r->value);
    return true;
}

/* ---- records */

static const char *kind_of_time(const wire_batch_t *b)
{
    return b->attributes & WIRE_LOG_APPEND_TIME ? "LogAppendTime" : "CreateTime";
}

static void put_header_keys(const wire_record_t *r, bool json, buf_t *out)
{
    wire_headers_t h = wire_record_headers(r);
    wire_header_t one;
    BUF_LIT(out, "[");
    for (bool first = true; wire_headers_next(&h, &one); first = false) {
        if (json)
            json_put_item(out);
        else if (!first)
            BUF_LIT(out, ",");
        if (json)
            row_put_text(out, one.key);
        else
            buf_put_str(out, one.key);
    }
    BUF_LIT(out, "]");
}

static int64_t bytes_of(str_t s)
{
    return s.ptr ? (int64_t)s.len : -1;
}

/* A control record's key is its version and its kind, the value its version and an epoch. */
static void put_marker(const wire_record_t *r, buf_t *out)
{
    int kind = r->key.len >= 4 ? (int16_t)load_be16(r->key.ptr + 2) : -1;
    if (kind == 0 || kind == 1)
        buf_printf(out, " endTxnMarker: %s coordinatorEpoch: %d", kind ? "COMMIT" : "ABORT",
                   r->value.len >= 6 ? (int32_t)load_be32(r->value.ptr + 2) : -1);
    else
        buf_printf(out, " controlType: UNKNOWN(%d)", kind);
}

static void print_text(dump_t *d, const wire_batch_t *b, const wire_record_t *r, int32_t sequence)
{
    buf_t out = BUF_INIT, key = BUF_INIT, value = BUF_INIT;
    BUF_LIT(&out, "|");
    if (d->metadata) {
        buf_printf(&out,
                   " offset: %" PRId64 " %s: %" PRId64 " keySize: %" PRId64 " valueSize: %" PRId64
                   " sequence: %d headerKeys: ",
                   r->offset, kind_of_time(b), r->ts_ms, bytes_of(r->key), bytes_of(r->value),
                   sequence);
        put_header_keys(r, false, &out);
    }
    if (b->attributes & WIRE_CONTROL) {
        put_marker(r, &out);
    } else if (d->data) {
        if (!decode_inner(d, r, &key, &value)) {
            buf_clear(&key);
            buf_clear(&value);
            buf_put_str(&key, r->key);
            buf_put_str(&value, r->value.ptr ? r->value : STR("null"));
        }
        if (r->key.ptr)
            buf_printf(&out, " key: " STR_FMT, STR_ARG(buf_str(&key)));
        buf_printf(&out, " payload: " STR_FMT, STR_ARG(buf_str(&value)));
    }
    BUF_LIT(&out, "\n");
    fwrite(out.ptr, 1, out.len, stdout);
    buf_done(&out);
    buf_done(&key);
    buf_done(&value);
}

static void print_row(dump_t *d, const wire_batch_t *b, const wire_record_t *r, int32_t sequence)
{
    buf_t headers = BUF_INIT, key = BUF_INIT, value = BUF_INIT;
    put_header_keys(r, true, &headers);
    bool decoded = d->data && decode_inner(d, r, &key, &value) && r->value.ptr;
    if (!decoded) {
        buf_clear(&key);
        buf_clear(&value);
        row_put_text(&key, d->data ? r->key : STR_NONE);
        row_put_text(&value, d->data ? r->value : STR_NONE);
    }
    ROW(ROW_INT("offset", r->offset), ROW_INT("timestamp", r->ts_ms),
        ROW_TEXT("timestampType", str_of(kind_of_time(b))), ROW_INT("keySize", bytes_of(r->key)),
        ROW_INT("valueSize", bytes_of(r->value)), ROW_INT("sequence", sequence),
        ROW_JSON("headerKeys", buf_str(&headers)), ROW_JSON("key", buf_str(&key)),
        ROW_JSON("value", buf_str(&value)));
    buf_done(&headers);
    buf_done(&key);
    buf_done(&value);
}

static ST print_records(dump_t *d, const wire_batch_t *b, err_t *err)
{
    wire_record_t r;
    TRY(wire_reader_open(&d->reader, b, err));
    while (wire_reader_next(&d->reader, &r)) {
        int32_t sequence =
            b->base_sequence < 0 ? -1 : b->base_sequence + (int32_t)(r.offset - b->base_offset);
        arena_reset(&d->arena);
        if (d->rows)
            print_row(d, b, &r, sequence);
        else
            print_text(d, b, &r, sequence);
    }
    return wire_reader_end(&d->reader, err);
}

/* ---- batches */

static void print_batch(const dump_t *d, const wire_batch_t *b, int64_t position)
{
    bool valid = wire_batch_check(b, NULL) == ST_OK;
    bool txn = b->attributes & WIRE_TRANSACTIONAL, control = b->attributes & WIRE_CONTROL;
    int32_t last =
        b->base_sequence < 0 ? -1 : b->base_sequence + (int32_t)(b->last_offset - b->base_offset);
    str_t codec = wire_codec_name(wire_batch_codec(b));
    if (d->rows) {
        ROW(ROW_INT("baseOffset", b->base_offset), ROW_INT("lastOffset", b->last_offset),
            ROW_INT("count", b->count), ROW_INT("baseSequence", b->base_sequence),
            ROW_INT("lastSequence", last), ROW_INT("producerId", b->producer_id),
            ROW_INT("producerEpoch", b->producer_epoch),
            ROW_INT("partitionLeaderEpoch", b->leader_epoch), ROW_BOOL("isTransactional", txn),
            ROW_BOOL("isControl", control), ROW_INT("position", position),
            ROW_TEXT("timestampType", str_of(kind_of_time(b))),
            ROW_INT("maxTimestamp", b->max_ts_ms), ROW_INT("size", (int64_t)b->bytes.len),
            ROW_INT("magic", 2), ROW_TEXT("compression", codec), ROW_INT("crc", b->crc),
            ROW_BOOL("isValid", valid));
        return;
    }
    printf("baseOffset: %" PRId64 " lastOffset: %" PRId64
           " count: %d baseSequence: %d lastSequence: %d producerId: %" PRId64
           " producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %s isControl: %s "
           "deleteHorizonMs: ",
           b->base_offset, b->last_offset, b->count, b->base_sequence, last, b->producer_id,
           b->producer_epoch, b->leader_epoch, txn ? "true" : "false", control ? "true" : "false");
    if (b->attributes & WIRE_DELETE_HORIZON)
        printf("OptionalLong[%" PRId64 "]", b->base_ts_ms);
    else
        printf("OptionalLong.empty");
    printf(" position: %" PRId64 " %s: %" PRId64 " size: %zu magic: 2 compresscodec: " STR_FMT
           " crc: %u isvalid: %s\n",
           position, kind_of_time(b), b->max_ts_ms, b->bytes.len, STR_ARG(codec), b->crc,
           valid ? "true" : "false");
}

/* The next batch's bytes in d->batch. ST_CLOSED at the end: of the file, or of what was written to
 * it. */
static ST read_batch(dump_t *d, FILE *f, err_t *err)
{
    buf_clear(&d->batch);
    size_t n = fread(buf_reserve(&d->batch, LENGTH_END), 1, LENGTH_END, f);
    int64_t length = n == LENGTH_END ? (int32_t)load_be32(d->batch.ptr + 8) : 0;
    if (length == 0)
        return err_set(err, ST_CLOSED, "the end");
    if (length < 0 || length > d->batch_max)
        return err_set(err, ST_TOO_LARGE,
                       "a batch claims %lld bytes: see --max-message-size, or the file is no "
                       "segment",
                       (long long)length);
    n = fread(buf_reserve(&d->batch, LENGTH_END + (size_t)length) + LENGTH_END, 1, (size_t)length,
              f);
    d->batch.len = LENGTH_END + n;
    return ST_OK;
}

static ST dump_batches(dump_t *d, FILE *f, err_t *err)
{
    for (int64_t at = 0; at < d->bytes_max;) {
        wire_batch_t b;
        st_t st = read_batch(d, f, err);
        if (st == ST_CLOSED)
            return ST_OK;
        TRY(st);
        str_t in = buf_str(&d->batch);
        st = wire_batch_next(&in, &b, err);
        if (st != ST_OK)
            return err_wrap(err, st, "at position %lld", (long long)at);
        print_batch(d, &b, at);
        if (d->records) {
            st = print_records(d, &b, err);
            if (st != ST_OK)
                return err_wrap(err, st, "at position %lld", (long long)at);
        }
        at += (int64_t)b.bytes.len;
    }
    return ST_OK;
}

/* ---- files */

/* The digits before ".log": all of Kafka's names, what is behind the dash of ours. */
static int64_t base_of(str_t path)
{
    size_t end = path.len >= 4 ? path.len - 4 : 0, start = end;
    int64_t base = 0;
    while (start && path.ptr[start - 1] >= '0' && path.ptr[start - 1] <= '9')
        start--;
    return str_to_i64(str_sub(path, start, end - start), &base) ? base : 0;
}

static ST dump_file(dump_t *d, str_t path, err_t *err)
{
    arena_reset(&d->arena);
    if (!str_ends(path, STR(".log")))
        return err_set(err, ST_UNSUPPORTED,
                       STR_FMT ": only segments (*.log) can be shown; an index is made from them",
                       STR_ARG(path));
    FILE *f = fopen(arena_z(&d->arena, path), "rb");
    if (!f)
        return err_set(err, ST_NOT_FOUND, STR_FMT ": %s", STR_ARG(path), strerror(errno));
    if (d->rows)
        ROW(ROW_TEXT("file", path), ROW_INT("startingOffset", base_of(path)));
    else
        printf("Dumping " STR_FMT "\nLog starting offset: %" PRId64 "\n", STR_ARG(path),
               base_of(path));
    st_t st = dump_batches(d, f, err);
    fclose(f);
    return st;
}

static ST run(const flags_t *f, dump_t *d, err_t *err)
{
    str_t files = flags_get(f, "files"), one;
    if (!files.len)
        return err_set(err, ST_BAD_INPUT, "--files FILE,... is missing");
    TRY(flags_i64(f, "max-message-size", BATCH_BYTES_MAX, 1, INT32_MAX, &d->batch_max, err));
    TRY(flags_i64(f, "max-bytes", INT64_MAX, 1, INT64_MAX, &d->bytes_max, err));
    st_t st = ST_OK;
    while (str_split(&files, ',', &one)) { /* the others all the same */
        st_t one_st = dump_file(d, str_trim(one), err);
        if (one_st != ST_OK) {
            fflush(stdout);
            fprintf(stderr, STR_FMT ": %s\n", STR_ARG(str_trim(one)), err->msg);
            st = one_st;
        }
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "not all could be read");
}

int tool_log_dump(int argc, char **argv)
{
    flags_t f;
    int code;
    if (!flags_read(&f, table, argv[0], argc, argv, &code))
        return code;
    dump_t d = {.rows = row_wanted(&f),
                .offsets = flags_has(&f, "offsets-decoder"),
                .transactions = flags_has(&f, "transaction-log-decoder"),
                .metadata = !flags_has(&f, "skip-record-metadata")};
    d.data = d.offsets || d.transactions || flags_has(&f, "print-data-log");
    d.records = d.data || flags_has(&f, "deep-iteration");
    arena_init(&d.arena, ARENA_NO_LIMIT);
    wire_reader_init(&d.reader, UNPACKED_BYTES_MAX);
    err_t err;
    st_t st = run(&f, &d, &err);
    if (st != ST_OK)
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    wire_reader_done(&d.reader);
    buf_done(&d.batch);
    arena_done(&d.arena);
    return st == ST_OK ? 0 : 1;
}
