/* mailbox.h: owned messages from any thread to one thread's loop.
 *
 * A message embeds an io_mail_t as its first member and belongs to the mailbox from io_mailbox_put
 * until the receiver's callback gets it. No lock: senders push on a stack, the receiver takes it
 * whole and turns it round, so messages of one sender arrive in order.
 */
#ifndef ARUS_IO_MAILBOX_H
#define ARUS_IO_MAILBOX_H

#include "io/loop.h"

#include <stdatomic.h>

typedef struct io_mail {
    struct io_mail *next;
} io_mail_t;

typedef struct io_mailbox io_mailbox_t;
struct io_mailbox {
    _Atomic(io_mail_t *) top;
    io_loop_t *loop;
    void (*fn)(void *arg,
               io_mail_t *list); /* in the loop's thread; owns the list, first sent first */
    void *arg;
    io_mailbox_t *next; /* the loop's list */
};

/* thread: owner. The loop delivers to fn in its turns until io_mailbox_done. */
void io_mailbox_init(io_mailbox_t *m, io_loop_t *loop, void (*fn)(void *arg, io_mail_t *list),
                     void *arg);
/* thread: owner. Nobody may put any more. What was not delivered is returned, first sent first, or
 * NULL. */
MUST io_mail_t *io_mailbox_done(io_mailbox_t *m);
/* thread: any. */
void io_mailbox_put(io_mailbox_t *m, io_mail_t *mail);

#endif
