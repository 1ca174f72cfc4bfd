/* The verb: its flags, and the loop that reads lines from a terminal. */
#include "cli/cli.h"

#include "base/vec.h"
#include "cli/shell.h"

#include <histedit.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_LINES  1000
#define PATH_MAX_BYTES 4096
#define URL_DEFAULT    "http://localhost:8088"

static const char usage[] =
    "usage: arus sql [URL] [-e STATEMENTS]... [-f FILE]... [-d name=value]... [--output "
    "JSON|TABULAR]\n"
    "\n"
    "Runs SQL on a server (http://localhost:8088): what -e and -f give, or what is typed.\n"
    "  -e, --execute STATEMENTS  runs these and ends; the first that fails ends it with exit code "
    "1\n"
    "  -f, --file FILE           runs the statements of a file\n"
    "  -d, --define name=value   a ${variable} of the statements\n"
    "  --output JSON|TABULAR     how answers are shown\n"
    "  --user NAME:PASSWORD      who asks; NAME:PASSWORD@ in the URL says it, too\n"
    "  --cacert FILE             authorities to trust for https\n"
    "  --query-row-limit N       a query ends after N rows\n"
    "  --query-timeout MS        a query ends after so long\n";

typedef struct terminal {
    EditLine *el;
    History *history;
    char path[PATH_MAX_BYTES]; /* of the history; empty: it is not kept */
    bool first;                /* line of a statement */
    bool cancelled;
} terminal_t;

/* ---- flags */

typedef struct job {
    bool file;
    str_t text;
} job_t;

typedef struct flags {
    str_t url, user, ca_file;
    VEC(job_t) jobs;
} flags_t;

static bool is_flag(const char *a, const char *brief, const char *name)
{
    return !strcmp(a, name) || (brief && !strcmp(a, brief));
}

static ST read_flag(flags_t *f, cli_shell_t *s, const char *name, str_t value, err_t *err)
{
    if (is_flag(name, "-e", "--execute"))
        VEC_PUSH(&f->jobs, (job_t){false, value});
    else if (is_flag(name, "-f", "--file"))
        VEC_PUSH(&f->jobs, (job_t){true, value});
    else if (is_flag(name, NULL, "--user"))
        f->user = value;
    else if (is_flag(name, NULL, "--cacert"))
        f->ca_file = value;
    else if (is_flag(name, "-d", "--define"))
        return cli_shell_define(s, value, err);
    else if (is_flag(name, NULL, "--query-row-limit") || is_flag(name, NULL, "--query-timeout")) {
        int64_t n;
        if (!str_to_i64(value, &n) || n < 0)
            return err_set(err, ST_BAD_CONFIG, "%s expects a number", name);
        *(strcmp(name, "--query-timeout") ? &s->row_limit : &s->query_timeout_ms) = n;
    } else if (is_flag(name, NULL, "--output")) {
        s->json = str_eq_nocase(value, STR("JSON"));
        if (!s->json && !str_eq_nocase(value, STR("TABULAR")))
            return err_set(err, ST_BAD_CONFIG, "--output expects JSON or TABULAR");
    } else {
        return err_set(err, ST_BAD_CONFIG, "unknown flag '%s'\n%s", name, usage);
    }
    return ST_OK;
}

static ST read_flags(flags_t *f, cli_shell_t *s, int argc, char **argv, err_t *err)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            f->url = str_of(argv[i]);
            continue;
        }
        if (i + 1 == argc)
            return err_set(err, ST_BAD_CONFIG, "%s expects a value\n%s", argv[i], usage);
        TRY(read_flag(f, s, argv[i], str_of(argv[i + 1]), err));
        i++;
    }
    return ST_OK;
}

/* ---- a terminal */

static char *prompt(EditLine *el)
{
    static const char first[] = "arus> ", more[] = "    > ";
    terminal_t *t;
    el_get(el, EL_CLIENTDATA, &t);
    return (char *)(uintptr_t)(t->first ? first : more);
}

/* Ctrl-C: what was typed is forgotten. */
static unsigned char cancel(EditLine *el, int c)
{
    terminal_t *t;
    (void)c;
    el_get(el, EL_CLIENTDATA, &t);
    t->cancelled = true;
    fputs("^C\n", stdout);
    return CC_NEWLINE;
}

/* $XDG_STATE_HOME/arus/sql_history, its directories made. */
static void find_history(terminal_t *t)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool given = state && state[0] == '/';
    if (!given && !home)
        return;
    int n = given ? snprintf(t->path, sizeof t->path, "%s/arus/sql_history", state)
                  : snprintf(t->path, sizeof t->path, "%s/.local/state/arus/sql_history", home);
    if (n <= 0 || (size_t)n >= sizeof t->path) {
        t->path[0] = 0;
        return;
    }
    for (char *p = t->path + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        if (mkdir(t->path, 0700) != 0 && access(t->path, X_OK) != 0) {
            t->path[0] = 0; /* it is not kept */
            return;
        }
        *p = '/';
    }
}

static void print_history(void *env)
{
    terminal_t *t = env;
    HistEvent e;
    for (int more = history(t->history, &e, H_LAST); more >= 0;
         more = history(t->history, &e, H_PREV))
        fputs(e.str, stdout);
}

static void terminal_open(terminal_t *t)
{
    HistEvent e;
    find_history(t);
    t->history = history_init();
    history(t->history, &e, H_SETSIZE, HISTORY_LINES);
    history(t->history, &e, H_SETUNIQUE, 1);
    if (t->path[0])
        history(t->history, &e, H_LOAD, t->path);
    t->el = el_init("arus", stdin, stdout, stderr);
    el_set(t->el, EL_CLIENTDATA, t);
    el_set(t->el, EL_PROMPT, prompt);
    el_set(t->el, EL_EDITOR, "emacs");
    el_set(t->el, EL_HIST, history, t->history);
    el_set(t->el, EL_ADDFN, "arus-cancel", "forgets the line", cancel);
    el_set(t->el, EL_BIND, "^C", "arus-cancel", NULL);
    el_set(t->el, EL_SETTY, "-d", "-isig", NULL);
}

static void terminal_close(terminal_t *t)
{
    HistEvent e;
    if (t->path[0])
        history(t->history, &e, H_SAVE, t->path);
    el_end(t->el);
    history_end(t->history);
}

static void remember(terminal_t *t, const buf_t *text)
{
    HistEvent e;
    buf_t line = BUF_INIT;
    for (size_t i = 0; i < text->len; i++)
        buf_put_char(&line, text->ptr[i] == '\n' && i + 1 < text->len ? ' ' : text->ptr[i]);
    buf_put_char(&line, 0);
    history(t->history, &e, H_ENTER, line.ptr);
    buf_done(&line);
}

static void run_typed(cli_shell_t *s, const buf_t *text)
{
    st_t st = cli_shell_command(s, buf_str(text)) ? ST_OK : cli_shell_run(s, buf_str(text));
    (void)st; /* printed; a person goes on */
}

/* Lines until one completes a statement, or is a command. */
static void interact(cli_shell_t *s)
{
    terminal_t t = {.first = true};
    buf_t text = BUF_INIT;
    terminal_open(&t);
    s->history = print_history;
    s->env = &t;
    printf("arus %s, server " STR_FMT ". 'help' lists the shell's commands, Ctrl-D leaves.\n",
           ARUS_VERSION, STR_ARG(cli_client_url(s->client)));
    while (!s->quit) {
        int n;
        t.first = text.len == 0;
        const char *line = el_gets(t.el, &n);
        if (!line || n <= 0)
            break;
        if (t.cancelled) {
            t.cancelled = false;
            buf_clear(&text);
            continue;
        }
        buf_put(&text, line, (size_t)n);
        str_t first = str_trim(buf_str(&text));
        bool command = t.first && str_find_char(first, ';') < 0 && cli_shell_command(s, first);
        if (!command && !cli_shell_complete(buf_str(&text)))
            continue;
        if (first.len)
            remember(&t, &text);
        if (!command && first.len)
            run_typed(s, &text);
        buf_clear(&text);
    }
    buf_done(&text);
    terminal_close(&t);
}

/* ---- without one */

static ST run_jobs(cli_shell_t *s, const flags_t *f)
{
    st_t st = ST_OK;
    for (size_t i = 0; i < f->jobs.len && st == ST_OK && !s->quit; i++)
        st = f->jobs.ptr[i].file ? cli_shell_run_file(s, f->jobs.ptr[i].text)
                                 : cli_shell_run(s, f->jobs.ptr[i].text);
    return st;
}

static int catch_interrupt(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int cli_main(int argc, char **argv)
{
    if (argc > 1 && is_flag(argv[1], "-h", "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    flags_t f = {.url = STR(URL_DEFAULT)};
    cli_shell_t s;
    err_t err;
    cli_shell_init(&s);
    int code = 0;
    if (read_flags(&f, &s, argc, argv, &err) != ST_OK) {
        fprintf(stderr, "arus sql: %s\n", err.msg);
        code = 2;
    } else {
        s.interactive = !f.jobs.len && isatty(STDIN_FILENO);
        s.interrupt_fd = s.interactive ? catch_interrupt() : -1;
        s.client = cli_client_new(f.url, CLI_TYPE_KSQL, s.interrupt_fd);
        cli_client_login(s.client, f.user, f.ca_file);
        if (s.interactive)
            interact(&s);
        else if (f.jobs.len)
            code = run_jobs(&s, &f) == ST_OK ? 0 : 1;
        else
            code = cli_shell_run_file(&s, STR("/dev/stdin")) == ST_OK ? 0 : 1;
    }
    if (s.interrupt_fd >= 0)
        close(s.interrupt_fd);
    VEC_DONE(&f.jobs);
    cli_shell_done(&s);
    return code;
}
