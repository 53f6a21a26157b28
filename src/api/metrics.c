// SPDX-License-Identifier: Apache-2.0
/* The server about itself to a Prometheus: /metrics. */
#include "api/inner.h"

#include "api/tls.h"
#include "base/clock.h"

static void metric(struct ax_buf *out, const char *name, const char *type, const char *help,
                   double v)
{
    ax_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", name, help, name, type, name);
    ax_buf_double(out, v);
    ax_buf_byte(out, '\n');
}

static void put_answers(struct ax_api *api, struct ax_buf *out)
{
    uint64_t by_class[6];
    ax_api_counts(api, by_class);
    ax_buf_cstr(out, "# HELP auspex_http_requests_total Requests answered, by class of status.\n"
                     "# TYPE auspex_http_requests_total counter\n");
    for (int c = 2; c < 6; c++)
        ax_buf_printf(out, "auspex_http_requests_total{code=\"%dxx\"} %llu\n", c,
                      (unsigned long long)by_class[c]);
}

static void put_tenants(struct ax_store *s, struct ax_arena *a, struct ax_buf *out)
{
    struct ax_tenant_bytes *v;
    size_t n;
    ax_store_tenants(s, a, &v, &n);
    if (n)
        ax_buf_cstr(out, "# HELP auspex_tenant_block_bytes Bytes of blocks, by tenant.\n"
                         "# TYPE auspex_tenant_block_bytes gauge\n");
    for (size_t i = 0; i < n; i++)
        ax_buf_printf(out, "auspex_tenant_block_bytes{tenant=\"%.*s\"} %llu\n", (int)v[i].tenant.n,
                      v[i].tenant.p, (unsigned long long)v[i].bytes);
}

static void put_auth(struct ax_auth *auth, struct ax_buf *b)
{
    struct ax_auth_stats s;
    if (!auth)
        return;
    ax_auth_stats(auth, &s);
    metric(b, "auspex_auth_tokens", "gauge", "Tokens in force.", (double)s.tokens);
    metric(b, "auspex_auth_accepted_total", "counter", "Requests whose sender was known.",
           (double)s.accepted);
    metric(b, "auspex_auth_refused_total", "counter", "Requests whose sender was not.",
           (double)s.refused);
    metric(b, "auspex_auth_throttled_total", "counter",
           "Of those, refused for too many failures from their address.", (double)s.throttled);
    metric(b, "auspex_auth_password_hashes_total", "counter", "Passwords that had to be hashed.",
           (double)s.passwords);
    metric(b, "auspex_auth_keystone_requests_total", "counter",
           "Tokens that Keystone was asked about.", (double)s.keystone_asked);
    metric(b, "auspex_auth_keystone_away_total", "counter",
           "Requests that could not be judged because Keystone was away.", (double)s.keystone_away);
}

static void put_quotas(struct ax_api *api, struct ax_buf *b)
{
    metric(b, "auspex_quota_refused_total", "counter",
           "Requests refused for their tenant's samples a second or queries at once.",
           (double)ax_quotas_refused(ax_api_quotas(api)));
}

static void put_alarms(struct ax_stream *stream, struct ax_buf *b)
{
    struct ax_stream_stats s;
    ax_stream_stats(stream, &s);
    metric(b, "auspex_alarm_definitions", "gauge", "Alarm definitions.", (double)s.definitions);
    metric(b, "auspex_alarms", "gauge", "Alarms of definitions.", (double)s.alarms);
    metric(b, "auspex_alarm_series", "gauge", "Series that concern an alarm.", (double)s.watched);
    metric(b, "auspex_alarm_bytes", "gauge", "Memory of alarms.", (double)s.bytes);
    metric(b, "auspex_alarm_evaluations_total", "counter", "Samples that went into an alarm.",
           (double)s.evaluations);
    metric(b, "auspex_alarm_samples_left_out_total", "counter",
           "Samples that came too late for an alarm, or from the future.", (double)s.left_out);
    metric(b, "auspex_alarm_transitions_total", "counter", "Changes of state written.",
           (double)s.transitions);
    metric(b, "auspex_alarm_changes_waiting", "gauge", "Changes that are not written yet.",
           (double)s.queued);
    metric(b, "auspex_alarm_write_failures_total", "counter",
           "Transactions with changes that failed and were tried again.", (double)s.failures);
    metric(b, "auspex_alarms_refused_total", "counter", "Alarms above their tenant's limit.",
           (double)s.refused);
}

static void put_notified_count(struct ax_buf *b, const struct ax_notify_stats *s, size_t which)
{
    static const char *const names[][2] = {
        {"queued", "Notifications that began to wait for being sent, repeats too."},
        {"sent", "Notifications that the other side took."},
        {"retried", "Failed tries that are made again."},
        {"failed", "Notifications refused for good by the other side."},
        {"given_up", "Notifications that could not be delivered for hours."}};
    const char *name = names[which][0];
    ax_buf_printf(b,
                  "# HELP auspex_notifications_%s_total %s\n"
                  "# TYPE auspex_notifications_%s_total counter\n",
                  name, names[which][1], name);
    for (int t = 0; t < AX_NOTIFY_TYPES; t++) {
        const struct ax_notify_count *c = &s->by_type[t];
        const uint64_t counts[] = {c->queued, c->sent, c->retried, c->failed, c->given_up};
        ax_buf_printf(b, "auspex_notifications_%s_total{type=\"%s\"} %llu\n", name,
                      ax_notify_type_name((enum ax_notify_type)t),
                      (unsigned long long)counts[which]);
    }
}

static void put_notified(struct ax_notify *notify, struct ax_buf *b)
{
    struct ax_notify_stats s;
    ax_notify_stats(notify, &s);
    for (size_t which = 0; which < 5; which++)
        put_notified_count(b, &s, which);
    metric(b, "auspex_notifications_waiting", "gauge", "Notifications that wait for being sent.",
           (double)s.waiting);
    metric(b, "auspex_notifications_oldest_seconds", "gauge", "Age of the oldest of them.",
           (double)s.oldest_ms / 1000);
    metric(b, "auspex_notifications_repeating", "gauge", "Notifications that are sent again.",
           (double)s.repeating);
    metric(b, "auspex_notifications_voided_total", "counter",
           "Notifications gone with their deleted method.", (double)s.voided);
    metric(b, "auspex_notifications_unknown_total", "counter", "Actions without a method.",
           (double)s.unknown);
}

static void put_faults(struct ax_faults *faults, struct ax_buf *b)
{
    struct ax_faults_stats s;
    ax_faults_stats(faults, &s);
    metric(b, "auspex_fault_streams", "gauge", "Open streams of faults.", (double)s.streams);
    metric(b, "auspex_fault_streams_refused_total", "counter", "Streams above a limit.",
           (double)s.streams_refused);
    metric(b, "auspex_fault_streams_cut_total", "counter",
           "Streams whose client took nothing for a minute.", (double)s.streams_cut);
    metric(b, "auspex_fault_subscriptions", "gauge", "Webhooks that faults are sent to.",
           (double)s.subscriptions);
    ax_buf_printf(
        b,
        "# HELP auspex_faults_sent_total Faults put into streams, and queued for webhooks."
        "\n# TYPE auspex_faults_sent_total counter\n"
        "auspex_faults_sent_total{way=\"stream\"} %llu\n"
        "auspex_faults_sent_total{way=\"webhook\"} %llu\n",
        (unsigned long long)s.streamed, (unsigned long long)s.queued);
    metric(b, "auspex_faults_failures_total", "counter",
           "Readings and writings of the registry for faults that failed and are made again.",
           (double)s.failed);
}

static void put_statsd(struct ax_statsd *statsd, struct ax_buf *b)
{
    struct ax_statsd_stats s;
    if (!statsd)
        return;
    ax_statsd_stats(statsd, &s);
    ax_buf_printf(b,
                  "# HELP auspex_statsd_lines_total Lines of statsd datagrams, by what became of "
                  "them.\n# TYPE auspex_statsd_lines_total counter\n"
                  "auspex_statsd_lines_total{outcome=\"taken\"} %llu\n"
                  "auspex_statsd_lines_total{outcome=\"bad\"} %llu\n"
                  "auspex_statsd_lines_total{outcome=\"unsupported\"} %llu\n"
                  "auspex_statsd_lines_total{outcome=\"full\"} %llu\n",
                  (unsigned long long)s.taken, (unsigned long long)s.bad,
                  (unsigned long long)s.unsupported, (unsigned long long)s.full);
    metric(b, "auspex_statsd_datagrams_total", "counter", "statsd datagrams read.",
           (double)s.datagrams);
    metric(b, "auspex_statsd_datagrams_dropped_total", "counter",
           "Datagrams that came faster than they were read, dropped by the kernel.",
           (double)s.dropped);
    metric(b, "auspex_statsd_samples_total", "counter", "Samples made of statsd's lines.",
           (double)s.samples);
    metric(b, "auspex_statsd_samples_lost_total", "counter", "Of those, not stored.",
           (double)s.lost);
}

static void put_logs(struct ax_logs *logs, struct ax_buf *b)
{
    static const char *const reasons[AX_LOGS_REASONS] = {"invalid", "too_large", "busy", "disk"};
    struct ax_logs_stats s;
    if (!logs)
        return;
    ax_logs_stats(logs, &s);
    metric(b, "auspex_logs_received_total", "counter", "Logs written to their tenants' files.",
           (double)s.received);
    metric(b, "auspex_logs_bytes_total", "counter", "Bytes of those.", (double)s.bytes);
    metric(b, "auspex_logs_syncs_total", "counter", "fdatasync calls of files of logs.",
           (double)s.syncs);
    ax_buf_cstr(b, "# HELP auspex_logs_refused_total Requests with logs that were refused.\n"
                   "# TYPE auspex_logs_refused_total counter\n");
    for (int i = 0; i < AX_LOGS_REASONS; i++)
        ax_buf_printf(b, "auspex_logs_refused_total{reason=\"%s\"} %llu\n", reasons[i],
                      (unsigned long long)s.refused[i]);
}

static void put_rules(const struct ax_api_options *rooms, struct ax_buf *b)
{
    bool well = false;
    int64_t at = 0;
    if (rooms->reloaded) {
        rooms->reloaded(rooms->reload_ctx, &well, &at);
        metric(b, "auspex_config_last_reload_successful", "gauge",
               "Whether all rule files are in force as they were when last read.", well);
        metric(b, "auspex_config_last_reload_success_timestamp_seconds", "gauge",
               "When they last were.", (double)at / 1000);
    }
    ax_alarms_metrics(rooms->alarms, b);
}

static void put_held(struct ax_dispatch *dispatch, struct ax_buf *b)
{
    struct ax_dispatch_stats s;
    if (ax_dispatch_stats(dispatch, &s, NULL) < 0)
        return;
    ax_buf_cstr(b, "# HELP auspex_notifications_held Notifications that are held, by reason.\n"
                   "# TYPE auspex_notifications_held gauge\n");
    for (int i = 0; i < AX_HOLDS; i++)
        ax_buf_printf(b, "auspex_notifications_held{reason=\"%s\"} %llu\n",
                      ax_hold_name((enum ax_hold)i), (unsigned long long)s.held[i]);
    metric(b, "auspex_incidents_open", "gauge", "Incidents that are open.", (double)s.incidents);
    metric(b, "auspex_silences", "gauge", "Silences that are active.", (double)s.silences);
}

static void put_levels(struct ax_warrants *w, int64_t now, struct ax_arena *a, struct ax_buf *b)
{
    struct ax_vm_level *v;
    size_t n;
    if (ax_warrants_levels(w, now, a, &v, &n, NULL) < 0)
        return;
    ax_buf_cstr(b, "# HELP auspex_vmi_level How far a look into the VM is allowed now: 0 none, "
                   "1 statistics, 2 processes, 3 diagnosis, 4 forensic.\n"
                   "# TYPE auspex_vmi_level gauge\n");
    for (size_t i = 0; i < n; i++)
        ax_buf_printf(b, "auspex_vmi_level{vm=\"%.*s\",tenant=\"%.*s\"} %d\n",
                      AX_STR_ARG(v[i].handle), AX_STR_ARG(v[i].tenant), (int)v[i].scope);
}

static void put_inspection(struct ax_warrants *w, struct ax_arena *a, struct ax_buf *b)
{
    struct ax_warrants_stats s;
    int64_t now = ax_now_ms();
    if (ax_warrants_stats(w, now, &s, NULL) < 0)
        return;
    metric(b, "auspex_inspection_consents", "gauge", "Consents in force.", (double)s.consents);
    metric(b, "auspex_inspection_warrants", "gauge", "Warrants in force.", (double)s.warrants);
    metric(b, "auspex_inspection_standing", "gauge", "Collections from VMs' memory that go on.",
           (double)s.standing);
    metric(b, "auspex_inspection_uses_total", "counter",
           "Looks into VMs' memory that were allowed.", (double)s.uses);
    metric(b, "auspex_inspection_refused_total", "counter", "Looks that nothing allowed.",
           (double)s.refused);
    metric(b, "auspex_inspection_notices_waiting", "gauge",
           "Notices that are due and not sent yet.", (double)s.notices_waiting);
    metric(b, "auspex_inspection_notices_delayed", "gauge", "Notices that are due later.",
           (double)s.notices_delayed);
    metric(b, "auspex_inspection_notices_unread", "gauge",
           "Notices sent that their owner has not marked read.", (double)s.notices_unread);
    metric(b, "auspex_inspection_ledger_entries", "gauge", "Entries of the ledger.",
           (double)s.entries);
    metric(b, "auspex_inspection_ledger_intact", "gauge",
           "Whether the ledger ends where ledger.head says, when last appended to.", s.intact);
    put_levels(w, now, a, b);
}

void ax_self_metrics(struct ax_request *q, struct ax_reply *r)
{
    const struct ax_api_options *rooms = ax_api_rooms(q->api);
    struct ax_intake_stats in;
    struct ax_store_stats st;
    struct ax_buf *b = &r->body;
    ax_intake_stats(rooms->intake, &in);
    ax_store_stats(rooms->store, &st);
    r->type = "text/plain; version=0.0.4; charset=utf-8";
    ax_buf_cstr(b, "# HELP auspex_build_info The running version.\n# TYPE auspex_build_info gauge\n"
                   "auspex_build_info{version=\"" AX_VERSION "\"} 1\n");
    metric(b, "auspex_series", "gauge", "Live series.", (double)in.series);
    metric(b, "auspex_series_bytes", "gauge", "Memory of live series and their labels (estimate).",
           (double)in.bytes);
    metric(b, "auspex_store_head_bytes", "gauge", "Memory of samples not yet in blocks (estimate).",
           (double)st.resident_bytes);
    metric(b, "auspex_batches_total", "counter", "Batches pushed.", (double)in.batches);
    metric(b, "auspex_samples_total", "counter", "Samples stored.", (double)in.samples);
    metric(b, "auspex_samples_rejected_total", "counter", "Samples refused.", (double)in.rejected);
    metric(b, "auspex_store_head_samples", "gauge", "Samples not yet in blocks.",
           (double)st.head_samples);
    metric(b, "auspex_store_blocks", "gauge", "Immutable blocks.", (double)st.blocks);
    metric(b, "auspex_store_wal_bytes", "gauge", "Bytes of write-ahead log.", (double)st.wal_bytes);
    metric(b, "auspex_store_block_bytes", "gauge", "Bytes of blocks.", (double)st.block_bytes);
    metric(b, "auspex_store_flushed_bytes_total", "counter", "Bytes of blocks with new samples.",
           (double)st.flushed_bytes);
    metric(b, "auspex_store_rewritten_bytes_total", "counter",
           "Bytes of blocks written anew by merging, retention and deletion.",
           (double)st.rewritten_bytes);
    metric(b, "auspex_store_syncs_total", "counter", "fdatasync calls of the log.",
           (double)st.syncs);
    metric(b, "auspex_store_damaged_total", "counter", "Checksums that did not match.",
           (double)st.damaged);
    metric(b, "process_resident_memory_bytes", "gauge", "Resident memory.",
           (double)ax_resident_bytes());
    metric(b, "process_cpu_seconds_total", "counter", "CPU time of the server.",
           (double)ax_cpu_ns() / 1e9);
    metric(b, "process_start_time_seconds", "gauge", "Start of the server.",
           (double)ax_api_started(q->api) / 1000);
    put_tenants(rooms->store, &q->arena, b);
    put_auth(rooms->auth, b);
    put_quotas(q->api, b);
    put_alarms(rooms->stream, b);
    put_notified(rooms->notify, b);
    put_faults(rooms->faults, b);
    put_statsd(rooms->statsd, b);
    put_logs(rooms->logs, b);
    if (rooms->tls)
        metric(b, "auspex_tls_certificate_expires_timestamp_seconds", "gauge",
               "End of the server's own certificate.", (double)ax_tls_expires(rooms->tls) / 1000);
    put_rules(rooms, b);
    put_held(rooms->dispatch, b);
    put_inspection(rooms->warrants, &q->arena, b);
    put_answers(q->api, b);
}
