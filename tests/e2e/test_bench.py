# SPDX-License-Identifier: Apache-2.0
"""The benchmarks measure what they say they do: against our server, with small loads."""
import json
import os
import time

from harness import REPO, auspex, binary, check, equal, run


def setup(env):
    return env.server()


def bench(*arguments):
    status, out, err = auspex("bench", *arguments, "--json", timeout=120)
    equal(status, 0, f"exit status of bench {' '.join(arguments)} ({err[-300:]})")
    return json.loads(out)


def test_what_is_acknowledged_is_there(env, server):
    start = int(time.time()) - 3600
    got = bench("ingest", "--url", server.url, "--pid", str(server.process.pid), "--series", "1000",
                "--rounds", "30", "--warm-up", "2", "--batch", "500", "--start", str(start),
                "--samples-per-request-series", "6", "--prebuild", "--connections", "2")
    equal(got["warm_up"]["acknowledged"], 2000, "samples of the warm-up")
    equal(got["measured"]["acknowledged"], 30000, "samples that were measured")
    # Counted in ticks of 10 ms: so little may take none.
    check(0 <= got["measured"]["server_cpu_seconds"] < 60, "the server's CPU time is not known")
    check(got["settled_resident_bytes"] > 1 << 20, "the server's memory is not known")
    for name, wanted in (("host_up", 32), ("vm_cpu_time_ns_total", 39 * 32)):   # one host, its machines
        found = server.query(f"sum(count_over_time({name}[10m]))", at=got["end_ms"] / 1000)
        equal([value for _, value in found], [wanted], f"samples of {name} that are there")
    asked = bench("query", "--server", server.url, "--pid", str(server.process.pid), "--runs", "3",
                  "--time", str(got["end_ms"] / 1000), 'sum by (host) ({job="virt"})')["queries"]
    equal(len(asked), 1, "queries that were timed")
    check(asked[0]["bytes"] > 100 and 0 < asked[0]["min_ms"] <= asked[0]["p50_ms"], f"no timing: {asked}")


def test_a_killed_server_comes_back_with_everything(env, server):
    got = bench("recover", "--series", "1000", "--rounds", "20", "--seconds", "2", "--dir", env.dir)
    check(got["acknowledged"] >= 20000, f"too little was sent: {got}")
    equal((got["lost"], got["invented"]), (0, 0), "samples lost and invented")


def test_the_comparison_runs(env, server):
    out = os.path.join(env.dir, "compare.json")
    status, said, err = run([os.path.join(REPO, "bench", "compare"), "visible", "--quick", "--servers",
                             "auspex", "--dir", env.dir, "--json", out],
                            timeout=120, env={**os.environ, "AUSPEX": binary()})
    equal(status, 0, f"exit status of bench/compare ({err[-300:]})")
    check("visible" in said, f"no table: {said}")
    with open(out, encoding="utf-8") as f:
        runs = json.load(f)["measured"]["visible"]["auspex"]
    equal((len(runs), runs[0]["visible_ms"]), (1, 0), "runs, and ms until a sample is seen")
