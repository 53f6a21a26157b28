// SPDX-License-Identifier: Apache-2.0
/* What decoding costs: requests of remote write 1.0 and 2.0, of series that are known, unpacked
 * from snappy and decoded as far as the batch that the store would get.
 *
 *   ninja -C build bench-remote-write && build/bench/bench-remote-write [SERIES [ROUNDS]]
 *
 * Prints ns of CPU time per sample, the best of five goes. */
#include "base/clock.h"
#include "base/map.h"
#include "ingest/ingest.h"

#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST       5000 /* series in one */
#define SERIES_PER_VM 25
#define NOW           1795314600000

struct requests {
    struct ax_buf *v;
    size_t n;
};

static void put_bytes(struct ax_buf *b, uint8_t field, struct ax_str s)
{
    ax_buf_byte(b, (uint8_t)(field << 3 | 2));
    ax_buf_varint(b, s.n);
    ax_buf_str(b, s);
}

static void put_sample(struct ax_buf *series, double v)
{
    struct ax_buf s = AX_BUF_INIT;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ax_buf_byte(&s, 1 << 3 | 1);
    ax_buf_u64le(&s, bits);
    ax_buf_byte(&s, 2 << 3);
    ax_buf_varint(&s, NOW);
    put_bytes(series, 2, ax_buf_view(&s));
    ax_buf_free(&s);
}

#define LABELS 6
static void labels_of(struct ax_arena *a, unsigned i, struct ax_label l[LABELS])
{
    unsigned vm = i / SERIES_PER_VM;
    l[0] = (struct ax_label){AX_STR("__name__"),
                             ax_arena_printf(a, "vm_bench_metric_%02u_total", i % SERIES_PER_VM)};
    l[1] = (struct ax_label){AX_STR("host"), ax_arena_printf(a, "host-%03u.example", vm / 40)};
    l[2] = (struct ax_label){AX_STR("job"), AX_STR("bench")};
    l[3] = (struct ax_label){AX_STR("tenant"), ax_arena_printf(a, "project-%02u", vm % 50)};
    l[4] = (struct ax_label){AX_STR("vm"), ax_arena_printf(a, "vm-%06u", vm)};
    l[5] = (struct ax_label){AX_STR("vm_uuid"),
                             ax_arena_printf(a, "%08x-0000-4000-8000-%012x", vm * 2654435761u, vm)};
}

static void put_series_1(struct ax_buf *request, struct ax_arena *a, unsigned i)
{
    struct ax_label l[LABELS];
    struct ax_buf s = AX_BUF_INIT, pair = AX_BUF_INIT;
    labels_of(a, i, l);
    for (int k = 0; k < LABELS; k++) {
        ax_buf_clear(&pair);
        put_bytes(&pair, 1, l[k].name);
        put_bytes(&pair, 2, l[k].value);
        put_bytes(&s, 1, ax_buf_view(&pair));
    }
    put_sample(&s, i);
    put_bytes(request, 1, ax_buf_view(&s));
    ax_buf_free(&s);
    ax_buf_free(&pair);
}

struct symbols {
    struct ax_map map;
    struct ax_buf wire;
};

static uint64_t symbol(struct symbols *t, struct ax_str s)
{
    uint64_t n = t->map.n;
    if (ax_map_get(&t->map, s, &n))
        return n;
    ax_map_put(&t->map, s, n);
    put_bytes(&t->wire, 4, s);
    return n;
}

static void put_series_2(struct ax_buf *request, struct symbols *t, struct ax_arena *a, unsigned i)
{
    struct ax_label l[LABELS];
    struct ax_buf s = AX_BUF_INIT, refs = AX_BUF_INIT;
    labels_of(a, i, l);
    for (int k = 0; k < LABELS; k++) {
        ax_buf_varint(&refs, symbol(t, l[k].name));
        ax_buf_varint(&refs, symbol(t, l[k].value));
    }
    put_bytes(&s, 1, ax_buf_view(&refs));
    put_sample(&s, i);
    put_bytes(request, 5, ax_buf_view(&s));
    ax_buf_free(&s);
    ax_buf_free(&refs);
}

static void pack(const struct ax_buf *message, struct ax_buf *out)
{
    size_t n = snappy_max_compressed_length(message->n);
    char *p = ax_buf_reserve(out, n);
    AX_ASSERT(p && snappy_compress(message->p, message->n, p, &n) == SNAPPY_OK);
    out->n = n;
}

static struct requests make(unsigned series, int version)
{
    struct requests r = {ax_calloc(series / REQUEST + 1, sizeof *r.v), 0};
    for (unsigned i = 0; i < series; r.n++) {
        struct ax_arena a = AX_ARENA_INIT;
        struct ax_buf all = AX_BUF_INIT;
        struct symbols t = {.map = AX_MAP_INIT};
        if (version == 2)
            symbol(&t, AX_STR(""));
        for (unsigned k = 0; k < REQUEST && i < series; k++, i++) {
            if (version == 1)
                put_series_1(&all, &a, i);
            else
                put_series_2(&all, &t, &a, i);
        }
        ax_buf_str(&t.wire, ax_buf_view(&all)); /* empty before in 1.0 */
        pack(&t.wire, &r.v[r.n]);
        ax_buf_free(&all);
        ax_buf_free(&t.wire);
        ax_map_free(&t.map);
        ax_arena_free(&a);
    }
    return r;
}

struct spent {
    int64_t unpack, decode;
};

/* CPU time of all requests once; pushes what came out when it is not known yet. */
static struct spent decode_all(struct ax_intake *in, const struct requests *r, int version,
                               bool push)
{
    struct ax_arena a = AX_ARENA_INIT;
    struct spent spent = {0, 0};
    for (size_t i = 0; i < r->n; i++) {
        struct ax_batch b = {.arena = &a};
        struct ax_intake_result result;
        struct ax_walk walk;
        struct ax_decoding d = {.tenant = AX_STR("bench"), .walk = &walk, .out = &b};
        struct ax_str message;
        int64_t t0 = ax_cpu_ns();
        int rc = ax_unpack(ax_buf_view(&r->v[i]), AX_PACKED_SNAPPY, &a, &message, NULL);
        int64_t t1 = ax_cpu_ns();
        ax_walk_begin(&walk, in, d.tenant);
        if (rc == 0)
            rc = version == 1 ? ax_remote_write_decode(&d, message, NULL)
                              : ax_remote_write2_decode(&d, message, NULL);
        spent.unpack += t1 - t0;
        spent.decode += ax_cpu_ns() - t1;
        AX_ASSERT(rc == 0 && d.bad == 0 && (push || b.v[b.n - 1].id != AX_SERIES_NONE));
        if (push)
            AX_ASSERT(ax_intake_push(in, &b, NOW, &result, NULL) == 0 && result.rejected == 0);
        ax_walk_end(&walk);
        ax_arena_reset(&a);
    }
    ax_arena_free(&a);
    return spent;
}

static void measure(unsigned series, unsigned rounds, int version)
{
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){0});
    struct requests r = make(series, version);
    size_t bytes = 0;
    struct spent best = {INT64_MAX / 2, INT64_MAX / 2};
    for (size_t i = 0; i < r.n; i++)
        bytes += r.v[i].n;
    decode_all(in, &r, version, true);
    for (int go = 0; go < 5; go++) {
        struct spent sum = {0, 0};
        for (unsigned k = 0; k < rounds; k++) {
            struct spent one = decode_all(in, &r, version, false);
            sum.unpack += one.unpack;
            sum.decode += one.decode;
        }
        if (sum.unpack + sum.decode < best.unpack + best.decode)
            best = sum;
    }
    double samples = (double)rounds * series;
    printf("remote write %d.0: %u series, %.1f bytes/sample, unpack %.1f + decode %.1f ns/sample\n",
           version, series, (double)bytes / series, (double)best.unpack / samples,
           (double)best.decode / samples);
    for (size_t i = 0; i < r.n; i++)
        ax_buf_free(&r.v[i]);
    free(r.v);
    ax_intake_free(in);
}

int main(int argc, char **argv)
{
    uint64_t series = 100000, rounds = 20;
    if ((argc > 1 && (!ax_str_u64(ax_str(argv[1]), &series) || !series || series > 10000000)) ||
        (argc > 2 && (!ax_str_u64(ax_str(argv[2]), &rounds) || !rounds || rounds > 100000))) {
        fputs("usage: bench-remote-write [SERIES [ROUNDS]]\n", stderr);
        return 2;
    }
    for (int version = 1; version <= 2; version++)
        measure((unsigned)series, (unsigned)rounds, version);
    return 0;
}
