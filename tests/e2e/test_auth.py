# SPDX-License-Identifier: Apache-2.0
"""Tokens and users: every route of the server with every kind of credentials, and the keeper's
commands beside it."""
import base64
import json
import os
import re
import stat
import time

from harness import REPO, Skip, auspex, binary, check, equal, free_port, run, wait_for

PROMETHEUS = "/usr/bin/prometheus"
ROUTES = os.path.join(REPO, "src/api/route.c")
FLAGS = {"AX_GET": "GET", "AX_POST": "POST", "AX_PUT": "PUT", "AX_PATCH": "PATCH", "AX_DELETE": "DELETE"}
# What each role may, as the product's documentation has it.
MAY = {"provider": {"READ", "WRITE", "DEFINE", "ADMIN", "COLLECT"}, "member": {"READ", "WRITE", "DEFINE", "CONSENT"},
       "reader": {"READ"}, "agent": {"WRITE", "COLLECT"}, "delegate": {"READ", "WRITE"}}
for held in MAY.values():
    held.add("0")                           # what everybody may who is known
OTHERS = ("provider", "delegate")           # who may act for another tenant


def routes():
    """[(path, method, what one must be allowed to do)] of the table in the source: a new route is
    walked without anybody's doing."""
    with open(ROUTES) as f:
        source = f.read()
    table = re.search(r"static const struct ax_route routes\[\] = \{(.*?)\n\};", source, re.S).group(1)
    rows = re.findall(r'\{"([^"]+)",\s*([A-Z_| \n]+),\s*([A-Z_0]+),\s*\w+\}', table)
    equal(len(rows), table.count('{"'), "every row of the table is understood")
    found = []
    for path, flags, may in rows:
        path = {"/api/v1/label/": "/api/v1/label/job/values",
                "/auspex/v1/faults/stream": "/auspex/v1/faults/stream?seconds=0"}.get(path, path)  # else without end
        path = path.replace("{id}", "nothing")
        path += "vm:1" if path.endswith("/") and not path.startswith("/-/") else ""
        for flag in re.findall(r"\w+", flags):
            check(flag in FLAGS or flag in ("AX_QUICK", "AX_OPEN", "AX_JSON"), f"{path}: what is {flag}? Teach it to this test")
            if flag in FLAGS:
                found.append((path, FLAGS[flag], may.replace("AX_MAY_", "") if "AX_OPEN" not in flags else None))
    return found


def token(server, role, tenant="acme", *more):
    status, out, err = auspex("admin", "token", "add", "--data", server.data, "--role", role,
                              "--tenant", tenant, *more)
    check(status == 0, err)
    check(re.fullmatch(r"axt_[A-Za-z0-9_-]{43}\n", out), f"the token alone on standard output: {out!r}")
    return out.strip()


def ids(server):
    status, out, err = auspex("admin", "token", "list", "--data", server.data, "--json")
    check(status == 0, err)
    return json.loads(out)["tokens"]


def ask(server, path, method="GET", credentials=None, tenant=None, body=None, kind="application/json"):
    headers = {"Authorization": "Bearer " + credentials} if credentials else {}
    if method != "GET":
        headers["Content-Type"] = kind
    if tenant:
        headers["X-Scope-OrgID"] = tenant
    if method != "GET" and body is None:
        body = b""
    return server.http(path, body, headers, method)


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def series(server, credentials, tenant=None):
    status, body = ask(server, "/api/v1/series?match[]={__name__=~'.%2B'}", credentials=credentials, tenant=tenant)
    check(status == 200, f"{status} {body!r}")
    return sorted(s["__name__"] for s in json.loads(body)["data"])


def setup(env):
    data = os.path.join(env.dir, "server-data")

    class Place:                            # there is no server yet: the first token is made before
        pass
    place = Place()
    place.data = data
    env.first = token(place, "provider")
    server = env.server(args=["--auth", "token", "--logs", os.path.join(env.dir, "logs")])
    env.tokens = {role: token(server, role) for role in MAY}
    env.foreign = {role: token(server, role, "other") for role in MAY}
    wait_for("the server to know them", 5,
             lambda: ask(server, "/api/v1/labels", credentials=env.foreign["reader"])[0] == 200)
    return server


def test_a_token_made_before_the_first_start_works(env, server):
    equal(ask(server, "/api/v1/labels", credentials=env.first)[0], 200, "status")


def test_every_route_without_credentials(env, server):
    for path, method, may in routes():
        status, body = ask(server, path, method)
        if may is None:
            # A login without user and password is refused for what it is, not for who sends it.
            equal(status, 400 if path.endswith("/login") else 200, f"{method} {path}, which is for everybody")
        else:
            equal(status, 401, f"{method} {path} without a token")
    env.note(f"{len(routes())} ways in")
    equal(ask(server, "/")[0], 200, "the dashboard's page")
    for path in ("/api/v1/nothing", "/auspex/v1/nothing"):
        equal(ask(server, path)[0], 401, path)


def test_every_route_with_credentials_that_are_none(env, server):
    expired = token(server, "provider", "acme", "--expires", "1s")
    revoked = token(server, "provider", "acme", "--name", "to go")
    last = next(t["id"] for t in ids(server) if t["name"] == "to go")
    wait_for("the server to know it", 5, lambda: ask(server, "/metrics", credentials=revoked)[0] == 200)
    status, _, err = auspex("admin", "token", "revoke", str(last), "--data", server.data)
    check(status == 0, err)
    began = time.monotonic()
    wait_for("the revoking to count", 5, lambda: ask(server, "/metrics", credentials=revoked)[0] == 401)
    env.note(f"revoked within {time.monotonic() - began:.2f} s")
    check(time.monotonic() - began < 2, "a revoked token is refused within two seconds")
    time.sleep(max(0, began + 1.2 - time.monotonic()))
    wrong = env.tokens["provider"][:-2] + ("AA" if not env.tokens["provider"].endswith("AA") else "BB")
    for path, method, may in routes():
        if may is None:
            continue
        for what, bad in (("an expired", expired), ("a revoked", revoked), ("a wrong", wrong)):
            status, body = ask(server, path, method, bad)
            check(status in (401, 429), f"{method} {path} with {what} token: {status} {body[:200]!r}")
    status, body = ask(server, "/api/v1/labels", credentials=expired)
    check(status == 401 and b"expired" in body, f"{status} {body!r}")


def forbidden(path):
    return 401 if path.startswith("/v2.0") else 403             # Monasca's clients know no other


def test_every_route_with_every_role(env, server):
    for path, method, may in routes():
        for role, held in MAY.items():
            status, body = ask(server, path, method, env.tokens[role])
            if may is None or may in held:
                check(status not in (401, 403, 429, 500, 503), f"{role}: {method} {path}: {status} {body[:200]!r}")
            else:
                equal(status, forbidden(path), f"{role}: {method} {path}, which needs {may}")


def test_monasca_looks_at_the_content_type_before_the_role(env, server):
    for path, method in (("/v2.0/metrics", "POST"), ("/v2.0/logs", "POST"), ("/v2.0/notification-methods", "POST"),
                         ("/v2.0/notification-methods/nothing", "PUT"), ("/v2.0/notification-methods/nothing", "PATCH")):
        for role in MAY:
            status, body = ask(server, path, method, env.tokens[role], kind="text/plain")
            check(status == 400 and b"Content-Type" in body, f"{role}: {method} {path}: {status} {body!r}")
        equal(ask(server, path, method, kind="text/plain")[0], 401, f"nobody: {method} {path}")


def test_every_route_for_another_tenant(env, server):
    for path, method, may in routes():
        if may is None:
            continue
        for role, held in MAY.items():
            status, body = ask(server, path, method, env.tokens[role], tenant="other")
            if role in OTHERS and may in held:
                check(status not in (401, 403, 429, 500, 503), f"{role}: {method} {path}: {status} {body[:200]!r}")
            else:
                equal(status, forbidden(path), f"{role}: {method} {path} for another tenant")
    equal(ask(server, "/api/v1/labels", credentials=env.tokens["reader"], tenant="acme")[0], 200, "one's own name")
    equal(ask(server, "/api/v1/labels", credentials=env.tokens["provider"], tenant="a|b")[0], 400, "several tenants")


def write(server, credentials, name, tenant=None):
    headers = {"Authorization": "Bearer " + credentials, **({"X-Scope-OrgID": tenant} if tenant else {})}
    return server.write([({"__name__": name}, [(int(time.time() * 1000), 1)])], headers)[0]


def test_what_is_written_is_the_tenants_alone(env, server):
    equal(write(server, env.tokens["agent"], "acme_one"), 204, "an agent's write")
    equal(write(server, env.foreign["member"], "other_one"), 204, "a member's write")
    equal(write(server, env.tokens["delegate"], "other_two", "other"), 204, "a delegate's for another tenant")
    equal(write(server, env.tokens["member"], "stolen", "other"), 403, "a member's for another tenant")
    equal(write(server, env.tokens["reader"], "stolen"), 403, "a reader's")
    equal(series(server, env.tokens["reader"]), ["acme_one"], "acme sees")
    equal(series(server, env.foreign["reader"]), ["other_one", "other_two"], "other sees")
    equal(series(server, env.tokens["provider"], "other"), ["other_one", "other_two"], "the provider sees")
    for path in ("/api/v1/status/tsdb", "/auspex/v1/status/cardinality", "/api/v1/label/__name__/values"):
        status, body = ask(server, path, credentials=env.tokens["reader"])
        check(status == 200 and b"other" not in body, f"{path}: {body!r}")
    _, body = ask(server, "/auspex/v1/status", credentials=env.tokens["reader"])
    check("series" not in json.loads(body), "a tenant does not see how many series all have")
    _, body = ask(server, "/auspex/v1/status", credentials=env.tokens["provider"])
    equal(json.loads(body)["series"], 3, "the provider does")
    _, body = ask(server, "/api/v1/export?match[]={__name__!=''}", credentials=env.tokens["reader"])
    check(b"acme_one" in body and b"other" not in body, f"export: {body!r}")


def observe(server, credentials, state, handle="vm:shared"):
    document = {"time": int(time.time() * 1000), "host": "host:h1", "complete": ["vm"], "resources": [
        {"handle": handle, "kind": "vm", "name": "web", "state": state}], "events": []}
    return ask(server, "/auspex/v1/observations", "POST", credentials, body=json.dumps(document).encode())[0]


def test_resources_are_the_tenants_alone(env, server):
    equal(observe(server, env.tokens["agent"], "running"), 204, "an agent's observation")
    equal(observe(server, env.foreign["agent"], "crashed"), 403, "another tenant's of the same handle")
    equal(observe(server, env.foreign["agent"], "running", "vm:theirs"), 204, "of its own")
    status, body = ask(server, "/auspex/v1/resources/vm:shared", credentials=env.tokens["reader"])
    check(status == 200 and json.loads(body)["state"] == "running", f"{status} {body!r}")
    for path in ("/auspex/v1/resources/vm:shared", "/auspex/v1/resources/vm:nothing"):
        equal(ask(server, path, credentials=env.foreign["member"])[0], 404, path)
    _, body = ask(server, "/auspex/v1/events?limit=1000", credentials=env.foreign["reader"])
    check(b"vm:shared" not in body and b"vm:theirs" in body, f"events: {body!r}")


def test_a_large_body_without_a_token_gets_its_answer(env, server):
    for headers in ({}, {"Authorization": "Bearer nothing"}, basic("nobody", "password")):
        status, body = server.http("/api/v1/write", b"x" * 8_000_000, headers)
        check(status in (401, 429), f"{status} {body[:200]!r}")


def login(server, document, kind="application/json", path="/auspex/v1/login"):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    status, answer = server.http(path, body, {"Content-Type": kind})
    return status, json.loads(answer)


def whoami(server, credentials=None):
    status, answer = ask(server, "/auspex/v1/whoami", credentials=credentials)
    equal(status, 200, "whoami")
    return json.loads(answer)


def test_a_password_becomes_a_token(env, server):
    secret = os.path.join(env.dir, "secret-of-adam")
    with open(secret, "w") as f:
        f.write("paradise lost\n")
    for name, role in (("adam", "member"), ("paula", "provider")):
        status, _, err = auspex("admin", "user", "add", name, "--tenant", "acme", "--role", role,
                                "--password-file", secret, "--data", server.data)
        check(status == 0, err)
    good = {"user": "adam", "password": "paradise lost"}
    status, session = wait_for("the server to know adam", 10, lambda: (lambda a: a[0] == 200 and a)(login(server, good)))
    equal((session["tenant"], session["role"]), ("acme", "member"), "who")
    check(session["expires"] > time.strftime("%Y-%m-%dT%H:%M"), f"expires {session['expires']}")
    equal(ask(server, "/api/v1/labels", credentials=session["token"])[0], 200, "with the token")
    me = whoami(server, session["token"])
    equal((me["asked"], me["users"], me["why"]), (True, True, None), "whoami")
    equal({k: me["who"][k] for k in ("name", "tenant", "roles", "may")},
          {"name": "adam", "tenant": "acme", "roles": ["member"], "may": ["read", "write", "define", "consent"]}, "who")
    nobody = whoami(server)
    check(nobody["asked"] and nobody["who"] is None and "who asks" in nobody["why"], f"{nobody}")
    for bad in ({"user": "adam"}, [], b"", b"{", {"user": 1, "password": "x"}, {**good, "tenant": "a|b"}):
        status, answer = login(server, bad)
        check(status == 400 and "paradise" not in json.dumps(answer), f"{bad}: {status} {answer}")
    equal(login(server, good, "text/plain")[0], 400, "a form of another site's page")
    equal(login(server, {**good, "user": "a" * 5000})[0], 413, "a body that is too large")
    status, answer = login(server, {**good, "password": "paradise found"})
    equal((status, answer["error"]["code"]), (401, "unauthorized"), "a wrong password")
    equal(login(server, {**good, "tenant": "other"})[0], 403, "a member for another tenant")
    status, paula = login(server, {"user": "paula", "password": "paradise lost", "tenant": "other"})
    equal((status, paula["tenant"]), (200, "other"), "a provider for another tenant")

    def out(token):
        status, answer = ask(server, "/auspex/v1/logout", "POST", token)
        equal(status, 200, "logout")
        return json.loads(answer)["ended"]
    equal(out(session["token"]), True, "the login ends")
    status, _ = ask(server, "/api/v1/labels", credentials=session["token"])
    check(status in (401, 429), f"the token after its logout: {status}")      # 429: wrong ones came from here before
    equal(out(env.tokens["reader"]), False, "a token of the keeper's stays")
    equal(ask(server, "/api/v1/labels", credentials=env.tokens["reader"])[0], 200, "and goes on")
    env.secret_words = (session["token"], paula["token"], "paradise lost", "paradise found")


def test_users_come_with_basic_authentication(env, server):
    secret = os.path.join(env.dir, "secret")
    with open(secret, "w") as f:
        f.write("open sesame\n")
    status, _, err = auspex("admin", "user", "add", "eve", "--tenant", "acme", "--role", "member",
                            "--password-file", secret, "--data", server.data)
    check(status == 0, err)

    def get(password="open sesame"):
        return server.http("/api/v1/labels", headers=basic("eve", password))[0]
    wait_for("the server to know eve", 10, lambda: get() == 200)
    begun = time.monotonic()
    for _ in range(50):
        equal(get(), 200, "a password that was right a moment ago")
    env.note(f"{(time.monotonic() - begun) / 50 * 1000:.1f} ms a request with a known password")
    check(time.monotonic() - begun < 5, "it is not hashed again each time")
    status, body = server.http("/api/v1/query", b"query=1", {
        **basic("eve", "open sesame"), "Content-Type": "application/x-www-form-urlencoded"})
    check(status == 200 and b'"1"' in body, f"a form after a check that took its time: {status} {body!r}")
    equal(server.http("/api/v1/labels", headers=basic("any", env.tokens["reader"]))[0], 200, "a token as a password")
    status, _, err = auspex("admin", "user", "disable", "eve", "--data", server.data)
    check(status == 0, err)
    wait_for("eve to be out", 10, lambda: get() == 401)
    statuses = {get(f"guess {i}") for i in range(30)}
    check(429 in statuses, f"guessing is slowed down: {statuses}")
    equal(ask(server, "/api/v1/labels", credentials=env.tokens["reader"])[0], 200, "who has a token, meanwhile")


def test_prometheus_comes_with_a_password_and_a_token(env, server):
    """It writes as a user with a password, and scrapes the server with a provider's token."""
    if not os.access(PROMETHEUS, os.X_OK):
        raise Skip("no Prometheus here (Debian: prometheus)")
    secret, config = os.path.join(env.dir, "prometheus-secret"), os.path.join(env.dir, "prometheus.yml")
    with open(secret, "w") as f:
        f.write("of prometheus")
    status, _, err = auspex("admin", "user", "add", "prometheus", "--tenant", "scraped", "--role", "agent",
                            "--password-file", secret, "--data", server.data)
    check(status == 0, err)
    reader = token(server, "reader", "scraped")
    with open(config, "w") as f:
        f.write(f"""
global: {{scrape_interval: 1s}}
remote_write:
  - {{url: "{server.url}/api/v1/write", basic_auth: {{username: prometheus, password_file: {secret}}}}}
scrape_configs:
  - {{job_name: auspex, authorization: {{credentials: {env.tokens["provider"]}}},
      static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]}}
""")
    process = env.process("prometheus", [PROMETHEUS, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{free_port()}",
                                         f"--storage.tsdb.path={env.dir}/prometheus", "--log.level=warn"])

    def arrived():
        status, body = ask(server, "/api/v1/query?query=auspex_auth_accepted_total", credentials=reader)
        return status == 200 and json.loads(body)["data"]["result"]
    wait_for("what it scraped and sent", 40, arrived)
    process.stop(60)


def test_the_commands_take_a_token(env, server):
    file = os.path.join(env.dir, "token")
    with open(file, "w") as f:
        f.write(env.tokens["reader"] + "\n")
    status, out, err = auspex("query", "1", "--server", server.url, "--token-file", file)
    check(status == 0, err)
    status, out, err = auspex("query", "1", "--server", server.url)
    check(status == 1 and "who asks" in err, f"{status} {err}")
    status, out, err = run([binary(), "query", "1", "--server", server.url],
                           env={**os.environ, "AUSPEX_TOKEN": env.tokens["reader"]})
    check(status == 0, err)
    status, out, err = auspex("admin", "backup", "--data", server.data, "--to", os.path.join(env.dir, "backup"))
    check(status == 0, f"the keeper needs none on the server's own machine: {err}")
    status, out, err = run([binary(), "bench", "ingest", "--url", server.url, "--series", "200", "--rounds", "3"],
                           env={**os.environ, "AUSPEX_TOKEN": env.tokens["agent"]})
    check(status == 0, err)
    listed = auspex("admin", "token", "list", "--data", server.data)[1]
    check(env.tokens["reader"] not in listed and "reader" in listed, listed)


def test_no_token_is_written_anywhere(env, server):
    for folder, _, files in os.walk(server.data):
        for name in files:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "rb") as f:
                    data = f.read()
                for secret in (*env.tokens.values(), *env.secret_words, "open sesame"):
                    check(secret.encode() not in data, f"a secret in {path}")
    check(stat.S_IMODE(os.stat(os.path.join(server.data, "registry.db")).st_mode) == 0o600, "its mode")
    check("axt_" not in server.process.said(), "a token in the log")


def test_listening_off_loopback(env, server):
    for arguments, well in ((["--auth", "none"], False), ([], False), (["--auth", "token"], True)):
        process = env.process("open", [binary(), "serve", "--listen", "0.0.0.0:0", "--data",
                                       os.path.join(env.dir, "open-data"), *arguments])
        if well:
            wait_for("it to listen", 20, lambda: "listening on" in process.said())
            process.stop()
        else:
            equal(process.child.wait(20), 2, "exit status")
            check("--auth token" in process.said(), process.said())


def test_a_collector_with_a_token(env, server):
    file = os.path.join(env.dir, "agent-token")
    with open(file, "w") as f:
        f.write("axt_none\n")

    def hosts():
        return [r["name"] for r in json.loads(ask(server, "/auspex/v1/resources?kind=host",
                                                  credentials=env.foreign["reader"])[1])["resources"]]
    collector = env.host(server, args=["--token-file", file, "--host-name", "far", "--host-id", "far-away"])
    wait_for("it to be refused", 10, lambda: "can't take data now (401)" in collector.said())
    collector.stop()
    with open(file, "w") as f:
        f.write(env.foreign["agent"] + "\n")
    began = time.time()
    collector = env.host(server, args=["--token-file", file, "--host-name", "far", "--host-id", "far-away"])
    wait_for("its host to be known", 10, lambda: "far" in hosts())

    def first():
        _, body = ask(server, "/api/v1/query?query=node_load1[1h]", credentials=env.foreign["reader"])
        return json.loads(body)["data"]["result"][0]["values"][0][0]
    wait_for("what it could not send with the wrong token", 10, lambda: first() < began)
    collector.stop()


def test_the_supervised_pair_with_tokens(env, server):
    data = os.path.join(env.dir, "run-data")
    process = env.process("run", [binary(), "run", "--listen", "127.0.0.1:0", "--data", data, "--libvirt", "none",
                                  "--interval", "1s", "--auth", "token"])
    url = wait_for("it to listen", 30, lambda: re.search(r"http://127.0.0.1:(\d+)/ \(data", process.said()))
    place = type("Place", (), {"data": data})
    reader = token(place, "reader", "default")

    def hosts():
        status, out, err = run([binary(), "resources", "--json", "--server", f"http://127.0.0.1:{url.group(1)}"],
                               env={**os.environ, "AUSPEX_TOKEN": reader})
        return status == 0 and json.loads(out)["resources"]
    wait_for("the collector's host to be known", 20, hosts)
    process.stop()
