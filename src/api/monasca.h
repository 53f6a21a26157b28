// SPDX-License-Identifier: Apache-2.0
/* Monasca's API v2.0: what its endpoints have in common. Inside the API only.
 *
 *   monasca_reply   errors, lists with their links        monasca_params  what queries may say
 *   monasca_id      a metric's id                         monasca_lists   which metrics there are
 *   monasca_groups  which metrics are read as one         monasca_read    their samples, in pieces
 *   monasca_measurements, monasca_statistics              monasca_post    samples that come in
 *   monasca_body    fields of a JSON object               monasca_methods notification methods
 *   monasca_definitions, monasca_alarms, monasca_alarm_lists              alarms
 *   monasca_logs    logs that come in */
#ifndef AX_API_MONASCA_H
#define AX_API_MONASCA_H

#include "api/inner.h"

/* ---- answers ---- */

/* {"title","description"}; the title follows from the status. */
void ax_monasca_error(struct ax_reply *r, int status, const char *text);
/* The status that an error means: -EINVAL 422, -EBADMSG and -EDOM 400, -EPERM 401, -ENOENT 404,
 * -EEXIST 409, -EDQUOT 429, -EIO 503... */
void ax_monasca_failed(struct ax_reply *r, const struct ax_err *err);

/* A list: begin, its elements, end. An offset that is not empty makes the link to the next page. */
void ax_monasca_list_begin(struct ax_json *j, struct ax_reply *r);
void ax_monasca_list_end(struct ax_json *j, const struct ax_request *q, struct ax_str offset);
/* The address of a path of this server. */
void ax_monasca_href(struct ax_json *j, const struct ax_request *q, const char *path);
/* "links" of a thing: to itself, at /v2.0/FOLDER/ID. */
void ax_monasca_put_links(struct ax_json *j, struct ax_request *q, const char *folder,
                          struct ax_str id);
void ax_monasca_put_float(struct ax_json *j, double v); /* 5.0, not 5; null unless finite */

/* ---- parameters ---- */

/* Whose things the request is about. Who may act for others names them in tenant_id. */
int ax_monasca_tenant(const struct ax_request *q, struct ax_str *out, struct ax_err *err);

#define AX_MONASCA_LIMIT 10000 /* elements, measurements or statistics in one answer */
int ax_monasca_limit(const struct ax_request *q, uint32_t *out, struct ax_err *err);
/* ISO 8601; without a zone it is UTC. */
int ax_monasca_time(struct ax_str s, int64_t *out, struct ax_err *err);

/* What comes from which element on. A list is read up to one element more than `limit`, which tells
 * whether there is another page. */
struct ax_monasca_page {
    uint64_t offset;
    uint32_t limit;
};
int ax_monasca_page(const struct ax_request *q, struct ax_monasca_page *out, struct ax_err *err);
/* The end of a list of which n elements were read. */
void ax_monasca_page_end(struct ax_json *j, struct ax_request *q, const struct ax_monasca_page *p,
                         size_t n);

/* start_time and end_time; what is not given stays as it is. */
int ax_monasca_span(const struct ax_request *q, int64_t *start, int64_t *end, struct ax_err *err);
/* All parameters of that name, "k:v,k2,k3:a|b". */
int ax_monasca_dimensions(struct ax_request *q, const char *name, struct ax_dimensions *out,
                          struct ax_err *err);

/* Which metrics, and when: a select of the store. */
struct ax_monasca_filter {
    struct ax_store_select select; /* maxt: end_time, which is not part of it, - 1 */
    struct ax_matcher *matchers;   /* as many as in select */
    struct ax_label *dimensions;   /* as they were asked for: key alone with an empty value */
    size_t ndimensions;
};
/* Reads tenant_id, the metric's name in the parameter `name`, dimensions, start_time, end_time;
 * all of them may be absent. To be freed, after a failure too. */
int ax_monasca_filter(struct ax_request *q, const char *name, struct ax_monasca_filter *f,
                      struct ax_err *err);
void ax_monasca_filter_free(struct ax_monasca_filter *f);

/* ---- bodies ---- */

enum ax_monasca_type {
    AX_FIELD_PASSED_OVER, /* part of answers: who sends one back may leave it in */
    AX_FIELD_STRING,
    AX_FIELD_MAYBE_STRING, /* null says the same as nothing */
    AX_FIELD_STRINGS,
    AX_FIELD_BOOL,
    AX_FIELD_WHOLE, /* an int64_t */
};
struct ax_monasca_field {
    const char *name;
    enum ax_monasca_type type;
    unsigned bit; /* set in `given` when it is there */
    void *out;
};
/* Reads the body's JSON object; what it shows is in the request's arena. -EBADMSG no JSON, -EFBIG,
 * -EINVAL: no object, another type, a field that is not known, or one of `needed` is missing. */
int ax_monasca_body(struct ax_request *q, const struct ax_monasca_field *fields, size_t n,
                    unsigned needed, unsigned *given, struct ax_err *err);

/* ---- alarms ---- */

void ax_monasca_put_alarm(struct ax_json *j, struct ax_request *q, const struct ax_alarm_row *a);

/* ---- ids ---- */

/* Of a metric, or of several that are read as one: a hash of the tenant and the labels, so that it
 * is the same for ever. Printed as a number, in whose order lists are. */
struct ax_monasca_id {
    uint64_t high, low;
};
#define AX_MONASCA_ID_TEXT 39
struct ax_monasca_id ax_monasca_id(struct ax_str tenant, struct ax_labels visible);
int ax_monasca_id_cmp(struct ax_monasca_id a, struct ax_monasca_id b);
struct ax_str ax_monasca_id_print(struct ax_arena *a, struct ax_monasca_id id);
/* A shorter number counts as one with zeros in front. */
bool ax_monasca_id_parse(struct ax_str s, struct ax_monasca_id *out);

/* "id", "name" and "dimensions" of the element at hand. */
void ax_monasca_put_metric(struct ax_json *j, struct ax_arena *a, struct ax_monasca_id id,
                           struct ax_labels labels);

/* ---- measurements and statistics ---- */

/* Metrics that are read as one. */
struct ax_monasca_group {
    struct ax_monasca_id id;
    struct ax_labels labels; /* the name, and the dimensions by which it was grouped */
    int64_t last;            /* when its newest sample was */
};

/* How far the page before came; `id` and `skip` may be absent. */
struct ax_monasca_offset {
    bool given, has_id;
    struct ax_monasca_id id;
    int64_t t;
    uint32_t skip; /* 0: all rows of time t were given, else so many */
};

struct ax_monasca_query {
    struct ax_request *q;
    struct ax_monasca_filter filter;
    enum { AX_MONASCA_ONE, AX_MONASCA_MERGED, AX_MONASCA_BY, AX_MONASCA_BY_ALL } grouping;
    struct ax_str *by; /* names of dimensions */
    size_t nby;
    uint32_t limit;
    struct ax_monasca_offset offset;
    struct ax_monasca_group *groups; /* by rising id, from the offset's on */
    size_t ngroups;
};
/* Reads the parameters that both have, and finds the groups. -EEXIST: several metrics, and nothing
 * is said of merging them. To be ended, after a failure too. */
int ax_monasca_query_begin(struct ax_request *q, struct ax_monasca_query *x, struct ax_err *err);
void ax_monasca_query_end(struct ax_monasca_query *x);
/* The id of the group to which a metric belongs; its labels, made into the arena, when asked for.
 */
struct ax_monasca_id ax_monasca_group_of(const struct ax_monasca_query *x, struct ax_labels metric,
                                         struct ax_arena *a, struct ax_labels *labels);
void ax_monasca_put_group(struct ax_json *j, const struct ax_monasca_query *x,
                          const struct ax_monasca_group *g);

struct ax_monasca_row {
    int64_t t;
    double v;
    struct ax_monasca_id metric;
};
/* Reads a group's samples from `from` to the query's end, by rising time and, at one time, by
 * metric; `take` says whether it wants more. A reading is for all groups, one after the other. */
struct ax_monasca_reading {
    const struct ax_monasca_query *query;
    struct ax_arena pieces;            /* what the store gave */
    bool has_all;                      /* of all groups, which was little */
    struct ax_monasca_member *members; /* which of what was read is of which group */
    size_t nmembers;
    struct ax_monasca_row *rows;
    size_t nrows, cap;
    uint64_t samples; /* read so far */
};
typedef bool ax_monasca_take(void *ctx, const struct ax_monasca_row *row);
void ax_monasca_reading_begin(struct ax_monasca_reading *r, const struct ax_monasca_query *x);
int ax_monasca_read(struct ax_monasca_reading *r, const struct ax_monasca_group *g, int64_t from,
                    ax_monasca_take *take, void *ctx, struct ax_err *err);
void ax_monasca_reading_end(struct ax_monasca_reading *r);

#endif
