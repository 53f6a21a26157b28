# SPDX-License-Identifier: Apache-2.0
"""One tenant keeps less than the others, and what each takes on disk is told."""
import json
import re
import time

from harness import equal, wait_for

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
    wait_for("the old samples of the one tenant to go", 30, lambda: ages(server, BRIEF) == ["0.1"])
    equal(ages(server, LONG), ["0.1", "26"], "what the other keeps")


def test_what_each_takes_is_told(env, server):
    def told():
        of = block_bytes(server)
        return len(of) == 2 and 0 < of["brief"] < of["long"]
    wait_for("the one that keeps less to take less", 20, told)
