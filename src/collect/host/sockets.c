// SPDX-License-Identifier: Apache-2.0
/* Sockets and protocol counters: /proc/net/snmp, netstat (names in one line, values in the next),
 * sockstat, and connection tracking. Columns are found by name: they differ between kernels. */
#include "collect/host/host.h"

#include <stdio.h>
#include <unistd.h>

static const char *const wanted[] = {
    "Icmp_InErrors",
    "Icmp_InMsgs",
    "Icmp_OutMsgs",
    "IpExt_InOctets",
    "IpExt_OutOctets",
    "Ip_Forwarding",
    "TcpExt_ListenDrops",
    "TcpExt_ListenOverflows",
    "TcpExt_SyncookiesFailed",
    "TcpExt_SyncookiesRecv",
    "TcpExt_SyncookiesSent",
    "TcpExt_TCPSynRetrans",
    "TcpExt_TCPTimeouts",
    "TcpExt_TCPAbortOnMemory",
    "TcpExt_TCPBacklogDrop",
    "Tcp_ActiveOpens",
    "Tcp_AttemptFails",
    "Tcp_CurrEstab",
    "Tcp_EstabResets",
    "Tcp_InErrs",
    "Tcp_InSegs",
    "Tcp_OutRsts",
    "Tcp_OutSegs",
    "Tcp_PassiveOpens",
    "Tcp_RetransSegs",
    "Udp_InDatagrams",
    "Udp_InErrors",
    "Udp_NoPorts",
    "Udp_OutDatagrams",
    "Udp_RcvbufErrors",
    "Udp_SndbufErrors",
    "UdpLite_InErrors",
};

static void emit_field(struct ax_host *h, struct ax_str protocol, struct ax_str field, double v)
{
    char name[128];
    int n = snprintf(name, sizeof name, "node_netstat_%.*s_%.*s", AX_STR_ARG(protocol),
                     AX_STR_ARG(field));
    if (n < 0 || (size_t)n >= sizeof name)
        return;
    for (size_t i = 0; i < AX_ARRAY_LEN(wanted); i++)
        if (ax_str_eq(ax_str(wanted[i]), ax_str(name + sizeof "node_netstat_" - 1)))
            ax_host_emit(h, name, v);
}

static void emit_pair(struct ax_host *h, struct ax_str heads, struct ax_str values)
{
    struct ax_str protocol, again, head, value;
    double v;
    if (!ax_str_cut(&heads, ':', &protocol) || !ax_str_cut(&values, ':', &again) ||
        !ax_str_eq(protocol, again))
        return;
    while (ax_str_word(&heads, &head) && ax_str_word(&values, &value))
        if (ax_str_double(value, &v))
            emit_field(h, protocol, head, v);
}

static int netstat(struct ax_host *h, const char *path, struct ax_err *err)
{
    struct ax_str rest, heads, values;
    int rc = ax_host_read(h, h->proc, path, &rest, err);
    if (rc < 0)
        return rc;
    while (ax_str_cut(&rest, '\n', &heads) && ax_str_cut(&rest, '\n', &values))
        emit_pair(h, heads, values);
    return 0;
}

/* "TCP: inuse 5 orphan 0 tw 0 alloc 6 mem 1": pages in mem. */
static int sockstat(struct ax_host *h, const char *path, struct ax_err *err)
{
    struct ax_str rest, line, family, key, value;
    int rc = ax_host_read(h, h->proc, path, &rest, err);
    if (rc < 0)
        return rc;
    while (ax_str_cut(&rest, '\n', &line)) {
        double v;
        if (!ax_str_cut(&line, ':', &family))
            continue;
        while (ax_str_word(&line, &key) && ax_str_word(&line, &value)) {
            char name[96];
            int n = snprintf(name, sizeof name, "node_sockstat_%.*s_%.*s", AX_STR_ARG(family),
                             AX_STR_ARG(key));
            if (n < 0 || (size_t)n >= sizeof name - 6 || !ax_str_double(value, &v))
                continue;
            ax_host_emit(h, name, v);
            if (!ax_str_eq(key, AX_STR("mem")))
                continue;
            snprintf(name + n, sizeof name - (size_t)n, "_bytes");
            ax_host_emit(h, name, v * (double)sysconf(_SC_PAGESIZE));
        }
    }
    return 0;
}

int ax_host_sockets(struct ax_host *h, struct ax_err *err)
{
    int rc = netstat(h, "net/snmp", err);
    if (rc == 0)
        rc = netstat(h, "net/netstat", err);
    if (rc == 0)
        rc = sockstat(h, "net/sockstat", err);
    if (rc == 0)
        sockstat(h, "net/sockstat6", NULL); /* a machine without IPv6 has none */
    ax_host_emit(h, "node_nf_conntrack_entries",
                 ax_host_number(h, h->proc, "sys/net/netfilter/nf_conntrack_count"));
    ax_host_emit(h, "node_nf_conntrack_entries_limit",
                 ax_host_number(h, h->proc, "sys/net/netfilter/nf_conntrack_max"));
    return rc;
}
