# SPDX-License-Identifier: Apache-2.0
"""Monasca's API v2.0, its alarm half: the real `monasca` command, every endpoint with every
parameter and status code that it has, tenants that must not see each other's things, and pages."""
import itertools
import json
import os
import shutil
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Skip, auspex, check, equal, run, wait_for
from monasca_walk import Walk

JSON = {"Content-Type": "application/json"}
DEFINITIONS, ALARMS, METHODS = "/v2.0/alarm-definitions", "/v2.0/alarms", "/v2.0/notification-methods"
NOBODY = "00000000-0000-4000-8000-000000000000"


class Webhook:
    """Remembers what it was sent."""

    def __init__(self, status=200):
        self.got = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Client:
    """Requests of one tenant, by its name or a token."""

    def __init__(self, server, tenant="default", token=None):
        self.server = server
        self.headers = {"X-Auth-Token": token} if token else {"X-Tenant-Id": tenant}

    def __call__(self, method, path, body=None, headers=JSON, **parameters):
        """(status, document)"""
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        if data is None and method not in ("GET", "DELETE"):
            data = b""
        status, answer = self.server.http(path, data, {**headers, **self.headers}, method)
        return status, json.loads(answer) if answer else None

    def do(self, method, path, body=None, wanted=None, **parameters):
        status, answer = self(method, path, body, **parameters)
        good = {"POST": (200, 201), "DELETE": (204,)}.get(method, (200,))
        check(status in ((wanted,) if wanted else good), f"{method} {path} {parameters} {body}: {status} {answer}")
        return answer

    def list(self, path, **parameters):
        return self.do("GET", path, **parameters)["elements"]

    def pages(self, path, key="elements", **parameters):
        """What is on each page, by following the links as they are."""
        path += "?" + urllib.parse.urlencode(parameters)
        while path:
            document = self.do("GET", path)
            self_link, *rest = document["links"]
            equal(self_link, {"rel": "self", "href": self.server.url + path}, "the link to itself")
            yield document[key]
            path = None
            if rest:
                check(rest[0]["rel"] == "next" and rest[0]["href"].startswith(self.server.url), f"{rest}")
                path = rest[0]["href"][len(self.server.url):]

    def method(self, name, address="http://127.0.0.1:9/", kind="WEBHOOK"):
        return self.do("POST", METHODS, {"name": name, "type": kind, "address": address})["id"]

    def define(self, name, expression, **more):
        return self.do("POST", DEFINITIONS, {"name": name, "expression": expression, **more})["id"]

    def send(self, name, value, **dimensions):
        status, answer = self("POST", "/v2.0/metrics", {"name": name, "dimensions": dimensions, "value": value,
                                                        "timestamp": int(time.time() * 1000)})
        equal(status, 204, f"posting: {answer}")

    def alarm(self, **parameters):
        """The one alarm that there is."""
        one, = self.list(ALARMS, **parameters)
        return one


def setup(env):
    return env.server()


# ---- the real command ----

def needs_monasca():
    if not shutil.which("monasca"):
        raise Skip("no monasca command here (tools/install-deps test)")


def token(data, role, tenant):
    status, out, err = auspex("admin", "token", "add", "--data", data, "--role", role, "--tenant", tenant)
    check(status == 0, err)
    return out.strip()


def with_token(server, secret):
    def command(*words):
        return run(["monasca", "--os-auth-type", "admin_token", "--os-endpoint", server.url + "/v2.0", "--os-token", secret,
                    *words])
    return command


def closed_server(env):
    """A server that asks who comes, with tokens for each role of two tenants."""
    if not hasattr(env, "closed"):
        data = os.path.join(env.dir, "closed-data")
        env.tokens = {role: token(data, role, "ours") for role in ("member", "reader", "agent", "delegate", "provider")}
        env.tokens["foreign"] = token(data, "member", "theirs")
        env.closed = env.server("closed", args=["--auth", "token", "--notify-local"])
        wait_for("the server to know the tokens", 5,
                 lambda: Client(env.closed, token=env.tokens["foreign"])("GET", ALARMS)[0] == 200)
    return env.closed


def test_the_command_does_everything(env, _):
    needs_monasca()
    hook, server = Webhook(), closed_server(env)
    Walk(with_token(server, env.tokens["member"]), hook).all()
    hook.close()


def test_the_command_prints_tables(env, server):
    needs_monasca()
    c = Client(server)                      # without authentication the command is of the tenant "default"
    method = c.method("m")
    definition = c.define("d", "last(tables.m) > 1", alarm_actions=[method], match_by=["hostname"])
    c.send("tables.m", 2, hostname="h1")
    alarm = c.alarm()["id"]
    for words in (["notification-list"], ["notification-show", method], ["notification-type-list"], ["alarm-definition-list"],
                  ["alarm-definition-show", definition], ["alarm-list"], ["alarm-show", alarm], ["alarm-count"],
                  ["alarm-count", "--group-by", "metric_name,dimension_name,dimension_value"], ["alarm-history", alarm],
                  ["alarm-history-list"]):
        status, out, err = run(["monasca", "--os-auth-type", "none", "--monasca-api-url", server.url + "/v2.0", *words])
        check(status == 0 and out.startswith("+--"), f"{words}: {status}: {out}{err}")
    c.do("DELETE", f"{DEFINITIONS}/{definition}")
    c.do("DELETE", f"{METHODS}/{method}")


# ---- each rule of the interface ----

def world(c, metric):
    """A method, a definition and its alarm; what stands for them in paths."""
    method = c.method("m")
    definition = c.define("d", f"last({metric}{{hostname=h1}}) > 1", alarm_actions=[method], match_by=["hostname"])
    c.send(metric, 2, hostname="h1", zone="a")
    return {"m": method, "d": definition, "a": c.alarm()["id"], "x": NOBODY}


def walk_table(c, names, table):
    """Rows of (method, path, parameters, body, status). Errors have Monasca's form."""
    for method, path, parameters, body, wanted in table:
        full = path.format(**names)
        status, answer = c(method, full, body, **parameters)
        equal(status, wanted, f"{method} {full} {parameters} {body}: {answer}")
        if wanted >= 400:
            equal(sorted(answer), ["description", "title"], f"the error of {method} {full} {parameters} {body}")
            check(answer["description"], f"{method} {full}: an error without a word")
        elif wanted == 204:
            equal(answer, None, f"the body of {method} {full}")


def test_each_status_of_the_queries(env, server):
    c = Client(server, "queries")
    names = world(c, "queries.m")
    lists = [DEFINITIONS, ALARMS, ALARMS + "/count", ALARMS + "/state-history", ALARMS + "/{a}/state-history", METHODS]
    ones = [DEFINITIONS + "/{d}", ALARMS + "/{a}", METHODS + "/{m}"]
    table = [(p, {}, 200) for p in [*lists, *ones, METHODS + "/types"]]
    table += [(p + "/", {}, 200) for p in [*lists, *ones, METHODS + "/types"]]
    for path in lists:
        table += [(path, {"limit": bad}, 422) for bad in ("-1", "x", "1.5", " 1", "+1")]
        table += [(path, {"offset": bad}, 422) for bad in ("-1", "x", "1.5", NOBODY, "99999999999999999999")]
        table += [(path, {"limit": n}, 200) for n in ("0", "1", "10000", "1000000")]
        table += [(path, {"offset": n}, 200) for n in ("0", "1", "1000000", "9223372036854775807")]
        table += [(path, {"nothing": "to us"}, 200)]
    for path in [*lists, *ones]:
        table += [(path, {"tenant_id": "queries"}, 200), (path, {"tenant_id": "a|b"}, 422)]
    for path in (ALARMS, ALARMS + "/count"):
        table += [(path, {key: value}, 200) for key, value in (
            ("alarm_definition_id", NOBODY), ("metric_name", "queries.m"), ("metric_dimensions", "hostname:h1,zone"),
            ("metric_dimensions", "zone:a|b"), ("metric_dimensions", "zone%3Aa"), ("state", "alarm"), ("state", "OK"),
            ("severity", "LOW|high"), ("lifecycle_state", "x"), ("link", "x"), ("state_updated_start_time", "2020-01-01T00:00:00Z"),
            ("state_updated_start_time", "2020-01-01"))]
        table += [(path, {key: value}, 422) for key, value in (
            ("metric_dimensions", ":v"), ("metric_dimensions", "k:"), ("metric_dimensions", "a,,b"), ("state", "FINE"),
            ("severity", "SEVERE"), ("severity", "LOW|"), ("state_updated_start_time", "yesterday"),
            ("state_updated_start_time", "1795314600"))]
    sortable = {ALARMS: ("alarm_id", "alarm_definition_id", "alarm_definition_name", "state", "severity", "lifecycle_state",
                         "link", "state_updated_timestamp", "updated_timestamp", "created_timestamp"),
                DEFINITIONS: ("id", "name", "severity", "updated_at", "created_at"),
                METHODS: ("id", "name", "type", "address", "updated_at", "created_at")}
    for path, keys in sortable.items():
        table += [(path, {"sort_by": key + way}, 200) for key in keys for way in ("", " asc", " DESC")]
        table += [(path, {"sort_by": ",".join(keys)}, 200), (path, {"sort_by": "nothing"}, 422),
                  (path, {"sort_by": keys[0] + " up"}, 422), (path, {"sort_by": keys[0] + " asc desc"}, 422),
                  (path, {"sort_by": keys[0] + ",,"}, 422), (path, {"sort_by": keys[0] + ";drop"}, 422)]
    table += [(DEFINITIONS, {key: value}, 200) for key, value in (
        ("name", "d"), ("dimensions", "hostname:h1"), ("dimensions", "hostname"), ("dimensions", "hostname:a|h1"),
        ("severity", "low|HIGH"))]
    table += [(DEFINITIONS, {"severity": "SEVERE"}, 422), (DEFINITIONS, {"dimensions": ":v"}, 422)]
    groups = ("alarm_definition_id", "name", "state", "severity", "link", "lifecycle_state", "metric_name", "dimension_name",
              "dimension_value")
    table += [(ALARMS + "/count", {"group_by": g}, 200) for g in (*groups, ",".join(groups))]
    table += [(ALARMS + "/count", {"group_by": g}, 422) for g in ("nothing", ",state", "state;", "id")]
    history = ALARMS + "/state-history"
    table += [(history, {"start_time": "2026-01-01T00:00:00Z", "end_time": end}, status) for end, status in (
        ("2026-01-01T00:00:00.001Z", 200), ("2026-01-01T00:00:00Z", 400), ("2025-01-01T00:00:00Z", 400), ("x", 422))]
    table += [(history, {"start_time": "x"}, 422), (history, {"dimensions": "hostname:h1"}, 200),
              (history, {"dimensions": "k:"}, 422)]
    table += [(path.format(a="{x}", d="{x}", m="{x}"), {}, 404) for path in ones]
    table += [(path.format(a="x" * 300, d="%27", m="x%00"), {}, 404) for path in ones]
    table += [(ALARMS + "/{x}/state-history", {}, 200)]
    table += [(ALARMS + "/{a}/nothing", {}, 404), (DEFINITIONS + "/{d}/nothing", {}, 404), (METHODS + "/{m}/nothing", {}, 404),
              (METHODS + "/{m}/test", {}, 405)]
    walk_table(c, names, [("GET", path, parameters, None, wanted) for path, parameters, wanted in table])
    env.note(f"{len(table)} rows")


def test_each_status_of_definitions(env, server):
    c = Client(server, "definitions")
    names = world(c, "definitions.m")
    method, one = names["m"], DEFINITIONS + "/{d}"
    full = {"name": "d", "description": "", "expression": "last(definitions.m{hostname=h1}) > 1", "match_by": ["hostname"],
            "severity": "LOW", "actions_enabled": True, "ok_actions": [], "alarm_actions": [], "undetermined_actions": []}
    new = itertools.count()

    def made(**change):
        return {"name": f"new {next(new)}", "expression": "cpu > 1", **change}

    good = [{}, {"name": "x" * 255}, {"description": "d" * 255}, {"description": ""}, {"severity": "critical"}, {"match_by": []},
            {"match_by": ["a", "b"]}, {"actions_enabled": False}, {"ok_actions": [method]}, {"undetermined_actions": []},
            {"expression": "max(a{k=v, k2=v 2}, deterministic, 120) >= -1.5 times 3 AND (b < 1 || count(c) gt 2)"},
            {"expression": "a{} lte 5"}, {"name": "päivää"}, {"id": NOBODY, "links": [], "deterministic": True}]
    bad = [{"name": ""}, {"name": "x" * 256}, {"name": 5}, {"name": None}, {"name": ["x"]}, {"description": "d" * 256},
           {"description": None}, {"description": {}}, {"severity": "SEVERE"}, {"severity": 1}, {"severity": ""}, {"match_by": "a"},
           {"match_by": [1]}, {"match_by": ["a", "a"]}, {"match_by": [""]}, {"match_by": None}, {"actions_enabled": "true"},
           {"actions_enabled": 1}, {"actions_enabled": None}, {"ok_actions": method}, {"ok_actions": [method, method]},
           {"ok_actions": [NOBODY]}, {"ok_actions": [5]}, {"alarm_actions": ["x" * 51]}, {"alarm_actions": [""]},
           {"undetermined_actions": [None]}, {"unknown": 1}, {"": 1}]
    bad += [{"expression": e} for e in (
        "", "cpu", "cpu >", "> 5", "cpu > x", "cpu > 1e5", "cpu > +1", "cpu > .5", "median(cpu) > 1", "max(cpu, 59) > 1", "max(cpu, 0) > 1",
        "max(cpu, 60, deterministic) > 1", "cpu > 1 times 0", "cpu > 1 times", "(cpu > 1", "cpu > 1)", "cpu > 1 and", "cpu == 1",
        "cpu{a} > 1", "cpu{a=} > 1", "cpu{a=b > 1", "c p u > 1", "cpu > 1\n; drop", "x" * 20000 + " > 1", "(" * 100 + "cpu > 1" + ")" * 100)]
    table = [("POST", DEFINITIONS, {}, made(**change), 201) for change in good]
    table += [("POST", DEFINITIONS, {}, made(**change), 422) for change in bad]
    table += [("POST", DEFINITIONS, {}, {k: v for k, v in made().items() if k != left_out}, 422) for left_out in ("name", "expression")]
    table += [("POST", DEFINITIONS, {}, {**made(), "name": "d"}, 409), ("POST", DEFINITIONS, {}, [], 422), ("POST", DEFINITIONS, {}, 7, 422),
              ("POST", DEFINITIONS, {}, b"null", 422)]
    broken = (b"", b"{", b"nonsense", b'{"name":"a"}x', b'{"name":"a","name":"b"}', b'{"name":"a\\u0000"}', b'{"name":"\xff"}',
              b"[" * 5000)
    for method_name, path in (("POST", DEFINITIONS), ("PUT", one), ("PATCH", one)):
        table += [(method_name, path, {}, body, 400) for body in broken]
        table += [(method_name, path, {}, b'{"name":"' + b"x" * 300000 + b'"}', 413)]
    table += [("PUT", one, {}, full, 200)]
    table += [("PUT", one, {}, {k: v for k, v in full.items() if k != left_out}, 422) for left_out in full]
    table += [(m, one, {}, {**full, **change}, 422) for m in ("PUT", "PATCH") for change in bad]
    table += [("PATCH", one, {}, change, 200) for change in (
        {}, {"name": "d"}, {"name": "renamed"}, {"name": "d"}, {"description": "x"}, {"severity": "HIGH"}, {"actions_enabled": False},
        {"alarm_actions": [method]}, {"match_by": ["hostname"]}, {"expression": "max(definitions.m{hostname=h1}, 120) < 5 times 2"},
        {"expression": full["expression"]})]
    table += [(m, one, {}, {**full, **change}, 422) for m in ("PUT", "PATCH") for change in (
        {"match_by": []}, {"match_by": ["zone"]}, {"expression": "last(other{hostname=h1}) > 1"},
        {"expression": "last(definitions.m{hostname=h2}) > 1"}, {"expression": full["expression"] + " or cpu > 1"})]
    table += [("POST", DEFINITIONS, {}, {**made(), "name": "taken"}, 201), ("PUT", one, {}, {**full, "name": "taken"}, 409),
              ("PATCH", one, {}, {"name": "taken"}, 409)]
    table += [("PUT", DEFINITIONS + "/{x}", {}, full, 404), ("PATCH", DEFINITIONS + "/{x}", {}, {}, 404),
              ("DELETE", DEFINITIONS + "/{x}", {}, None, 404)]
    table += [(m, path, {}, None, 405) for path, ms in (
        (DEFINITIONS, ("PUT", "PATCH", "DELETE")), (one, ("POST",))) for m in ms]
    walk_table(c, names, table)
    equal(c.do("GET", one.format(**names))["alarm_actions"], [method], "what is left of it")
    for kind in ("text/plain", "application/json; charset=utf-8"):
        status, answer = c("POST", DEFINITIONS, made(), headers={"Content-Type": kind})
        equal(status, 201, f"{kind}: {answer}")
    walk_table(c, names, [("DELETE", one, {}, None, 204), ("DELETE", one, {}, None, 404), ("GET", ALARMS + "/{a}", {}, None, 404),
                          ("GET", ALARMS + "/{a}/state-history", {}, None, 200)])
    env.note(f"{len(table)} rows")


def test_each_status_of_alarms(env, server):
    c = Client(server, "alarms")
    names = world(c, "alarms.m")
    one = ALARMS + "/{a}"
    full = {"state": "OK", "lifecycle_state": "OPEN", "link": "http://l"}
    bad = [{"state": "FINE"}, {"state": ""}, {"state": 1}, {"state": ["OK"]}, {"lifecycle_state": "x" * 51}, {"lifecycle_state": 5},
           {"link": "x" * 513}, {"link": {}}, {"unknown": 1}]
    table = [("PUT", one, {}, full, 200), ("PUT", one, {}, {**full, "state": "alarm"}, 200),
             ("PUT", one, {}, {**full, "lifecycle_state": "x" * 50, "link": "x" * 512}, 200)]
    table += [("PUT", one, {}, {k: v for k, v in full.items() if k != left_out}, 422) for left_out in full]
    table += [("PUT", one, {}, {**full, empty: None}, 422) for empty in full]
    table += [(m, one, {}, {**full, **change}, 422) for m in ("PUT", "PATCH") for change in bad]
    table += [("PATCH", one, {}, change, 200) for change in (
        {}, {"state": "UNDETERMINED"}, {"lifecycle_state": "CLOSED"}, {"link": ""}, {"link": None, "state": None})]
    table += [(m, one, {}, body, 400) for m in ("PUT", "PATCH") for body in (b"", b"{", b"nonsense")]
    table += [(m, one, {}, body, 422) for m in ("PUT", "PATCH") for body in ([], 5, "OK")]
    table += [("PUT", ALARMS + "/{x}", {}, full, 404), ("PATCH", ALARMS + "/{x}", {}, {}, 404), ("DELETE", ALARMS + "/{x}", {}, None, 404)]
    table += [(m, path, {}, None, 405) for path, ms in (
        (ALARMS, ("POST", "PUT", "PATCH", "DELETE")), (one, ("POST",)), (ALARMS + "/count", ("POST", "PUT", "PATCH", "DELETE")),
        (ALARMS + "/state-history", ("POST", "PUT", "PATCH", "DELETE")),
        (one + "/state-history", ("POST", "PUT", "PATCH", "DELETE"))) for m in ms]
    walk_table(c, names, table)
    alarm = c.do("GET", one.format(**names))
    equal((alarm["state"], alarm["lifecycle_state"], alarm["link"]), ("UNDETERMINED", "CLOSED", None), "after all that")
    sent_back = {**alarm, "link": "http://l", "state": "OK"}
    equal(c.do("PUT", one.format(**names), sent_back)["state"], "OK", "an alarm as it came, sent back")
    walk_table(c, names, [("DELETE", one, {}, None, 204), ("DELETE", one, {}, None, 404)])
    env.note(f"{len(table)} rows")


def test_each_status_of_notification_methods(env, server):
    c = Client(server, "methods")
    names = {"m": c.method("m"), "x": NOBODY}
    one = METHODS + "/{m}"
    full = {"name": "m", "type": "WEBHOOK", "address": "http://127.0.0.1:9/", "period": 0}
    new = itertools.count()

    def made(**change):
        return {**full, "name": f"new {next(new)}", **change}

    good = [{}, {"name": "x" * 250}, {"type": "webhook"}, {"period": 60}, {"type": "EMAIL", "address": "a@b"},
            {"type": "email", "address": "a.b+c@example.org", "period": 60}, {"type": "PAGERDUTY", "address": "key"},
            {"type": "SLACK"}, {"type": "SYSLOG", "address": "local0"}, {"address": "https://h/" + "x" * 502}, {"id": NOBODY, "links": []}]
    bad = [{"name": ""}, {"name": "x" * 251}, {"name": 5}, {"name": None}, {"type": "PIGEON"}, {"type": 5}, {"type": None},
           {"address": ""}, {"address": "x" * 513}, {"address": 5}, {"address": "ftp://h/"}, {"address": "http:///x"}, {"address": "nowhere"},
           {"address": "http://h/\nX: y"}, {"type": "EMAIL", "address": "nobody"}, {"type": "EMAIL", "address": "@b"}, {"period": 5},
           {"period": -1}, {"period": "60"}, {"period": 60.0}, {"period": None}, {"period": True}, {"unknown": 1},
           {"type": "SCRIPT", "address": "x"}]
    table = [("POST", METHODS, {}, made(**change), 201) for change in good]
    table += [("POST", METHODS, {}, made(**change), 400) for change in bad]
    table += [("POST", METHODS, {}, {k: v for k, v in made().items() if k != left_out}, 201 if left_out == "period" else 400) for left_out in full]
    table += [("POST", METHODS, {}, full, 409)]
    table += [("PUT", one, {}, full, 200), ("PUT", one, {}, {**full, "type": "slack"}, 200), ("PUT", one, {}, full, 200)]
    table += [("PUT", one, {}, {k: v for k, v in full.items() if k != left_out}, 400) for left_out in full]
    table += [(m, one, {}, {**full, **change}, 400) for m in ("PUT", "PATCH") for change in bad]
    table += [("PATCH", one, {}, change, 200) for change in (
        {}, {"name": "renamed"}, {"name": "m"}, {"type": "EMAIL", "address": "a@b"}, {"type": "WEBHOOK", "address": "http://h/"}, {"period": 60})]
    table += [("PATCH", one, {}, {"type": "EMAIL"}, 400)]   # with the address that it has
    table += [("POST", METHODS, {}, {**full, "name": "taken"}, 201), ("PUT", one, {}, {**full, "name": "taken"}, 409),
              ("PATCH", one, {}, {"name": "taken"}, 409)]
    for method, path in (("POST", METHODS), ("PUT", one), ("PATCH", one)):
        table += [(method, path, {}, body, 400) for body in (b"", b"{", b"nonsense", b"[]", b"7", b'{"name":"a","name":"b"}')]
        table += [(method, path, {}, b'{"name":"' + b"x" * 300000 + b'"}', 413)]
    table += [("PUT", METHODS + "/{x}", {}, full, 404), ("PATCH", METHODS + "/{x}", {}, {}, 404), ("DELETE", METHODS + "/{x}", {}, None, 404),
              ("POST", METHODS + "/{x}/test", {}, None, 404), ("POST", one + "/test", {}, None, 502)]
    table += [(m, path, {}, None, 405) for path, ms in (
        (METHODS, ("PUT", "PATCH", "DELETE")), (one, ("POST",)), (METHODS + "/types", ("POST", "PUT", "PATCH", "DELETE")),
        (one + "/test", ("GET", "PUT", "PATCH", "DELETE"))) for m in ms]
    walk_table(c, names, table)
    for method, path in (("POST", METHODS), ("PUT", one), ("PATCH", one)):
        for kind in ("text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded"):
            status, answer = c(method, path.format(**names), made(), headers={"Content-Type": kind})
            equal((status, answer["title"]), (400, "Bad Request"), f"{method} {kind}")
    walk_table(c, names, [("DELETE", one, {}, None, 204), ("DELETE", one, {}, None, 404)])
    env.note(f"{len(table)} rows")
