/* internal.h: a request under way, inside rest/. All is the loop's thread's but job_answered and
 * job_notified, which the SQL server's thread calls. */
#ifndef ARUS_REST_INTERNAL_H
#define ARUS_REST_INTERNAL_H

#include "http/http.h"
#include "io/mailbox.h"
#include "rest/rest.h"

#include <pthread.h>

/* Bodies are parsed into an arena of at most so many bytes. */
#define REST_JSON_BYTES_MAX (64u << 20)

#define REST_TYPE_KSQL      "application/vnd.ksql.v1+json"
#define REST_TYPE_JSON      "application/json"
#define REST_TYPE_DELIMITED "application/vnd.ksqlapi.delimited.v1"

typedef struct rest_job rest_job_t;

struct rest {
    rest_options_t opt;
    arena_t life;
    io_loop_t *loop;
    http_server_t *http;
    io_mailbox_t answers; /* jobs that the SQL server has answered */
    io_mailbox_t notices; /* streams that have something new */
    io_mailbox_t orders;  /* to stop */
    io_timer_t deadline;  /* looks whether it has stopped */
    int64_t stop_ns;      /* when it stops waiting for clients */
    pthread_t thread;
    str_t *address;   /* one a listener */
    rest_job_t *jobs; /* all */
    bool stopping;
    int64_t n_push;  /* push queries that answer a request */
    map_t status;    /* command id → char *: its status as JSON, as /status gives it */
    arena_t scratch; /* within one handler */
};

/* A request that the SQL server works on. */
struct rest_job {
    io_mail_t answered; /* first */
    io_mail_t noticed;
    atomic_bool noticing; /* `noticed` is in the mailbox */
    rest_t *rest;
    rest_job_t *prev, *next;
    server_request_t request;
    http_request_t *http;          /* NULL: answered to its end */
    arena_t arena;                 /* the body's tree */
    const char *type;              /* of the answer */
    void (*finish)(rest_job_t *j); /* request is answered; frees j, or submits it again */
    /* query.c */
    const struct rest_rows *rows, *printed; /* the latter for PRINT; NULL: not acceptable */
    server_stream_t *stream;
    bool closing;
    buf_t items;
    size_t items_at;
    buf_t line;
    bool held; /* `line` has a row that waits for what follows it */
    /* inserts.c */
    str_t target, rows_left;
    int64_t seq; /* of the next row */
};

/* job.c */
/* A job for a request whose body, or its first line, is a JSON object (*ret_body). NULL when it is
 * none: it has been answered. */
rest_job_t *rest_job_new(rest_t *r, http_request_t *http, str_t body,
                         const json_value_t **ret_body);
/* Sets session properties or variables from a JSON object. */
void rest_job_set(map_t *m, const json_value_t *o);
void rest_job_submit(rest_job_t *j);
/* The HTTP request must have been answered. */
void rest_job_free(rest_job_t *j);
void rest_job_reply(rest_job_t *j, int status, const char *type, str_t body);

/* error.c */
/* ksqlDB's error_code for a statement that failed with st; its HTTP status is code / 100. */
int rest_error_code(st_t st);
void rest_error_put(buf_t *b, int code, str_t message);
void rest_error_put_statement(buf_t *b, int code, str_t message, str_t statement, str_t entities);
/* Answers with a generic_error. Takes the request. */
void rest_error_reply(http_request_t *http, int code, str_t message);

/* Handlers; env is the rest_t. */
void rest_ksql(void *env, http_request_t *http);
void rest_query(void *env, http_request_t *http);
void rest_query_stream(void *env, http_request_t *http);
void rest_inserts_stream(void *env, http_request_t *http);
void rest_close_query(void *env, http_request_t *http);
void rest_status_all(void *env, http_request_t *http);
void rest_status_one(void *env, http_request_t *http);
void rest_root(void *env, http_request_t *http);
void rest_info(void *env, http_request_t *http);
void rest_health(void *env, http_request_t *http);
void rest_cluster_status(void *env, http_request_t *http);
void rest_metadata(void *env, http_request_t *http);
void rest_metadata_id(void *env, http_request_t *http);
void rest_valid_property(void *env, http_request_t *http);
void rest_alive(void *env, http_request_t *http);
void rest_metrics(void *env, http_request_t *http);

/* Ends all queries that answer a request. */
void rest_queries_end(rest_t *r);
/* A stream has something new. */
void rest_query_pump(rest_job_t *j);

#endif
