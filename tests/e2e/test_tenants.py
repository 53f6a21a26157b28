# SPDX-License-Identifier: Apache-2.0
"""One tenant keeps less than the others, and what each takes on disk is told."""
import json
import re
import time

from harness import check, equal, wait_for

HOUR = 3600
BRIEF, LONG = {"X-Scope-OrgID": "brief"}, {"X-Scope-OrgID": "long"}


def setup(env):
    return env.server("tenants", args=["--retention", "10d", "--tenant-retention", "brief=2h"])


def write(server, headers, age_hours):
    at = int(time.time() - age_hours * HOUR) * 1000
    samples = [(at + i * 1000, i / 7) for i in range(100)]
    equal(server.write([({"__name__": "m", "age": str(age_hours)}, samples)], headers)[0], 204, "write")


def ages(server, headers):
    start, end = int(time.time() - 30 * HOUR), int(time.time())
    path = f"/api/v1/query_range?query=m&start={start}&end={end}&step=60"
    result = json.loads(server.http(path, headers=headers)[1])["data"]["result"]
    return sorted(series["metric"]["age"] for series in result)


def block_bytes(server):
    text = server.http("/metrics")[1].decode()
    return {name: int(n) for name, n in re.findall(r'^auspex_tenant_block_bytes{tenant="(\w+)"} (\d+)$', text, re.M)}


def test_what_is_too_old_for_one_tenant_goes(env, server):
    for headers in (BRIEF, LONG):
        write(server, headers, 26)
        write(server, headers, 0.1)
    equal(ages(server, BRIEF), ["0.1", "26"], "before there are blocks")
    # Who deletes, and be it nothing, finds the samples in blocks.
    equal(server.http("/api/v1/admin/tsdb/delete_series?match[]=nothing", method="POST", headers=LONG)[0], 204, "flush")
    wait_for("the old samples of the one tenant to go", 90, lambda: ages(server, BRIEF) == ["0.1"])
    equal(ages(server, LONG), ["0.1", "26"], "what the other keeps")


def test_what_each_takes_is_told(env, server):
    def told():
        of = block_bytes(server)
        return len(of) == 2 and 0 < of["brief"] < of["long"]
    wait_for("the one that keeps less to take less", 20, told)


def test_who_sends_too_much_waits_and_the_others_do_not(env, server):
    slow = env.server("rate", args=["--max-tenant-rate", "1000"])
    at = int(time.time() * 1000) - 5000

    def send(headers, n=5000):
        return slow.write([({"__name__": "m"}, [(at - i, 1.0) for i in range(n)][::-1])], headers)
    equal(send(BRIEF)[0], 204, "a large request at first")
    for path, body in (("/api/v1/write", None), ("/api/v1/import/prometheus", b"m 1\n"),
                       ("/v2.0/metrics", b'{"name":"m","dimensions":{},"timestamp":1,"value":1}')):
        headers = {**BRIEF, "Content-Type": "application/json"}
        status, said = send(BRIEF) if body is None else slow.http(path, body, headers)
        equal(status, 429, path)
        check(b"1000 samples a second" in said, f"{path}: {said!r}")
    equal(send(LONG)[0], 204, "the other tenant")
    wait_for("the tenant to be let in again", 10, lambda: send(BRIEF, 10)[0] == 204)
    check(re.search(r"^auspex_quota_refused_total [1-9]", slow.http("/metrics")[1].decode(), re.M), "it is counted")


def test_one_query_takes_so_many_samples(env, server):
    small = env.server("query", args=["--max-query-samples", "1000"])
    at = int(time.time() * 1000)
    equal(small.write([({"__name__": "m"}, [(at - i, 1.0) for i in range(3000)][::-1])])[0], 204, "write")
    status, said = small.http("/api/v1/query?query=sum_over_time(m[1m])")
    equal(status, 422, "the query")
    check(b"1000" in said, f"the limit is not named: {said!r}")
    equal(small.value("m"), 1.0, "a query that takes less")
