// SPDX-License-Identifier: Apache-2.0
/* Samples and observations that others send: decoders from wire formats to batches. All of them are
 * bounded, fuzzed, and give an error with the place of the fault; none of them allocates outside
 * the arena it is given. No I/O, no clock. Threads: any, with an arena each.
 *
 *   body --ax_unpack--> message --ax_remote_write_decode, ax_import_next, ...--> batch
 */
#ifndef AX_INGEST_INGEST_H
#define AX_INGEST_INGEST_H

#include "intake/intake.h"
#include "model/resource.h"

#define AX_INGEST_MAX_BODY    (16u << 20) /* bytes as sent */
#define AX_INGEST_MAX_DECODED (32u << 20) /* bytes after decompression */
#define AX_INGEST_MAX_SAMPLES (4u << 20)  /* more fit only when they are empty */
#define AX_INGEST_MAX_SYMBOLS (1u << 20)  /* of a request of remote write 2.0 */

/* ---- bodies that are compressed ---- */

enum ax_packing { AX_PACKED_NOT, AX_PACKED_SNAPPY, AX_PACKED_ZSTD, AX_PACKED_GZIP };

/* A Content-Encoding; `absent` is what none at all means. -ENOTSUP names those there are. */
int ax_packing_parse(struct ax_str encoding, enum ax_packing absent, enum ax_packing *out,
                     struct ax_err *err);
/* How many bytes ax_unpack will want at most: what the body says of itself, where it says so.
 * Cheap; nothing is believed: a body that unpacks to more is refused. */
size_t ax_unpacked_bound(struct ax_str body, enum ax_packing packing);
/* Unpacks into the arena, which gets no more than AX_INGEST_MAX_DECODED bytes of it and as many for
 * growing. -EBADMSG the body is damaged, -EFBIG it or what it unpacks to is too large. */
int ax_unpack(struct ax_str body, enum ax_packing packing, struct ax_arena *a, struct ax_str *out,
              struct ax_err *err);

/* ---- samples ---- */

/* What a decoder is handed, and what it tells beside the batch. Series that the intake knows come
 * with their id and without labels; the walk, of the same tenant, holds them. */
struct ax_decoding {
    struct ax_str tenant;
    struct ax_walk *walk;
    struct ax_batch *out;
    /* Samples left out because of their labels, or bad lines: the first reason is in err while 0 is
     * returned. Their neighbours are not to blame. */
    uint64_t bad;
    /* Passed over: there is no place to keep them. */
    uint64_t histograms, exemplars;
};

/* Prometheus remote write 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request),
 * unpacked. -EBADMSG a broken message, -EFBIG too many samples or symbols. */
int ax_remote_write_decode(struct ax_decoding *d, struct ax_str message, struct ax_err *err);
int ax_remote_write2_decode(struct ax_decoding *d, struct ax_str message, struct ax_err *err);

/* Text in lines, which becomes batch after batch, so that a long one takes little memory. */
enum ax_import_format {
    AX_IMPORT_PROMETHEUS,  /* name{label="value"} VALUE [MS] */
    AX_IMPORT_OPENMETRICS, /* the same with seconds */
    AX_IMPORT_JSONL,       /* {"metric":{...},"values":[...],"timestamps":[MS...]} */
    AX_IMPORT_CSV
};

#define AX_CSV_COLUMNS 256
enum ax_csv_time { AX_CSV_S, AX_CSV_MS, AX_CSV_NS, AX_CSV_RFC3339 };
/* What the columns of a CSV line are. */
struct ax_csv {
    struct ax_csv_column {
        enum { AX_CSV_IGNORED, AX_CSV_LABEL, AX_CSV_METRIC, AX_CSV_TIME } what;
        struct ax_str name; /* of the label or metric; a view of the text that was parsed */
        enum ax_csv_time time;
    } column[AX_CSV_COLUMNS];
    size_t n;
};
/* "COLUMN:label:NAME,COLUMN:metric:NAME,COLUMN:time:unix_s|unix_ms|unix_ns|rfc3339", columns from
 * 1. -EINVAL names the entry. */
int ax_csv_parse(struct ax_str text, struct ax_csv *out, struct ax_err *err);

struct ax_import {
    enum ax_import_format format;
    const struct ax_csv *csv; /* for AX_IMPORT_CSV */
    int64_t now;              /* the time of samples that have none, ms */
    uint64_t line;            /* of the text's first line, for error texts */
    struct ax_str rest;       /* the text; what was read goes from its front */
};
/* Reads lines into d->out until there are many samples, or no lines. The text need not be of whole
 * lines at its end. Bad lines are left out and counted in d->bad. */
void ax_import_next(struct ax_import *im, struct ax_decoding *d, struct ax_err *err);

/* Monasca's POST /v2.0/metrics: JSON, one metric or a list. -EINVAL: nothing is to be taken, the
 * error names the metric; -EBADMSG: the same, and the body is no JSON. What comes with a value is
 * told apart from the batch: */
struct ax_monasca_meta {
    uint32_t series; /* place in the batch */
    int64_t t;
    struct ax_str json; /* {"name":"value",...} as sent, a view of the body */
};
struct ax_monasca {
    struct ax_monasca_meta *metas; /* in the batch's arena */
    size_t nmetas, cap_metas;
};
int ax_monasca_decode(struct ax_decoding *d, struct ax_str body, struct ax_monasca *out,
                      struct ax_err *err);
/* Monasca's rules for names and dimensions; for queries, too. */
int ax_monasca_check_name(struct ax_str name, struct ax_err *err);
int ax_monasca_check_dimension(struct ax_str name, struct ax_str value, struct ax_err *err);

/* Monasca's POST /v2.0/logs: JSON, a list of logs and the dimensions that all of them have. */
#define AX_LOG_MAX_BYTES  (1 << 20) /* of one log as it was sent */
#define AX_LOG_DIMENSIONS 128       /* of a log, and of all logs */
#define AX_LOG_OTHERS     16
struct ax_log_dimensions {
    struct ax_label v[AX_LOG_DIMENSIONS];
    size_t n;
};
struct ax_log_text {
    struct ax_str message;
    struct ax_log_dimensions dimensions; /* its own */
    struct ax_log_member {
        struct ax_str key, json; /* on one line */
    } others[AX_LOG_OTHERS];     /* what else it has */
    size_t nothers;
};
struct ax_logs_body {
    struct ax_log_dimensions dimensions; /* of all */
    uint64_t n;                          /* logs read so far */
    struct ax_str rest;                  /* the others */
    struct ax_arena *arena;
};
/* Views of the body, or in the arena. -EBADMSG it is no JSON, -EINVAL it is none of logs. */
int ax_logs_decode(struct ax_str body, struct ax_arena *a, struct ax_logs_body *out,
                   struct ax_err *err);
/* 1 the next log, 0 there is none; -EINVAL, -EFBIG: the error says which log and why. */
int ax_logs_next(struct ax_logs_body *b, struct ax_log_text *out, struct ax_err *err);

/* The NaN that text and JSON mean by NaN: Prometheus's. */
#define AX_NAN_BITS 0x7ff8000000000001ull
/* What the product's own exports write for a NaN of other bits: "NaN:" and 16 hexadecimal digits.
 */
#define AX_NAN_PREFIX "NaN:"

/* The JSON document of POST /auspex/v1/observations (docs/api.md). */
int ax_observation_decode(struct ax_str body, struct ax_arena *a, struct ax_observation *out,
                          struct ax_err *err);

#endif
