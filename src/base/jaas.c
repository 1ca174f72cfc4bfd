#include "base/jaas.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(str_t *s)
{
    while (s->len && is_space(s->ptr[0]))
        *s = str_sub(*s, 1, s->len);
}

/* Up to white space, '=', ';'. */
static str_t take_word(str_t *s)
{
    size_t n = 0;
    skip_space(s);
    while (n < s->len && !is_space(s->ptr[n]) && s->ptr[n] != '=' && s->ptr[n] != ';')
        n++;
    str_t word = str_sub(*s, 0, n);
    *s = str_sub(*s, n, s->len);
    return word;
}

/* In double quotes, with backslashes before what would end it. False: it does not end. */
static bool take_quoted(str_t *s, arena_t *a, str_t *ret)
{
    char *to = arena_alloc(a, s->len);
    size_t n = 0, i = 1;
    for (; i < s->len && s->ptr[i] != '"'; i++) {
        if (s->ptr[i] == '\\' && i + 1 < s->len)
            i++;
        to[n++] = s->ptr[i];
    }
    if (i >= s->len)
        return false;
    *ret = str_n(to, n);
    *s = str_sub(*s, i + 1, s->len);
    return true;
}

static bool take_option(str_t *s, arena_t *a, jaas_option_t *ret)
{
    ret->name = arena_str(a, take_word(s));
    skip_space(s);
    if (!ret->name.len || !s->len || s->ptr[0] != '=')
        return false;
    *s = str_sub(*s, 1, s->len);
    skip_space(s);
    if (s->len && s->ptr[0] == '"')
        return take_quoted(s, a, &ret->value);
    ret->value = arena_str(a, take_word(s));
    return ret->value.len > 0;
}

static bool is_flag(str_t word)
{
    return str_eq_nocase(word, STR("required")) || str_eq_nocase(word, STR("requisite")) ||
           str_eq_nocase(word, STR("sufficient")) || str_eq_nocase(word, STR("optional"));
}

ST jaas_parse(str_t text, arena_t *a, jaas_t *ret, err_t *err)
{
    jaas_t j = {0};
    str_t s = text;
    j.module = arena_str(a, take_word(&s));
    bool good = j.module.len && is_flag(take_word(&s));
    for (skip_space(&s); good && s.len && s.ptr[0] != ';'; skip_space(&s)) {
        jaas_option_t o;
        good = take_option(&s, a, &o);
        if (good)
            VEC_PUSH(&j.options, o);
    }
    if (good && s.len && str_empty(str_trim(str_sub(s, 1, s.len)))) {
        *ret = j;
        return ST_OK;
    }
    size_t at = text.len - s.len, n = j.options.len;
    jaas_done(&j);
    return err_set(err, ST_BAD_CONFIG,
                   "expected CLASS required NAME=\"VALUE\" … ; but it goes wrong at character "
                   "%zu, after %zu options",
                   at + 1, n);
}

void jaas_done(jaas_t *j)
{
    VEC_DONE(&j->options);
}
