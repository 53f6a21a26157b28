# SPDX-License-Identifier: Apache-2.0
"""Bad input gets a clear error with its place, touches nothing that is stored, and stops nothing."""
import json
import os
import re
import socket
import time
import urllib.parse

from harness import auspex, check, equal, free_port, snappy, wait_for, write_request

NOW = int(time.time() * 1000)


def setup(env):
    server = env.server()
    status, body = server.write([({"__name__": "kept", "n": "1"}, [(NOW - 10_000, 1.0), (NOW, 42.0)])])
    equal((status, body), (204, b""), "a good write")
    return server


def refused(arguments, status, *patterns, lines=1):
    """The program ends with that status and one sentence on stderr that has all the patterns."""
    code, _, err = auspex(*arguments, timeout=30)
    said = f"auspex {' '.join(arguments)}: status {code}, {err!r}"
    equal(code, status, said)
    check(len(err.strip().splitlines()) == lines, f"not {lines} lines: {said}")
    check(err.startswith("auspex: "), f"who says it? {said}")
    for pattern in patterns:
        check(re.search(pattern, err), f"no {pattern!r} in {said}")


def still_there(server):
    equal(server.value('kept{n="1"}', NOW / 1000), 42.0, "the sample stored before")


# The command line

def test_unknown_flags_and_commands(env, server):
    refused(["serve", "--bogus"], 2, "--bogus")
    refused(["nonsense"], 2, "nonsense")
    refused(["serve", "--listen"], 2, "--listen")
    refused(["serve", "--retention", "soon"], 2, "--retention", "soon")
    refused(["host", "--interval", "never", "--server", server.url, "--data", env.dir + "/x"], 2, "--interval", "never")
    refused(["query", "--server", server.url, "up ="], 1, "1:4: parse error", r"\^", lines=3)


def test_a_port_in_use(env, server):
    refused(["serve", "--listen", f"127.0.0.1:{server.port}", "--data", env.dir + "/port"], 2, str(server.port), "in use")
    still_there(server)


def test_listening_for_everyone_is_refused(env, server):
    refused(["serve", "--listen", f"0.0.0.0:{free_port()}", "--data", env.dir + "/open"], 2, "0.0.0.0", "loopback|127.0.0.1|authentication")


def test_a_data_directory_in_use(env, server):
    refused(["serve", "--listen", f"127.0.0.1:{free_port()}", "--data", server.data], 2, re.escape(server.data), "in use|another|locked")
    still_there(server)


def test_a_data_directory_of_another_version(env, server):
    data = os.path.join(env.dir, "old")
    other = env.server("old", data=data)
    other.write([({"__name__": "kept"}, [(NOW, 1.0)])])
    other.process.stop()
    changed = [os.path.join(d, f) for d, _, files in os.walk(data) for f in files if f.lower() == "version"]
    check(changed, f"no version file below {data}")
    for path in changed:
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(re.sub(r"\d+", "99", text))
    before = listing(data)
    refused(["serve", "--listen", f"127.0.0.1:{free_port()}", "--data", data], 2, re.escape(data), "format|version", "99")
    equal(listing(data), before, "files of the other version")


def listing(data):
    """Names and contents of what is stored; locks and sockets come and go."""
    found = {}
    for d, _, files in os.walk(data):
        for f in files:
            path = os.path.join(d, f)
            if os.path.isfile(path) and not f.lower().endswith(("lock", "-wal", "-shm")):
                with open(path, "rb") as g:
                    found[path] = hash(g.read())
    return found


def test_a_data_directory_that_cannot_be_written(env, server):
    refused(["serve", "--listen", f"127.0.0.1:{free_port()}", "--data", "/proc/auspex"], 2, "/proc/auspex")
    path = os.path.join(env.dir, "a-file")
    with open(path, "w") as f:
        f.write("x")
    refused(["serve", "--listen", f"127.0.0.1:{free_port()}", "--data", path], 2, "a-file", "directory")


RULES = {
    "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up ==\n": (r"rules\.yml:5:\d+", "parse error|expected|unexpected"),
    "groups:\n  - name: g\n    rules:\n      - alert: A\n        exprs: up\n": (r"rules\.yml:5:\d+", "exprs"),
    "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up\n        for: soon\n": (r"rules\.yml:6:\d+", "soon"),
    "groups: [\n": (r"rules\.yml:\d+:\d+", ""),
    "groups:\n  - rules: []\n": (r"rules\.yml:2:\d+", "name"),
}


def test_a_broken_rules_file(env, server):
    path = os.path.join(env.dir, "rules.yml")
    for text, patterns in RULES.items():
        with open(path, "w") as f:
            f.write(text)
        refused(["serve", "--listen", f"127.0.0.1:{free_port()}", "--data", env.dir + "/rules", "--rules", path], 2, *patterns)
    refused(["serve", "--listen", f"127.0.0.1:{free_port()}", "--data", env.dir + "/rules", "--rules", path + ".none"], 2, r"rules\.yml\.none")


# Queries

def test_malformed_queries(env, server):
    for query, patterns in {
        "up{": ("1:4", "parse error"),
        "rate(up)": ("range vector", r"1:\d+"),
        "sum(up) by": ("parse error",),
        "nofunction(up)": ("nofunction",),
        'up{a=~"("}': ("1:|regex|parenthes",),
        "": ("empty|no expression|missing",),
        "1 + + ": ("parse error",),
        '"abc" + 1': ("",),
        "(" * 5000 + "1" + ")" * 5000: ("",),
    }.items():
        status, body = server.http("/api/v1/query", urllib.parse.urlencode({"query": query}).encode())
        equal(status, 400, f"status of {query[:40]!r} ({body[:200]!r})")
        answer = json.loads(body)
        equal((answer["status"], answer["errorType"]), ("error", "bad_data"), f"answer to {query[:40]!r}")
        for pattern in patterns:
            check(re.search(pattern, answer["error"]), f"no {pattern!r} in the answer to {query[:40]!r}: {answer['error']}")
    for path in ("query_range?query=up&start=1&end=2", "query_range?query=up&start=2&end=1&step=1",
                 "query_range?query=up&start=x&end=2&step=1", "query_range?query=up&start=1&end=2&step=0",
                 "query_range?query=up&start=0&end=99999999&step=1", "query?query=up&time=never",
                 "query?query=up&timeout=x", "series", "series?match[]=", "label/a-b/values"):
        status, body = server.http("/api/v1/" + path)
        equal(status, 400, f"status of {path} ({body[:200]!r})")
        check(json.loads(body)["error"], f"no reason for {path}")


def test_wrong_paths_and_methods(env, server):
    equal(server.http("/api/v1/nothing")[0], 404, "an unknown path")
    equal(server.http("/auspex/v1/nothing")[0], 404, "an unknown path")
    equal(server.http("/api/v1/write", method="GET")[0], 405, "GET of write")
    equal(server.http("/auspex/v1/resources", method="DELETE")[0], 405, "DELETE of resources")
    equal(server.http("/auspex/v1/resources/nonsense")[0], 400, "a handle without a kind")
    equal(server.http("/auspex/v1/resources?limit=many")[0], 400, "a limit that is no number")
    equal(server.http("/auspex/v1/events?since=yesterday")[0], 400, "a time that is none")
    equal(server.http("/../../etc/passwd")[0], 404, "a path upwards")


# Writes

def test_bad_labels_cost_their_own_series_only(env, server):
    good = {"__name__": "neighbour", "n": "1"}
    for bad, word in (
        ({"__name__": "bad-name"}, "bad-name|name"), ({"__name__": "x", "9a": "b"}, "9a|label"), ({"a": "b"}, "name"),
        ({"__name__": "x", "a": b"\xff\xfe"}, "UTF-8|utf"), ({"__name__": "x", "l": "v" * 70_000}, "long|65536"),
        ({"__name__": "x", "l" * 2000: "v"}, "long|1024"), ({"__name__": "x", "__tenant__": "other"}, "reserved|__tenant__"),
        ({"__name__": "x", **{f"l{i}": "v" for i in range(200)}}, "128|many|labels"),
        ([("__name__", "x"), ("a", "1"), ("a", "2")], "twice|duplicate"),
    ):
        at = int(time.time() * 1000)
        status, body = server.write([(bad, [(at, 1.0)]), (good, [(at, float(at))])])
        equal(status, 400, f"status for {str(bad)[:60]} ({body[:200]!r})")
        check(re.search(word, body.decode()), f"no {word!r} in the answer for {str(bad)[:60]}: {body[:300]!r}")
        equal(server.value('neighbour{n="1"}'), float(at), f"the neighbour of {str(bad)[:60]}")
    still_there(server)


def test_samples_far_in_the_future_are_refused_and_old_ones_taken(env, server):
    status, body = server.write([({"__name__": "far"}, [(NOW + 3_600_000, 1.0)])])
    equal(status, 400, "status")
    check(re.search("future|later|ahead", body.decode()), f"no reason: {body!r}")
    status, body = server.write([({"__name__": "far"}, [(NOW - 400 * 86_400_000, 1.0)])])
    equal(status, 400, f"status of a sample older than the retention ({body!r})")
    status, body = server.write([({"__name__": "order"}, [(NOW - 1000 * i, float(i)) for i in (1, 3, 2, 0)])])
    equal((status, body), (204, b""), "samples out of order")
    equal([v for _, v in server.values("order[1h]")], [3.0, 2.0, 1.0, 0.0], "what was stored")


def test_broken_bodies(env, server):
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    whole = snappy(write_request([({"__name__": "torn"}, [(NOW, 1.0)])]))
    for name, body, wanted in (
        ("empty", b"", (400, 204)), ("no snappy", b"hello, world", (400,)), ("torn", whole[:-5], (400,)),
        ("a lie about its length", b"\xff\xff\xff\xff\x7f" + whole[1:], (400, 413)),
        ("no protobuf", snappy(b"\xff" * 50), (400,)), ("too large", os.urandom(17 << 20), (413,)),
        ("too large when decoded", snappy(b"\0" * (33 << 20))[:1 << 20], (400, 413)),
    ):
        try:
            status, answer = server.http("/api/v1/write", body, headers)
        except OSError as e:                    # answered and hung up before all was sent
            check(name == "too large", f"{name}: {e}")
            continue
        check(status in wanted, f"{name}: status {status} instead of {wanted} ({answer[:200]!r})")
        check(status == 204 or answer, f"{name}: no reason")
    equal(server.query("torn"), [], "series of a torn body")
    still_there(server)


def test_a_client_that_goes_away(env, server):
    for text in (b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc", b"GET / HT", b"\0" * 100):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall(text)
    still_there(server)


def test_bad_observations(env, server):
    good = {"time": NOW, "host": "host:h1", "resources": [
        {"handle": "vm:v1", "kind": "vm", "name": "v1", "state": "running", "reason": "", "since": NOW, "attributes": {}}]}

    def with_(**changes):
        one = dict(good["resources"][0], **changes)
        return json.dumps(dict(good, resources=[one]))

    for body, word in (
        ("{", r"1|line|end"), ("[]", "object"), (json.dumps(dict(good, time="now")), "time"),
        (json.dumps(dict(good, host="h1")), "host"), (with_(state="dancing"), "dancing|state"), (with_(kind="cow"), "cow|kind"),
        (with_(handle="vm:" + "x" * 300), "handle|long"), (with_(attributes=3), "attributes"), ("[" * 100_000, ""),
    ):
        status, answer = server.http("/auspex/v1/observations", body.encode(), {"Content-Type": "application/json"})
        equal(status, 400, f"status of {body[:60]!r} ({answer[:200]!r})")
        error = json.loads(answer)["error"]
        equal(error["code"], "bad_request", f"code of {body[:60]!r}")
        check(re.search(word, error["message"]), f"no {word!r} in the answer to {body[:60]!r}: {error['message']}")
    equal(server.resources(), [], "resources")


def test_tenants_do_not_see_each_other(env, server):
    status, _ = server.write([({"__name__": "secret"}, [(NOW, 1.0)])], {"X-Scope-OrgID": "other"})
    equal(status, 204, "a write of another tenant")
    at = NOW / 1000     # these modules are read when all begins, which may be long ago
    equal(server.query("secret", at), [], "what the default tenant sees")
    status, body = server.http(f"/api/v1/query?query=secret&time={at}", headers={"X-Scope-OrgID": "other"})
    equal(len(json.loads(body)["data"]["result"]), 1, "what the other tenant sees")
    for path, list_of in (("rules", "groups"), ("alerts", "alerts")):
        status, body = server.http(f"/api/v1/{path}", headers={"X-Scope-OrgID": "other"})
        equal(json.loads(body)["data"][list_of], [], f"the {path} that the other tenant sees")
    equal(server.http("/api/v1/query?query=up", headers={"X-Scope-OrgID": "no/such tenant"})[0], 400, "a bad tenant name")


# The hypervisor

def test_a_libvirt_that_is_not_there(env, server):
    host = env.host(server, "qemu+unix:///session?socket=/tmp/no-such-socket", name="blind")
    wait_for("the host all the same", 20, lambda: server.resources(kind="host"))
    equal(wait_for("the collector's state", 10, lambda: server.query('auspex_collector_up{collector="libvirt"}'))[0][1], 0.0, "up")
    check(host.alive(), "the collector ended")
    still_there(server)


def test_doctor_names_a_remedy(env, server):
    code, out, err = auspex("doctor", "--json", "--server", server.url, "--libvirt", "qemu+unix:///session?socket=/tmp/no-such-socket")
    equal(code, 3, f"status ({err})")
    findings = json.loads(out)["findings"]
    bad = [f for f in findings if f["level"] in ("warn", "fail") and "libvirt" in f["code"]]
    check(bad and bad[0]["remedy"], f"nothing about libvirt, or no remedy: {findings}")


def test_the_server_is_as_before(env, server):
    check(server.process.alive(), "the server ended")
    server.restart()
    still_there(server)
