/* loop.h: an event loop: one a thread, over epoll.
 *
 * Polls and timers are embedded in their owners; the loop only points at them. All calls are the
 * loop's thread's but io_loop_wake and io_loop_stop, which may come from anywhere. A turn waits,
 * then calls what is ready, then the timers that are due, then mailboxes. A callback may set, clear
 * or free any poll or timer, its own too.
 */
#ifndef ARUS_IO_LOOP_H
#define ARUS_IO_LOOP_H

#include "io/io.h"

typedef struct io_loop io_loop_t;
typedef struct io_poll io_poll_t;
typedef struct io_timer io_timer_t;

/* IO_HANGUP: the other end sends no more, though bytes may be left to be read. */
enum { IO_READABLE = 1, IO_WRITABLE = 2, IO_HANGUP = 4 };

/* A descriptor to be watched. Set fd, fn and arg before io_poll_set. */
struct io_poll {
    int fd;
    unsigned events;                       /* what is watched; 0: not in the loop */
    void (*fn)(void *arg, unsigned ready); /* errors and hang-ups show as whatever is watched */
    void *arg;
};

/* A moment. Zeroed and with fn and arg set before io_timer_set. */
struct io_timer {
    int64_t due_ns;
    size_t slot; /* place in the heap + 1; 0: not set */
    void (*fn)(void *arg);
    void *arg;
};

io_loop_t *io_loop_new(io_t *io);
/* Polls and timers still in it are forgotten. */
void io_loop_free(io_loop_t *l);
io_t *io_loop_io(io_loop_t *l);
/* The monotonic time at which this turn woke up. */
int64_t io_loop_ns(const io_loop_t *l);

/* Turns until io_loop_stop. */
void io_loop_run(io_loop_t *l);
/* One turn; waits at most timeout_ms (-1: until something happens). */
void io_loop_turn(io_loop_t *l, int timeout_ms);
/* From any thread: ends the wait of the turn that is under way, or of the next. */
void io_loop_wake(io_loop_t *l);
/* From any thread: io_loop_run returns after its turn. */
void io_loop_stop(io_loop_t *l);

/* Watches p->fd for `events` (0: no longer). Must be cleared before the descriptor is closed. */
void io_poll_set(io_loop_t *l, io_poll_t *p, unsigned events);
/* Calls fn once, delay_ms from now; a set timer is moved. */
void io_timer_set(io_loop_t *l, io_timer_t *t, int64_t delay_ms);
void io_timer_clear(io_loop_t *l, io_timer_t *t);

#endif
