/* arus links: Kafka's and ksqlDB's commands by their own names. */
#include "app/verb.h"
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *verb;
} links[] = {
    {"kafka-acls", "acl"},
    {"kafka-configs", "configs"},
    {"kafka-console-consumer", "consume"},
    {"kafka-console-producer", "produce"},
    {"kafka-consumer-groups", "group"},
    {"kafka-delete-records", "delete-records"},
    {"kafka-dump-log", "log-dump"},
    {"kafka-get-offsets", "offsets"},
    {"kafka-topics", "topic"},
    {"kafka-transactions", "txn"},
    {"ksql", "sql"},
};

#define N_LINKS (sizeof links / sizeof *links)

const char *links_verb(const char *path)
{
    str_t name = str_of(path);
    for (size_t i = name.len; i-- > 0;)
        if (name.ptr[i] == '/') {
            name = str_sub(name, i + 1, SIZE_MAX);
            break;
        }
    if (str_ends(name, STR(".sh")))
        name.len -= 3;
    for (size_t i = 0; i < N_LINKS; i++)
        if (str_eq(name, str_of(links[i].name)))
            return links[i].verb;
    return NULL;
}

const char *links_name(size_t i)
{
    return i < N_LINKS ? links[i].name : NULL;
}

/* A link that is there already and leads here stays. */
static bool make_link(const char *program, const char *dir, const char *name, const char *suffix)
{
    buf_t path = BUF_INIT;
    buf_printf(&path, "%s/%s%s", dir, name, suffix);
    buf_put_char(&path, 0);
    char target[4096];
    bool made = symlink(program, path.ptr) == 0;
    int why = errno;
    ssize_t n = made ? 0 : readlink(path.ptr, target, sizeof target);
    if (!made && why == EEXIST && n > 0)
        made = str_eq(str_n(target, (size_t)n), str_of(program));
    if (!made)
        fprintf(stderr, "arus links: %s: %s\n", path.ptr, strerror(why));
    buf_done(&path);
    return made;
}

int verb_links(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-') {
        FILE *out = argc == 2 && !strcmp(argv[1], "--help") ? stdout : stderr;
        fputs("usage: arus links DIR\n\nMakes links to this program in DIR (made when it is "
              "missing), which behave as these commands, each also with .sh:\n",
              out);
        for (size_t i = 0; i < N_LINKS; i++)
            fprintf(out, "  %-24s arus %s\n", links[i].name, links[i].verb);
        return out == stdout ? 0 : 2;
    }
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        fprintf(stderr, "arus links: where is this program? %s\n", strerror(errno));
        return 1;
    }
    program[n] = 0;
    if (mkdir(argv[1], 0755) && errno != EEXIST) {
        fprintf(stderr, "arus links: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    bool all = true;
    for (size_t i = 0; i < N_LINKS; i++) {
        all &= make_link(program, argv[1], links[i].name, "");
        all &= make_link(program, argv[1], links[i].name, ".sh");
    }
    return all ? 0 : 1;
}
