// SPDX-License-Identifier: Apache-2.0
/* Inside the command line: what the load generator sends. A pretended site of hosts with 39 virtual
 * machines each and 25 series on every host and machine, with the names and values that exporters
 * give: noisy counters of ns, bytes and packets, memory that walks in pages, percentages of two
 * decimals, constants, zeros, events that happen rarely. Two machines of five idle.
 *
 * Nothing here reads a clock or a source of chance: the same number of the same host or machine
 * ("node") gives the same labels and values in the same order, whatever else is sent. */
#ifndef AX_CLI_BENCH_MODEL_H
#define AX_CLI_BENCH_MODEL_H

#include "model/labels.h"

#define AX_BENCH_SERIES_PER_NODE 25u
#define AX_BENCH_NODES_PER_HOST  40u /* the host itself, and 39 machines */

struct ax_bench_model;

/* The nodes from `first` on. The caller frees. */
struct ax_bench_model *ax_bench_model_new(unsigned first, unsigned nodes);
void ax_bench_model_free(struct ax_bench_model *m);

/* The labels of a series of a node (counted from `first`); they live as long as the model. */
struct ax_labels ax_bench_model_labels(const struct ax_bench_model *m, unsigned node,
                                       unsigned series);
/* Lets interval_s pass for this node and tells its values then. */
void ax_bench_model_step(struct ax_bench_model *m, unsigned node, double interval_s,
                         double out[AX_BENCH_SERIES_PER_NODE]);
/* How long after the begin of an interval this node's host is asked. */
int64_t ax_bench_model_offset(const struct ax_bench_model *m, unsigned node, int64_t interval_ms);

/* The metric names of all nodes, without duplicates; NULL from the last one on. */
const char *ax_bench_model_name(size_t i);

#endif
