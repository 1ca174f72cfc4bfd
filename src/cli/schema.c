/* arus schema: a Schema Registry from the command line. */
#include "cli/cli.h"

#include "base/json.h"
#include "base/vec.h"
#include "cli/client.h"
#include "io/text.h"

#include <stdio.h>
#include <stdlib.h>

#define URL_DEFAULT    "http://localhost:8081"
#define FILE_BYTES_MAX (16u << 20)
#define ARGS_MAX       3

static const char usage[] =
    "usage: arus schema [--url URL] [--user NAME:PASSWORD] [--cacert FILE] COMMAND\n"
    "\n"
    "Works with a Schema Registry: --url, or $SCHEMA_REGISTRY_URL, or http://localhost:8081;\n"
    "--user, or $SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO; --cacert: authorities to trust for https.\n"
    "  list [PREFIX] [--deleted]             subjects\n"
    "  versions SUBJECT [--deleted]          a subject's versions\n"
    "  get SUBJECT [VERSION]                 a schema's text; the latest version's\n"
    "  get --id ID                           the same by its id\n"
    "  register SUBJECT FILE [--type AVRO|JSON|PROTOBUF] [--ref NAME=SUBJECT@VERSION]...\n"
    "           [--normalize]                FILE -: what comes on stdin\n"
    "  check SUBJECT FILE [VERSION]          whether it may be registered; exit code 1 and the\n"
    "                                        reasons when not (--type, --ref, --normalize as "
    "above)\n"
    "  delete SUBJECT [VERSION] [--permanent]\n"
    "  config [SUBJECT|-] [LEVEL]            tells or sets the compatibility level; -: of all\n"
    "  mode [SUBJECT|-] [MODE] [--force]     tells or sets the mode\n"
    "  --json                                shows the registry's answer as it is\n";

typedef struct flags {
    str_t url, user, ca_file, type, id;
    bool json, deleted, permanent, normalize, force;
    VEC(str_t) refs;
    str_t arg[ARGS_MAX]; /* the command's; ptr NULL: not given */
    size_t n_args;
} flags_t;

typedef struct schema {
    flags_t flags;
    arena_t arena;
    cli_client_t *client;
    const char *method; /* of the request; NULL: by the body */
    buf_t path, body, answer;
    const json_value_t *reply;
} schema_t;

typedef struct command {
    const char *name;
    size_t min, max; /* arguments */
    /* Makes the request. */
    ST (*ask)(schema_t *s, err_t *err);
    /* Prints s->reply; the exit code. */
    int (*tell)(schema_t *s);
} command_t;

/* ---- requests */

static void put_segment(buf_t *b, str_t text)
{
    static const char plain[] = "-._~";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || (c && strchr(plain, c)))
            buf_put_char(b, c);
        else
            buf_printf(b, "%%%02X", (uint8_t)c);
    }
}

static void put_path(schema_t *s, const char *head, str_t name, const char *tail)
{
    buf_put_str(&s->path, str_of(head));
    put_segment(&s->path, name);
    buf_put_str(&s->path, str_of(tail));
}

static void put_query(schema_t *s, const char *name, bool on)
{
    bool first = str_find_char(buf_str(&s->path), '?') < 0;
    if (on)
        buf_printf(&s->path, "%c%s=true", first ? '?' : '&', name);
}

static ST read_file(schema_t *s, str_t path, str_t *ret, err_t *err)
{
    bool standard = str_eq(path, STR("-"));
    return io_text_read(&s->arena, standard ? STR("/dev/stdin") : path, FILE_BYTES_MAX, ret, err);
}

/* NAME=SUBJECT@VERSION */
static ST put_ref(buf_t *b, str_t text, err_t *err)
{
    str_t name, rest = text;
    ptrdiff_t at = -1;
    int32_t version;
    bool named = str_split(&rest, '=', &name) && rest.len;
    for (size_t i = 0; i < rest.len; i++)
        at = rest.ptr[i] == '@' ? (ptrdiff_t)i : at;
    if (!named || at <= 0 || !str_to_i32(str_sub(rest, (size_t)at + 1, rest.len), &version))
        return err_set(err, ST_BAD_CONFIG, "--ref expects NAME=SUBJECT@VERSION, not '" STR_FMT "'",
                       STR_ARG(text));
    json_put_item(b);
    buf_put_char(b, '{');
    json_put_member_str(b, "name", name);
    json_put_member_str(b, "subject", str_sub(rest, 0, (size_t)at));
    json_put_member_i64(b, "version", version);
    buf_put_char(b, '}');
    return ST_OK;
}

static ST put_schema(schema_t *s, err_t *err)
{
    str_t text;
    TRY(read_file(s, s->flags.arg[1], &text, err));
    buf_put_char(&s->body, '{');
    json_put_member_str(&s->body, "schema", text);
    if (s->flags.type.len)
        json_put_member_str(&s->body, "schemaType", s->flags.type);
    if (s->flags.refs.len) {
        json_put_name(&s->body, "references");
        buf_put_char(&s->body, '[');
        for (size_t i = 0; i < s->flags.refs.len; i++)
            TRY(put_ref(&s->body, s->flags.refs.ptr[i], err));
        buf_put_char(&s->body, ']');
    }
    buf_put_char(&s->body, '}');
    return ST_OK;
}

static st_t ask_list(schema_t *s, err_t *err)
{
    (void)err;
    buf_put_str(&s->path, STR("/subjects"));
    put_query(s, "deleted", s->flags.deleted);
    if (s->flags.n_args) {
        buf_put_str(&s->path, s->flags.deleted ? STR("&subjectPrefix=") : STR("?subjectPrefix="));
        put_segment(&s->path, s->flags.arg[0]);
    }
    return ST_OK;
}

static st_t ask_versions(schema_t *s, err_t *err)
{
    (void)err;
    put_path(s, "/subjects/", s->flags.arg[0], "/versions");
    put_query(s, "deleted", s->flags.deleted);
    return ST_OK;
}

static st_t ask_get(schema_t *s, err_t *err)
{
    if (s->flags.id.len) {
        put_path(s, "/schemas/ids/", s->flags.id, "");
        return ST_OK;
    }
    if (!s->flags.n_args)
        return err_set(err, ST_BAD_CONFIG, "get expects a subject, or --id ID");
    put_path(s, "/subjects/", s->flags.arg[0], "/versions/");
    put_segment(&s->path, s->flags.n_args > 1 ? s->flags.arg[1] : STR("latest"));
    return ST_OK;
}

static st_t ask_register(schema_t *s, err_t *err)
{
    put_path(s, "/subjects/", s->flags.arg[0], "/versions");
    put_query(s, "normalize", s->flags.normalize);
    return put_schema(s, err);
}

static st_t ask_check(schema_t *s, err_t *err)
{
    put_path(s, "/compatibility/subjects/", s->flags.arg[0], "/versions");
    if (s->flags.n_args > 2)
        put_path(s, "/", s->flags.arg[2], "");
    put_query(s, "verbose", true);
    put_query(s, "normalize", s->flags.normalize);
    return put_schema(s, err);
}

static st_t ask_delete(schema_t *s, err_t *err)
{
    (void)err;
    s->method = "DELETE";
    put_path(s, "/subjects/", s->flags.arg[0], "");
    if (s->flags.n_args > 1)
        put_path(s, "/versions/", s->flags.arg[1], "");
    put_query(s, "permanent", s->flags.permanent);
    return ST_OK;
}

static void ask_setting(schema_t *s, const char *path, const char *member)
{
    const flags_t *f = &s->flags;
    buf_put_str(&s->path, str_of(path));
    if (f->n_args && !str_eq(f->arg[0], STR("-")))
        put_path(s, "/", f->arg[0], "");
    if (f->n_args < 2) {
        put_query(s, "defaultToGlobal", true);
        return;
    }
    s->method = "PUT";
    put_query(s, "force", f->force);
    buf_put_char(&s->body, '{');
    json_put_member_str(&s->body, member, f->arg[1]);
    buf_put_char(&s->body, '}');
}

static st_t ask_config(schema_t *s, err_t *err)
{
    (void)err;
    ask_setting(s, "/config", "compatibility");
    return ST_OK;
}

static st_t ask_mode(schema_t *s, err_t *err)
{
    (void)err;
    ask_setting(s, "/mode", "mode");
    return ST_OK;
}

/* ---- answers */

static void print(str_t text)
{
    printf(STR_FMT "\n", STR_ARG(text));
}

static int tell_items(schema_t *s)
{
    if (s->reply->kind == JSON_NUMBER)
        print(s->reply->text);
    for (size_t i = 0; i < s->reply->n; i++)
        print(s->reply->item[i].text);
    return 0;
}

static int tell_schema(schema_t *s)
{
    print(json_get_text(s->reply, "schema", STR("")));
    return 0;
}

static int tell_registered(schema_t *s)
{
    printf("id %lld", (long long)json_get_i64(s->reply, "id", 0));
    if (json_get(s->reply, "version"))
        printf(", version %lld", (long long)json_get_i64(s->reply, "version", 0));
    putchar('\n');
    return 0;
}

static int tell_check(schema_t *s)
{
    const json_value_t *messages = json_get(s->reply, "messages");
    bool fits = json_get_bool(s->reply, "is_compatible", false);
    puts(fits ? "compatible" : "not compatible");
    for (size_t i = 0; messages && i < messages->n; i++)
        print(messages->item[i].text);
    return fits ? 0 : 1;
}

static int tell_config(schema_t *s)
{
    print(json_get_text(s->reply, "compatibilityLevel",
                        json_get_text(s->reply, "compatibility", STR(""))));
    return 0;
}

static int tell_mode(schema_t *s)
{
    print(json_get_text(s->reply, "mode", STR("")));
    return 0;
}

static const command_t commands[] = {
    {"check", 2, 3, ask_check, tell_check},
    {"config", 0, 2, ask_config, tell_config},
    {"delete", 1, 2, ask_delete, tell_items},
    {"get", 0, 2, ask_get, tell_schema},
    {"list", 0, 1, ask_list, tell_items},
    {"mode", 0, 2, ask_mode, tell_mode},
    {"register", 2, 2, ask_register, tell_registered},
    {"versions", 1, 1, ask_versions, tell_items},
};

/* ---- flags */

static ST read_switch(flags_t *f, str_t a, err_t *err)
{
    struct {
        const char *name;
        bool *on;
    } switches[] = {{"--json", &f->json},
                    {"--deleted", &f->deleted},
                    {"--permanent", &f->permanent},
                    {"--normalize", &f->normalize},
                    {"--force", &f->force}};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (str_eq(a, str_of(switches[i].name))) {
            *switches[i].on = true;
            return ST_OK;
        }
    return err_set(err, ST_BAD_CONFIG, "unknown flag '" STR_FMT "'\n%s", STR_ARG(a), usage);
}

static ST read_flags(flags_t *f, int argc, char **argv, const command_t **ret, err_t *err)
{
    str_t name = STR("");
    *ret = NULL;
    for (int i = 1; i < argc; i++) {
        str_t a = str_of(argv[i]), value = i + 1 < argc ? str_of(argv[i + 1]) : STR_NONE;
        str_t *to = str_eq(a, STR("--url"))      ? &f->url
                    : str_eq(a, STR("--user"))   ? &f->user
                    : str_eq(a, STR("--cacert")) ? &f->ca_file
                    : str_eq(a, STR("--type"))   ? &f->type
                    : str_eq(a, STR("--id"))     ? &f->id
                                                 : NULL;
        bool ref = str_eq(a, STR("--ref"));
        if ((to || ref) && !value.ptr)
            return err_set(err, ST_BAD_CONFIG, "%s expects a value", argv[i]);
        if (ref)
            VEC_PUSH(&f->refs, value);
        else if (to)
            *to = value;
        else if (a.len > 1 && a.ptr[0] == '-')
            TRY(read_switch(f, a, err));
        else if (!name.len)
            name = a;
        else if (f->n_args < ARGS_MAX)
            f->arg[f->n_args++] = a;
        else
            return err_set(err, ST_BAD_CONFIG, "too many arguments\n%s", usage);
        i += to || ref;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (str_eq(name, str_of(commands[i].name)) && f->n_args >= commands[i].min &&
            f->n_args <= commands[i].max)
            *ret = &commands[i];
    return *ret ? ST_OK : err_set(err, ST_BAD_CONFIG, "%s", usage);
}

/* ---- the verb */

static ST run(schema_t *s, const command_t *command, int *ret_code, err_t *err)
{
    int status;
    TRY(command->ask(s, err));
    buf_put_char(&s->path, 0);
    TRY(cli_client_send(s->client, s->method, s->path.ptr, buf_str(&s->body), &s->answer, &status,
                        err));
    bool good = status == 200;
    if (json_parse(&s->arena, buf_str(&s->answer), 0, &s->reply, NULL) != ST_OK)
        return err_set(err, ST_CORRUPT, "%d: no answer of a Schema Registry", status);
    if (!good)
        return err_set(err, ST_DENIED, "%lld: " STR_FMT,
                       (long long)json_get_i64(s->reply, "error_code", status),
                       STR_ARG(json_get_text(s->reply, "message", STR(""))));
    if (s->flags.json)
        print(buf_str(&s->answer));
    *ret_code = s->flags.json ? 0 : command->tell(s);
    return ST_OK;
}

int cli_schema(int argc, char **argv)
{
    const char *given = getenv("SCHEMA_REGISTRY_URL");
    const char *user = getenv("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO");
    schema_t s = {.flags = {.url = given ? str_of(given) : STR(URL_DEFAULT),
                            .user = str_of(user ? user : "")}};
    const command_t *command;
    err_t err;
    int code = 0;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(usage, stdout);
        return 0;
    }
    arena_init(&s.arena, ARENA_NO_LIMIT);
    st_t st = read_flags(&s.flags, argc, argv, &command, &err);
    if (st == ST_OK) {
        s.client = cli_client_new(s.flags.url, CLI_TYPE_REGISTRY, -1);
        cli_client_login(s.client, s.flags.user, s.flags.ca_file);
        st = run(&s, command, &code, &err);
        cli_client_free(s.client);
    }
    if (st != ST_OK)
        fprintf(stderr, "arus schema: %s\n", err.msg);
    buf_done(&s.path);
    buf_done(&s.body);
    buf_done(&s.answer);
    VEC_DONE(&s.flags.refs);
    arena_done(&s.arena);
    return st == ST_OK ? code : st == ST_BAD_CONFIG ? 2 : 1;
}
