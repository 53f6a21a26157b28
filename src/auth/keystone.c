// SPDX-License-Identifier: Apache-2.0
/* What is known of tokens of Keystone's, and who asks. */
#include "auth/inner.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#define CACHE_MS   (5 * 60 * 1000)
#define REFUSED_MS 10000
#define AWAY_MS    2000
#define SETS       1024
#define LINES      4 /* that ask at once */
#define WAITING    8 /* requests that may wait for them */

struct ax_keystone {
    struct ax_arena arena;
    struct ax_keystone_options o;
    struct ax_cache *good, *bad;
    struct ax_asker *asker;
    _Atomic uint64_t asked, away;

    pthread_mutex_t lock;
    pthread_cond_t hung_up;
    unsigned waiting;
    struct {
        struct ax_line *line;
        bool busy;
        uint8_t key[AX_DIGEST]; /* of the token that it asks about */
    } lines[LINES];
    int64_t away_until;
    struct ax_err away_err;
};

static void key_of(struct ax_str token, uint8_t key[AX_DIGEST])
{
    ax_secret_digest(&token, 1, key);
}

static int refused(struct ax_err *err)
{
    return ax_fail(err, -EKEYREJECTED, "Keystone does not know the token, or it is for no project");
}

static bool known(struct ax_keystone *k, const uint8_t key[AX_DIGEST], int64_t now, int *rc,
                  struct ax_who *out, struct ax_err *err)
{
    if (ax_cache_get(k->good, key, now, out)) {
        *rc = 0;
        return true;
    }
    if (!ax_cache_get(k->bad, key, now, NULL))
        return false;
    *rc = refused(err);
    return true;
}

bool ax_keystone_known(struct ax_keystone *k, struct ax_str token, int64_t now, int *rc,
                       struct ax_who *out, struct ax_err *err)
{
    uint8_t key[AX_DIGEST];
    if (!ax_keystone_token_ok(token)) {
        *rc = ax_fail(err, -EKEYREJECTED, "the token is not valid (blanks in it, or too long)");
        return true;
    }
    key_of(token, key);
    return known(k, key, now, rc, out, err);
}

/* ---- one asks, the others wait ---- */

/* Is it away, as of lately? With the lock held. A clock that was put back must not keep it away. */
static bool is_away(const struct ax_keystone *k, int64_t now)
{
    return now < k->away_until && k->away_until <= now + AWAY_MS;
}

/* A free line, or -1 when all are busy, or one of them with this token. With the lock held. */
static int free_line(const struct ax_keystone *k, const uint8_t key[AX_DIGEST])
{
    int found = -1;
    for (int i = 0; i < LINES; i++) {
        if (!k->lines[i].busy)
            found = i;
        else if (ax_secret_eq(k->lines[i].key, key, AX_DIGEST))
            return -1;
    }
    return found;
}

/* Takes a line: its number, or an error; *rc and out are filled when another has found it out
 * meanwhile (AX_KNOWN). */
#define AX_KNOWN LINES
static int take_line(struct ax_keystone *k, const uint8_t key[AX_DIGEST], int64_t now, int *rc,
                     struct ax_who *out, struct ax_err *err)
{
    int line;
    pthread_mutex_lock(&k->lock);
    for (;;) {
        if (known(k, key, now, rc, out, err)) {
            line = AX_KNOWN;
            break;
        }
        if (is_away(k, now)) {
            k->away++;
            line = ax_fail(err, -EHOSTUNREACH, "%s", k->away_err.text);
            break;
        }
        line = free_line(k, key);
        if (line >= 0) {
            k->lines[line].busy = true;
            memcpy(k->lines[line].key, key, AX_DIGEST);
            break;
        }
        if (k->waiting == WAITING) {
            line = ax_fail(err, -EBUSY, "Keystone is slow, and many wait for it: try again");
            break;
        }
        k->waiting++;
        pthread_cond_wait(&k->hung_up, &k->lock);
        k->waiting--;
    }
    pthread_mutex_unlock(&k->lock);
    return line;
}

static void give_line(struct ax_keystone *k, int line, int64_t now, int rc,
                      const struct ax_err *err)
{
    pthread_mutex_lock(&k->lock);
    k->lines[line].busy = false;
    if (rc == -EHOSTUNREACH) {
        k->away++;
        k->away_until = now + AWAY_MS;
        k->away_err = *err;
    }
    pthread_cond_broadcast(&k->hung_up);
    pthread_mutex_unlock(&k->lock);
}

static void remember(struct ax_keystone *k, const uint8_t key[AX_DIGEST], int64_t now, int rc,
                     const struct ax_who *who)
{
    int64_t until = now + k->o.cache_ms;
    if (rc == 0)
        ax_cache_put(k->good, key, who->expires < until ? who->expires : until, who);
    else if (rc == -EKEYREJECTED || rc == -EKEYEXPIRED)
        ax_cache_put(k->bad, key, now + REFUSED_MS, NULL);
}

static int ask(struct ax_keystone *k, int line, struct ax_str token, int64_t now,
               struct ax_who *out, struct ax_err *err)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf json = AX_BUF_INIT;
    struct ax_who who;
    k->asked++;
    int rc = ax_asker_ask(k->asker, k->lines[line].line, token, &json, err);
    if (rc == 0)
        rc = ax_keystone_said(ax_buf_view(&json), k->o.provider_role, &who, err);
    if (rc == 0 && who.expires <= now)
        rc = ax_fail(err, -EKEYEXPIRED, "the token has expired");
    if (rc == 0)
        *out = who;
    return rc;
}

int ax_keystone_check(struct ax_keystone *k, struct ax_str token, int64_t now, struct ax_who *out,
                      struct ax_err *err)
{
    uint8_t key[AX_DIGEST];
    struct ax_err why = {0};
    int rc;
    if (ax_keystone_known(k, token, now, &rc, out, err))
        return rc;
    key_of(token, key);
    int line = take_line(k, key, now, &rc, out, err);
    if (line < 0 || line == AX_KNOWN)
        return line < 0 ? line : rc;
    rc = ask(k, line, token, now, out, &why);
    remember(k, key, now, rc, out);
    give_line(k, line, now, rc, &why);
    return rc < 0 ? ax_fail(err, rc, "%s", why.text) : 0;
}

/* ---- beginning and end ---- */

static const char *kept(struct ax_keystone *k, const char *s)
{
    return s ? ax_arena_cstr(&k->arena, ax_str(s)) : NULL;
}

static void keep_options(struct ax_keystone *k, const struct ax_keystone_options *o)
{
    k->o = (struct ax_keystone_options){.url = kept(k, o->url),
                                        .user = kept(k, o->user),
                                        .password = kept(k, o->password),
                                        .project = kept(k, o->project),
                                        .user_domain = kept(k, o->user_domain),
                                        .project_domain = kept(k, o->project_domain),
                                        .provider_role = kept(k, o->provider_role),
                                        .ca_file = kept(k, o->ca_file),
                                        .cache_ms = o->cache_ms ? o->cache_ms : CACHE_MS,
                                        .timeout_ms = o->timeout_ms};
}

int ax_keystone_new(struct ax_keystone **out, const struct ax_keystone_options *o,
                    struct ax_err *err)
{
    struct ax_str url = ax_str(o->url);
    if (!ax_str_starts(url, AX_STR("http://")) && !ax_str_starts(url, AX_STR("https://")))
        return ax_fail(err, -EINVAL,
                       "Keystone's address is missing or no URL (e.g. https://keystone:5000/v3)");
    if (!o->user || !o->password || !o->project)
        return ax_fail(err, -EINVAL,
                       "Keystone needs a user, a password and a project of our own, as which "
                       "tokens are looked at");
    struct ax_keystone *k = ax_calloc(1, sizeof *k);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    keep_options(k, o);
    k->good = ax_cache_new(SETS);
    k->bad = ax_cache_new(SETS);
    k->asker = ax_asker_new(&k->o);
    for (int i = 0; i < LINES; i++)
        k->lines[i].line = ax_line_new(&k->o);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->hung_up, NULL);
    *out = k;
    return 0;
}

void ax_keystone_free(struct ax_keystone *k)
{
    if (!k)
        return;
    for (int i = 0; i < LINES; i++)
        ax_line_free(k->lines[i].line);
    ax_asker_free(k->asker);
    ax_cache_free(k->good);
    ax_cache_free(k->bad);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->hung_up);
    ax_arena_free(&k->arena);
    free(k);
}

void ax_keystone_stats(struct ax_keystone *k, uint64_t *asked, uint64_t *away)
{
    *asked = k->asked;
    *away = k->away;
}
