#include "sink/options.h"

#include "base/vec.h"

#define BATCH_RECORDS_MAX 1000000

static str_t text(const connector_config_t *c, arena_t *a, const char *name, str_t otherwise)
{
    return arena_str(a, str_trim(connector_get(c, name, otherwise)));
}

/* The last part of a Java class name. */
static str_t class_of(str_t name)
{
    for (size_t i = name.len; i-- > 0;)
        if (name.ptr[i] == '.')
            return str_sub(name, i + 1, name.len);
    return name;
}

static ST read_topics(const connector_config_t *c, arena_t *a, sink_options_t *o, err_t *err)
{
    str_t list = connector_get(c, "topics", STR(""));
    VEC(sink_topic_options_t) topics = {0};
    str_t all = text(c, a, "collection", STR(""));
    for (str_t name; str_split(&list, ',', &name);) {
        name = str_trim(name);
        if (!name.len)
            continue;
        str_t option = arena_printf(a, "topic.override." STR_FMT ".collection", STR_ARG(name));
        VEC_PUSH(&topics,
                 (sink_topic_options_t){arena_str(a, name), text(c, a, arena_z(a, option), all)});
    }
    o->n_topics = topics.len;
    sink_topic_options_t *copy = ARENA_ARRAY(a, sink_topic_options_t, topics.len + 1);
    for (size_t i = 0; i < topics.len; i++)
        copy[i] = topics.ptr[i];
    o->topic = copy;
    VEC_DONE(&topics);
    if (!o->n_topics)
        return err_set(err, ST_BAD_CONFIG,
                       "'topics' must name what to store: topics, streams or tables, with commas");
    return ST_OK;
}

static ST read_id(const connector_config_t *c, arena_t *a, sink_options_t *o, err_t *err)
{
    static const struct {
        const char *name;
        sink_id_t id;
        const char *list;
    } strategy[] = {
        {"FullKeyStrategy", SINK_ID_FULL_KEY, NULL},
        {"KafkaMetaDataStrategy", SINK_ID_POSITION, NULL},
        {"PartialKeyStrategy", SINK_ID_COLUMNS, "document.id.strategy.partial.key.projection.list"},
        {"PartialValueStrategy", SINK_ID_COLUMNS,
         "document.id.strategy.partial.value.projection.list"},
        {"ProvidedInKeyStrategy", SINK_ID_PROVIDED, NULL},
        {"ProvidedInValueStrategy", SINK_ID_PROVIDED, NULL},
    };
    str_t given = connector_get(c, "document.id.strategy", STR(""));
    str_t class = class_of(str_trim(given));
    o->id = SINK_ID_KEY;
    if (!class.len)
        return ST_OK;
    for (size_t i = 0; i < sizeof strategy / sizeof *strategy; i++) {
        if (!str_eq_nocase(class, str_of(strategy[i].name)))
            continue;
        o->id = strategy[i].id;
        if (strategy[i].list)
            o->id_list = text(c, a, strategy[i].list, STR(""));
        return ST_OK;
    }
    if (str_eq_nocase(class, STR("BsonOidStrategy")) || str_eq_nocase(class, STR("UuidStrategy")))
        return err_set(err, ST_BAD_CONFIG,
                       "document.id.strategy " STR_FMT " would store a record twice when it comes "
                       "twice: leave it out to store by key, or take KafkaMetaDataStrategy",
                       STR_ARG(class));
    return err_set(err, ST_BAD_CONFIG, "document.id.strategy '" STR_FMT "' is not known",
                   STR_ARG(given));
}

static ST check_write_model(const connector_config_t *c, err_t *err)
{
    static const char *const fine[] = {"DefaultWriteModelStrategy", "ReplaceOneDefaultStrategy",
                                       "ReplaceOneBusinessKeyStrategy"};
    str_t given = connector_get(c, "writemodel.strategy", STR_NONE);
    str_t class = class_of(str_trim(given));
    if (!class.len)
        return ST_OK;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (str_eq_nocase(class, str_of(fine[i])))
            return ST_OK;
    return err_set(err, ST_BAD_CONFIG,
                   "writemodel.strategy '" STR_FMT "' does not run here: documents are replaced "
                   "whole by what identifies them (ReplaceOneBusinessKeyStrategy)",
                   STR_ARG(given));
}

static ST read_errors(const connector_config_t *c, arena_t *a, sink_options_t *o, err_t *err)
{
    str_t given = str_trim(connector_get(c, "errors.tolerance", STR("")));
    given = str_trim(connector_get(c, "mongo.errors.tolerance", given));
    o->dead_topic = text(c, a, "errors.deadletterqueue.topic.name", STR(""));
    TRY(connector_get_bool(c, "errors.deadletterqueue.context.headers.enable", true,
                           &o->dead_headers, err));
    if (!given.len)
        o->tolerance = o->dead_topic.len ? SINK_TOLERATE_ALL : SINK_TOLERATE_NONE;
    else if (str_eq_nocase(given, STR("none")))
        o->tolerance = SINK_TOLERATE_NONE;
    else if (str_eq_nocase(given, STR("data")))
        o->tolerance = SINK_TOLERATE_DATA;
    else if (str_eq_nocase(given, STR("all")))
        o->tolerance = SINK_TOLERATE_ALL;
    else
        return err_set(err, ST_BAD_CONFIG,
                       "errors.tolerance must be none, data or all, not '" STR_FMT "'",
                       STR_ARG(given));
    if (o->dead_topic.len && o->tolerance == SINK_TOLERATE_NONE)
        return err_set(err, ST_BAD_CONFIG,
                       "errors.deadletterqueue.topic.name is of no use with errors.tolerance none: "
                       "set errors.tolerance to all or data");
    return ST_OK;
}

st_t sink_options_read(const connector_config_t *c, arena_t *a, sink_options_t *ret, err_t *err)
{
    sink_options_t o = {.name = arena_str(a, c->name),
                        .uri = text(c, a, "connection.uri", STR("")),
                        .database = text(c, a, "database", STR("kafka")),
                        .deletes = -1};
    TRY(read_topics(c, a, &o, err));
    TRY(read_id(c, a, &o, err));
    TRY(check_write_model(c, err));
    TRY(read_errors(c, a, &o, err));
    TRY(connector_get_i64(c, "max.batch.size", 0, 0, BATCH_RECORDS_MAX, &o.batch_records, err));
    TRY(connector_get_i64(c, "max.retries", -1, -1, INT32_MAX, &o.max_retries, err));
    TRY(connector_get_i64(c, "retry.backoff.ms", 100, 1, 600000, &o.backoff_ms, err));
    TRY(connector_get_i64(c, "retry.backoff.max.ms", 5000, 1, 600000, &o.backoff_max_ms, err));
    if (connector_get(c, "delete.on.null.values", STR_NONE).ptr) {
        bool deletes;
        TRY(connector_get_bool(c, "delete.on.null.values", true, &deletes, err));
        o.deletes = deletes;
    }
    *ret = o;
    return ST_OK;
}
