/* The shell's own commands. */
#include "cli/shell.h"

#include <stdio.h>

typedef struct command {
    const char *name; /* its first words */
    const char *usage, *help;
    void (*run)(cli_shell_t *s, str_t argument);
} command_t;

static void help(cli_shell_t *s, str_t argument);

static void clear(cli_shell_t *s, str_t argument)
{
    (void)s;
    (void)argument;
    fputs("\033[2J\033[H", stdout);
}

static void leave(cli_shell_t *s, str_t argument)
{
    (void)argument;
    s->quit = true;
}

static void history(cli_shell_t *s, str_t argument)
{
    (void)argument;
    if (s->history)
        s->history(s->env);
}

static void output(cli_shell_t *s, str_t argument)
{
    if (str_eq_nocase(argument, STR("JSON")) || str_eq_nocase(argument, STR("TABULAR")))
        s->json = str_eq_nocase(argument, STR("JSON"));
    else if (argument.len)
        printf("The output is JSON or TABULAR, not '" STR_FMT "'.\n", STR_ARG(argument));
    printf("Output format: %s\n", s->json ? "JSON" : "TABULAR");
}

static void version(cli_shell_t *s, str_t argument)
{
    buf_t b = BUF_INIT;
    int status = 0;
    arena_t a;
    const json_value_t *v;
    err_t err;
    (void)argument;
    arena_init(&a, 16u << 20);
    printf("arus %s\n", ARUS_VERSION);
    if (cli_client_send(s->client, NULL, "/info", STR(""), &b, &status, &err) == ST_OK && status == 200 &&
        json_parse(&a, buf_str(&b), 0, &v, NULL) == ST_OK)
        printf("server " STR_FMT ": ksqlDB " STR_FMT "\n", STR_ARG(cli_client_url(s->client)),
               STR_ARG(json_get_text(json_get(v, "KsqlServerInfo"), "version", STR("?"))));
    arena_done(&a);
    buf_done(&b);
}

static void server(cli_shell_t *s, str_t argument)
{
    if (argument.len) {
        cli_client_free(s->client);
        s->client = cli_client_new(argument, CLI_TYPE_KSQL, s->interrupt_fd);
    }
    printf("Server: " STR_FMT "\n", STR_ARG(cli_client_url(s->client)));
}

static void run_script(cli_shell_t *s, str_t argument)
{
    if (argument.len > 1 && argument.ptr[0] == '\'')
        argument = str_sub(argument, 1, argument.len - 2);
    st_t st = cli_shell_run_file(s, argument);
    (void)st; /* printed */
}

static void set_wrap(cli_shell_t *s, str_t argument)
{
    if (str_eq_nocase(argument, STR("ON")) || str_eq_nocase(argument, STR("OFF")))
        s->wrap = str_eq_nocase(argument, STR("ON"));
    printf("Wrap: %s\n", s->wrap ? "ON" : "OFF");
}

static void set_width(cli_shell_t *s, str_t argument)
{
    int64_t n;
    if (str_to_i64(argument, &n) && n >= 0 && n < 10000)
        s->column_width = n;
    else if (argument.len)
        puts("The width of a column is a number; 0: what the terminal has room for.");
    printf("Column width: %lld\n", (long long)s->column_width);
}

static const command_t commands[] = {
    {"clear", "clear", "clears the screen", clear},
    {"exit", "exit", "leaves the shell", leave},
    {"quit", "quit", "leaves the shell", leave},
    {"help", "help", "lists the shell's commands", help},
    {"history", "history", "lists what was typed", history},
    {"output", "output [JSON|TABULAR]", "shows or sets how answers are shown", output},
    {"run script", "run script FILE", "runs the statements of a file", run_script},
    {"server", "server [URL]", "shows or changes the server", server},
    {"set cli wrap", "set cli wrap ON|OFF", "long values take more lines, or are cut", set_wrap},
    {"set cli column-width", "set cli column-width N", "of a query's rows; 0: by the terminal",
     set_width},
    {"unset cli column-width", "unset cli column-width", "as 0", set_width},
    {"version", "version", "versions of the shell and the server", version},
};

static void help(cli_shell_t *s, str_t argument)
{
    (void)s;
    (void)argument;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  %-26s %s\n", commands[i].usage, commands[i].help);
    puts("\nAll else is SQL, ends in a semicolon and may take several lines. Ctrl-C ends a query.");
}

/* Whether line begins with these words; the rest is the argument. */
static bool has_words(str_t line, str_t words, str_t *ret_rest)
{
    str_t word, have;
    while (str_split(&words, ' ', &word)) {
        line = str_trim(line);
        if (!str_split(&line, ' ', &have) || !str_eq_nocase(word, have))
            return false;
    }
    *ret_rest = str_trim(line);
    return true;
}

bool cli_shell_command(cli_shell_t *s, str_t line)
{
    line = str_trim(line);
    while (str_ends(line, STR(";")))
        line = str_trim(str_sub(line, 0, line.len - 1));
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        str_t rest;
        if (!has_words(line, str_of(commands[i].name), &rest))
            continue;
        if (str_starts_nocase(str_of(commands[i].name), STR("unset")))
            rest = STR("0");
        commands[i].run(s, rest);
        return true;
    }
    return false;
}
