#include "rest/internal.h"

int rest_error_code(st_t st)
{
    switch ((int)st) {
    case ST_PARTIAL:
    case ST_BAD_INPUT:
    case ST_BAD_CONFIG:
    case ST_TOO_LARGE:
    case ST_NOT_FOUND:
    case ST_RANGE:
        return 40001;
    default:
        return st_ksql(st);
    }
}

static void put_both(buf_t *b, const char *type, int code, str_t message)
{
    buf_printf(b, "{\"@type\":\"%s\",\"error_code\":%d,\"message\":", type, code);
    json_put_str(b, message);
}

void rest_error_put(buf_t *b, int code, str_t message)
{
    put_both(b, "generic_error", code, message);
    BUF_LIT(b, "}");
}

void rest_error_put_statement(buf_t *b, int code, str_t message, str_t statement, str_t entities)
{
    put_both(b, "statement_error", code, message);
    json_put_member_str(b, "statementText", statement);
    BUF_LIT(b, ",\"entities\":[");
    buf_put_str(b, entities);
    BUF_LIT(b, "]}");
}

void rest_error_reply(http_request_t *http, int code, str_t message)
{
    buf_t b = BUF_INIT;
    rest_error_put(&b, code, message);
    http_reply(http, code / 100, REST_TYPE_JSON, buf_str(&b));
    buf_done(&b);
}
