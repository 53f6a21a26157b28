// SPDX-License-Identifier: Apache-2.0
/* The server about itself: /auspex/v1/status, /-/healthy, /-/reload. */
#include "api/inner.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

int64_t ax_resident_bytes(void)
{
    struct ax_buf b = {.max = 65536};
    int64_t bytes = 0;
    if (ax_file_read(AT_FDCWD, "/proc/self/statm", 4096, &b, NULL) == 0) {
        struct ax_str rest = ax_buf_view(&b), word;
        uint64_t pages;
        ax_str_word(&rest, &word);
        if (ax_str_word(&rest, &word) && ax_str_u64(word, &pages))
            bytes = (int64_t)pages * sysconf(_SC_PAGESIZE);
    }
    ax_buf_free(&b);
    return bytes;
}

static void put_int(struct ax_json *j, const char *key, uint64_t v)
{
    ax_json_key(j, key);
    ax_json_int(j, (int64_t)v);
}

static void put_store(struct ax_json *j, const struct ax_store_stats *s)
{
    ax_json_key(j, "store");
    ax_json_obj(j);
    put_int(j, "head_samples", s->head_samples);
    put_int(j, "head_chunks", s->head_chunks);
    put_int(j, "blocks", s->blocks);
    put_int(j, "block_samples", s->block_samples);
    put_int(j, "wal_bytes", s->wal_bytes);
    put_int(j, "block_bytes", s->block_bytes);
    put_int(j, "syncs", s->syncs);
    put_int(j, "damaged", s->damaged);
    ax_json_key(j, "oldest");
    ax_json_time(j, s->oldest);
    ax_json_key(j, "newest");
    ax_json_time(j, s->newest);
    ax_json_end(j);
}

void ax_status(struct ax_request *q, struct ax_reply *r)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_intake_stats in;
    struct ax_store_stats st;
    ax_intake_stats(rooms->intake, &in);
    ax_store_stats(rooms->store, &st);
    int64_t started = ax_api_started(q->api);
    struct ax_json j = {.out = &r->body};
    ax_json_obj(&j);
    ax_json_key(&j, "version");
    ax_json_cstr(&j, AX_VERSION);
    ax_json_key(&j, "started");
    ax_json_time(&j, started);
    ax_json_key(&j, "uptime_seconds");
    ax_json_num(&j, (double)(ax_now_ms() - started) / 1000);
    put_int(&j, "retention_seconds", (uint64_t)(rooms->retention_ms / 1000));
    put_int(&j, "collect_interval_seconds", (uint64_t)(rooms->collect_interval_ms / 1000));
    if (ax_role_may(q->who.roles, AX_MAY_ADMIN)) { /* of all tenants together */
        put_int(&j, "resident_bytes", (uint64_t)ax_resident_bytes());
        put_int(&j, "series", in.series);
        put_int(&j, "samples_total", in.samples);
        put_int(&j, "rejected_total", in.rejected);
        put_store(&j, &st);
    }
    ax_json_end(&j);
}

void ax_reload(struct ax_request *q, struct ax_reply *r)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_buf said = AX_BUF_INIT;
    r->type = "text/plain; charset=utf-8";
    if (rooms->reload && rooms->reload(rooms->reload_ctx, &said) < 0) {
        r->status = 500;
        ax_buf_cstr(&r->body, "failed to reload config:\n");
        ax_buf_str(&r->body, ax_buf_view(&said));
    }
    ax_buf_free(&said);
}

void ax_healthy(struct ax_request *q, struct ax_reply *r)
{
    r->type = "text/plain; charset=utf-8";
    ax_buf_cstr(&r->body, "auspex is well\n");
}
