/* tcp.h: non-blocking TCP sockets, for io/loop.h. A socket is its descriptor; close it with
 * io_tcp_close. */
#ifndef ARUS_IO_TCP_H
#define ARUS_IO_TCP_H

#include "base/err.h"
#include "base/str.h"

#define IO_TCP_ADDR_MAX 64

/* Listens on host (a name or an address; empty: 127.0.0.1) and port (0: the system chooses).
 * ST_BUSY when the port is taken, ST_BAD_INPUT when the host is unknown. */
ST io_tcp_listen(str_t host, uint16_t port, int *ret_fd, uint16_t *ret_port, err_t *err);
/* ST_PARTIAL when nobody waits (no message); ST_LIMIT when descriptors ran out. */
ST io_tcp_accept(int listen_fd, int *ret_fd, err_t *err);
/* Starts to connect; resolving the name may block. When the socket becomes writable,
 * io_tcp_connected says how it went. */
ST io_tcp_connect(str_t host, uint16_t port, int *ret_fd, err_t *err);
/* ST_UNREACHABLE with the reason. */
ST io_tcp_connected(int fd, err_t *err);
/* Reads what is there. ST_PARTIAL: nothing yet (no message); ST_CLOSED: the other end has finished.
 */
ST io_tcp_read(int fd, void *p, size_t cap, size_t *ret_n, err_t *err);
/* Writes as much of the parts as fits. ST_PARTIAL: nothing fits now (no message); ST_CLOSED. */
ST io_tcp_write(int fd, const str_t *parts, size_t n, size_t *ret_n, err_t *err);
/* As io_tcp_write, with a file's bytes, which stay where they are; *ret_n is 0 where it ends.
 * Raises SIGPIPE. */
ST io_tcp_send_file(int fd, int from, int64_t pos, size_t n, size_t *ret_n, err_t *err);
/* Nothing more will be written: the other end reads what there is, then an end. */
void io_tcp_finish(int fd);
void io_tcp_close(int fd);
/* "address:port" of the other end. */
str_t io_tcp_peer(int fd, char (*ret)[IO_TCP_ADDR_MAX]);

#endif
