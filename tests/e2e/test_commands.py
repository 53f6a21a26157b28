# SPDX-License-Identifier: Apache-2.0
"""Commands that change who is told, and that follow what happens: `auspex notify`, `auspex events -f`."""
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import auspex, binary, check, equal, wait_for


class Hook:
    def __init__(self):
        outer = self
        self.got, self.status = [], 200

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/told"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def setup(env):
    return env.server()


def notify(server, *words):
    return auspex("notify", *words, "--server", server.url)


def observe(server, state, reason="", handle="vm:made", host="host:home"):
    kind, name = handle.split(":")
    server.observe({"time": int(time.time() * 1000), "host": host, "complete": [], "events": [],
                    "resources": [{"handle": handle, "kind": kind, "name": name, "state": state, "reason": reason}]})


def test_a_method_is_made_tried_and_deleted(env, server):
    hook = Hook()
    status, out, err = notify(server, "add", "ops", "--type", "webhook", "--address", hook.url, "--repeat")
    check(status == 0, err)
    made = out.strip()
    status, out, _ = notify(server, "methods", "--json")
    equal([(m["id"], m["name"], m["type"], m["address"], m["period"]) for m in json.loads(out)["elements"]],
          [(made, "ops", "WEBHOOK", hook.url, 60)], "methods")
    check(made in notify(server, "methods")[1], "the table has the id")
    check("PAGERDUTY\n" in notify(server, "methods", "--types")[1], "types")
    for word in ("ops", made):
        status, out, err = notify(server, "test", word)
        check(status == 0 and out.startswith("delivered in "), f"{status} {out!r} {err!r}")
    equal([d["test"] for d in hook.got], [True, True], "what the hook got")
    hook.status = 403
    status, out, err = notify(server, "test", "ops")
    check(status == 1 and "403" in err, f"{status} {out!r} {err!r}")
    status, _, err = notify(server, "add", "ops", "--type", "WEBHOOK", "--address", hook.url)
    check(status == 1 and "named 'ops'" in err, f"{status} {err!r}")
    status, _, err = notify(server, "add", "x", "--type", "PIGEON", "--address", "x")
    check(status == 1 and "type" in err, f"{status} {err!r}")
    equal(notify(server, "add", "x")[0], 2, "without type and address")
    equal(notify(server, "test")[0], 2, "a test of nothing")
    equal(notify(server, "delete", "ops"), (0, "", ""), "deleting")
    status, _, err = notify(server, "delete", "ops")
    check(status == 1 and '"ops"' in err, f"{status} {err!r}")
    equal(notify(server, "methods")[1], "no notification methods\n", "methods left")


def test_a_method_is_found_among_many(env, server):
    """On the second page of a thousand each."""
    last = None
    for i in range(1005):
        status, body = server.http("/v2.0/notification-methods", json.dumps(
            {"name": f"m{i:04}", "type": "EMAIL", "address": "a@b"}).encode(), {"Content-Type": "application/json"})
        check(status == 201, f"{status} {body!r}")
        last = json.loads(body)["id"]
    equal(len(json.loads(notify(server, "methods", "--json")[1])["elements"]), 1005, "methods")
    equal(notify(server, "delete", "m1004")[0], 0, "deleting the last")
    equal(server.http("/v2.0/notification-methods/" + last)[0], 404, "it is gone")


def test_events_are_followed_over_a_crash(env, server):
    observe(server, "running", "before")
    seen = env.process("follow", [binary(), "events", "--follow", "--json", "--server", server.url])
    lines = lambda: [json.loads(line) for line in seen.said().splitlines() if line.startswith("{")]
    wait_for("what was there", 10, lambda: len(lines()) == 1)
    begun = time.monotonic()
    observe(server, "shutoff", "shutdown")              # an event, and no fault
    wait_for("the next", 5, lambda: len(lines()) == 2, 0.01)
    env.note(f"from the observation to the line {(time.monotonic() - begun) * 1000:.0f} ms")
    server.process.kill()
    wait_for("word of the break", 5, lambda: "auspex: " in seen.said())
    server.start()
    for i in range(20):
        observe(server, "crashed" if i % 2 else "running", f"n{i}")
    wait_for("all", 10, lambda: len(lines()) == 22)
    equal([(e["id"], e["handle"], e["name"], e["what"]) for e in lines()],
          [(e["id"], e["handle"], e["name"], e["what"]) for e in reversed(server.events())], "events, each once")
    check(seen.alive(), "it goes on")
    seen.stop()


def test_faults_of_a_host_are_followed(env, server):
    observe(server, "up", handle="host:home")
    seen = env.process("faults", [binary(), "events", "-f", "--host", "home", "--severity", "critical",
                                  "--server", server.url])
    observe(server, "running", "booted", "vm:elsewhere", "host:other")
    observe(server, "crashed", "panicked", "vm:elsewhere", "host:other")
    observe(server, "running", "booted", "vm:wanted")
    observe(server, "shutoff", "shutdown", "vm:wanted")
    observe(server, "crashed", "panicked", "vm:wanted")
    wait_for("the crash", 5, lambda: "vm wanted went from shutoff to crashed" in seen.said())
    check("elsewhere" not in seen.said() and "shutdown" not in seen.said(), seen.said())
    seen.stop()
    for words in (["--severity", "bad", "-f"], ["-f", "--host", "nobody"]):
        status, _, err = auspex("events", *words, "--server", server.url)
        check(status == 1 and err.startswith("auspex: "), f"{words}: {status} {err!r}")
    equal(auspex("events", "--faults", "--server", server.url)[0], 2, "--faults without --follow")
    down = f"http://127.0.0.1:{os.getpid() % 1000 + 1}"
    equal(auspex("events", "-f", "--server", down)[0], 1, "nobody there")
