# SPDX-License-Identifier: Apache-2.0
"""Requests do not wait for one another: writes share a sync, slow questions keep nobody waiting."""
import json
import threading
import time

from harness import auspex, check, equal

SLOW = 'sum(last_over_time({job="virt"}[2h:1s]))'
CONNECTIONS = 32


def setup(env):
    return env.server()


def syncs(server):
    _, text = server.http("/metrics")
    return next(int(line.split()[1]) for line in text.decode().splitlines()
                if line.startswith("auspex_store_syncs_total "))


def test_one_sync_serves_all_who_wait(env, server):
    before = syncs(server)
    status, out, err = auspex("bench", "ingest", "--url", server.url, "--series", "3200", "--rounds", "20",
                              "--batch", "100", "--connections", str(CONNECTIONS), "--prebuild", "--json",
                              timeout=120)
    equal(status, 0, f"exit status of bench ingest ({err[-300:]})")
    equal(json.loads(out)["measured"]["acknowledged"], 64000, "samples answered")
    requests, spent = 20 * 3200 // 100, syncs(server) - before
    check(spent * 4 < requests, f"{spent} syncs for {requests} requests on {CONNECTIONS} connections")
    return f"{spent} syncs for {requests} requests"


class Question(threading.Thread):
    def __init__(self, server):
        super().__init__()
        self.server, self.status, self.seconds = server, None, None

    def run(self):
        began = time.monotonic()
        try:
            self.status, _ = self.server.http(f"/api/v1/query?query={SLOW}".replace('"', "%22"))
        except OSError as e:
            self.status = e
        self.seconds = time.monotonic() - began


def ask(server, n):
    threads = [Question(server) for _ in range(n)]
    for t in threads:
        t.start()
    return threads


def test_slow_questions_keep_nobody_waiting(env, server):
    """More of them than there are I/O threads, and more connections than those."""
    slow, waits = ask(server, 6), []
    while any(t.is_alive() for t in slow):
        began = time.monotonic()
        status, _ = server.http("/-/healthy")
        equal(status, 200, "status while slow questions run")
        now = int(time.time() * 1000)
        status, body = server.write([({"__name__": "e2e_between"}, [(now, 1.0)])])
        equal(status, 204, f"a write while slow questions run ({body[:100]})")
        waits.append(time.monotonic() - began)
        time.sleep(0.05)
    for t in slow:
        t.join()
        equal(t.status, 200, "status of a slow question")
    quickest, longest = min(t.seconds for t in slow), max(waits)
    check(quickest > 0.3 and len(waits) > 2, f"the questions were not slow: {quickest:.2f} s")
    check(longest < quickest / 2, f"a write waited {longest:.2f} s for questions of {quickest:.2f} s and more")
    return f"{quickest:.1f} s at least for a question, {longest:.2f} s at most for a write"


def test_the_end_waits_for_those_under_way(env, server):
    slow = ask(server, 3)
    time.sleep(0.3)
    status = server.process.stop()
    for t in slow:
        t.join()
        equal(t.status, 200, "status of a question that was under way at the end")
    equal(status, 0, "exit status of the server")
    server.start()


def test_an_urgent_write_does_not_wait_for_company(env, server):
    patient = env.server("patient", args=["--commit-interval", "3s"])
    now = int(time.time() * 1000)
    took = {}
    for name, headers in (("patient", {}), ("urgent", {"X-Auspex-Commit": "now"})):
        began = time.monotonic()
        status, body = patient.write([({"__name__": "e2e_" + name}, [(now, 1.0)])], headers)
        took[name] = time.monotonic() - began
        equal(status, 204, f"the {name} write ({body[:100]})")
    check(took["urgent"] < 1.5 and took["patient"] > 2, f"seconds that the writes took: {took}")
