#include "io/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BACKLOG   4096
#define PARTS_MAX 64
#define HOST_MAX  256

static const char *errno_text(int e, char (*text)[128])
{
    return strerror_r(e, *text, sizeof *text);
}

static ST resolve(str_t host, uint16_t port, struct addrinfo **ret, err_t *err)
{
    char name[HOST_MAX] = "127.0.0.1", service[8];
    if (host.len >= sizeof name)
        return err_set(err, ST_BAD_INPUT, "a host name of %zu bytes is too long", host.len);
    if (host.len) {
        memcpy(name, host.ptr, host.len);
        name[host.len] = 0;
    }
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int rc = getaddrinfo(name, service, &hints, ret);
    if (rc)
        return err_set(err, ST_BAD_INPUT, "host %s cannot be found: %s", name, gai_strerror(rc));
    return ST_OK;
}

static int new_socket(const struct addrinfo *a)
{
    return socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void no_delay(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

ST io_tcp_listen(str_t host, uint16_t port, int *ret_fd, uint16_t *ret_port, err_t *err)
{
    struct addrinfo *a;
    char text[128];
    TRY(resolve(host, port, &a, err));
    int fd = new_socket(a);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
                bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int e = errno;
    freeaddrinfo(a);
    if (good) {
        *ret_fd = fd;
        *ret_port = port_of(fd);
        return ST_OK;
    }
    if (fd >= 0)
        close(fd);
    if (e == EADDRINUSE)
        return err_set(err, ST_BUSY,
                       "port %u is in use: stop what listens there, or choose another port", port);
    st_t st = e == EACCES ? ST_DENIED : e == EMFILE || e == ENFILE ? ST_LIMIT : ST_IO;
    err_set_at(err, st, __FILE__, __LINE__, "cannot listen on " STR_FMT " port %u: %s",
               STR_ARG(host), port, errno_text(e, &text));
    return st;
}

ST io_tcp_accept(int listen_fd, int *ret_fd, err_t *err)
{
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            no_delay(fd);
            *ret_fd = fd;
            return ST_OK;
        }
        char text[128];
        switch (errno) {
        case EINTR:
        case ECONNABORTED:
            continue;
        case EAGAIN:
            return ST_PARTIAL;
        case EMFILE:
        case ENFILE:
            return err_set(err, ST_LIMIT,
                           "too many open connections: raise the limit on open files (ulimit -n)");
        default:
            return err_set(err, ST_IO, "cannot accept a connection: %s", errno_text(errno, &text));
        }
    }
}

ST io_tcp_connect(str_t host, uint16_t port, int *ret_fd, err_t *err)
{
    struct addrinfo *a;
    char text[128];
    TRY(resolve(host, port, &a, err));
    int fd = new_socket(a);
    bool good = fd >= 0 && (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS);
    int e = errno;
    freeaddrinfo(a);
    if (good) {
        no_delay(fd);
        *ret_fd = fd;
        return ST_OK;
    }
    if (fd >= 0)
        close(fd);
    return err_set(err, ST_UNREACHABLE, "cannot connect to " STR_FMT " port %u: %s", STR_ARG(host),
                   port, errno_text(e, &text));
}

ST io_tcp_connected(int fd, err_t *err)
{
    int e = 0;
    char text[128];
    socklen_t n = sizeof e;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0)
        e = errno;
    return e ? err_set(err, ST_UNREACHABLE, "cannot connect: %s", errno_text(e, &text)) : ST_OK;
}

static ST stream_error(const char *what, int e, err_t *err)
{
    char text[128];
    if (e == EAGAIN || e == EWOULDBLOCK)
        return ST_PARTIAL;
    if (e == EPIPE || e == ECONNRESET || e == ETIMEDOUT)
        return err_set(err, ST_CLOSED, "the connection was closed: %s", errno_text(e, &text));
    return err_set(err, ST_IO, "cannot %s a socket: %s", what, errno_text(e, &text));
}

ST io_tcp_read(int fd, void *p, size_t cap, size_t *ret_n, err_t *err)
{
    for (;;) {
        ssize_t n = recv(fd, p, cap, 0);
        if (n > 0) {
            *ret_n = (size_t)n;
            return ST_OK;
        }
        if (n == 0)
            return err_set(err, ST_CLOSED, "the connection was closed by the other end");
        if (errno != EINTR)
            return stream_error("read from", errno, err);
    }
}

ST io_tcp_write(int fd, const str_t *parts, size_t n, size_t *ret_n, err_t *err)
{
    struct iovec v[PARTS_MAX];
    size_t k = 0;
    for (; k < n && k < PARTS_MAX; k++)
        v[k] = (struct iovec){(void *)(uintptr_t)parts[k].ptr, parts[k].len};
    struct msghdr msg = {.msg_iov = v, .msg_iovlen = k};
    for (;;) {
        ssize_t done = sendmsg(fd, &msg, MSG_NOSIGNAL);
        if (done >= 0) {
            *ret_n = (size_t)done;
            return ST_OK;
        }
        if (errno != EINTR)
            return stream_error("write to", errno, err);
    }
}

ST io_tcp_send_file(int fd, int from, int64_t pos, size_t n, size_t *ret_n, err_t *err)
{
    for (;;) {
        off_t at = pos;
        ssize_t done = sendfile(fd, from, &at, n);
        if (done >= 0) {
            *ret_n = (size_t)done;
            return ST_OK;
        }
        if (errno != EINTR)
            return stream_error("write to", errno, err);
    }
}

void io_tcp_finish(int fd)
{
    shutdown(fd, SHUT_WR);
}

void io_tcp_close(int fd)
{
    close(fd);
}

str_t io_tcp_peer(int fd, char (*ret)[IO_TCP_ADDR_MAX])
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    if (getpeername(fd, (struct sockaddr *)&a, &n) == 0) {
        bool six = a.ss_family == AF_INET6;
        const void *addr = six ? (const void *)&((struct sockaddr_in6 *)&a)->sin6_addr
                               : (const void *)&((struct sockaddr_in *)&a)->sin_addr;
        if (!inet_ntop(a.ss_family, addr, host, sizeof host))
            host[0] = '?', host[1] = 0;
        port = ntohs(six ? ((struct sockaddr_in6 *)&a)->sin6_port
                         : ((struct sockaddr_in *)&a)->sin_port);
    }
    int len = snprintf(*ret, sizeof *ret, "%s:%u", host, port);
    return str_n(*ret, (size_t)len);
}
