// SPDX-License-Identifier: Apache-2.0
/* People at the dashboard: a password for a token, the end of it, and who one is. Nothing of what
 * is secret here is logged or told in an error. */
#include "api/greet.h"

#include "base/clock.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define SESSION_MS (12 * 60 * 60 * 1000LL) /* a working day */

static void free_json(json_t **j)
{
    json_decref(*j);
}

static int read_field(const json_t *object, const char *name, bool needed, struct ax_str *out,
                      struct ax_err *err)
{
    const json_t *v = json_object_get(object, name);
    *out = AX_STR("");
    if (!needed && (!v || json_is_null(v)))
        return 0;
    if (!json_is_string(v))
        return ax_fail(err, -EINVAL, "%s is missing, or no string", name);
    *out = (struct ax_str){json_string_value(v), json_string_length(v)};
    return 0;
}

struct login {
    struct ax_str user, password, tenant; /* views in the JSON */
};

static int read_login(const json_t *body, struct login *out, struct ax_err *err)
{
    if (!json_is_object(body))
        return ax_fail(err, -EINVAL,
                       "the body is not as {\"user\":\"...\",\"password\":\"...\"} is");
    int rc = read_field(body, "user", true, &out->user, err);
    if (rc == 0)
        rc = read_field(body, "password", true, &out->password, err);
    return rc == 0 ? read_field(body, "tenant", false, &out->tenant, err) : rc;
}

static void failed(struct ax_request *q, struct ax_reply *r, const struct ax_err *err)
{
    switch (err->code) {
    case -EKEYREJECTED:
    case -EAGAIN:
    case -EPERM: ax_greet_refuse(q, r, err); break;
    default: ax_reply_auspex_errno(r, err); break;
    }
}

static void put_token(struct ax_reply *r, const char *text, const struct ax_who *who)
{
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "token");
    ax_json_cstr(&j, text);
    ax_json_key(&j, "expires");
    ax_json_time(&j, who->expires);
    ax_json_key(&j, "tenant");
    ax_json_cstr(&j, who->tenant);
    ax_json_key(&j, "role");
    ax_json_cstr(&j, ax_role_name((enum ax_role)who->roles));
    ax_json_end(&j);
}

/* False: the reply says so. */
static bool asks(struct ax_request *q, struct ax_reply *r)
{
    if (ax_api_rooms(q->api)->auth)
        return true;
    ax_reply_auspex_error(r, 404, "not_found",
                          "this server asks nobody who they are (--auth none)");
    return false;
}

/* Pages of other sites cannot send this type without asking first, which nobody grants them: they
 * cannot have a visitor's browser guess passwords. */
static int check_type(const struct ax_request *q, struct ax_err *err)
{
    if (ax_str_starts(q->content_type, AX_STR("application/json")))
        return 0;
    return ax_fail(err, -EINVAL, "the Content-Type is not application/json");
}

void ax_login(struct ax_request *q, struct ax_reply *r)
{
    char text[AX_TOKEN_TEXT];
    struct login l;
    struct ax_who who;
    struct ax_err err;
    if (!asks(q, r))
        return;
    int rc = check_type(q, &err);
    AX_CLEANUP(free_json)
    json_t *body =
        rc == 0 ? json_loadb(q->body.n ? q->body.p : "", q->body.n, JSON_REJECT_DUPLICATES, NULL)
                : NULL;
    if (rc == 0)
        rc = read_login(body, &l, &err);
    if (rc == 0)
        rc = ax_auth_login(ax_api_rooms(q->api)->auth, l.user, l.password, l.tenant,
                           q->greeting->claim.peer, ax_now_ms(), SESSION_MS, text, &who, &err);
    if (q->body.n)
        explicit_bzero(q->body.p, q->body.n);
    if (rc < 0)
        failed(q, r, &err);
    else
        put_token(r, text, &who);
    explicit_bzero(text, sizeof text);
}

void ax_logout(struct ax_request *q, struct ax_reply *r)
{
    struct ax_err err;
    bool ended;
    if (!asks(q, r))
        return;
    if (ax_auth_logout(ax_api_rooms(q->api)->auth, &q->greeting->claim, &ended, &err) < 0) {
        ax_reply_auspex_errno(r, &err);
        return;
    }
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "ended");
    ax_json_bool(&j, ended);
    ax_json_end(&j);
}

static void put_roles(struct ax_json *j, unsigned roles)
{
    ax_json_key(j, "roles");
    ax_json_arr(j);
    for (unsigned bit = AX_ROLE_PROVIDER; bit <= AX_ROLE_DELEGATE; bit <<= 1)
        if (roles & bit)
            ax_json_cstr(j, ax_role_name((enum ax_role)bit));
    ax_json_end(j);
}

static void put_may(struct ax_json *j, const struct ax_who *who)
{
    static const struct {
        unsigned bit;
        const char *name;
    } all[] = {{AX_MAY_READ, "read"},
               {AX_MAY_WRITE, "write"},
               {AX_MAY_DEFINE, "define"},
               {AX_MAY_ADMIN, "admin"},
               {AX_MAY_OTHER_TENANT, "other_tenant"},
               {AX_MAY_CONSENT, "consent"},
               {AX_MAY_COLLECT, "collect"}};
    ax_json_key(j, "may");
    ax_json_arr(j);
    for (size_t i = 0; i < AX_ARRAY_LEN(all); i++)
        if (ax_role_may(who->roles, all[i].bit))
            ax_json_cstr(j, all[i].name);
    ax_json_end(j);
}

static void put_who(struct ax_json *j, const struct ax_who *who)
{
    ax_json_key(j, "who");
    ax_json_obj(j);
    ax_json_key(j, "name");
    ax_json_cstr(j, who->name);
    ax_json_key(j, "tenant");
    ax_json_cstr(j, who->tenant);
    put_roles(j, who->roles);
    put_may(j, who);
    ax_json_key(j, "expires");
    ax_json_time(j, who->expires);
    ax_json_end(j);
}

static bool has_users(struct ax_auth *auth)
{
    struct ax_auth_stats s;
    ax_auth_stats(auth, &s);
    return s.users > 0;
}

/* Open, and never a 401: whoever asks wants to know whether they have to say who they are. */
void ax_whoami(struct ax_request *q, struct ax_reply *r)
{
    struct ax_auth *auth = ax_api_rooms(q->api)->auth;
    const struct ax_greeting *g = q->greeting;
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "asked");
    ax_json_bool(&j, auth != NULL);
    ax_json_key(&j, "users");
    ax_json_bool(&j, auth && has_users(auth));
    if (g->rc == 0) {
        put_who(&j, &q->who);
    } else {
        ax_json_key(&j, "who");
        ax_json_null(&j);
    }
    ax_json_key(&j, "why");
    ax_json_cstr(&j, g->rc < 0 ? g->err.text : NULL);
    ax_json_end(&j);
}
