// SPDX-License-Identifier: Apache-2.0
/* Bodies of Monasca's alarm half. What is read prints and reads back as the same; what is refused
 * says why, and changes nothing. */
#include "kit.h"

#include "api/monasca.h"

#include <errno.h>

enum { TEXT = 1, MAYBE = 2, LIST = 4, WHOLE = 8, YES = 16 };

struct fields {
    struct ax_str text, maybe;
    struct ax_strs list;
    int64_t whole;
    bool yes;
};

static int read_fields(struct ax_request *q, struct fields *f, unsigned *given, struct ax_err *err)
{
    const struct ax_monasca_field fields[] = {{"name", AX_FIELD_STRING, TEXT, &f->text},
                                              {"link", AX_FIELD_MAYBE_STRING, MAYBE, &f->maybe},
                                              {"match_by", AX_FIELD_STRINGS, LIST, &f->list},
                                              {"period", AX_FIELD_WHOLE, WHOLE, &f->whole},
                                              {"actions_enabled", AX_FIELD_BOOL, YES, &f->yes},
                                              {.name = "links"}};
    *f = (struct fields){0};
    return ax_monasca_body(q, fields, AX_ARRAY_LEN(fields), TEXT, given, err);
}

static void print_list(struct ax_json *j, struct ax_strs v)
{
    ax_json_arr(j);
    for (size_t i = 0; i < v.n; i++)
        ax_json_str(j, v.v[i]);
    ax_json_end(j);
}

static void print(const struct fields *f, unsigned given, struct ax_buf *out)
{
    struct ax_json j = {.out = out};
    ax_json_obj(&j);
    ax_json_key(&j, "name");
    ax_json_str(&j, f->text);
    ax_json_key(&j, "link");
    if (given & MAYBE)
        ax_json_str(&j, f->maybe);
    else
        ax_json_null(&j);
    if (given & LIST) {
        ax_json_key(&j, "match_by");
        print_list(&j, f->list);
    }
    if (given & WHOLE) {
        ax_json_key(&j, "period");
        ax_json_int(&j, f->whole);
    }
    if (given & YES) {
        ax_json_key(&j, "actions_enabled");
        ax_json_bool(&j, f->yes);
    }
    ax_json_end(&j);
}

static void check_same(const struct fields *a, const struct fields *b)
{
    AX_ASSERT(ax_str_eq(a->text, b->text) && ax_str_eq(a->maybe, b->maybe));
    AX_ASSERT(a->whole == b->whole && a->yes == b->yes && a->list.n == b->list.n);
    for (size_t i = 0; i < a->list.n; i++)
        AX_ASSERT(ax_str_eq(a->list.v[i], b->list.v[i]));
}

FUZZ_TARGET(p, n)
{
    struct ax_request q = {0}, again = {0};
    struct fields f, g;
    struct ax_err err = {0};
    unsigned given = 77, same;
    ax_buf_add(&q.body, p, n);
    int rc = read_fields(&q, &f, &given, &err);
    if (rc < 0) {
        AX_ASSERT(rc == -EINVAL || rc == -EBADMSG || rc == -EFBIG);
        AX_ASSERT(err.text[0] && given == 77);
    } else {
        AX_ASSERT((given & TEXT) && ax_str_utf8(f.text) && !memchr(f.text.p, 0, f.text.n));
        print(&f, given, &again.body);
        AX_ASSERT(read_fields(&again, &g, &same, &err) == 0 && same == given);
        check_same(&f, &g);
    }
    ax_buf_free(&q.body);
    ax_buf_free(&again.body);
    ax_arena_free(&q.arena);
    ax_arena_free(&again.arena);
    return 0;
}
