// SPDX-License-Identifier: Apache-2.0
/* Samples as text, for export: one series' part after the other. Inside the API only. */
#ifndef AX_API_EXPORT_H
#define AX_API_EXPORT_H

#include "ingest/ingest.h"
#include "store/store.h"

enum ax_export_format { AX_EXPORT_JSONL, AX_EXPORT_CSV, AX_EXPORT_OPENMETRICS };

#define AX_EXPORT_COLUMNS 64
/* What the columns of a CSV line are. */
struct ax_export_csv {
    struct ax_export_column {
        enum { AX_COLUMN_LABEL, AX_COLUMN_VALUE, AX_COLUMN_TIME } what;
        struct ax_str label; /* a view of the text that was parsed */
        enum ax_csv_time time;
    } column[AX_EXPORT_COLUMNS];
    size_t n;
};
/* "__name__,host,__value__,__timestamp__:unix_ms": labels, the value, the time as unix_s, unix_ms,
 * unix_ns or rfc3339. -EINVAL names what is wrong. */
int ax_export_csv_parse(struct ax_str text, struct ax_export_csv *out, struct ax_err *err);

/* Writes samples from .. to-1 of the series. csv is for AX_EXPORT_CSV. */
void ax_export_write(enum ax_export_format format, const struct ax_export_csv *csv,
                     const struct ax_series *s, size_t from, size_t to, struct ax_buf *out);

#endif
