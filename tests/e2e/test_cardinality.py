# SPDX-License-Identifier: Apache-2.0
"""Each tenant has its limit of series, and can see what they are made of."""
import json
import os
import time
import urllib.request

from harness import binary, check, equal, free_port, wait_for

LIMIT = 5


def setup(env):
    return env.server("limited", args=["--max-tenant-series", str(LIMIT)])


def series(metric, *vms):
    now = int(time.time() * 1000)
    return [({"__name__": metric, "vm": vm, "job": "test"}, [(now, 1.0)]) for vm in vms]


def test_a_tenant_at_its_limit_is_told_and_others_go_on(env, server):
    greedy, modest = {"X-Scope-OrgID": "greedy"}, {"X-Scope-OrgID": "modest"}
    equal(server.write(series("m", "a", "b", "c"), greedy)[0], 204, "below the limit")
    status, body = server.write(series("m", "c", "d", "e", "f"), greedy)
    equal(status, 400, "some of the request above the limit")
    check("1 of 4 samples refused" in str(body) and "tenant greedy has reached its limit of 5" in str(body),
          f"says {body}")
    status, body = server.write(series("m", "x", "y"), greedy)
    equal(status, 429, f"all of the request above the limit ({body})")
    equal(server.write(series("m", "a", "e"), greedy)[0], 204, "what is known")
    equal(server.write(series("m", "x", "y"), modest)[0], 204, "another tenant")
    found = json.loads(server.http("/api/v1/series?match[]=m", headers=greedy)[1])["data"]
    equal(len(found), LIMIT, "series of the greedy one")


def test_where_series_come_from(env, server):
    mine = {"X-Scope-OrgID": "mine"}
    equal(server.write(series("many", "a", "b", "c") + series("few", "a"), mine)[0], 204, "write")
    told = json.loads(server.http("/auspex/v1/status/cardinality?limit=2", headers=mine)[1])
    equal((told["tenant"], told["series"], told["series_limit"]), ("mine", 4, LIMIT), "whose, and how many")
    equal(told["metrics"], [{"name": "many", "series": 3}, {"name": "few", "series": 1}], "metrics")
    equal(told["labels"][0], {"name": "vm", "values": 3, "series": 4}, "the label with the most values")
    equal(told["pairs"][0], {"name": "job", "value": "test", "series": 4}, "the pair with the most series")
    as_prometheus = json.loads(server.http("/api/v1/status/tsdb", headers=mine)[1])["data"]
    equal(as_prometheus["headStats"]["numSeries"], 4, "numSeries")
    equal(as_prometheus["seriesCountByMetricName"][0], {"name": "many", "value": 3}, "in Prometheus's form")


def test_run_hands_its_flags_on(env, server):
    port = free_port()
    env.process("run", [binary(), "run", "--listen", f"127.0.0.1:{port}", "--data", os.path.join(env.dir, "run"),
                        "--libvirt", "none", "--max-tenant-series", "7", "--retention", "9d"])

    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.load(answer)

    limit = wait_for("the server to answer", 20, lambda: ask("/auspex/v1/status/cardinality")["series_limit"])
    equal(limit, 7, "the limit that run was given")
    equal(ask("/auspex/v1/status")["retention_seconds"], 9 * 86400, "the retention")
    wait_for("the collector's samples", 20, lambda: ask("/auspex/v1/status")["samples_total"] > 0)
