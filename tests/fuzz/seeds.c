// SPDX-License-Identifier: Apache-2.0
/* Writes the seeds that are bytes rather than text: seeds DIR makes DIR/TARGET/... */
#include "kit.h"

#include "base/file.h"
#include "ingest/ingest.h"
#include "store/block.h"
#include "store/codec.h"
#include "store/values.h"
#include "store/wal_record.h"

#include <fcntl.h>
#include <snappy-c.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define T0 1790000000000

static const char *out_dir;

static void seed(const char *target, const char *name, const void *p, size_t n)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", out_dir, target);
    AX_ASSERT(ax_mkdirs(path, NULL) == 0);
    int dir = open(path, O_RDONLY | O_DIRECTORY);
    AX_ASSERT(dir >= 0 && ax_file_replace(dir, name, p, n, NULL) == 0);
    close(dir);
}

static void seed_prefixed(const char *target, const char *name, char prefix, struct ax_str s)
{
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_byte(&b, (uint8_t)prefix);
    ax_buf_str(&b, s);
    seed(target, name, b.p, b.n);
}

/* Series of each kind that the codec tells apart: whole numbers, decimals, any bits, constant. */
static void make_samples(int kind, int64_t *t, double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        t[i] = T0 + (int64_t)i * 5000 + (kind == 2 ? (int64_t)(i % 3) : 0);
        v[i] = kind == 0 ? 7 : kind == 1 ? (double)(i * i) / 10 : 1 / (double)(i + 3);
    }
}

static void chunks(void)
{
    int64_t t[AX_CHUNK_SAMPLES];
    double v[AX_CHUNK_SAMPLES];
    uint8_t packed[AX_CHUNK_BYTES];
    for (int kind = 0; kind < 3; kind++) {
        char name[] = {'k', (char)('0' + kind), '\0'};
        make_samples(kind, t, v, 40);
        size_t n = ax_chunk_encode(t, v, 40, packed);
        seed_prefixed("chunk", name, 40, (struct ax_str){(char *)packed, n});
    }
}

/* See values.c there for the head. */
static void values(void)
{
    int64_t t[AX_VALUES_MAX];
    double v[AX_VALUES_MAX];
    uint8_t packed[12 + AX_VALUES_BYTES] = {0};
    struct ax_values about;
    for (int kind = 0; kind < 6; kind++) {
        char name[] = {'v', (char)('0' + kind), '\0'};
        size_t n = 200;
        make_samples(kind % 3, t, v, n);
        for (size_t i = 0; kind >= 3 && i < n; i++) /* sparse, noise, few */
            v[i] = kind == 3   ? (double)(i % 7 ? 0 : i * i)
                   : kind == 4 ? (double)(i * 7919 % 1000)
                               : (double)(i / 90);
        size_t len = ax_values_encode(v, n, &about, packed + 12);
        packed[0] = about.kind;
        packed[1] = about.e;
        packed[2] = (uint8_t)(n - 1);
        memcpy(packed + 4, &v[n - 1], sizeof v[0]);
        seed("values", name, packed, 12 + len);
    }
    make_samples(2, t, v, 200);
    packed[0] = 3;
    seed("values", "times", packed, 12 + ax_times_encode(t, 200, packed + 12));
}

static void blocks(struct ax_arena *a)
{
    static const char *const vms[] = {"db", "web1", "web2"};
    int64_t t[300];
    double v[300];
    struct ax_block_writer *w;
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    AX_ASSERT(mkdirat(fuzz_dirfd(), "blocks", 0700) == 0);
    AX_ASSERT(ax_block_create(fuzz_dirfd(), 1, 1, &w, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        make_samples(i, t, v, 300);
        ax_block_add(w, fuzz_labels(a, "t", "__name__", "up", "vm", vms[i], NULL), t, v,
                     i == 1 ? 300 : 10);
    }
    AX_ASSERT(ax_block_finish(w, NULL) == 0);
    AX_ASSERT(ax_file_read(fuzz_dirfd(), "blocks/0000000001.axb", 1 << 20, &b, NULL) == 0);
    seed("store", "small", b.p, b.n);
    seed_prefixed("block", "sealed", 1, ax_buf_view(&b));
    seed_prefixed("block", "plain", 0, ax_buf_view(&b));
}

static void log_segment(struct ax_arena *a)
{
    struct ax_sample s[20];
    struct ax_batch batch = {.arena = a};
    struct ax_intake *in = ax_intake_new(&(struct ax_intake_options){0});
    struct ax_wal_names named = {0};
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    for (int i = 0; i < 20; i++)
        s[i] = (struct ax_sample){T0 + i * 5000, i / 3.0};
    for (uint32_t i = 0; i < 3; i++) {
        const char *names[] = {"a", "b", "c"};
        ax_batch_add(&batch, fuzz_labels(a, "t", "__name__", names[i], NULL), s, i ? i : 20);
        batch.v[i].id = ax_intake_define(in, batch.v[i].labels);
    }
    ax_buf_add(&b, "AXWAL\0\0\0\2\0\0\0\0\0\0\0", 16);
    ax_wal_encode(&b, &batch, in, &named, 1);
    ax_wal_encode(&b, &batch, in, &named, 1);
    ax_wal_names_free(&named);
    ax_intake_free(in);
    seed_prefixed("wal", "sealed", 1, ax_buf_view(&b));
    seed_prefixed("wal", "plain", 0, ax_buf_view(&b));
    seed("labels", "one", batch.v[0].labels.bytes.p, batch.v[0].labels.bytes.n);
}

/* WriteRequest{timeseries{labels{__name__,up} samples{1, T0} samples{...}}} */
static void write_request(void)
{
    static const char sample[] =
        "\x12\x10\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x80\xdc\xb8\xda\x8b\x34";
    AX_CLEANUP(ax_buf_free) struct ax_buf series = AX_BUF_INIT, b = AX_BUF_INIT;
    ax_buf_add(&series, "\x0a\x0e\x0a\x08__name__\x12\x02up", 16);
    ax_buf_add(&series, "\x0a\x09\x0a\x02vm\x12\x03web", 11);
    for (int i = 0; i < 3; i++)
        ax_buf_add(&series, sample, sizeof sample - 1);
    for (int i = 0; i < 2; i++) {
        ax_buf_byte(&b, 0x0a);
        ax_buf_varint(&b, series.n);
        ax_buf_add(&b, series.p, series.n);
    }
    seed_prefixed("remote_write", "two", 'p', ax_buf_view(&b));
    seed_prefixed("remote_write", "raw", 'r',
                  AX_STR("\x03\x08"
                         "abc"));
}

/* Request{symbols{"", __name__, up, vm, web}, timeseries{labels_refs{1, 2, 3, 4} samples{...}}},
 * also compressed in each way. */
static void write_request_2(void)
{
    static const char series[] = "\x2a\x18\x0a\x04\x01\x02\x03\x04\x12\x10\x09\x00\x00\x00\x00\x00"
                                 "\x00\xf0\x3f\x10\x80\xdc\xb8\xda\x8b\x34";
    char packed[512];
    size_t n = sizeof packed;
    AX_CLEANUP(ax_buf_free) struct ax_buf b = AX_BUF_INIT;
    ax_buf_add(&b, "\x22\x00\x22\x08__name__\x22\x02up\x22\x02vm\x22\x03web", 25);
    ax_buf_add(&b, series, sizeof series - 1);
    seed("remote_write2", "one", b.p, b.n);
    AX_ASSERT(snappy_compress(b.p, b.n, packed, &n) == SNAPPY_OK);
    seed_prefixed("unpack", "snappy", AX_PACKED_SNAPPY, (struct ax_str){packed, n});
    n = ZSTD_compress(packed, sizeof packed, b.p, b.n, 1);
    seed_prefixed("unpack", "zstd", AX_PACKED_ZSTD, (struct ax_str){packed, n});
    z_stream z = {.next_in = (unsigned char *)b.p,
                  .avail_in = (unsigned)b.n,
                  .next_out = (unsigned char *)packed,
                  .avail_out = sizeof packed};
    AX_ASSERT(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    AX_ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    seed_prefixed("unpack", "gzip", AX_PACKED_GZIP,
                  (struct ax_str){packed, sizeof packed - z.avail_out});
}

int main(int argc, char **argv)
{
    struct ax_arena a = AX_ARENA_INIT;
    if (argc != 2) {
        fprintf(stderr, "usage: seeds DIR\n");
        return 2;
    }
    out_dir = argv[1];
    chunks();
    values();
    blocks(&a);
    log_segment(&a);
    write_request();
    write_request_2();
    ax_arena_free(&a);
    return 0;
}
