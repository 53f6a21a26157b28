# SPDX-License-Identifier: Apache-2.0
"""POST /v2.0/logs of Monasca's API: each parameter and status code, and what is in the files then."""
import gzip
import http.client
import json
import os
import stat
import threading
import time
import urllib.parse

from harness import Skip, auspex, binary, check, equal, run, wait_for

JSON = {"Content-Type": "application/json"}
PATH = "/v2.0/logs"
MIB = 1 << 20


def post(server, body, tenant="default", headers=None, path=PATH, method=None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer = server.http(path, data, {**JSON, "X-Tenant-Id": tenant, **(headers or {})}, method)
    return status, json.loads(answer) if answer else None


def lines(folder, tenant="default", number=None):
    name = os.path.join(folder, f"{tenant}.jsonl" + (f".{number}" if number else ""))
    if not os.path.exists(name):
        return []
    with open(name, "rb") as f:
        data = f.read()
    check(data.endswith(b"\n") or not data, f"{name} ends within a line: {data[-80:]!r}")
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def one(message="m", **more):
    return {"logs": [{"message": message, **more}]}


def counters(server):
    text = server.http("/metrics")[1].decode()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines()
                                                   if line.startswith("auspex_logs"))}


def setup(env):
    env.logs = os.path.join(env.dir, "logs")
    return env.server(args=["--logs", env.logs, "--logs-keep", "128MB"])


def test_a_log_becomes_a_line(env, server):
    before = int(time.time())
    body = {"dimensions": {"hostname": "h1", "service": "all"},
            "logs": [{"message": "first\nline \u2028 \"ä\" \0", "dimensions": {"service": "own", "path": "/var/log/x y"}},
                     {"message": "", "dimensions": {}}, {"message": "other", "level": {"n": [1, None, True]}}]}
    equal(post(server, body, "shape"), (204, None), "posting")
    got = lines(env.logs, "shape")
    equal([line["log"] for line in got],
          [{"message": body["logs"][0]["message"], "dimensions": {"hostname": "h1", "service": "own", "path": "/var/log/x y"}},
           {"message": "", "dimensions": body["dimensions"]},
           {"message": "other", "level": {"n": [1, None, True]}, "dimensions": body["dimensions"]}], "the logs")
    for line in got:
        equal((sorted(line), line["meta"]), (["creation_time", "log", "meta"], {"tenantId": "shape", "region": None}), "around them")
        check(isinstance(line["creation_time"], int) and before <= line["creation_time"] <= time.time() + 1, f"{line}")
    mode = os.stat(os.path.join(env.logs, "shape.jsonl")).st_mode
    equal(stat.S_IMODE(mode), 0o640, "the file's mode")
    equal(stat.S_IMODE(os.stat(env.logs).st_mode), 0o750, "the directory's mode")


def test_each_status(env, server):
    long = "x" * 256
    nested = b'{"logs":[{"message":"m","x":' + b"[" * 200 + b"]" * 200 + b"}]}"
    table = [(one(), 204), ({"logs": []}, 204), (one(dimensions={"a": "b"}), 204), (one(dimensions=None), 204),
             ({**one(), "dimensions": {"ä": "ö ;<>"}}, 204), ({**one(), "dimensions": None}, 204), ({**one(), "else": 1}, 204)]
    table += [(body, 400) for body in (b"", b"{", b"nothing", b'{"logs":[}', b"\xff", nested, b'{"logs":[{"message":"a\nb"}]}')]
    table += [(body, 422) for body in (
        [], None, 1, "logs", {}, {"logs": None}, {"logs": {}}, {"logs": "m"}, {"logs": [1]}, {"logs": [[]]}, {"logs": [{}]},
        one(None), one(1), one({"a": 1}), {"logs": [{"message": "m"}, {"dimensions": {}}]})]
    bad = [[], 1, "a", {"a": 1}, {"a": None}, {"": "v"}, {"a": ""}, {"_a": "v"}, {long: "v"}, {"a": long},
           {f"k{i}": "v" for i in range(129)}, *({f"a{c}": "v"} for c in "<>={}(), '\";&")]
    table += [(one(dimensions=dimensions), 422) for dimensions in bad]
    table += [({**one(), "dimensions": dimensions}, 422) for dimensions in bad]
    table += [(b'{"logs":[{"message":"m","x":NaN}]}', 422), (b'{"logs":[],"logs":[]}', 422)]
    before = counters(server)
    for body, wanted in table:
        status, answer = post(server, body, "status")
        equal(status, wanted, f"POST {body!r:.200}: {answer}")
        if wanted != 204:
            equal(sorted(answer), ["description", "title"], f"the error of {body!r:.200}")
            check(answer["description"], "an error without a word")
    taken = sum(1 for body, wanted in table if wanted == 204 and body["logs"])
    equal(len(lines(env.logs, "status")), taken, "lines")
    after = counters(server)
    equal(after["auspex_logs_received_total"] - before["auspex_logs_received_total"], taken, "counted as taken")
    name = 'auspex_logs_refused_total{reason="invalid"}'
    equal(after[name] - before[name], sum(1 for _, wanted in table if wanted != 204), "counted as refused")
    env.note(f"{len(table)} rows")


def test_the_request_around_it(env, server):
    for kind in ("text/plain", "application/json; charset=utf-8", ""):
        equal(post(server, one(), headers={"Content-Type": kind})[0], 400, f"Content-Type {kind!r}")
    equal(post(server, one(), headers={"Content-Encoding": "br"})[0], 415, "a Content-Encoding that is not known")
    equal(post(server, gzip.compress(json.dumps(one("packed")).encode()), "packed", {"Content-Encoding": "gzip"})[0], 204, "gzip")
    equal(lines(env.logs, "packed")[0]["log"]["message"], "packed", "what was packed")
    equal(post(server, b"no gzip", headers={"Content-Encoding": "gzip"})[0], 400, "what is no gzip")
    equal(post(server, one("slash"), "slash", path=PATH + "/")[0], 204, "one slash more")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        equal(post(server, b"", method=method)[0], 405, method)
    equal(post(server, one(), path=PATH + "/x")[0], 404, "below it")
    for tenant, wanted in (("a b", 400), ("a/b", 400), ("../x", 400), (".hidden", 422), ("..", 422), ("a..b", 204)):
        equal(post(server, one(), tenant)[0], wanted, f"the tenant {tenant!r}")
    query = urllib.parse.urlencode({"tenant_id": "named"})
    equal(post(server, one("for another"), path=f"{PATH}?{query}")[0], 204, "tenant_id")
    equal(lines(env.logs, "named")[0]["meta"]["tenantId"], "named", "whose it is")
    for bad in ("../named", "a|b", ".x"):
        equal(post(server, one(), path=f"{PATH}?{urllib.parse.urlencode({'tenant_id': bad})}")[0], 422, f"tenant_id {bad!r}")
    equal(sorted(os.listdir(os.path.dirname(env.logs))), sorted({"logs", "server-data", "server.log"}), "beside the directory")


def test_what_is_too_large(env, server):
    fixed = len(json.dumps({"message": ""}))
    before = counters(server)
    for size, wanted in ((MIB, 204), (MIB + 1, 413)):
        status, answer = post(server, {"logs": [{"message": "x" * (size - fixed)}]}, "large")
        equal(status, wanted, f"a log of {size} bytes: {answer}")
    check("1048576" in answer["description"] and answer["title"] == "Request Entity Too Large", f"{answer}")
    many = b'{"logs":[' + b",".join([b'{"message":"m"}'] * 1000) + b"]}"
    equal(post(server, many + b" " * (5 * MIB - len(many)), "large")[0], 204, "a body of 5 MiB")
    equal(post(server, many + b" " * (5 * MIB - len(many) + 1), "large")[0], 413, "one byte more")
    equal(post(server, b" " * (17 * MIB), "large")[0], 413, "17 MiB")
    wide = {"dimensions": {f"k{i}": "v" * 255 for i in range(128)}, "logs": [{"message": ""}] * 600}
    status, answer = post(server, wide, "large")
    equal(status, 413, "what would become more than 16 MiB")
    check("16 MiB" in answer["description"], f"{answer}")
    got = lines(env.logs, "large")
    equal((len(got), len(got[0]["log"]["message"])), (1001, MIB - fixed), "lines")
    name = 'auspex_logs_refused_total{reason="too_large"}'
    equal(counters(server)[name] - before[name], 3, "counted as refused")       # 17 MiB never came to the endpoint


def test_files_make_room(env, server):
    """16 MiB a file, 8 files: the smallest that there may be."""
    message = "x" * (MIB - 100)
    sent = 18
    for i in range(sent):
        equal(post(server, {"logs": [{"message": message, "n": i}]}, "rotated")[0], 204, f"MiB {i}")
    old, new = lines(env.logs, "rotated", 1), lines(env.logs, "rotated")
    equal([line["log"]["n"] for line in old + new], list(range(sent)), "the order")
    check(old and new and os.path.getsize(os.path.join(env.logs, "rotated.jsonl.1")) <= 16 * MIB, "two files")


def test_many_at_once(env, server):
    before, wrong = counters(server), []

    def send(writer):
        for i in range(20):
            status, answer = post(server, {"logs": [{"message": f"{writer} {i} {k}"} for k in range(5)]}, f"many{writer % 3}")
            if status != 204:
                wrong.append((status, answer))
    threads = [threading.Thread(target=send, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(wrong, [], "other answers than 204")
    got = [line["log"]["message"] for tenant in range(3) for line in lines(env.logs, f"many{tenant}")]
    equal(sorted(got), sorted(f"{w} {i} {k}" for w in range(12) for i in range(20) for k in range(5)), "lines")
    after = counters(server)
    env.note(f"240 requests, {after['auspex_logs_syncs_total'] - before['auspex_logs_syncs_total']:.0f} syncs")


def send_until(server, tenant, end):
    """What was answered with 204 by a server that is ended meanwhile."""
    sent, stop = [], threading.Event()

    def send(writer):
        for i in range(100000):
            try:
                if stop.is_set() or post(server, one(f"{writer} {i} " + "x" * 20000), tenant)[0] != 204:
                    return
            except (OSError, http.client.HTTPException):
                return
            sent.append(f"{writer} {i}")
    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        wait_for("some to be answered", 20, lambda: len(sent) >= 40, every=0.01)
        end()
    finally:
        stop.set()
        for t in threads:
            t.join()
    return sent


def lost(folder, tenant, sent):
    got = {" ".join(line["log"]["message"].split()[:2]) for line in lines(folder, tenant)}
    return [s for s in sent if s not in got]


def test_an_end_answers_all(env, server):
    sent = send_until(server, "ended", lambda: equal(server.process.stop(), 0, "exit status"))
    equal(lost(env.logs, "ended", sent), [], "answered and lost")
    server.start()


def test_what_was_answered_outlives_a_kill(env, server):
    sent = send_until(server, "killed", server.process.kill)
    with open(os.path.join(env.logs, "killed.jsonl"), "ab") as f:
        f.write(b'{"log":{"message":"torn')         # as a kill within a write leaves it
    server.start()
    equal(lost(env.logs, "killed", sent), [], "answered and lost")
    equal(post(server, one("after it"), "killed")[0], 204, "it goes on")
    equal(lines(env.logs, "killed")[-1]["log"]["message"], "after it", "the last line")
    env.note(f"{len(sent)} answered")


def test_without_it_there_is_no_such_path(env, _):
    server = env.server("without")
    status, answer = post(server, one())
    equal((status, answer["title"]), (404, "Not Found"), "without --logs")
    check("--logs DIR" in answer["description"], f"{answer}")
    equal(counters(server), {}, "its counters")


def test_a_full_disk(env, _):
    if os.geteuid() != 0:
        raise Skip("mounting takes root")
    point = os.path.join(env.dir, "small")
    os.mkdir(point)
    status, _, err = run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "auspex-test", point])
    if status:
        raise Skip(f"no mounting here: {err}")
    try:
        server = env.server("full", args=["--logs", point])
        equal(post(server, one("fits"))[0], 204, "what fits")
        status, answer = post(server, {"logs": [{"message": "x" * 500000}] * 4})
        equal((status, answer["title"]), (507, "Insufficient Storage"), "what does not")
        equal([line["log"]["message"] for line in lines(point)], ["fits"], "nothing of it stays")
        equal(post(server, one("fits, too"))[0], 204, "what fits, afterwards")
        equal(counters(server)['auspex_logs_refused_total{reason="disk"}'], 1, "counted")
        check("no space left for logs" in server.process.said(), "the log says it")
        server.process.stop()
    finally:
        run(["umount", point])


def test_directories_that_cannot_be(env, server):
    def said(*arguments):
        process = env.process("refused", [binary(), "serve", "--listen", "127.0.0.1:0", "--data",
                                          os.path.join(env.dir, "refused-data"), *arguments])
        equal(process.child.wait(20), 2, f"exit status of {arguments}")
        return process.said()
    file = os.path.join(env.dir, "file")
    with open(file, "w"):
        pass
    check("file" in said("--logs", file), "a file")
    check("another server writes logs" in said("--logs", env.logs), "a directory in use")
    check("--logs-keep" in said("--logs", env.logs, "--logs-keep", "127MB"), "too little to keep")
    check("--logs-keep" in said("--logs", env.logs, "--logs-keep", "much"), "no size")
    if os.geteuid() == 0:
        closed = os.path.join(env.dir, "closed")
        os.mkdir(closed, 0o755)
        check("cannot write to --logs" in said("--logs", closed), "a directory that is not the server's")


def token(data, role, tenant):
    status, out, err = auspex("admin", "token", "add", "--data", data, "--role", role, "--tenant", tenant)
    check(status == 0, err)
    return out.strip()


def test_tokens_roles_and_rates(env, _):
    data, folder = os.path.join(env.dir, "closed-data"), os.path.join(env.dir, "closed-logs")
    tokens = {role: token(data, role, "ours") for role in ("provider", "member", "reader", "agent", "delegate")}
    server = env.server("closed-server", data=data, args=["--auth", "token", "--logs", folder, "--max-tenant-rate", "100"])

    def ask(who, body=None, path=PATH):
        headers = {**JSON, **({"X-Auth-Token": tokens[who]} if who else {})}
        status, answer = server.http(path, json.dumps(body or one(f"by {who}")).encode(), headers)
        return status, json.loads(answer) if answer else None
    wait_for("the server to know the tokens", 5, lambda: ask("agent")[0] == 204)
    for who, wanted in (("member", 204), ("agent", 204), ("delegate", 204), ("provider", 204), ("reader", 401), (None, 401)):
        status, answer = ask(who)
        equal(status, wanted, f"{who} posts: {answer}")
        if wanted == 401:
            equal((answer["title"], sorted(answer)), ("Forbidden", ["description", "title"]), f"{who}")
    for who, wanted in (("delegate", 204), ("provider", 204), ("member", 401), ("agent", 401), ("reader", 401)):
        equal(ask(who, path=PATH + "?tenant_id=theirs")[0], wanted, f"{who} posts for another tenant")
    equal(ask("agent", path=PATH + "?tenant_id=ours")[0], 204, "one's own name")
    equal([line["log"]["message"] for line in lines(folder, "theirs")], ["by delegate", "by provider"], "for another tenant")
    check({line["log"]["message"] for line in lines(folder, "ours")} == {f"by {w}" for w in tokens if w != "reader"}, "one's own")
    equal(ask("agent", {"logs": [{"message": "m"}] * 5000})[0], 204, "many at once")
    status, answer = ask("agent")
    equal((status, answer["title"]), (429, "Too Many Requests"), "beyond the tenant's rate")
