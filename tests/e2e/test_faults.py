# SPDX-License-Identifier: Apache-2.0
"""Who subscribes to faults hears of them within a second of what happened, by a stream and by a
webhook, of their own resources alone, and misses nothing over a crash of the server."""
import datetime
import http.client
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import auspex, check, equal, wait_for

GUEST = "fault1"


class Stream:
    """A client of the stream, reading in a thread: (monotonic time, fault) of each."""

    def __init__(self, server, query="", last=None, token=None, tenant=None):
        headers = {"Authorization": "Bearer " + token} if token else {}
        if tenant:
            headers["X-Scope-OrgID"] = tenant
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.connection.request("GET", "/auspex/v1/faults/stream?" + query, headers=headers)
        self.answer = self.connection.getresponse()
        self.got, self.comments, self.last, self.ended = [], 0, last, None
        self.status = self.answer.status
        if self.status == 200:
            equal(self.answer.getheader("Content-Type"), "text/event-stream", "type")
            threading.Thread(target=self.read, daemon=True).start()
            wait_for("the stream's greeting", 5, lambda: self.last is not None, 0.005)
        else:
            self.said = self.answer.read()

    def read(self):
        event, data = None, []
        try:
            for line in self.answer:
                line = line.decode().rstrip("\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(": ")
                    if name == "id":
                        self.last = int(value)
                    event = value if name == "event" else event
                    data += [value] if name == "data" else []
                else:
                    if data:
                        equal(event, "fault", "event")
                        self.got.append((time.monotonic(), json.loads("\n".join(data))))
                    event, data = None, []
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass                                # closed here or there
        self.ended = time.monotonic()

    def of(self, handle, what, after=0):
        return [(at, f) for at, f in self.got
                if f["resource"]["handle"] == handle and f["what"] == what and f["id"] > after]

    def close(self):
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
        self.connection.close()


class Hook:
    """Takes webhooks; refuses with 503 while told to."""

    def __init__(self):
        outer = self
        self.got, self.keys, self.refusing = [], [], False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not outer.refusing:
                    outer.keys.append(self.headers["Idempotency-Key"])
                    outer.got.append((time.monotonic(), document))
                self.send_response(503 if outer.refusing else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None      # a server that was killed in the middle of sending
        self.url = f"http://127.0.0.1:{self.server.server_port}/faults"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, handle, what, after=0):
        return [(at, f) for at, f in self.got
                if f["resource"]["handle"] == handle and f["what"] == what and f["id"] > after]


def subscribe(server, url, headers=None, **filters):
    status, body = server.http("/auspex/v1/subscriptions", json.dumps({"url": url, **filters}).encode(), headers)
    check(status == 201, f"POST subscriptions: {status} {body!r}")
    return json.loads(body)


def observe(server, state, reason="", handle="vm:made", headers=None, at=None):
    document = {"time": at or int(time.time() * 1000), "host": "host:made", "complete": [], "events": [],
                "resources": [{"handle": handle, "kind": "vm", "name": "made", "state": state, "reason": reason}]}
    status, body = server.http("/auspex/v1/observations", json.dumps(document).encode(), headers)
    check(status == 204, f"{status} {body!r}")


def moment(fault):
    """When it happened, on the monotonic clock."""
    at = datetime.datetime.fromisoformat(fault["time"].replace("Z", "+00:00")).timestamp()
    return time.monotonic() - (time.time() - at)


def setup(env):
    env.hook = Hook()
    hv, server = env.hypervisor(), env.server()
    env.vm = "vm:" + hv.start(GUEST)
    env.collector = env.host(server, hv.uri, interval="5s")  # long, so that only a push can be in time
    wait_for("the VM", 20, lambda: server.resources(kind="vm"))
    return hv, server


def test_a_destroyed_guest_is_told_within_a_second(env, given):
    hv, server = given
    host = server.resource(env.vm)["host"]
    streams = {"all": Stream(server), "its own": Stream(server, "resource=" + env.vm),
               "its host's": Stream(server, "host=" + host), "critical": Stream(server, "severity=critical"),
               "another's": Stream(server, "resource=vm:other"), "alarms": Stream(server, "type=alarm")}
    subscription = subscribe(server, env.hook.url, resource=env.vm, severity="critical")
    equal(server.get("/auspex/v1/subscriptions")["subscriptions"], [subscription], "subscriptions")
    took, since_told = {}, {}
    for _ in range(3):
        last = max((e["id"] for e in server.events()), default=0)
        for action, what, phase in (("destroy", "stopped", "begins"), ("start", "started", "ends")):
            hv.virsh(action, GUEST)
            done = time.monotonic()
            for name in ("all", "its own", "its host's", "critical"):
                at, fault = wait_for(f"{what} in {name}", 5, lambda: streams[name].of(env.vm, what, last), 0.005)[0]
                took.setdefault("stream", []).append(at - done)
                since_told.setdefault("stream", []).append(at - moment(fault))
                equal((fault["severity"], fault["phase"], fault["type"]), ("critical", phase, "lifecycle"), name)
                equal(fault["resource"], {"handle": env.vm, "name": GUEST, "kind": "vm", "tenant": "default",
                                          "host": host}, "resource")
                check(fault["text"] and fault["time"].endswith("Z"), f"{fault}")
            at, fault = wait_for(f"{what} by webhook", 5, lambda: env.hook.of(env.vm, what, last), 0.005)[0]
            took.setdefault("webhook", []).append(at - done)
            since_told.setdefault("webhook", []).append(at - moment(fault))
            equal(fault, streams["all"].of(env.vm, what, last)[0][1], "the webhook's document")
    for name in ("another's", "alarms"):
        equal([f for _, f in streams[name].got if f["resource"]["handle"] == env.vm and f["type"] == "lifecycle"],
              [], name)
    equal(len(set(env.hook.keys)), len(env.hook.keys), "keys of the webhooks")
    env.note("from libvirt's word to the client: " + ", ".join(
        f"{way} {sorted(v)[len(v) // 2] * 1000:.0f} ms (worst {max(v) * 1000:.0f})" for way, v in since_told.items()))
    env.note(f"behind virsh's return: {max(max(v) for v in took.values()) * 1000:.0f} ms at worst")
    for times in (took, since_told):
        check(max(max(v) for v in times.values()) < 1, f"too late: {times}")
    for s in streams.values():
        s.close()


def test_an_orderly_change_is_no_fault(env, given):
    _, server = given
    stream = Stream(server, "resource=vm:made")
    for state, reason in (("running", "booted"), ("shutoff", "shutdown"), ("running", "booted"), ("paused", "migrating"),
                          ("running", "migrated"), ("paused", "I/O error")):
        observe(server, state, reason)
    wait_for("the I/O error", 5, lambda: stream.of("vm:made", "paused"))
    equal([(f["what"], f["phase"]) for _, f in stream.got], [("running", "ends"), ("running", "ends"), ("paused", "begins")], "faults")
    stream.close()


def test_a_silent_host_and_its_guests(env, given):
    hv, server = given
    host = server.resource(env.vm)["host"]
    stream = Stream(server, "host=" + host)
    env.collector.kill()
    at, fault = wait_for("the host to be down", 60, lambda: stream.of(host, "down"), 0.05)[0]
    equal((fault["severity"], fault["phase"]), ("critical", "begins"), "fault")
    check(at - moment(fault) < 1, f"told {at - moment(fault)} s after it was found")
    wait_for("its guest", 5, lambda: stream.of(env.vm, "unknown"))
    equal(server.resource(env.vm)["state"], "unknown", "state of the guest")
    env.collector = env.host(server, hv.uri, interval="5s")
    wait_for("the end of the host's fault", 30, lambda: stream.of(host, "up"))
    _, fault = wait_for("the end of the guest's", 30, lambda: stream.of(env.vm, "running"))[0]
    equal(fault["phase"], "ends", "phase")
    stream.close()


def test_the_servers_own_absence_is_no_silence(env, given):
    server = env.server("patient", args=["--interval", "1s"])      # a host is silent after 8 s
    document = {"time": int(time.time() * 1000), "host": "host:quiet", "complete": [], "events": [],
                "resources": [{"handle": "host:quiet", "kind": "host", "name": "quiet", "state": "up"}]}
    server.observe(document)
    server.process.kill()
    time.sleep(9)
    server.start()
    time.sleep(6.5)                             # it has looked once
    equal(server.resource("host:quiet")["state"], "up", "state of a host that had no time to speak")
    wait_for("its silence", 15, lambda: server.resource("host:quiet")["state"] == "down")
    server.process.stop()


def test_an_alarm_that_fires_is_a_fault(env, given):
    _, server = given
    stream = Stream(server, "type=alarm&resource=" + env.vm)
    subscribe(server, env.hook.url, type="alarm")
    definition = {"name": "too hot", "expression": "max(heat{vm_uuid=" + env.vm[3:] + "}) > 90", "severity": "HIGH"}
    status, body = server.http("/v2.0/alarm-definitions", json.dumps(definition).encode(),
                               {"Content-Type": "application/json"})
    check(status == 201, f"{status} {body!r}")
    document = [{"name": "heat", "dimensions": {"vm_uuid": env.vm[3:]}, "timestamp": int(time.time() * 1000), "value": 99}]
    begun = time.monotonic()
    status, body = server.http("/v2.0/metrics", json.dumps(document).encode(), {"Content-Type": "application/json"})
    check(status == 204, f"{status} {body!r}")
    at, fault = wait_for("the alarm", 10, lambda: stream.of(env.vm, "firing"), 0.005)[0]
    hooked, _ = wait_for("the alarm by webhook", 10, lambda: env.hook.of(env.vm, "firing"), 0.005)[0]
    env.note(f"from the sample to the client: stream {(at - begun) * 1000:.0f} ms, webhook {(hooked - begun) * 1000:.0f} ms")
    check(at - begun < 1 and hooked - begun < 1, "within a second")
    equal((fault["detail"], fault["phase"], fault["severity"]), ("too hot", "begins", "critical"), "fault")
    stream.close()


def test_nothing_is_missed_over_crashes_of_the_server(env, given):
    """A client that comes again with the last id it saw, and a webhook that was away."""
    _, server = given
    subscribe(server, env.hook.url, resource="vm:crash")
    at = int(time.time() * 1000)
    sent, seen, last = 0, [], None
    stream = Stream(server, "resource=vm:crash")
    for _ in range(4):
        for _ in range(25):
            at += 1
            observe(server, "crashed" if sent % 2 else "running", f"n{sent}", "vm:crash", at=at)
            sent += 1
        server.process.kill()
        wait_for("the stream to end", 5, lambda: stream.ended)
        seen += [f["id"] for _, f in stream.got]
        last = stream.last
        stream.close()
        server.start()
        stream = Stream(server, "resource=vm:crash", last=last)
    wait_for("the rest", 10, lambda: len(seen) + len(stream.got) >= sent - 1)
    time.sleep(0.3)
    seen += [f["id"] for _, f in stream.got]
    stream.close()
    stored = sorted(e["id"] for e in server.events(handle="vm:crash", limit=1000) if e["what"] != "discovered")
    equal(seen, stored, "ids in the streams, each once and in order")
    wait_for("all webhooks", 60, lambda: set(stored) <= {f["id"] for _, f in env.hook.got})
    first = list(dict.fromkeys(f["id"] for _, f in env.hook.got if f["resource"]["handle"] == "vm:crash"))
    equal(first, stored, "ids in webhooks, in order of their first arrival")
    keys = {}
    for key, (_, f) in zip(env.hook.keys, env.hook.got):
        if f["resource"]["handle"] == "vm:crash":
            equal(keys.setdefault(f["id"], key), key, f"key of {f['id']}")
    env.note(f"{len(stored)} faults over 4 kills: none missed; "
             f"{len([1 for _, f in env.hook.got if f['resource']['handle'] == 'vm:crash']) - len(stored)} webhooks came twice")


def standing(server, query="", headers=None):
    status, body = server.http("/auspex/v1/faults?" + query, headers=headers)
    check(status == 200, f"{status} {body!r}")
    document = json.loads(body)
    return [(f["resource"]["handle"], f["type"], f["what"], f["cause"]) for f in document["faults"]], document["total"]


def test_what_stands_is_listed(env, given):
    """A fault is in the list from its beginning to its end, over a crash of the server."""
    server = env.server("standing")
    observe(server, "running", "booted", "vm:a")
    observe(server, "running", "booted", "vm:b")
    observe(server, "paused", "I/O error", "vm:a")
    observe(server, "paused", "user", "vm:b")
    both = [("vm:a", "state", "paused", "storage"), ("vm:b", "state", "paused", "operator")]
    wait_for("both", 5, lambda: standing(server) == (both, 2), 0.02)
    server.process.kill()
    server.start()
    wait_for("both after a crash", 5, lambda: standing(server) == (both, 2), 0.02)
    for query, wanted, total in (("severity=critical", both[:1], 1), ("resource=vm:b", both[1:], 1), ("host=host:made", both, 2),
                                 ("type=lifecycle", [], 0), ("limit=1", both[:1], 2), ("limit=1&offset=1", both[1:], 2)):
        equal(standing(server, query), (wanted, total), query)
    equal(standing(server, headers={"X-Scope-OrgID": "other"}), ([], 0), "another tenant's")
    for query in ("severity=bad", "host=x", "limit=x", "limit=1001"):
        equal(server.http("/auspex/v1/faults?" + query)[0], 400, query)
    observe(server, "running", "resumed", "vm:a")
    wait_for("the end of one", 5, lambda: standing(server) == (both[1:], 1), 0.02)
    server.process.stop()


def test_maintenance_is_a_fault_to_come_for_all_on_the_host(env, given):
    server = env.server("planned")
    now = int(time.time() * 1000)
    server.observe({"time": now, "host": "host:made", "complete": [], "events": [], "resources": [
        {"handle": "host:made", "kind": "host", "name": "made", "state": "up"}]})
    observe(server, "running", "booted", "vm:on-it")
    stream = Stream(server, "resource=vm:on-it&type=maintenance")
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
    starts = ends - datetime.timedelta(hours=1)
    status, body = server.http("/auspex/v1/maintenance", json.dumps(
        {"resource": "host:made", "starts": starts.isoformat().replace("+00:00", "Z"),
         "ends": ends.isoformat().replace("+00:00", "Z"), "comment": "new disks"}).encode())
    check(status == 201, f"{status} {body!r}")
    _, fault = wait_for("word of it", 5, lambda: stream.of("vm:on-it", "planned"))[0]
    equal((fault["severity"], fault["phase"], fault["cause"]), ("info", "begins", "maintenance"), "fault")
    check("made is planned from" in fault["text"] and "new disks" in fault["text"], fault["text"])
    equal(standing(server, "type=maintenance")[1], 2, "standing")
    equal(server.http("/auspex/v1/maintenance/" + json.loads(body)["id"], method="DELETE")[0], 204, "calling off")
    wait_for("its end", 5, lambda: stream.of("vm:on-it", "cancelled"))
    wait_for("nothing to stand", 5, lambda: standing(server) == ([], 0))
    stream.close()
    server.process.stop()


def test_a_subscription_ends(env, given):
    _, server = given
    for s in server.get("/auspex/v1/subscriptions")["subscriptions"]:
        equal(server.http("/auspex/v1/subscriptions/" + s["id"], method="DELETE")[0], 204, "DELETE")
        equal(server.http("/auspex/v1/subscriptions/" + s["id"], method="DELETE")[0], 404, "DELETE again")
    equal(server.get("/auspex/v1/subscriptions")["subscriptions"], [], "subscriptions")
    count = len(env.hook.got)
    observe(server, "crashed", "after", "vm:crash")
    time.sleep(0.5)
    equal(len(env.hook.got), count, "webhooks after it")


def test_limits_are_told(env, given):
    _, server = given
    streams = [Stream(server) for _ in range(32)]
    one_more = Stream(server)
    check(one_more.status == 429 and b"32 fault streams of a tenant" in one_more.said, f"{one_more.status} {one_more.said!r}")
    begun = time.monotonic()
    equal(server.http("/-/ready")[0], 200, "others meanwhile")
    server.get("/auspex/v1/resources")
    check(time.monotonic() - begun < 1, "streams take no threads from others")
    for s in streams:
        s.close()
    status, body = server.http("/auspex/v1/subscriptions", b'{"url":"ftp://x"}')
    check(status == 400 and b"http" in body, f"{status} {body!r}")
    for query in ("severity=bad", "host=x", "resource=x", "since=-1", "seconds=x"):
        status, body = server.http("/auspex/v1/faults/stream?" + query)
        check(status == 400, f"{query}: {status} {body!r}")
    for i in range(100):
        subscribe(server, f"http://127.0.0.1:9/{i}")
    status, body = server.http("/auspex/v1/subscriptions", b'{"url":"http://127.0.0.1:9/more"}')
    check(status == 429 and b"100 subscriptions" in body, f"{status} {body!r}")


def add_token(server, role, tenant):
    status, out, err = auspex("admin", "token", "add", "--data", server.data, "--role", role, "--tenant", tenant)
    check(status == 0, err)
    return out.strip()


def test_tenants_see_their_own_and_the_provider_all(env, given):
    server = env.server("guarded", args=["--auth", "token", "--notify-local"])
    tokens = {name: add_token(server, role, name) for name, role in
              (("acme", "member"), ("other", "member"), ("provider", "provider"))}
    bearer = {name: {"Authorization": "Bearer " + t} for name, t in tokens.items()}
    wait_for("the server to know them", 5, lambda: server.http("/auspex/v1/events", headers=bearer["provider"])[0] == 200)
    streams = {name: Stream(server, token=t) for name, t in tokens.items()}
    streams["provider for acme"] = Stream(server, "tenant=acme", token=tokens["provider"])
    streams["other's wish"] = Stream(server, "resource=vm:acme", token=tokens["other"])
    equal(Stream(server, "tenant=acme", token=tokens["other"]).status, 403, "another tenant's stream")
    hooks = {name: Hook() for name in tokens}
    for name, hook in hooks.items():
        subscribe(server, hook.url, bearer[name])
    status, _ = server.http("/auspex/v1/subscriptions", json.dumps({"url": "http://h/", "tenant": "acme"}).encode(), bearer["other"])
    equal(status, 403, "a subscription to another tenant's")
    for name in ("acme", "other"):
        observe(server, "running", "booted", "vm:" + name, bearer[name])
        observe(server, "crashed", "panicked", "vm:" + name, bearer[name])
    both = {"vm:acme", "vm:other"}
    wanted = {"acme": {"vm:acme"}, "other": {"vm:other"}, "provider": both, "provider for acme": {"vm:acme"}, "other's wish": set()}
    wait_for("the provider's", 5, lambda: len(streams["provider"].got) == 2 and len(hooks["provider"].got) == 2)
    time.sleep(0.5)
    for name, handles in wanted.items():
        equal({f["resource"]["handle"] for _, f in streams[name].got}, handles, f"the stream of {name}")
    for name, hook in hooks.items():
        equal({f["resource"]["handle"] for _, f in hook.got}, wanted[name], f"the webhooks of {name}")
    listed = json.loads(server.http("/auspex/v1/subscriptions", headers=bearer["other"])[1])["subscriptions"]
    equal(len(listed), 1, "subscriptions that other sees")
    mine = json.loads(server.http("/auspex/v1/subscriptions", headers=bearer["acme"])[1])["subscriptions"][0]["id"]
    for method in ("GET", "DELETE"):
        equal(server.http("/auspex/v1/subscriptions/" + mine, headers=bearer["other"], method=method)[0], 404, method)
    status, out, err = auspex("admin", "token", "list", "--data", server.data, "--json")
    last = next(t["id"] for t in json.loads(out)["tokens"] if t["tenant"] == "acme")
    equal(auspex("admin", "token", "revoke", str(last), "--data", server.data)[0], 0, "revoking")
    begun = time.monotonic()
    wait_for("the stream of the revoked token to end", 25, lambda: streams["acme"].ended, 0.05)
    env.note(f"a revoked token's stream ended after {time.monotonic() - begun:.1f} s")
    wait_for("signs of life of the others", 5, lambda: streams["other"].comments)
    check(not streams["other"].ended, "the others go on")
    for s in streams.values():
        s.close()
    server.process.stop()
