/* ports.c: listeners and advertised.listeners, for each virtual broker. */
#include "broker/internal.h"
#include "io/tcp.h"

/* NAME://host:port of one entry. */
typedef struct address {
    str_t name, host;
    uint16_t port;
} address_t;

typedef VEC(address_t) addresses_t;

str_t broker_property(const broker_t *b, const char *name, str_t otherwise)
{
    for (size_t i = 0; i < b->n_properties; i++)
        if (str_eq(b->property[i].name, str_of(name)))
            return b->property[i].value;
    return otherwise;
}

static ST read_address(str_t text, const char *property, address_t *ret, err_t *err)
{
    str_t s = str_trim(text);
    ptrdiff_t name = str_find(s, STR("://"));
    size_t colon = s.len;
    while (colon > 0 && s.ptr[colon - 1] != ':')
        colon--;
    int64_t port;
    if (name <= 0 || colon < (size_t)name + 4 || !str_to_i64(str_sub(s, colon, s.len), &port) ||
        port < 0 || port > 65535)
        return err_set(err, ST_BAD_CONFIG,
                       "%s has '" STR_FMT "': expected NAME://host:port, as in "
                       "PLAINTEXT://127.0.0.1:9092",
                       property, STR_ARG(s));
    str_t host = str_sub(s, (size_t)name + 3, colon - 1 - ((size_t)name + 3));
    if (host.len > 2 && host.ptr[0] == '[')
        host = str_sub(host, 1, host.len - 2);
    *ret = (address_t){str_sub(s, 0, (size_t)name), host, (uint16_t)port};
    return ST_OK;
}

/* Entries that are not for HTTP, in order. */
static ST read_addresses(const broker_t *b, const char *property, addresses_t *ret, err_t *err)
{
    str_t list = broker_property(b, property, STR("")), one;
    while (str_split(&list, ',', &one)) {
        address_t a;
        one = str_trim(one);
        if (str_empty(one) || str_starts_nocase(one, STR("http://")) ||
            str_starts_nocase(one, STR("https://")))
            continue;
        TRY(read_address(one, property, &a, err));
        VEC_PUSH(ret, a);
    }
    return ST_OK;
}

/* The entry of a virtual broker: the list may name a listener once for each of them; those that it
 * does not name follow the last, port by port. */
static const address_t *address_for(const addresses_t *list, str_t name, int32_t node,
                                    uint16_t *ret_port)
{
    const address_t *last = NULL;
    int32_t found = -1;
    for (size_t i = 0; i < list->len && found < node; i++)
        if (str_eq_nocase(list->ptr[i].name, name)) {
            last = &list->ptr[i];
            found++;
        }
    if (last)
        *ret_port = last->port ? (uint16_t)(last->port + (node - found)) : 0;
    return last;
}

static bool first_of_name(const addresses_t *list, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (str_eq_nocase(list->ptr[k].name, list->ptr[i].name))
            return false;
    return true;
}

/* What clients are told: as advertised.listeners has it, else the address itself; a machine that
 * listens on all addresses is called localhost. */
static void show_port(broker_port_t *p, const addresses_t *shown)
{
    const address_t *a = address_for(shown, p->listener->name, p->node, &p->shown_port);
    bool any = str_empty(p->host) || str_eq(p->host, STR("0.0.0.0")) || str_eq(p->host, STR("::"));
    p->shown_host = a && a->host.len ? a->host : any ? STR("localhost") : p->host;
    if (!a || p->shown_port == 0)
        p->shown_port = p->port;
}

static ST open_port(broker_t *b, const broker_listener_t *l, int32_t node,
                    const addresses_t *listeners, const addresses_t *shown, err_t *err)
{
    uint16_t port;
    const address_t *a = address_for(listeners, l->name, node, &port);
    /* Kafka: an empty host is every address. */
    str_t host = a->host.len ? a->host : STR("0.0.0.0");
    int fd;
    TRY(io_tcp_listen(host, port, &fd, &port, err));
    broker_port_t *p = ARENA_NEW(&b->arena, broker_port_t);
    *p = (broker_port_t){.broker = b, .listener = l, .node = node, .host = host, .port = port};
    p->text = arena_printf(&b->arena, STR_FMT ":%u", STR_ARG(host), port);
    p->poll = (io_poll_t){.fd = fd, .arg = p};
    show_port(p, shown);
    VEC_PUSH(&b->ports, p);
    return ST_OK;
}

static ST open_ports(broker_t *b, const addresses_t *listeners, const addresses_t *shown,
                     err_t *err)
{
    if (listeners->len == 0)
        return err_set(err, ST_BAD_CONFIG,
                       "listeners names no port for Kafka clients, as in PLAINTEXT://:9092");
    for (size_t i = 0; i < listeners->len; i++) {
        if (!first_of_name(listeners, i))
            continue;
        broker_listener_t *l;
        TRY(broker_listener_find(b, listeners->ptr[i].name, &l, err));
        for (int32_t node = 0; node < b->config.nodes; node++)
            TRY(open_port(b, l, node, listeners, shown, err));
    }
    return ST_OK;
}

ST broker_ports_open(broker_t *b, err_t *err)
{
    addresses_t listeners = {0}, shown = {0};
    st_t st = read_addresses(b, "listeners", &listeners, err);
    if (st == ST_OK)
        st = read_addresses(b, "advertised.listeners", &shown, err);
    if (st == ST_OK)
        st = open_ports(b, &listeners, &shown, err);
    VEC_DONE(&listeners);
    VEC_DONE(&shown);
    return st;
}

void broker_ports_close(broker_t *b)
{
    for (size_t i = 0; i < b->ports.len; i++)
        io_tcp_close(b->ports.ptr[i]->poll.fd);
    VEC_DONE(&b->ports);
}

const broker_port_t *broker_port_of(const broker_t *b, const broker_port_t *like, int32_t node)
{
    for (size_t i = 0; i < b->ports.len; i++)
        if (b->ports.ptr[i]->node == node && b->ports.ptr[i]->listener == like->listener)
            return b->ports.ptr[i];
    return like;
}
