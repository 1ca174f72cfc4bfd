/* sim.h: a simulated world: virtual clock, chance from a seed, a disk in memory that lies at a
 * crash.
 *
 * The disk keeps what was synced apart from what was only written. At a crash each unsynced write
 * is kept, dropped or torn at sectors of 512 bytes, and each unsynced creation, rename or removal
 * in a directory is kept or dropped, all by the seed. One thread.
 */
#ifndef ARUS_IO_SIM_H
#define ARUS_IO_SIM_H

#include "io/io.h"

#define IO_SIM_SECTOR_BYTES 512

io_t *io_sim_new(uint64_t seed);
/* Moves the clocks. Every call on the disk moves them by 1 µs too. */
void io_sim_advance_ms(io_t *io, int64_t ms);

/* The power fails in the n-th (1: the next) changing call on the disk from now: what the disk will
 * be found to hold is decided there. The program under test does not notice and runs on in a world
 * that is about to vanish, so it can be closed in peace; io_sim_restart puts the disk found after
 * the crash in place. All files must be closed by then. */
void io_sim_crash_after(io_t *io, int64_t n);
bool io_sim_crashed(const io_t *io);
/* Without a crash before it: one now. */
void io_sim_restart(io_t *io);

typedef enum io_sim_call {
    IO_SIM_OPEN,
    IO_SIM_READ,
    IO_SIM_WRITE,
    IO_SIM_SYNC,
    IO_SIM_RENAME,
    IO_SIM_UNLINK,
    IO_SIM_CALLS
} io_sim_call_t;

/* The n-th (1: the next) such call from now fails with `st`, and all after it when `sticky`. A
 * failed write may have written a part. n = 0: no more failures. */
void io_sim_fail(io_t *io, io_sim_call_t call, int64_t n, st_t st, bool sticky);
/* How many bytes all files together may have; past it writes fail with ST_NO_SPACE. -1: no limit.
 */
void io_sim_set_capacity(io_t *io, int64_t bytes);

#endif
