#include "app/host.h"

#include "base/trace.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

extern char **environ;

ST host_read_args(options_t *opt, int argc, char **argv, const char *usage, host_flag_fn *flag,
                  void *arg, err_t *err)
{
    const char *data = NULL;
    VEC(str_t) set = {0};
    st_t st = ST_OK;
    options_read_environment(opt, environ);
    options_t env = *opt;
    options_init(opt);
    for (int i = 1, taken; i < argc && st == ST_OK; i++) {
        str_t a = str_of(argv[i]);
        bool more = i + 1 < argc;
        if (str_eq(a, STR("--data")) && more)
            data = argv[++i];
        else if (str_eq(a, STR("-D")) && more)
            VEC_PUSH(&set, str_of(argv[++i]));
        else if (str_starts(a, STR("-D")) && a.len > 2)
            VEC_PUSH(&set, str_sub(a, 2, a.len));
        else if ((taken = flag(arg, a, more ? argv[i + 1] : NULL, &st, err)) > 0)
            i += taken - 1;
        else if (a.len && a.ptr[0] == '-')
            st = err_set(err, ST_BAD_CONFIG, "unknown flag '%s'\n%s", argv[i], usage);
        else
            st = options_read_file(opt, argv[i], err);
    }
    for (size_t i = 0; i < env.list.len; i++) /* the environment comes before the file */
        VEC_PUSH(&opt->list, (option_t){arena_str(&opt->arena, env.list.ptr[i].name),
                                        arena_str(&opt->arena, env.list.ptr[i].value)});
    options_done(&env);
    for (size_t i = 0; i < set.len && st == ST_OK; i++)
        st = options_set(opt, set.ptr[i], err);
    if (data && st == ST_OK)
        VEC_PUSH(&opt->list, (option_t){STR("log.dirs"), arena_str(&opt->arena, str_of(data))});
    VEC_DONE(&set);
    return st;
}

ST host_set_trace(const options_t *opt, err_t *err)
{
    trace_level_t level = TRACE_WARN;
    str_t name = options_get(opt, "arus.trace", STR("warn"));
    if (!trace_level_parse(name, &level))
        return err_set(err, ST_BAD_CONFIG,
                       "arus.trace must be error, warn, info or debug, not '" STR_FMT "'",
                       STR_ARG(name));
    trace_set_level(level);
    return ST_OK;
}

/* The log holds a file open a segment, the ports one a connection: as many as the system lets us
 * have. */
static void raise_open_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* then it stays what it was */
}

int host_catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd failed");
    raise_open_files();
    return fd;
}
