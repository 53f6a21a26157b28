# SPDX-License-Identifier: Apache-2.0
"""Monasca's API v2.0, its alarm half: the real `monasca` command, every endpoint with every
parameter and status code that it has, tenants that must not see each other's things, and pages."""
import itertools
import json
import os
import re
import shutil
import threading
import time
import urllib.parse

from harness import REPO, Skip, auspex, check, equal, run, wait_for
from monasca_walk import Walk, Webhook

JSON = {"Content-Type": "application/json"}
DEFINITIONS, ALARMS, METHODS = "/v2.0/alarm-definitions", "/v2.0/alarms", "/v2.0/notification-methods"
NOBODY = "00000000-0000-4000-8000-000000000000"


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


def test_the_examples_of_the_documentation_are_taken(env, server):
    c = Client(server, "documented")
    with open(os.path.join(REPO, "docs/alarms.md")) as f:
        text = f.read()
    found = re.findall(r"^\| `([^`]+)` \| .*true|^\| `([^`]+[<>]=? [^`]+)` \|", text, re.M)
    found = [a or b for a, b in found] + re.findall(r'"expression": "([^"]+)"', text)
    check(len(found) >= 6, f"{found}")
    for i, expression in enumerate(found):
        c.define(f"d{i}", expression)


def test_each_status_of_alarms(env, server):
    c = Client(server, "alarms")
    names = world(c, "alarms.m")
    one = ALARMS + "/{a}"
    full = {"state": "OK", "lifecycle_state": "OPEN", "link": "http://l"}
    bad = [{"state": "FINE"}, {"state": ""}, {"state": 1}, {"state": ["OK"]}, {"lifecycle_state": "ä" * 51}, {"lifecycle_state": 5},
           {"link": "x" * 513}, {"link": {}}, {"unknown": 1}]
    table = [("PUT", one, {}, full, 200), ("PUT", one, {}, {**full, "state": "alarm"}, 200),
             ("PUT", one, {}, {**full, "lifecycle_state": "ä" * 50, "link": "x" * 512}, 200)]
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


# ---- alarms come and go ----

def test_a_definition_tells_its_webhook(env, server):
    hook, c = Webhook(), Client(server, "hooked")
    method = c.method("hook", hook.url)
    told = c.do("POST", f"{METHODS}/{method}/test")
    check(told["text"] and 0 <= told["took_ms"] < 5000 and sorted(told) == ["text", "took_ms"], f"{told}")
    equal(len(hook.got), 1, "test notifications")
    actions = {k: [method] for k in ("ok_actions", "alarm_actions", "undetermined_actions")}
    definition = c.define("d", "last(hooked.m) > 90", match_by=["hostname"], severity="HIGH", **actions)
    for host, value in (("h1", 95), ("h2", 5), ("h1", 5)):
        c.send("hooked.m", value, hostname=host)
    ids = {a["metrics"][0]["dimensions"]["hostname"]: a["id"] for a in c.list(ALARMS)}
    c.do("PATCH", f"{ALARMS}/{ids['h2']}", {"state": "ALARM", "link": "http://ticket"})
    wanted = [(ids["h1"], "UNDETERMINED", "ALARM"), (ids["h1"], "ALARM", "OK"), (ids["h2"], "OK", "ALARM"),
              (ids["h2"], "UNDETERMINED", "OK")]
    wait_for("all notifications", 20, lambda: len(hook.got) == 5)
    equal(sorted((g["alarm_id"], g["old_state"], g["state"]) for g in hook.got[1:]), sorted(wanted), "transitions told")
    equal({(g["alarm_definition_id"], g["tenant_id"], g["severity"]) for g in hook.got[1:]}, {(definition, "hooked", "HIGH")}, "of what")
    history = c.list(ALARMS + "/state-history")
    equal(sorted((h["alarm_id"], h["old_state"], h["new_state"]) for h in history), sorted(wanted), "the history")
    c.do("PATCH", f"{DEFINITIONS}/{definition}", {"actions_enabled": False})
    c.send("hooked.m", 99, hostname="h1")
    equal(c.do("GET", f"{ALARMS}/{ids['h1']}")["state"], "ALARM", "with actions that are not enabled")
    c.do("PATCH", f"{DEFINITIONS}/{definition}", {"actions_enabled": True})
    c.send("hooked.m", 1, hostname="h1")
    wait_for("one more", 20, lambda: len(hook.got) == 6)
    equal(hook.got[-1]["state"], "OK", "what was told when they were again")
    hook.close()


def test_a_test_says_why_it_was_not_delivered(env, server):
    hook, c = Webhook(status=403), Client(server, "refused")
    status, answer = c("POST", f"{METHODS}/{c.method('hook', hook.url)}/test")
    equal((status, answer["title"]), (502, "Bad Gateway"), f"{answer}")
    check("403" in answer["description"], f"{answer}")
    hook.close()


def test_tests_that_take_long_hold_up_nobody(env, server):
    hook, c = Webhook(), Client(server, "patient")
    method = c.method("hook", hook.url)
    hook.wait = threading.Event()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(c("POST", f"{METHODS}/{method}/test")[0])) for _ in range(12)]
    for t in threads:
        t.start()
    wait_for("those that are too many", 5, lambda: answers.count(429) == 10)
    equal(c("GET", METHODS)[0], 200, "meanwhile")
    hook.wait.set()
    for t in threads:
        t.join(30)
    equal(sorted(answers), [200] * 2 + [429] * 10, "answers")
    hook.close()


def test_all_of_it_outlives_a_restart(env, server):
    c = Client(server, "lasting")
    names = world(c, "lasting.m")
    paths = [p.format(**names) for p in (DEFINITIONS + "/{d}", ALARMS + "/{a}", METHODS + "/{m}", ALARMS + "/{a}/state-history",
                                         ALARMS + "/count?group_by=state,name")]
    before = [c.do("GET", p) for p in paths]
    server.restart()
    equal([c.do("GET", p) for p in paths], before, "after a restart")


# ---- pages ----

def test_pages_of_all_lists(env, server):
    c = Client(server, "paged")
    n = 23
    methods = [c.method(f"m{i:02d}") for i in range(n)]
    for i in range(n):
        c.define(f"d{i:02d}", f"last(paged.m{{k=v{i}}}) > {i}", severity=("LOW", "HIGH", "CRITICAL")[i % 3], alarm_actions=[methods[i]],
                 match_by=["hostname"])
    c.do("POST", "/v2.0/metrics", [{"name": "paged.m", "dimensions": {"k": f"v{i}", "hostname": f"h{i % 5}"}, "value": 10,
                                    "timestamp": int(time.time() * 1000)} for i in range(n)], wanted=204)
    alarm = c.list(ALARMS, metric_dimensions="k:v1")[0]["id"]
    for state in ("OK", "ALARM") * 4:
        c.do("PATCH", f"{ALARMS}/{alarm}", {"state": state})
    for path, key, parameters, count in (
            (DEFINITIONS, "elements", {}, n), (DEFINITIONS, "elements", {"sort_by": "severity desc,name", "dimensions": "k"}, n),
            (DEFINITIONS, "elements", {"severity": "LOW|HIGH"}, 16), (METHODS, "elements", {"sort_by": "name desc"}, n), (METHODS, "elements", {}, n),
            (ALARMS, "elements", {}, n), (ALARMS, "elements", {"sort_by": "severity,state desc", "metric_dimensions": "k,hostname:h1|h2"}, 10),
            (ALARMS + "/count", "counts", {"group_by": "name,metric_name"}, n), (ALARMS + "/count", "counts", {"group_by": "dimension_value"}, n + 5),
            (ALARMS + "/state-history", "elements", {"dimensions": "k"}, n + 8), (f"{ALARMS}/{alarm}/state-history", "elements", {}, 9)):
        whole = c.do("GET", path, **parameters)[key]
        equal(len(whole), count, f"{path} {parameters}")
        equal(len({json.dumps(e) for e in whole}), count, f"{path} {parameters}: different ones")
        for limit in (1, 3, count - 1, count, count + 1):
            got = list(c.pages(path, key, limit=limit, **parameters))
            equal([e for page in got for e in page], whole, f"{path} {parameters} by {limit}")
            equal(len(got), -(-count // limit), f"pages of {path} {parameters} by {limit}")
        equal(c.do("GET", path, limit=0, **parameters)[key], [], f"{path}: a limit of nothing")
    severities = [d["severity"] for d in c.list(DEFINITIONS, sort_by="severity desc")]
    equal(severities, sorted(severities, key=["CRITICAL", "HIGH", "LOW"].index), "severities by rank")
    states = [a["state"] for a in c.list(ALARMS, sort_by="state")]
    equal(states, sorted(states, key=["OK", "UNDETERMINED", "ALARM"].index), "states by rank")


def test_counts(env, server):
    c = Client(server, "counts")
    equal((c.do("GET", ALARMS + "/count")["columns"], c.do("GET", ALARMS + "/count")["counts"]), (["count"], [[0]]), "nothing")
    equal(c.do("GET", ALARMS + "/count", group_by="state,link,dimension_name")["counts"], [[0, None, None, None]], "nothing in groups")
    c.define("d", "last(counts.m) > 5", match_by=["hostname"])
    for i in range(4):
        c.send("counts.m", 4 + i, hostname=f"h{i}", zone="a")
    got = c.do("GET", ALARMS + "/count", group_by="state,name")
    equal((got["columns"], sorted(got["counts"])), (["count", "state", "name"], [[2, "ALARM", "d"], [2, "OK", "d"]]), "by state")
    got = c.do("GET", ALARMS + "/count", group_by="dimension_name,dimension_value", state="alarm")
    equal(sorted(got["counts"]), [[1, "hostname", "h2"], [1, "hostname", "h3"], [2, "zone", "a"]], "by dimension")
    equal(c.do("GET", ALARMS + "/count", metric_dimensions="hostname:h0|h9")["counts"], [[1]], "by an alternative")
    equal(c.do("GET", ALARMS + "/count", metric_dimensions="hostname:h.")["counts"], [[0]], "dots are dots")


def test_times_of_the_history(env, server):
    c = Client(server, "times")
    names = world(c, "times.m")
    c.do("PATCH", ALARMS + "/" + names["a"], {"state": "OK"})
    first, second = c.list(ALARMS + "/state-history")

    for path in (ALARMS + "/state-history", ALARMS + "/" + names["a"] + "/state-history"):
        check_times(c, path, first, second)


def check_times(c, path, first, second):
    def between(**times):
        return [h["id"] for h in c.list(path, **times)]
    equal(between(start_time=first["timestamp"]), [first["id"], second["id"]], "start_time is part of it")
    equal(between(end_time=second["timestamp"]), [first["id"], second["id"]], "and so is end_time")
    equal(between(start_time=second["timestamp"]), [second["id"]], "from the second on")
    equal(between(end_time=first["timestamp"]), [first["id"]], "up to the first")
    equal(between(end_time="1960-01-01T00:00:00Z"), [], "before all times")
    equal(between(offset=first["id"]), [second["id"]], "behind the first")


def test_many_at_once(env, server):
    """Definitions, methods, tests, samples and lists of three tenants, all at the same time."""
    until, failures, done = time.monotonic() + 5, [], []

    def worker(number):
        c = Client(server, f"busy-{number % 3}")
        count = 0
        try:
            while time.monotonic() < until:
                tag = f"{number}-{count}"
                method = c.method(tag)
                definition = c.define(tag, f"last(busy.m{{k={number}}}) > 5 or max(busy.n) > 5", alarm_actions=[method], match_by=["k"])
                c.send("busy.n", count % 9, k=str(number))
                c.send("busy.m", count % 9, k=str(number))
                alarm = c.alarm(alarm_definition_id=definition)
                for method_name, path, body in (
                        ("PATCH", f"{ALARMS}/{alarm['id']}", {"state": "OK"}), ("PATCH", f"{DEFINITIONS}/{definition}", {"severity": "HIGH"}),
                        ("GET", ALARMS + "/count", None), ("GET", ALARMS + "/state-history", None), ("GET", METHODS, None),
                        ("DELETE", f"{METHODS}/{method}", None), ("GET", f"{DEFINITIONS}/{definition}", None)):
                    answer = c.do(method_name, path, body)
                equal(answer["alarm_actions"], [], "actions whose method is gone")
                c.do("DELETE", f"{DEFINITIONS}/{definition}")
                count += 1
        except Exception as e:              # told by the main thread
            failures.append(e)
        done.append(count)

    threads = [threading.Thread(target=worker, args=(i,)) for i in range(9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    check(not failures and len(done) == 9, f"{failures[:1]}, {len(done)} of 9 ended")
    for i in range(3):
        c = Client(server, f"busy-{i}")
        equal([c.list(p) for p in (DEFINITIONS, ALARMS, METHODS)], [[], [], []], "what is left")
    env.note(f"{sum(done)} rounds of 14 requests in 5 s")


# ---- who may what, and whose it is ----

def everything(names, reads, writes):
    """[(method, path, body)] of all endpoints."""
    ones = [p.format(**names) for p in (DEFINITIONS + "/{d}", ALARMS + "/{a}", METHODS + "/{m}")]
    lists = [DEFINITIONS, ALARMS, ALARMS + "/count", ALARMS + "/state-history", METHODS, METHODS + "/types",
             (ALARMS + "/{a}/state-history").format(**names)]
    got = [("GET", p, None) for p in [*lists, *ones]] if reads else []
    if writes:
        got += [("POST", DEFINITIONS, {}), ("POST", METHODS, {}), ("POST", ones[2] + "/test", None)]
        got += [(m, p, {}) for p in ones for m in ("PUT", "PATCH")] + [("DELETE", p, None) for p in ones]
    return got


def test_roles(env, _):
    server = closed_server(env)
    clients = {role: Client(server, token=secret) for role, secret in env.tokens.items()}
    clients["nobody"] = Client(server)
    nothing = {"d": NOBODY, "a": NOBODY, "m": NOBODY}
    for role in ("nobody", "agent", "reader", "delegate"):
        may_read = role in ("reader", "delegate")
        for method, path, body in everything(nothing, not may_read, True):
            status, answer = clients[role](method, path, body)
            equal((status, answer["title"]), (401, "Forbidden"), f"{role}: {method} {path}")
    for role in ("reader", "delegate", "member", "provider"):
        for method, path, body in everything(nothing, True, False):
            status, _ = clients[role](method, path, body)
            equal(status, 404 if path.endswith(NOBODY) else 200, f"{role}: {method} {path}")
    for method, path, body in everything(nothing, False, True):
        status, _ = clients["member"](method, path, body)
        check(status in (400, 404, 422), f"member: {method} {path}: {status}")


def without_id(answer):
    return json.dumps(answer).replace(NOBODY, "ID")


def test_tenants_see_their_own_only(env, _):
    """B walks all endpoints with A's ids: what comes is what comes for an id that there is not."""
    server = closed_server(env)
    a, b = Client(server, token=env.tokens["member"]), Client(server, token=env.tokens["foreign"])
    names = world(a, "private.m")
    nothing = {"d": NOBODY, "a": NOBODY, "m": NOBODY}
    watched = everything(names, True, False)
    before = [a(*w) for w in watched]
    definition = {"name": "d", "description": "", "expression": "last(private.m{hostname=h1}) > 1", "match_by": ["hostname"],
                  "severity": "LOW", "actions_enabled": False, "ok_actions": [], "alarm_actions": [], "undetermined_actions": []}
    method = {"name": "stolen", "type": "WEBHOOK", "address": "http://127.0.0.1:9/stolen", "period": 0}
    alarm = {"state": "OK", "lifecycle_state": "stolen", "link": "stolen"}
    bodies = {DEFINITIONS: definition, METHODS: method, ALARMS: alarm}
    walks = 0
    for (verb, path, body), (_, other, _) in zip(everything(names, True, True), everything(nothing, True, True)):
        if path.endswith(NOBODY) or (verb == "POST" and path in bodies):
            continue
        folder = path[:path.index("/", 6)] if "/" in path[6:] else path
        given = bodies.get(folder) if verb in ("PUT", "PATCH") else body
        status, answer = b(verb, path, given)
        status_of_none, of_none = b(verb, other, given)
        text = json.dumps(answer)
        for key in "dam":
            text = text.replace(names[key], "ID")
        equal((status, text), (status_of_none, without_id(of_none)), f"{verb} {path}")
        check("private" not in text and "hostname" not in text, f"{verb} {path}: {text}")
        if path != other:
            equal(status, 200 if path.endswith("/state-history") else 404, f"{verb} {path}")
        walks += 1
    for parameters in ({"alarm_definition_id": names["d"]}, {"metric_name": "private.m"}, {"metric_dimensions": "hostname:h1"},
                       {"metric_dimensions": "hostname,zone"}, {"state": "ALARM"}, {"severity": "LOW"}):
        equal(b.list(ALARMS, **parameters), [], f"alarms by {parameters}")
        equal(b.do("GET", ALARMS + "/count", **parameters)["counts"], [[0]], f"count by {parameters}")
        grouped = b.do("GET", ALARMS + "/count", group_by="alarm_definition_id,name,dimension_value", **parameters)
        equal(grouped["counts"], [[0, None, None, None]], f"groups by {parameters}")
    for parameters in ({"name": "d"}, {"dimensions": "hostname:h1"}, {"sort_by": "name"}):
        equal(b.list(DEFINITIONS, **parameters), [], f"definitions by {parameters}")
    entry = a.list(ALARMS + "/state-history")[0]
    for parameters in ({"dimensions": "hostname:h1"}, {"offset": int(entry["id"]) - 1}, {"start_time": "2020-01-01T00:00:00Z"}):
        equal(b.list(ALARMS + "/state-history", **parameters), [], f"history by {parameters}")
    b.method("m")                           # A's names are free here
    own = b.define("d", "last(private.m{hostname=h1}) > 1", match_by=["hostname"])
    for actions in ("ok_actions", "alarm_actions", "undetermined_actions"):
        for verb, path, more in (("POST", DEFINITIONS, {"name": actions}), ("PATCH", f"{DEFINITIONS}/{own}", {}),
                                 ("PUT", f"{DEFINITIONS}/{own}", {})):
            answers = [b(verb, path, {**definition, **more, actions: [m]}) for m in (names["m"], NOBODY)]
            equal([s for s, _ in answers], [422, 422], f"A's method in B's {actions}: {verb}")
            equal(json.dumps(answers[0][1]).replace(names["m"], "ID"), without_id(answers[1][1]), f"what is said of it: {verb}")
    b.send("private.m", 9, hostname="h1", zone="b")
    equal(b.alarm()["metrics"][0]["dimensions"]["zone"], "b", "B's alarm has B's metric")
    for verb, path, body in everything(names, True, True):
        if not path.endswith("/types"):     # which are everybody's
            equal(b(verb, path + "?tenant_id=ours", body)[0], 401, f"{verb} {path} in the name of A")
    after = [a(*w) for w in watched]
    equal(after, before, "A's things after B's walk")
    equal(b.do("GET", f"{DEFINITIONS}/{own}")["alarm_actions"], [], "B's actions")
    env.note(f"{walks} ways")
