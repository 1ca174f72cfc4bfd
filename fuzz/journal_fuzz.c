/* A data directory whose journal or checkpoint (by the first byte) holds any bytes, its CRCs put
 * right: it opens or is refused. */
#include "base/hash.h"
#include "io/sim.h"
#include "log/local/entry.h"
#include "log/local/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_file(io_t *io, str_t path, const buf_t *b)
{
    io_file_t *f;
    ASSERT(io_file_open(io, path, IO_CREATE, &f, NULL) == ST_OK);
    ASSERT(io_file_write(f, b->ptr, b->len, 0, NULL) == ST_OK);
    io_file_close(f);
}

static void put_crc(buf_t *b, size_t at, uint32_t crc)
{
    crc = __builtin_bswap32(crc);
    memcpy(b->ptr + at, &crc, 4);
}

/* A head, a topic, then the input cut into entries' payloads: a byte of kind, two of length. */
static void journal(io_t *io, str_t in)
{
    buf_t b = BUF_INIT;
    buf_put(&b, "arusjnl1", 8);
    buf_put_be64(&b, 1);
    buf_put_be32(&b, 0);
    buf_put_be32(&b, hash_crc32c(0, b.ptr, 20));
    memset(buf_reserve(&b, 512), 0, 512);
    b.len = 512;
    uint32_t crc = 0;
    for (int64_t seq = 1; in.len >= 3; seq++) {
        size_t len = load_be16(in.ptr + 1);
        log_entry_t *e = log_entry_new((log_entry_kind_t)in.ptr[0]);
        in = str_sub(in, 3, SIZE_MAX);
        buf_put_str(&e->bytes, str_sub(in, 0, len));
        in = str_sub(in, len, SIZE_MAX);
        crc = log_entry_seal(e, seq, 0, crc);
        buf_put_str(&b, buf_str(&e->bytes));
        while (b.len % 8)
            buf_put_char(&b, 0);
        log_entry_unref(e);
    }
    put_file(io, STR("d/journal-0"), &b);
    buf_done(&b);
}

static void checkpoint(io_t *io, str_t in)
{
    buf_t b = BUF_INIT;
    buf_put(&b, "arusckp1", 8);
    buf_put_be32(&b, 0);
    buf_put_str(&b, in);
    put_crc(&b, 8, hash_crc32c(0, b.ptr + 12, b.len - 12));
    put_file(io, STR("d/checkpoint"), &b);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    io_t *io = io_sim_new(1);
    ASSERT(io_mkdir(io, STR("d"), NULL) == ST_OK);
    str_t in = str_n(data + 1, size - 1);
    if (data[0] & 1)
        journal(io, in);
    else
        checkpoint(io, in);
    log_local_options_t opt;
    log_local_options_init(&opt);
    opt.dir = STR("d");
    opt.no_thread = true;
    opt.tail_bytes = 256 << 10;
    log_t *log;
    err_t err;
    if (log_local_open(io, &opt, &log, &err) == ST_OK)
        log_close(log);
    else
        ASSERT(err.msg[0]);
    io_free(io);
    return 0;
}
