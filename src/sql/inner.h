// SPDX-License-Identifier: Apache-2.0
/* Inside the layer: the connection. */
#ifndef AX_SQL_INNER_H
#define AX_SQL_INNER_H

#include "sql/sql.h"

#include <pthread.h>
#include <sqlite3.h>

struct ax_sql {
    sqlite3 *db;
    /* One reader or one transaction at a time, in the order in which they came: who commits again
     * and again would otherwise keep out who waits. */
    pthread_mutex_t lock;
    pthread_cond_t next;
    uint64_t last_ticket, serving;
    sqlite3_stmt *kept[256]; /* under the lock, as the connection is (stmt.c) */
};

#define AX_SQL_FILE_VERSION 1

/* Gives an empty file its version; -EINVAL when it has another. */
int ax_sql_check_file(struct ax_sql *s, const char *path, struct ax_err *err);
/* What SQLite said last, as an error with errno's meaning. */
int ax_sql_fail(struct ax_sql *s, const char *doing, struct ax_err *err);

#endif
