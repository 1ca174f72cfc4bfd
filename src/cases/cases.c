#include "cases/cases.h"

#include "cases/topic.h"
#include "io/text.h"

#include <dirent.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (64u << 20)

typedef struct case_run {
    const json_value_t *node;
    str_t format;               /* replaces {FORMAT} */
    const json_value_t *config; /* {"name","value"}: replaces {CONFIG} */
    world_t world;
    size_t n_inserted; /* records from INSERT VALUES */
} case_run_t;

static str_t replace_all(arena_t *a, str_t s, str_t what, str_t with)
{
    buf_t b = BUF_INIT;
    ptrdiff_t at;
    while ((at = str_find(s, what)) >= 0) {
        buf_put(&b, s.ptr, (size_t)at);
        buf_put_str(&b, with);
        s = str_sub(s, (size_t)at + what.len, s.len);
    }
    buf_put_str(&b, s);
    str_t r = arena_str(a, buf_str(&b));
    buf_done(&b);
    return r;
}

static str_t fill_in(case_run_t *c, arena_t *a, str_t s)
{
    if (c->format.len)
        s = replace_all(a, s, STR("{FORMAT}"), c->format);
    if (c->config) {
        const json_value_t *v = json_get(c->config, "value");
        s = replace_all(a, s, STR("{CONFIG}"), v ? v->text : STR(""));
    }
    return s;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* Topics exist before the statements that name them: with 4 partitions unless the statement says
 * more. */
static void make_topic_of(world_t *w, const sql_stmt_t *s)
{
    if (s->kind != SQL_STMT_CREATE_SOURCE)
        return;
    str_t name = STR_NONE;
    int32_t partitions = 4, replicas = 1;
    for (size_t i = 0; i < s->create.props.len; i++) {
        const sql_prop_t *p = &s->create.props.ptr[i];
        if (str_eq_nocase(p->name, STR("KAFKA_TOPIC")))
            name = p->value->text;
        if (str_eq_nocase(p->name, STR("PARTITIONS")) && p->value->kind == SQL_EXPR_INTEGER)
            partitions = (int32_t)p->value->i64;
        if (str_eq_nocase(p->name, STR("REPLICAS")) && p->value->kind == SQL_EXPR_INTEGER)
            replicas = (int32_t)p->value->i64;
    }
    if (name.ptr)
        world_topic_add(w, name, partitions, replicas);
}

static ST run_script(case_run_t *c, str_t text, err_t *err)
{
    world_t *w = &c->world;
    const sql_piece_t *piece;
    size_t n;
    TRY(sql_parse_split(&w->arena, text, &piece, &n, err));
    for (size_t i = 0; i < n; i++) {
        sql_stmt_t *stmt;
        buf_t json = BUF_INIT;
        engine_reply_t reply = {.json = &json};
        st_t st = engine_parse(w->engine, &w->session, &w->arena, piece[i], &stmt, err);
        if (st == ST_OK) {
            make_topic_of(w, stmt);
            st = engine_execute(w->engine, &w->session, stmt, &reply, err);
        }
        buf_done(&json);
        TRY(st);
    }
    return ST_OK;
}

/* All of them are one script, so that positions in messages count lines from its beginning. */
static ST run_statements(case_run_t *c, err_t *err)
{
    const json_value_t *list = json_get(c->node, "statements");
    buf_t script = BUF_INIT;
    for (size_t i = 0; list && i < list->n; i++) {
        buf_put_str(&script, fill_in(c, &c->world.arena, list->item[i].text));
        buf_put_char(&script, '\n');
    }
    str_t text = arena_str(&c->world.arena, buf_str(&script));
    buf_done(&script);
    return run_script(c, text, err);
}

/* ---- records --------------------------------------------------------------------------------- */

static ST add_inputs(case_run_t *c, err_t *err)
{
    const json_value_t *list = json_get(c->node, "inputs"), *topics = json_get(c->node, "topics");
    for (size_t i = 0; list && i < list->n; i++) {
        str_t topic = fill_in(c, &c->world.arena, json_get_text(&list->item[i], "topic", STR("")));
        case_topic_t t = case_topic_of(&c->world, topics, topic);
        exec_input_t in;
        st_t st = case_record_read(&c->world, &t, topic, &list->item[i], &in, err);
        if (st != ST_OK)
            return err_wrap(err, st, "input %zu", i);
        world_record_add(&c->world, topic, &in, true);
    }
    return ST_OK;
}

static bool topic_expected(const json_value_t *outputs, str_t topic)
{
    for (size_t i = 0; i < outputs->n; i++)
        if (str_eq(json_get_text(&outputs->item[i], "topic", STR("")), topic))
            return true;
    return false;
}

static ST check_outputs(case_run_t *c, err_t *why)
{
    const json_value_t *outputs = json_get(c->node, "outputs"),
                       *topics = json_get(c->node, "topics");
    world_t *w = &c->world;
    if (!outputs)
        return ST_OK;
    size_t *seen = ARENA_ARRAY(&w->arena, size_t, w->records.len + 1);
    for (size_t i = 0; i < outputs->n; i++) {
        const json_value_t *want = &outputs->item[i];
        str_t topic = json_get_text(want, "topic", STR(""));
        size_t k = 0;
        while (k < w->records.len && (seen[k] || !str_eq(w->records.ptr[k].topic, topic)))
            k++;
        if (k == w->records.len)
            return err_set(why, ST_ASSERTION, "output %zu is missing%s%s", i,
                           w->first_failure.code ? ": " : "",
                           w->first_failure.code ? w->first_failure.msg : "");
        seen[k] = 1;
        case_topic_t t = case_topic_of(w, topics, topic);
        st_t st = case_record_match(w, &t, topic, want, &w->records.ptr[k].in, why);
        if (st != ST_OK)
            return err_wrap(why, st, "output %zu", i);
    }
    for (size_t k = 0; k < w->records.len; k++)
        if (!seen[k] && topic_expected(outputs, w->records.ptr[k].topic))
            return err_set(why, ST_ASSERTION,
                           "there is an output that is not expected, to " STR_FMT ", at %lld ms",
                           STR_ARG(w->records.ptr[k].topic), (long long)w->records.ptr[k].in.ts_ms);
    return ST_OK;
}

/* ---- post conditions ------------------------------------------------------------------------- */

static ST check_source(case_run_t *c, const json_value_t *want, err_t *why)
{
    world_t *w = &c->world;
    str_t name = json_get_text(want, "name", STR("")), type = json_get_text(want, "type", STR(""));
    const catalog_source_t *s = catalog_get(engine_catalog(w->engine), name);
    if (!s)
        return err_set(why, ST_ASSERTION, "there is no source " STR_FMT, STR_ARG(name));
    if (type.len && str_eq_nocase(type, STR("table")) != s->table)
        return err_set(why, ST_ASSERTION, "source " STR_FMT " is no " STR_FMT, STR_ARG(name),
                       STR_ARG(type));
    const json_value_t *schema = json_get(want, "schema");
    if (schema && schema->kind == JSON_STRING) {
        str_t text =
            arena_printf(&w->arena, "CREATE STREAM X (" STR_FMT ") WITH (KAFKA_TOPIC='x');",
                         STR_ARG(schema->text));
        sql_stmt_t *const *stmts;
        size_t n;
        st_t st = sql_parse(&w->arena, text, NULL, &stmts, &n, why);
        if (st != ST_OK)
            return err_wrap(why, st, "the case's schema");
        const sql_columns_t *cols = &stmts[0]->create.columns;
        size_t k = 0, v = 0;
        bool same = true;
        for (size_t i = 0; i < cols->len && same; i++) {
            const data_type_t *t;
            TRY(sql_type_resolve(&w->arena, cols->ptr[i].type, NULL, NULL, &t, why));
            bool key = cols->ptr[i].role != SQL_COLUMN_VALUE;
            if (cols->ptr[i].role == SQL_COLUMN_HEADERS || cols->ptr[i].role == SQL_COLUMN_HEADER)
                continue;
            data_columns_t list = key ? s->key : s->value;
            size_t at = key ? k++ : v++;
            same = at < list.len && str_eq(list.ptr[at].name, cols->ptr[i].name) &&
                   data_type_eq(list.ptr[at].type, t);
        }
        if (!same || k != s->key.len || v != s->value.len)
            return err_set(
                why, ST_ASSERTION, "source " STR_FMT " should have " STR_FMT ", has " STR_FMT,
                STR_ARG(name), STR_ARG(schema->text), STR_ARG(catalog_schema_text(&w->arena, s)));
    }
    str_t kf = json_get_text(want, "keyFormat", STR("")),
          vf = json_get_text(want, "valueFormat", STR(""));
    const json_value_t *kn = json_get(want, "keyFormat"), *vn = json_get(want, "valueFormat");
    if (kn && kn->kind == JSON_OBJECT)
        kf = json_get_text(kn, "format", STR(""));
    if (vn && vn->kind == JSON_OBJECT)
        vf = json_get_text(vn, "format", STR(""));
    if (kf.len && !str_eq(kf, str_of(format_name(s->key_format.id))))
        return err_set(why, ST_ASSERTION, "source " STR_FMT ": key format is %s", STR_ARG(name),
                       format_name(s->key_format.id));
    if (vf.len && !str_eq(vf, str_of(format_name(s->value_format.id))))
        return err_set(why, ST_ASSERTION, "source " STR_FMT ": value format is %s", STR_ARG(name),
                       format_name(s->value_format.id));
    return ST_OK;
}

static ST check_step_names(case_run_t *c, const engine_query_t *q, const plan_step_t *s,
                           const regex_t *re, err_t *why)
{
    if (s->kind == PLAN_EXCHANGE) {
        str_t name = arena_printf(&c->world.arena,
                                  "_confluent-ksql-some.ksql.service.idquery_" STR_FMT "-" STR_FMT,
                                  STR_ARG(q->id), STR_ARG(s->exchange.topic));
        if (!regexec(re, arena_z(&c->world.arena, name), 0, NULL, 0))
            return err_set(why, ST_ASSERTION, "there should be no topic " STR_FMT, STR_ARG(name));
    }
    for (int i = 0; i < 2; i++)
        if (s->in[i])
            TRY(check_step_names(c, q, s->in[i], re, why));
    return ST_OK;
}

static ST check_topics(case_run_t *c, const json_value_t *want, err_t *why)
{
    world_t *w = &c->world;
    str_t black = json_get_text(want, "blacklist", STR(""));
    if (black.len) {
        regex_t re;
        if (regcomp(&re,
                    arena_z(&w->arena, arena_printf(&w->arena, "^(" STR_FMT ")$", STR_ARG(black))),
                    REG_EXTENDED | REG_NOSUB))
            return err_set(why, ST_BAD_INPUT, "the blacklist is no regular expression");
        st_t st = ST_OK;
        for (size_t i = 0; i < w->queries.len && st == ST_OK; i++)
            st = check_step_names(c, w->queries.ptr[i], w->queries.ptr[i]->plan->root, &re, why);
        regfree(&re);
        TRY(st);
    }
    const json_value_t *list = json_get(want, "topics");
    for (size_t i = 0; list && i < list->n; i++) {
        str_t name = json_get_text(&list->item[i], "name", STR(""));
        int64_t partitions = json_get_i64(&list->item[i], "partitions", 0);
        if (str_starts(name, STR("_confluent")))
            continue; /* internal ones are exchanged in memory */
        engine_topic_t t;
        TRY(engine_host(w->engine)->topic_get(w, name, &t, why));
        if (partitions && partitions != t.partitions)
            return err_set(why, ST_ASSERTION, "topic " STR_FMT " has %d partitions", STR_ARG(name),
                           t.partitions);
    }
    return ST_OK;
}

static ST check_post(case_run_t *c, err_t *why)
{
    const json_value_t *post = json_get(c->node, "post"), *sources = json_get(post, "sources"),
                       *topics = json_get(post, "topics");
    for (size_t i = 0; sources && i < sources->n; i++)
        TRY(check_source(c, &sources->item[i], why));
    return topics ? check_topics(c, topics, why) : ST_OK;
}

/* ---- a case ---------------------------------------------------------------------------------- */

static void set_properties(case_run_t *c)
{
    const json_value_t *p = json_get(c->node, "properties");
    for (size_t i = 0; p && p->kind == JSON_OBJECT && i < p->n; i++) {
        buf_t b = BUF_INIT;
        if (p->item[i].kind == JSON_STRING)
            buf_put_str(&b, fill_in(c, &c->world.arena, p->item[i].text));
        else
            json_put_value(&b, &p->item[i]);
        engine_set(c->world.engine, p->name[i], buf_str(&b));
        buf_done(&b);
    }
}

/* Where ksqlDB's query dies of a record, ours counts the failure and goes on. */
static bool fails_at_work(str_t message)
{
    return str_find(message, STR("Exception caught in process")) >= 0 ||
           str_find(message, STR("Fatal user code error")) >= 0;
}

static ST run_case(case_run_t *c, err_t *why)
{
    const json_value_t *expect = json_get(c->node, "expectedException");
    set_properties(c);
    TRY(case_topics_make(&c->world, json_get(c->node, "topics"), why));
    err_t err = {0};
    st_t st = run_statements(c, &err);
    if (expect) {
        str_t message = fill_in(c, &c->world.arena, json_get_text(expect, "message", STR("")));
        if (st == ST_OK && fails_at_work(message)) {
            TRY(add_inputs(c, why));
            TRY(world_run(&c->world, why));
            return c->world.first_failure.code ? ST_OK
                                               : err_set(why, ST_ASSERTION, "no record failed");
        }
        if (st == ST_OK)
            return err_set(why, ST_ASSERTION, "an error was expected: " STR_FMT, STR_ARG(message));
        if (message.len && str_find(str_of(err.msg), message) < 0)
            return err_set(why, ST_ASSERTION, "expected the error \"" STR_FMT "\", got \"%s\"",
                           STR_ARG(message), err.msg);
        return ST_OK;
    }
    if (st != ST_OK) {
        *why = err;
        return st;
    }
    TRY(add_inputs(c, why));
    TRY(world_run(&c->world, why));
    TRY(check_outputs(c, why));
    return check_post(c, why);
}

typedef struct file_run {
    str_t name, only;
    FILE *out;
    cases_count_t *count;
} file_run_t;

static void put_one_line(FILE *out, const char *s)
{
    for (; *s; s++)
        fputc(*s == '\n' ? ' ' : *s, out);
    fputc('\n', out);
}

static void one(file_run_t *f, const json_value_t *node, str_t format, const json_value_t *config)
{
    char name[600];
    str_t n = json_get_text(node, "name", STR("?"));
    str_t cn = config ? json_get_text(config, "name", STR("")) : STR("");
    snprintf(name, sizeof name, STR_FMT ": " STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(f->name),
             STR_ARG(n), format.len ? " - " : "", STR_ARG(format), cn.len ? " - " : "",
             STR_ARG(cn));
    if (f->only.len && str_find(str_of(name), f->only) < 0)
        return;
    case_run_t c = {.node = node, .format = format, .config = config};
    err_t why = {0};
    world_init(&c.world);
    st_t st = run_case(&c, &why);
    world_done(&c.world);
    if (st == ST_OK) {
        f->count->passed++;
        fprintf(f->out, "PASS %s\n", name);
    } else {
        f->count->failed++;
        fprintf(f->out, "FAIL %s: ", name);
        put_one_line(f->out, why.msg);
    }
}

static void all_forms(file_run_t *f, const json_value_t *node)
{
    const json_value_t *formats = json_get(node, "format"), *configs = json_get(node, "config");
    if (!json_get_bool(node, "enabled", true))
        return;
    for (size_t i = 0; i < (formats ? formats->n : 1); i++)
        for (size_t k = 0; k < (configs ? configs->n : 1); k++)
            one(f, node, formats ? formats->item[i].text : STR_NONE,
                configs ? &configs->item[k] : NULL);
}

static ST run_file(const char *path, str_t only, FILE *out, cases_count_t *count, err_t *err)
{
    str_t text;
    arena_t a;
    arena_init(&a, ARENA_NO_LIMIT);
    const json_value_t *root = NULL;
    st_t st = io_text_read(&a, str_of(path), FILE_BYTES_MAX, &text, err);
    if (st == ST_OK)
        st = json_parse(&a, text, JSON_LENIENT, &root, err);
    if (st == ST_OK) {
        const char *slash = strrchr(path, '/');
        file_run_t f = {str_of(slash ? slash + 1 : path), only, out, count};
        if (str_ends(f.name, STR(".json")))
            f.name.len -= 5;
        const json_value_t *tests = json_get(root, "tests");
        for (size_t i = 0; tests && i < tests->n; i++)
            all_forms(&f, &tests->item[i]);
    } else {
        count->failed++;
        fprintf(out, "FAIL %s: %s\n", path, err ? err->msg : "");
    }
    arena_done(&a);
    return st;
}

static int only_json(const struct dirent *d)
{
    return str_ends(str_of(d->d_name), STR(".json"));
}

st_t cases_run(str_t path, str_t only, FILE *out, cases_count_t *count, err_t *err)
{
    char z[4096];
    snprintf(z, sizeof z, STR_FMT, STR_ARG(path));
    struct stat st;
    if (stat(z, &st))
        return err_set(err, ST_NOT_FOUND, "there is no file or folder %s", z);
    if (!S_ISDIR(st.st_mode))
        return run_file(z, only, out, count, err);
    struct dirent **list;
    int n = scandir(z, &list, only_json, alphasort);
    for (int i = 0; i < n; i++) {
        char file[8192];
        snprintf(file, sizeof file, "%s/%s", z, list[i]->d_name);
        if (run_file(file, only, out, count, err) != ST_OK)
            fflush(out);
        free(list[i]);
    }
    free(list);
    return ST_OK;
}
