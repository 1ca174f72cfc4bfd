#include "store/join.h"

#include "base/hash.h"
#include "base/vec.h"

typedef struct bucket {
    uint64_t hash;
    VEC(join_row_t) rows; /* sorted by ts, then arrival; [0, expired) are gone */
    uint32_t key_len;
    char key[];
} bucket_t;

struct join_store {
    size_t n_values;
    int64_t retention_ms, observed_ms, swept_ms;
    bucket_t **table;
    size_t cap, len, bytes, n_pending;
    uint64_t seq;
    VEC(data_value_t *) dropped; /* in this turn */
};

join_store_t *join_store_new(size_t n_values, int64_t retention_ms)
{
    join_store_t *s = mem_zalloc(sizeof *s);
    s->n_values = n_values;
    s->retention_ms = retention_ms;
    s->observed_ms = INT64_MIN;
    s->swept_ms = INT64_MIN;
    return s;
}

static void bucket_free(join_store_t *s, bucket_t *b)
{
    for (size_t i = 0; i < b->rows.len; i++)
        free(b->rows.ptr[i].value);
    s->bytes -= sizeof *b + b->key_len;
    VEC_DONE(&b->rows);
    free(b);
}

void join_store_free(join_store_t *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->cap; i++)
        if (s->table[i])
            bucket_free(s, s->table[i]);
    join_store_commit(s);
    VEC_DONE(&s->dropped);
    free(s->table);
    free(s);
}

static bucket_t *find(const join_store_t *s, str_t key, uint64_t hash)
{
    for (size_t i = s->cap ? hash & (s->cap - 1) : 0; s->cap && s->table[i];
         i = (i + 1) & (s->cap - 1))
        if (s->table[i]->hash == hash && str_eq(str_n(s->table[i]->key, s->table[i]->key_len), key))
            return s->table[i];
    return NULL;
}

static void table_add(join_store_t *s, bucket_t *b)
{
    size_t i = b->hash & (s->cap - 1);
    while (s->table[i])
        i = (i + 1) & (s->cap - 1);
    s->table[i] = b;
}

static void rebuild(join_store_t *s, size_t cap)
{
    bucket_t **old = s->table;
    size_t old_cap = s->cap;
    s->table = mem_zalloc(cap * sizeof *s->table);
    s->cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i])
            table_add(s, old[i]);
    free(old);
}

static bucket_t *find_or_add(join_store_t *s, str_t key, uint64_t hash)
{
    bucket_t *b = find(s, key, hash);
    if (b)
        return b;
    if ((s->len + 1) * 2 > s->cap)
        rebuild(s, s->cap ? s->cap * 2 : 16);
    b = mem_zalloc(sizeof *b + key.len);
    b->hash = hash;
    b->key_len = (uint32_t)key.len;
    if (key.len)
        memcpy(b->key, key.ptr, key.len);
    table_add(s, b);
    s->len++;
    s->bytes += sizeof *b + key.len;
    return b;
}

static int64_t oldest(const join_store_t *s)
{
    return s->observed_ms == INT64_MIN || s->observed_ms < INT64_MIN + s->retention_ms
               ? INT64_MIN
               : s->observed_ms - s->retention_ms + 1;
}

/* The index of the first row with ts >= ts_ms. */
static size_t lower(const bucket_t *b, int64_t ts_ms)
{
    size_t lo = 0, hi = b->rows.len;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (b->rows.ptr[mid].ts_ms < ts_ms)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t row_bytes(const join_store_t *s, const join_row_t *r)
{
    return sizeof *r + data_packed_bytes(r->value, s->n_values);
}

/* Rows that are still pending stay until they are let out; nobody finds them any more. */
static void drop_old(join_store_t *s, bucket_t *b)
{
    size_t n = lower(b, oldest(s)), kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (b->rows.ptr[i].pending) {
            b->rows.ptr[kept++] = b->rows.ptr[i];
            continue;
        }
        s->bytes -= row_bytes(s, &b->rows.ptr[i]);
        VEC_PUSH(&s->dropped, b->rows.ptr[i].value);
    }
    if (kept == n)
        return;
    memmove(b->rows.ptr + kept, b->rows.ptr + n, (b->rows.len - n) * sizeof *b->rows.ptr);
    b->rows.len -= n - kept;
}

/* Once per sixteenth of the retention all keys are looked through, so that silent ones are
 * forgotten too. */
static void sweep(join_store_t *s)
{
    if (s->swept_ms != INT64_MIN && s->observed_ms - s->swept_ms < s->retention_ms / 16 + 1)
        return;
    s->swept_ms = s->observed_ms;
    size_t n = 0;
    bucket_t **old = s->table;
    size_t old_cap = s->cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i]) {
            drop_old(s, old[i]);
            n += old[i]->rows.len > 0;
        }
    if (n == s->len || !old_cap)
        return;
    s->table = mem_zalloc(s->cap * sizeof *s->table);
    s->len = n;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i] && old[i]->rows.len)
            table_add(s, old[i]);
        else if (old[i])
            bucket_free(s, old[i]);
    }
    free(old);
}

static join_row_t *insert(join_store_t *s, bucket_t *b, join_row_t row)
{
    VEC_RESERVE(&b->rows, 1);
    size_t i = b->rows.len;
    while (i > 0 && (b->rows.ptr[i - 1].ts_ms > row.ts_ms ||
                     (b->rows.ptr[i - 1].ts_ms == row.ts_ms && b->rows.ptr[i - 1].seq > row.seq)))
        i--;
    memmove(b->rows.ptr + i + 1, b->rows.ptr + i, (b->rows.len - i) * sizeof *b->rows.ptr);
    b->rows.ptr[i] = row;
    b->rows.len++;
    s->n_pending += row.pending;
    s->bytes += row_bytes(s, &row);
    return &b->rows.ptr[i];
}

static void observe(join_store_t *s, int64_t ts_ms)
{
    if (ts_ms > s->observed_ms) {
        s->observed_ms = ts_ms;
        sweep(s);
    }
}

join_row_t *join_store_put(join_store_t *s, str_t key, uint64_t hash, int64_t ts_ms,
                           const data_value_t *row)
{
    observe(s, ts_ms);
    if (ts_ms < oldest(s))
        return NULL;
    bucket_t *b = find_or_add(s, key, hash);
    drop_old(s, b);
    return insert(s, b,
                  (join_row_t){.ts_ms = ts_ms,
                               .value = data_pack(row, s->n_values),
                               .seq = s->seq++ & (UINT64_MAX >> 1)});
}

void join_store_commit(join_store_t *s)
{
    for (size_t i = 0; i < s->dropped.len; i++)
        free(s->dropped.ptr[i]);
    VEC_CLEAR(&s->dropped);
}

void join_store_mark(join_store_t *s, join_row_t *r, bool pending)
{
    s->n_pending += pending;
    s->n_pending -= r->pending;
    r->pending = pending;
}

size_t join_store_find(join_store_t *s, str_t key, uint64_t hash, int64_t from_ms, int64_t to_ms,
                       join_row_t **ret)
{
    bucket_t *b = find(s, key, hash);
    if (!b)
        return 0;
    int64_t first = oldest(s);
    size_t lo = lower(b, from_ms > first ? from_ms : first);
    size_t hi = to_ms == INT64_MAX ? b->rows.len : lower(b, to_ms + 1);
    *ret = b->rows.ptr + lo;
    return hi > lo ? hi - lo : 0;
}

int64_t join_store_observed(const join_store_t *s)
{
    return s->observed_ms;
}

typedef struct pending {
    bucket_t *bucket;
    int64_t ts_ms;
} pending_t;

static int by_time(const void *x, const void *y)
{
    const pending_t *a = x, *b = y;
    if (a->ts_ms != b->ts_ms)
        return a->ts_ms < b->ts_ms ? -1 : 1;
    return str_cmp(str_n(a->bucket->key, a->bucket->key_len),
                   str_n(b->bucket->key, b->bucket->key_len));
}

void join_store_pending(join_store_t *s, int64_t before_ms, join_change_fn row, void *env)
{
    if (!s->n_pending)
        return;
    VEC(pending_t) due = {0};
    for (size_t i = 0; i < s->cap; i++)
        for (size_t k = 0; s->table[i] && k < s->table[i]->rows.len; k++) {
            const join_row_t *r = &s->table[i]->rows.ptr[k];
            if (r->pending && r->ts_ms < before_ms)
                VEC_PUSH(&due, (pending_t){s->table[i], r->ts_ms});
        }
    if (due.len)
        qsort(due.ptr, due.len, sizeof *due.ptr, by_time);
    for (size_t i = 0; i < due.len; i++) {
        bucket_t *b = due.ptr[i].bucket;
        for (size_t k = lower(b, due.ptr[i].ts_ms); k < b->rows.len; k++) {
            join_row_t *r = &b->rows.ptr[k];
            if (r->ts_ms != due.ptr[i].ts_ms)
                break;
            if (!r->pending)
                continue;
            r->pending = false;
            s->n_pending--;
            row(env, str_n(b->key, b->key_len), r);
            break;
        }
    }
    VEC_DONE(&due);
}

size_t join_store_bytes(const join_store_t *s)
{
    return s->bytes;
}

void join_store_each(join_store_t *s, join_change_fn row, void *env)
{
    int64_t first = oldest(s);
    for (size_t i = 0; i < s->cap; i++)
        for (size_t k = 0; s->table[i] && k < s->table[i]->rows.len; k++)
            if (s->table[i]->rows.ptr[k].ts_ms >= first || s->table[i]->rows.ptr[k].pending)
                row(env, str_n(s->table[i]->key, s->table[i]->key_len), &s->table[i]->rows.ptr[k]);
}

size_t join_store_values(const join_store_t *s)
{
    return s->n_values;
}

void join_row_encode(const join_row_t *r, size_t n_values, str_t key, buf_t *ret_key,
                     buf_t *ret_value)
{
    buf_put_be64(ret_key, (uint64_t)r->ts_ms ^ (UINT64_C(1) << 63));
    buf_put_be64(ret_key, r->seq);
    buf_put_str(ret_key, key);
    buf_put_char(ret_value, (char)r->pending);
    for (size_t i = 0; i < n_values; i++)
        data_encode(ret_value, r->value[i]);
}

st_t join_store_restore(join_store_t *s, str_t key, str_t value, err_t *err)
{
    if (key.len < 16 || !value.len)
        return err_set(err, ST_CORRUPT, "a join's changelog record is too short");
    join_row_t r = {.ts_ms = (int64_t)(load_be64(key.ptr) ^ (UINT64_C(1) << 63)),
                    .seq = load_be64(key.ptr + 8) & (UINT64_MAX >> 1),
                    .pending = (uint8_t)value.ptr[0] & 1u};
    str_t k = str_sub(key, 16, key.len);
    if (r.seq >= s->seq)
        s->seq = r.seq + 1;
    observe(s, r.ts_ms);
    join_store_commit(s); /* this is no turn */
    uint64_t hash = hash_bytes(k.ptr, k.len);
    bucket_t *b = find(s, k, hash);
    for (size_t i = b ? lower(b, r.ts_ms) : 0;
         b && i < b->rows.len && b->rows.ptr[i].ts_ms == r.ts_ms; i++)
        if (b->rows.ptr[i].seq == r.seq) { /* its newer state */
            join_store_mark(s, &b->rows.ptr[i], r.pending);
            return ST_OK;
        }
    if (r.ts_ms < oldest(s) && !r.pending)
        return ST_OK;
    b = find_or_add(s, k, hash);
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    data_value_t *v = ARENA_ARRAY(&a, data_value_t, s->n_values + 1);
    const char *p = value.ptr + 1, *end = value.ptr + value.len;
    st_t st = ST_OK;
    for (size_t i = 0; i < s->n_values && st == ST_OK; i++)
        st = data_decode(&a, &p, end, &v[i], err);
    if (st == ST_OK) {
        r.value = data_pack(v, s->n_values);
        insert(s, b, r);
    }
    arena_done(&a);
    return st;
}
