/* conn.c: one connection: bytes in, requests in order, bytes out. thread: net */
#include "base/trace.h"
#include "broker/internal.h"
#include "io/tcp.h"

#define PIPELINE_MAX       1000
#define PIPELINE_BYTES_MAX (32u << 20)
#define READ_BYTES         (16u << 10)
#define TAKE_BYTES         (64u << 10) /* a frame so large keeps the buffer it came in */
#define PARTS_MAX          64
#define HOLDS_BYTES        (64u << 10) /* what is less is no burden: B6 */
#define STALLED_MS         10000       /* no byte came or went for so long */

static int64_t now_ns(const broker_conn_t *c)
{
    return io_loop_ns(c->net->loop);
}

void broker_conn_touch(broker_conn_t *c)
{
    if (c->touched)
        return;
    c->touched = true;
    c->next_touched = c->net->touched;
    c->net->touched = c;
}

/* ---- requests in order: B2, B3 */

/* Records in memory are counted as if nobody else held them. */
static size_t answer_held(const broker_request_t *r)
{
    size_t held = r->out.buf.cap;
    for (size_t i = 0; i < r->chunks.len; i++)
        held += r->chunks.ptr[i].file ? 0 : r->chunks.ptr[i].bytes.len;
    return held;
}

static void enqueue(broker_conn_t *c, broker_request_t *r)
{
    if (c->last)
        c->last->next = r;
    else
        c->first = r;
    c->last = r;
    c->n_requests++;
    c->n_others += !r->is_produce;
    c->requests_bytes += r->bytes.len;
}

static void dequeue(broker_conn_t *c)
{
    broker_request_t *r = c->first;
    c->first = r->next;
    if (!c->first)
        c->last = NULL;
    c->n_requests--;
    c->n_others -= !r->is_produce;
    c->requests_bytes -= r->trimmed ? answer_held(r) : r->bytes.len;
    if (r->cut)
        c->closing = true;
    if (r->throttle_ms > 0 && !r->is_produce)
        broker_conn_mute(c, r->throttle_ms);
    broker_request_free(r);
}

static bool may_start(const broker_conn_t *c, const char *frame)
{
    if (c->closing || c->unmute.slot || (c->last && c->last->cut))
        return false;
    if (c->n_requests == 0)
        return true;
    return c->n_others == 0 && load_be16(frame) == WIRE_API_produce &&
           c->n_requests < PIPELINE_MAX && c->requests_bytes < PIPELINE_BYTES_MAX;
}

/* ---- what it holds: B6 */

/* How much more may be held; less than 0: it is too much already. */
static int64_t room_left(const broker_t *b)
{
    if (b->config.held_bytes_max < 0)
        return INT64_MAX;
    return b->config.held_bytes_max - atomic_load_explicit(&b->held_bytes, memory_order_relaxed);
}

static bool is_over(const broker_conn_t *c)
{
    return room_left(c->net->broker) < 0;
}

size_t broker_room(const broker_t *b)
{
    int64_t room = room_left(b) - b->config.held_bytes_max / 2;
    return room > 0 ? (size_t)room : 0;
}

bool broker_conn_stalls(const broker_conn_t *c)
{
    return c->holds_ns && broker_room(c->net->broker) == 0 &&
           now_ns(c) - c->active_ns > STALLED_MS * 1000000ll;
}

/* Of answers that wait for their reader only the bytes stay. */
static void trim_answers(broker_conn_t *c)
{
    for (broker_request_t *r = c->first; r && r->done && !r->trimmed; r = r->next) {
        broker_request_trim(r);
        c->requests_bytes = c->requests_bytes - r->bytes.len + answer_held(r);
    }
}

static void count_held(broker_conn_t *c)
{
    const broker_request_t *first = c->first;
    size_t held = c->in.cap + c->requests_bytes;
    if (first && first->wait)
        held += arena_used(&first->arena);
    if (held != c->held_bytes)
        atomic_fetch_add_explicit(&c->net->broker->held_bytes,
                                  (long long)held - (long long)c->held_bytes, memory_order_relaxed);
    c->held_bytes = held;
    if (held < HOLDS_BYTES || (first && !first->done && !first->wait))
        c->holds_ns = 0; /* little, or it is we who are at it */
    else if (!c->holds_ns)
        c->holds_ns = now_ns(c);
}

void broker_conns_relieve(broker_net_t *net)
{
    broker_conn_t *oldest = NULL;
    if (!net->conns || !is_over(net->conns))
        return;
    for (broker_conn_t *c = net->conns; c; c = c->next)
        if (c->holds_ns && io_stream_is_open(&c->stream) &&
            (!oldest || c->holds_ns < oldest->holds_ns))
            oldest = c;
    if (!oldest)
        return;
    trace_line(TRACE_WARN, "broker",
               STR_FMT " is closed: connections hold more than queued.max.request.bytes",
               STR_ARG(oldest->host));
    broker_conn_close(oldest);
}

/* ---- in */

/* The length of the frame at the front; 0: not known yet, -1: it cannot be one. */
static int64_t frame_bytes(const broker_conn_t *c, str_t in)
{
    if (in.len < 4)
        return 0;
    uint32_t n = load_be32(in.ptr);
    if (n < (c->auth.bare ? 1 : BROKER_REQUEST_BYTES_MIN) || n > (uint64_t)broker_auth_bytes_max(c))
        return -1;
    return 4 + (int64_t)n;
}

static void refuse_frame(broker_conn_t *c, str_t in)
{
    trace_line(TRACE_INFO, "broker",
               STR_FMT " is closed: it announced a request of %u bytes, %s is %lld",
               STR_ARG(c->host), load_be32(in.ptr),
               c->auth.done ? "socket.request.max.bytes" : "sasl.server.max.receive.size",
               (long long)broker_auth_bytes_max(c));
    c->closing = true;
}

/* The frame of n bytes at the front of *in as a request's. A large one keeps the buffer it came in,
 * when that is `own`; what is behind it then has a new one. */
static broker_request_t *take_frame(broker_conn_t *c, str_t *in, size_t n, bool own)
{
    if (n > c->frame_bytes)
        c->frame_bytes = n;
    if (!own || n < TAKE_BYTES) {
        shared_t *frame = shared_copy(str_sub(*in, 4, n - 4));
        *in = str_sub(*in, n, SIZE_MAX);
        return broker_request_new(c, frame, str_n(shared_bytes(frame), n - 4));
    }
    buf_t old = c->in;
    c->in = BUF_INIT;
    buf_put(&c->in, old.ptr + n, old.len - n);
    *in = buf_str(&c->in);
    return broker_request_new(c, shared_take(old.ptr, old.cap), str_n(old.ptr + 4, n - 4));
}

/* Starts what may start. Returns what is left of `in`. `own`: that is c->in. */
static str_t start_requests(broker_conn_t *c, str_t in, bool own)
{
    while (!c->closing) {
        int64_t n = frame_bytes(c, in);
        if (n < 0)
            refuse_frame(c, in);
        if (n <= 0 || (size_t)n > in.len || !may_start(c, in.ptr + 4))
            break;
        broker_request_t *r = take_frame(c, &in, (size_t)n, own && in.ptr == c->in.ptr);
        enqueue(c, r);
        if (c->auth.bare)
            broker_sasl_token(r);
        else
            broker_request_start(r);
    }
    return in;
}

static void start_from_buffer(broker_conn_t *c)
{
    str_t left = start_requests(c, buf_str(&c->in), true);
    if (left.len < c->in.len) {
        memmove(c->in.ptr, left.ptr, left.len);
        c->in.len = left.len;
    }
    if (c->in.len == 0)
        buf_done(&c->in); /* an idle connection holds no buffer */
}

/* Whether more bytes are of use now. */
static bool wants_bytes(const broker_conn_t *c)
{
    str_t in = buf_str(&c->in);
    if (c->closing || c->unmute.slot)
        return false;
    int64_t n = frame_bytes(c, in);
    if (n > 0 && (size_t)n <= in.len)
        return false; /* a whole request waits for those before it */
    return c->requests_bytes < PIPELINE_BYTES_MAX && c->n_requests < PIPELINE_MAX &&
           (!c->first || !is_over(c));
}

/* Room for what is missing of a frame, but no more than has come already of this one, or of an
 * earlier one: B4. */
static size_t read_room(const broker_conn_t *c)
{
    int64_t n = frame_bytes(c, buf_str(&c->in));
    size_t missing = n > (int64_t)c->in.len ? (size_t)n - c->in.len : READ_BYTES;
    if (n > 0 && (size_t)n <= c->frame_bytes)
        return missing;
    size_t room = c->in.len > READ_BYTES ? c->in.len : READ_BYTES;
    return missing < room && missing > READ_BYTES ? missing : room;
}

static void read_some(broker_conn_t *c)
{
    size_t n;
    bool scratch = c->in.len == 0;
    bool large = c->frame_bytes >= TAKE_BYTES; /* such a frame's part would be copied once more */
    size_t room = !scratch ? read_room(c) : large ? READ_BYTES : BROKER_SCRATCH_BYTES;
    char *to = scratch ? c->net->scratch : buf_reserve(&c->in, room);
    st_t st = io_stream_read(&c->stream, to, room, &n, NULL);
    if (st == ST_PARTIAL)
        return;
    if (st != ST_OK) {
        broker_conn_close(c);
        return;
    }
    c->active_ns = now_ns(c);
    c->net->was_busy = true;
    if (!broker_auth_started(c)) {
        broker_conn_close(c);
        return;
    }
    if (scratch) {
        buf_put_str(&c->in, start_requests(c, str_n(to, n), false));
    } else {
        c->in.len += n;
        start_from_buffer(c);
    }
}

/* ---- out */

static size_t answer_bytes(const broker_request_t *r)
{
    return wire_out_bytes(&r->out);
}

/* What is to be written next: parts in memory up to one that lies in a file, or that. */
typedef struct output {
    str_t part[PARTS_MAX];
    size_t n;
    io_file_t *file; /* behind the parts; NULL: none */
    int64_t file_pos;
    size_t file_len;
} output_t;

/* Adds one run of an answer's bytes, without what of it was written (*skip). */
static void output_add(output_t *o, str_t bytes, const log_chunk_t *chunk, size_t *skip)
{
    if (*skip >= bytes.len) {
        *skip -= bytes.len;
        return;
    }
    if (chunk && chunk->file) {
        o->file = chunk->file;
        o->file_pos = chunk->file_pos + (int64_t)*skip;
        o->file_len = bytes.len - *skip;
    } else {
        o->part[o->n++] = str_sub(bytes, *skip, bytes.len);
    }
    *skip = 0;
}

/* Adds the answer's bytes from `written` on, as far as there is room. */
static void output_add_answer(output_t *o, const broker_request_t *r)
{
    const wire_out_t *out = &r->out;
    size_t skip = r->written, at = 0;
    for (size_t i = 0; out->buf.len && i <= out->splices.len; i++) {
        bool last = i == out->splices.len;
        size_t end = last ? out->buf.len : out->splices.ptr[i].at;
        if (o->n + 2 > PARTS_MAX)
            return;
        output_add(o, str_n(out->buf.ptr + at, end - at), NULL, &skip);
        if (!last)
            output_add(o, out->splices.ptr[i].bytes, i < r->chunks.len ? &r->chunks.ptr[i] : NULL,
                       &skip);
        if (o->file)
            return;
        at = end;
    }
}

/* Answers that are whole at the head of the queue. */
static void output_collect(const broker_conn_t *c, output_t *o)
{
    o->n = 0;
    o->file = NULL;
    for (broker_request_t *r = c->first; r && r->done && o->n + 2 <= PARTS_MAX; r = r->next) {
        output_add_answer(o, r);
        if (r->cut || o->file)
            break;
    }
}

/* So much more is written; answers that are whole are done with. */
static void count_written(broker_conn_t *c, size_t written)
{
    while (c->first && c->first->done) {
        broker_request_t *r = c->first;
        size_t left = answer_bytes(r) - r->written;
        if (written < left) {
            r->written += written;
            return;
        }
        written -= left;
        dequeue(c);
    }
}

/* False when the socket takes no more. */
static bool write_some(broker_conn_t *c)
{
    output_t o;
    size_t written = 0;
    output_collect(c, &o);
    if (o.n || o.file) {
        st_t st = o.n ? io_stream_write(&c->stream, o.part, o.n, &written, NULL)
                      : io_stream_write_file(&c->stream, o.file, o.file_pos, o.file_len, &written,
                                             NULL);
        if (st == ST_PARTIAL)
            return false;
        if (st != ST_OK) {
            broker_conn_close(c);
            return false;
        }
        c->active_ns = now_ns(c);
    }
    count_written(c, written);
    return true;
}

static bool has_output(const broker_conn_t *c)
{
    return c->first && c->first->done;
}

/* A Fetch waits for news. Who hangs up then is gone, and what was asked behind it is not begun when
 * news come: a Metadata would make a topic again that was just deleted. */
static bool is_waiting(const broker_conn_t *c)
{
    return c->first && c->first->wait;
}

void broker_conn_work(broker_conn_t *c)
{
    bool room = true;
    while (io_stream_is_open(&c->stream)) {
        while (room && has_output(c) && io_stream_is_open(&c->stream))
            room = write_some(c);
        if (!io_stream_is_open(&c->stream) || c->closing || !c->in.len)
            break;
        int before = c->n_requests;
        size_t held = c->in.len;
        start_from_buffer(c);
        if (c->n_requests == before && c->in.len == held)
            break;
    }
    if (io_stream_is_open(&c->stream) && c->closing)
        broker_conn_close(c);
    trim_answers(c);
    count_held(c);
    if (io_stream_is_open(&c->stream)) {
        io_stream_watch(&c->stream, (wants_bytes(c) ? (unsigned)IO_READABLE : 0u) |
                                        (has_output(c) ? (unsigned)IO_WRITABLE : 0u) |
                                        (is_waiting(c) ? (unsigned)IO_HANGUP : 0u));
        return;
    }
    while (c->first && c->first->done) /* nobody reads them any more */
        dequeue(c);
    if (!c->first && !c->touched) /* else this comes again */
        broker_conn_free(c);
}

static void ready(void *arg, unsigned what)
{
    broker_conn_t *c = arg;
    if ((what & IO_HANGUP) && is_waiting(c))
        broker_conn_close(c);
    else if (what & IO_READABLE)
        read_some(c);
    broker_conn_touch(c);
}

/* ---- life */

static void answer_now(void *arg)
{
    broker_conn_t *c = arg;
    broker_request_t *r = c->late_request;
    c->late_request = NULL;
    broker_answer(r, c->late_answer);
}

static void listen_again(void *arg)
{
    broker_conn_touch(arg);
}

void broker_conn_mute(broker_conn_t *c, int32_t ms)
{
    if (ms > 0 && io_stream_is_open(&c->stream))
        io_timer_set(c->net->loop, &c->unmute, ms);
}

void broker_conn_answer_late(broker_request_t *r, void *response)
{
    broker_conn_t *c = r->conn;
    ASSERT(!c->late_request);
    c->late_request = r;
    c->late_answer = response;
    io_timer_set(c->net->loop, &c->late, c->net->broker->config.failed_auth_ms);
}

str_t broker_conn_host(str_t peer)
{
    while (peer.len && peer.ptr[--peer.len] != ':')
        ;
    return peer;
}

void broker_conn_open(broker_net_t *net, broker_port_t *port, int fd)
{
    broker_conn_t *c = mem_zalloc(sizeof *c);
    c->net = net;
    c->port = port;
    c->active_ns = io_loop_ns(net->loop);
    c->late = (io_timer_t){.fn = answer_now, .arg = c};
    c->unmute = (io_timer_t){.fn = listen_again, .arg = c};
    io_stream_open(&c->stream, net->loop, fd, port->listener->tls,
                   net->broker->config.authentication_ms, ready, c);
    broker_auth_begin(c);
    c->host = broker_conn_host(io_tcp_peer(fd, &c->peer));
    c->next = net->conns;
    if (c->next)
        c->next->prev = c;
    net->conns = c;
    io_stream_watch(&c->stream, IO_READABLE);
}

void broker_conn_close(broker_conn_t *c)
{
    if (!io_stream_is_open(&c->stream))
        return;
    io_stream_close(&c->stream);
    if (c->late_request)
        c->late_request->done = true;
    io_timer_clear(c->net->loop, &c->late);
    io_timer_clear(c->net->loop, &c->unmute);
    broker_ip_leave(c->net->broker, c->host);
    c->closing = true;
    atomic_fetch_sub(&c->net->broker->connections, 1);
    buf_done(&c->in);
    for (broker_request_t *r = c->first; r; r = r->next)
        broker_wait_cancel(r);
    broker_session_free(c->net->broker, c->session);
    c->session = NULL;
    broker_conn_touch(c);
}

void broker_conn_free(broker_conn_t *c)
{
    ASSERT(!io_stream_is_open(&c->stream) && !c->touched);
    while (c->first)
        dequeue(c);
    count_held(c);
    if (c->prev)
        c->prev->next = c->next;
    else
        c->net->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    broker_auth_end(c);
    free(c);
}
