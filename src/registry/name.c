#include "registry/name.h"

name_t name_split(str_t text)
{
    if (str_starts(text, NAME_ALL_CONTEXTS))
        return (name_t){STR("*"), str_sub(text, 3, text.len)};
    if (!str_starts(text, STR(":.")))
        return (name_t){NAME_DEFAULT_CONTEXT, text};
    str_t rest = str_sub(text, 1, text.len);
    ptrdiff_t end = str_find_char(rest, ':');
    if (end < 0)
        return (name_t){rest, STR("")};
    return (name_t){str_sub(rest, 0, (size_t)end), str_sub(rest, (size_t)end + 1, rest.len)};
}

bool name_is_default(name_t n)
{
    return str_eq(n.context, NAME_DEFAULT_CONTEXT);
}

str_t name_join(arena_t *a, str_t context, str_t subject)
{
    if (str_eq(context, NAME_DEFAULT_CONTEXT))
        return subject;
    return arena_printf(a, ":" STR_FMT ":" STR_FMT, STR_ARG(context), STR_ARG(subject));
}

str_t name_normal(arena_t *a, str_t text)
{
    name_t n = name_split(text);
    return name_join(a, n.context, n.subject);
}

str_t name_of_kin(arena_t *a, str_t parent, str_t text)
{
    name_t n = name_split(text);
    return name_join(a, name_is_default(n) ? name_split(parent).context : n.context, n.subject);
}

bool name_valid(str_t text, bool setting)
{
    name_t n = name_split(text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i], next = i + 1 < text.len ? (uint8_t)text.ptr[i + 1] : 0;
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0))
            return false;
    }
    if (str_eq(n.subject, STR("__GLOBAL")) || str_eq(n.subject, STR("__EMPTY")))
        return false;
    return setting || !str_eq(n.context, STR(".__GLOBAL"));
}

st_t name_context(arena_t *a, str_t text, str_t *ret, err_t *err)
{
    str_t s = text;
    if (str_starts(s, STR(":")))
        s = str_sub(s, 1, s.len);
    if (str_ends(s, STR(":")))
        s = str_sub(s, 0, s.len - 1);
    if (str_find_char(s, ':') >= 0)
        return err_set(err, ST_BAD_INPUT, "Context name '" STR_FMT "' cannot contain a colon",
                       STR_ARG(s));
    if (!str_starts(s, STR(".")))
        s = arena_printf(a, "." STR_FMT, STR_ARG(s));
    *ret = name_join(a, s, STR(""));
    return ST_OK;
}

bool name_within(str_t name, str_t whole)
{
    name_t w = name_split(whole);
    if (w.subject.len)
        return str_eq(name, whole);
    return str_eq(whole, NAME_GLOBAL) || str_eq(name_split(name).context, w.context);
}
