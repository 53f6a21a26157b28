# SPDX-License-Identifier: Apache-2.0
"""Monasca's API v2.0, its metrics half: the real `monasca` command, and every endpoint with every
parameter and status code that it has."""
import itertools
import json
import os
import shutil
import time
import urllib.parse

from harness import Skip, auspex, check, equal, run, wait_for

START = int(time.time()) // 3600 * 3600 - 7200          # a whole hour, within the retention
JSON = {"Content-Type": "application/json"}


def iso(seconds, ms=False):
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return text + (f".{round(seconds % 1 * 1000):03d}Z" if ms else "Z")


def metric(name, seconds, value, meta=None, **dimensions):
    m = {"name": name, "dimensions": dimensions, "timestamp": round(seconds * 1000), "value": value}
    return {**m, "value_meta": meta} if meta else m


def post(server, body, tenant="default", path="/v2.0/metrics", headers=JSON):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, answer = server.http(path, data, {**headers, "X-Tenant-Id": tenant})
    return status, json.loads(answer) if answer else None


def get(server, path, tenant="default", **parameters):
    """(status, document)"""
    if parameters:
        path += "?" + urllib.parse.urlencode(parameters)
    status, answer = server.http(path, headers={"X-Tenant-Id": tenant})
    return status, json.loads(answer) if answer else None


def elements(server, path, tenant="default", **parameters):
    status, document = get(server, path, tenant, **parameters)
    equal(status, 200, f"GET {path} {parameters}: {document}")
    equal(sorted(document), ["elements", "links"], path)
    check(document["links"][0]["rel"] == "self", f"{path}: no link to itself first")
    return document["elements"]


def pages(server, path, **parameters):
    """The elements of all pages, by following the links as they are."""
    path += "?" + urllib.parse.urlencode(parameters)
    while path:
        status, document = get(server, path)
        equal(status, 200, f"{path}: {document}")
        self, *rest = document["links"]
        equal(self["href"], server.url + path, "the link to itself")
        yield document["elements"]
        path = None
        if rest:
            check(rest[0]["rel"] == "next" and rest[0]["href"].startswith(server.url), f"{rest}")
            path = rest[0]["href"][len(server.url):]


def setup(env):
    if not shutil.which("monasca"):
        raise Skip("no monasca command here (tools/install-deps test)")
    server = env.server(args=["--retention", "30d"])
    # cpu: 2 hosts x 2 zones, 10 samples each, every 60 s from START on
    cpu = [metric("cpu.idle_perc", START + 60 * i, 10 * h + i, {"why": f"{i}"} if h == 1 and i == 3 else None,
                  hostname=f"host{h}", zone="a.b" if h < 3 else "a-b", service="monitoring")
           for h in (1, 2, 3, 4) for i in range(10)]
    one = [metric("mem.free_mb", START + 0.25, 1.5, hostname="host1"),
           metric("mem.free_mb", START + 7100, 2, hostname="host1")]
    odd = [metric("odd", START, 1, **{"päth x": "a:b/c d%&".replace("&", "+")})]
    equal(post(server, cpu + one + odd), (204, None), "posting")
    equal(post(server, metric("secret", START, 1, owner="them"), "tenant-b"), (204, None), "posting")
    return server


# ---- the real command ----

def command(server, *arguments):
    return run(["monasca", "--os-auth-type", "none", "--monasca-api-url", server.url + "/v2.0", *arguments])


def monasca(server, subcommand, *arguments):
    """What the command prints as JSON."""
    status, out, err = command(server, subcommand, "--json", *arguments)
    equal(status, 0, f"monasca {subcommand} {' '.join(arguments)}: {err}{out}")
    return json.loads(out) if out.strip().startswith(("[", "{")) else out


def test_the_command_creates_metrics(env, server):
    now = int(time.time() * 1000)
    monasca(server, "metric-create", "cli.m", "12.5", "--dimensions", "hostname=h1,os=linux",
            "--value-meta", "rc=0,msg=fine", "--time", str(now))
    monasca(server, "metric-create-raw", json.dumps({"name": "cli.raw", "timestamp": now, "value": 3,
                                                     "dimensions": {"hostname": "h2"}}))
    got = monasca(server, "measurement-list", "cli.m", "-5", "--dimensions", "hostname=h1")
    equal([m[1:] for m in got[0]["measurements"]], [[12.5, {"rc": "0", "msg": "fine"}]], "what was created")
    equal(got[0]["dimensions"], {"hostname": "h1", "os": "linux"}, "its dimensions")
    got = monasca(server, "metric-list", "--name", "cli.raw")
    equal([m["dimensions"] for m in got], [{"hostname": "h2"}], "what was created as it is")


def test_the_command_lists_what_there_is(env, server):
    names = [m["name"] for m in monasca(server, "metric-name-list")]
    check({"cpu.idle_perc", "mem.free_mb", "odd"} <= set(names) and names == sorted(names), f"{names}")
    equal([m["name"] for m in monasca(server, "metric-name-list", "--dimensions", "zone=a-b")],
          ["cpu.idle_perc"], "names by dimension")
    equal(len(monasca(server, "metric-list", "--name", "cpu.idle_perc")), 4, "metrics by name")
    equal(len(monasca(server, "metric-list", "--dimensions", "hostname=host1|host2,service")), 2, "metrics by dimensions")
    equal(len(monasca(server, "metric-list", "--starttime", iso(START + 6000), "--name", "mem.free_mb")), 1, "by time")
    equal(len(monasca(server, "metric-list", "--limit", "2")), 2, "with a limit")
    equal([d["dimension_name"] for d in monasca(server, "dimension-name-list", "--metric-name", "cpu.idle_perc")],
          ["hostname", "service", "zone"], "names of dimensions")
    equal([d["dimension_value"] for d in monasca(server, "dimension-value-list", "zone")], ["a-b", "a.b"], "values")


def test_the_command_reads_measurements_and_statistics(env, server):
    got = monasca(server, "measurement-list", "cpu.idle_perc", iso(START), "--endtime", iso(START + 120),
                  "--dimensions", "hostname=host1")
    equal([m[:2] for m in got[0]["measurements"]], [[iso(START, True), 10.0], [iso(START + 60, True), 11.0]], "measurements")
    got = monasca(server, "measurement-list", "cpu.idle_perc", iso(START), "--merge_metrics", "--limit", "6")
    equal(len(got[0]["measurements"]), 6, "merged")
    got = monasca(server, "measurement-list", "cpu.idle_perc", iso(START), "--group_by", "zone")
    equal(sorted(e["dimensions"]["zone"] for e in got), ["a-b", "a.b"], "by zone")
    got = monasca(server, "metric-statistics", "cpu.idle_perc", "avg,count", iso(START), "--endtime", iso(START + 600),
                  "--period", "600", "--merge_metrics")
    equal((got[0]["columns"], got[0]["statistics"]), (["timestamp", "avg", "count"], [[iso(START), 29.5, 40.0]]), "statistics")
    got = monasca(server, "metric-statistics", "cpu.idle_perc", "max", iso(START), "--group_by", "hostname", "--period", "3600")
    equal(sorted((e["dimensions"]["hostname"], e["statistics"][0][1]) for e in got),
          [(f"host{h}", 10.0 * h + 9) for h in (1, 2, 3, 4)], "by host")


def test_the_command_prints_tables(env, server):
    status, out, _ = command(server, "measurement-list", "cpu.idle_perc", iso(START), "--dimensions", "hostname=host1", "--limit", "4")
    check(status == 0 and "| why: 3" in out and iso(START, True) in out and "10.000" in out, f"{status}: {out}")
    for arguments in (["metric-list"], ["metric-name-list"], ["dimension-name-list"], ["dimension-value-list", "zone"],
                      ["metric-statistics", "cpu.idle_perc", "avg,min,max,sum,count", iso(START), "--merge_metrics"]):
        status, out, err = command(server, *arguments)
        check(status == 0 and out.startswith("+--"), f"{arguments}: {status}: {out}{err}")


def test_the_command_tells_what_was_wrong(env, server):
    status, out, err = command(server, "measurement-list", "cpu.idle_perc", iso(START))
    check(status != 0 and "4 metrics match" in out + err, f"{status}: {out}{err}")


# ---- each rule of the interface ----

def test_versions_and_health(env, server):
    status, version = get(server, "/v2.0")
    equal((status, sorted(version)), (200, ["id", "links", "status", "updated"]), "/v2.0")
    equal((version["id"], version["status"], version["updated"]), ("v2.0", "CURRENT", "2013-03-06T00:00:00.000Z"), "/v2.0")
    equal(get(server, "/v2.0/")[1], version, "one slash more")
    status, body = server.http("/", headers={"Accept": "application/json"})
    equal((status, json.loads(body)["elements"]), (200, [version]), "GET / for who wants JSON")
    status, body = server.http("/", headers={"Accept": "text/html,application/json;q=0.9"})
    check(not body.startswith(b'{"elements"'), "a browser got the list of versions")
    equal(get(server, "/v1.0")[0], 422, "a version that there is not")
    status, health = get(server, "/healthcheck")
    equal((status, health), (200, dict.fromkeys(["kafka", "alarms_database", "metrics_database"], "OK")), "health")
    equal(server.http("/healthcheck", method="HEAD"), (204, b""), "HEAD of health")


LISTS = "/v2.0/metrics", "/v2.0/metrics/names", "/v2.0/metrics/dimensions/names"
VALUES = "/v2.0/metrics/dimensions/names/values"
MEASUREMENTS, STATISTICS = "/v2.0/metrics/measurements", "/v2.0/metrics/statistics"
GOOD = {VALUES: {"dimension_name": "zone"},
        MEASUREMENTS: {"name": "mem.free_mb", "start_time": iso(START)},
        STATISTICS: {"name": "mem.free_mb", "start_time": iso(START), "statistics": "avg"}}
ALL = [*LISTS, VALUES, MEASUREMENTS, STATISTICS]


def test_each_status_of_the_queries(env, server):
    long = "x" * 256
    table = [(path, {}, 200) for path in ALL]
    table += [(path + "/", {}, 200) for path in ALL]
    for path in ALL:
        table += [(path, {"limit": bad}, 422) for bad in ("-1", "x", "1.5", " 1")]
        table += [(path, {"limit": "1000000"}, 200), (path, {"tenant_id": "default"}, 200),
                  (path, {"tenant_id": "tenant-b"}, 200), (path, {"tenant_id": "a|b"}, 422)]
    for path in set(ALL) - {"/v2.0/metrics/names"}:
        table += [(path, {"start_time": bad}, 422) for bad in ("yesterday", "1795314600", "2026-13-01T00:00:00Z")]
        table += [(path, {"start_time": iso(START), "end_time": end}, 400) for end in (iso(START), iso(START - 1))]
        table += [(path, {"start_time": iso(START), "end_time": "x"}, 422)]
    for path in ("/v2.0/metrics", MEASUREMENTS, STATISTICS):
        table += [(path, {"name": bad}, 422) for bad in (long, "a b", "a{b", "a\"b")]
    for path in ("/v2.0/metrics", "/v2.0/metrics/names", MEASUREMENTS, STATISTICS):
        table += [(path, {"dimensions": bad}, 422) for bad in ("_a:b", ":b", f"{long}:b", f"b:{long}", "a;b", "a:b=c", "a:b|c>d")]
    for path in (VALUES, "/v2.0/metrics/dimensions/names"):
        table += [(path, {"metric_name": "a b"}, 422)]
    table += [(VALUES, {"dimension_name": None}, 422), (VALUES, {"dimension_name": "_a"}, 422),
              (VALUES, {"dimension_name": "nothing"}, 200), ("/v2.0/metrics", {"offset": "x"}, 422)]
    for path in (MEASUREMENTS, STATISTICS):
        table += [(path, {"name": None}, 422), (path, {"start_time": None}, 422), (path, {"offset": "x_y"}, 422),
                  (path, {"offset": "5_" + iso(START)}, 200), (path, {"offset": iso(START)}, 200),
                  (path, {"name": "cpu.idle_perc"}, 409), (path, {"name": "cpu.idle_perc", "merge_metrics": "false"}, 409),
                  (path, {"name": "cpu.idle_perc", "merge_metrics": "TRUE"}, 200), (path, {"name": "nothing"}, 200),
                  (path, {"name": "cpu.idle_perc", "group_by": "zone"}, 200), (path, {"group_by": "_a"}, 422)]
    table += [(STATISTICS, {"statistics": None}, 422), (STATISTICS, {"statistics": "avg,median"}, 422),
              (STATISTICS, {"statistics": "AVG,Min,mAx,sum,COUNT"}, 200), (STATISTICS, {"period": "0"}, 200),
              (STATISTICS, {"period": "-1"}, 422), (STATISTICS, {"period": "5m"}, 422)]
    table += [(STATISTICS, {"name": "cpu.idle_perc", "statistics": "x"}, 422)]  # before the 409 that it would be
    table += [("/v2.0/nothing", {}, 404), ("/v2.0/metrics/nothing", {}, 404)]
    for path, parameters, wanted in table:
        given = {k: v for k, v in {**GOOD.get(path.rstrip("/"), {}), **parameters}.items() if v is not None}
        status, document = get(server, path, **given)
        equal(status, wanted, f"GET {path} {given}: {document}")
        if wanted != 200:
            equal(sorted(document), ["description", "title"], f"the error of {path} {given}")
    env.note(f"{len(table)} rows")


def test_methods_that_there_are_not(env, server):
    for path, method in itertools.product(ALL + ["/v2.0", "/healthcheck"], ["POST", "PUT", "PATCH", "DELETE"]):
        if (path, method) != ("/v2.0/metrics", "POST"):
            status, body = server.http(path, b"" if method != "DELETE" else None, method=method)
            equal((status, json.loads(body)["title"]), (405, "Method Not Allowed"), f"{method} {path}")


def test_each_rule_of_what_is_posted(env, server):
    now = time.time()
    good = metric("rule.m", now, 1, hostname="h")
    long = "x" * 256
    fine = [good, [good, metric("rule.n", now, -0.5)], [], {**good, "dimensions": None}, {**good, "value_meta": None},
            {**good, "value_meta": {f"k{i}": "v" for i in range(16)}}, {**good, "name": "x" * 255}, {**good, "name": "it's"},
            {**good, "unknown": [1]}]
    bad = [{**good, **change} for change in (
        {"name": ""}, {"name": long}, {"name": 5}, {"value": None}, {"value": "1"}, {"value": True}, {"value": float("nan")},
        {"value": float("inf")}, {"timestamp": None}, {"timestamp": "now"}, {"timestamp": -1}, {"timestamp": (now + 7200) * 1000},
        {"dimensions": []}, {"dimensions": {"a": 1}}, {"dimensions": {"": "v"}}, {"dimensions": {"a": ""}},
        {"dimensions": {"_a": "v"}}, {"dimensions": {long: "v"}}, {"dimensions": {"a": long}},
        {"value_meta": {f"k{i}": "v" for i in range(17)}}, {"value_meta": {"k": "x" * 2048}}, {"value_meta": {"k": 1}},
        {"value_meta": {"": "x"}}, {"value_meta": {long: "x"}})]
    bad += [{**good, "name": f"a{c}b"} for c in '<>={},"\\;&() ']
    bad += [{**good, "dimensions": {f"a{c}b": "v"}} for c in '<>={},"\\;&']
    bad += [{**good, "dimensions": {"a": f"v{c}w"}} for c in '<>={},"\\;&']
    bad += [{k: v for k, v in good.items() if k != left_out} for left_out in ("name", "value", "timestamp")]
    bad += [7, "text", [[good]], None]
    for body in fine:
        equal(post(server, body), (204, None), f"{body}")
    for body in bad:
        status, answer = post(server, body)
        equal((status, sorted(answer)), (422, ["description", "title"]), f"{body}: {answer}")
    for body in (b"", b"{", b"[" + json.dumps(good).encode(), b"nonsense", b'{"a":1}x'):
        equal(post(server, body)[0], 400, f"{body!r}")
    for kind in ("text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded"):
        equal(post(server, good, headers={"Content-Type": kind})[0], 400, kind)
    equal(post(server, good, path="/v2.0/metrics?tenant_id=tenant-c")[0], 204, "for another tenant")
    equal([m["name"] for m in elements(server, "/v2.0/metrics", "tenant-c")], ["rule.m"], "of that tenant")
    equal(post(server, good, path="/v2.0/metrics?tenant_id=default")[0], 204, "for its own")
    equal(post(server, good, path="/v2.0/metrics/")[0], 204, "one slash more")
    equal(post(server, good, headers={**JSON, "Content-Encoding": "br"})[0], 415, "an unknown encoding")


def test_a_list_is_all_or_nothing(env, server):
    now = time.time()
    for spoilt in (metric("nothing.b", now + 7200, 1), metric("nothing.b", now - 31 * 86400, 1), metric("nothing.b c", now, 1)):
        status, answer = post(server, [metric("nothing.a", now, 1, {"k": "v"}), spoilt, metric("nothing.c", now, 1)])
        equal(status, 422, f"{spoilt}: {answer}")
        check("nothing.b" in answer["description"], f"the reason names no metric: {answer}")
    equal(elements(server, "/v2.0/metrics", name="nothing.a"), [], "of a refused list")


def test_samples_and_value_meta_outlive_a_crash(env, server):
    equal(post(server, metric("kept", START + 5, 1, {"detail": "päused \"x\""}, hostname="h"))[0], 204, "posting")
    server.process.kill()
    server.start()
    got = elements(server, MEASUREMENTS, name="kept", start_time=iso(START))
    equal(got[0]["measurements"], [[iso(START + 5, True), 1.0, {"detail": "päused \"x\""}]], "after a crash")
    check("." in str(got[0]["measurements"][0][1]), "the value is no float")


def test_value_meta_goes_with_its_series(env, server):
    def metas(name, tenant="default"):
        got = elements(server, MEASUREMENTS, tenant, name=name, start_time=iso(START), merge_metrics="true")
        return [row[2] for e in got for row in e["measurements"]]
    for tenant in ("default", "tenant-c"):
        equal(post(server, [metric(name, START + i, i, {"n": str(i)}, hostname="h") for name in ("noted.a", "noted.b")
                            for i in range(4)], tenant)[0], 204, "posting")
    delete = "/api/v1/admin/tsdb/delete_series?match[]=noted:a&start={}&end={}".replace(":", ".")
    delete = delete.replace("noted.a", urllib.parse.quote('{__name__="noted.a"}'))
    equal(server.http(delete.format(START + 1, START + 2), b"", {"X-Tenant-Id": "default"})[0], 204, "deleting two")
    equal(post(server, [metric("noted.a", START + i, i, hostname="h") for i in range(4)])[0], 204, "the same without")
    none, kept = {}, [{"n": str(i)} for i in range(4)]
    equal(metas("noted.a"), [kept[0], none, none, kept[3]], "what the deleted had is gone")
    equal(metas("noted.b"), kept, "another metric's")
    equal(metas("noted.a", "tenant-c"), kept, "another tenant's")


def test_filters_are_literal(env, server):
    def hosts(dimensions):
        return sorted(m["dimensions"]["hostname"] for m in elements(server, "/v2.0/metrics", name="cpu.idle_perc", dimensions=dimensions))
    table = [("zone:a.b", ["host1", "host2"]), ("zone:a-b", ["host3", "host4"]), ("zone:a.b|nix", ["host1", "host2"]),
             ("zone:.*|x", []), ("zone:a.b|a-b,hostname:host2|host3", ["host2", "host3"]), ("zone", ["host1", "host2", "host3", "host4"]),
             ("nix", []), ("hostname:host1,service:monitoring", ["host1"]), ("hostname:host1,service:other", []), ("hostname:host", [])]
    for dimensions, wanted in table:
        equal(hosts(dimensions), wanted, dimensions)
    path = "/v2.0/metrics?name=cpu.idle_perc&dimensions=zone%3Aa-b&dimensions=hostname%3Ahost3"
    equal(len(get(server, path)[1]["elements"]), 1, "two parameters of dimensions")
    equal(elements(server, "/v2.0/metrics", dimensions="päth x:a:b/c d%+")[0]["name"], "odd", "a value with everything")


def test_lists_by_time(env, server):
    def names(**times):
        return {m["name"] for m in elements(server, "/v2.0/metrics", **times)} & {"cpu.idle_perc", "mem.free_mb"}
    equal(names(start_time=iso(START), end_time=iso(START + 1)), {"cpu.idle_perc", "mem.free_mb"}, "the first second")
    equal(names(start_time=iso(START + 7100)), {"mem.free_mb"}, "the last sample; start is inclusive")
    equal(names(start_time=iso(START + 6000), end_time=iso(START + 7100)), set(), "end is exclusive")
    got = elements(server, "/v2.0/metrics/dimensions/names", start_time=iso(START + 6000), metric_name="cpu.idle_perc")
    equal(got, [], "dimension names of a time without samples")
    got = elements(server, VALUES, dimension_name="hostname", metric_name="mem.free_mb", start_time=iso(START + 6000))
    equal(got, [{"dimension_value": "host1"}], "dimension values of a time")


def test_pages_of_lists(env, server):
    for path, parameters in [*((p, {}) for p in LISTS), (VALUES, {"dimension_name": "hostname"}),
                             ("/v2.0/metrics", {"name": "cpu.idle_perc", "dimensions": "zone:a.b|a-b,service"})]:
        whole = elements(server, path, **parameters)
        for limit in (1, 2, 3, len(whole), len(whole) + 1):
            got = list(pages(server, path, limit=limit, **parameters))
            equal([e for page in got for e in page], whole, f"{path} {parameters} by {limit}")
            check(all(got), f"{path} by {limit}: an empty page")
            equal(len(got), -(-len(whole) // limit), f"pages of {path} by {limit}")
    equal(elements(server, "/v2.0/metrics/names", offset="cpu.idle_perd", limit=1)[0]["name"] > "cpu.idle_perd", True,
          "an offset that is no name")
    equal(elements(server, "/v2.0/metrics", limit=0), [], "a limit of nothing")


def flat(got, key):
    return [(e["id"], *row[:2]) for e in got for row in e[key]]


def test_pages_of_measurements_and_statistics(env, server):
    groupings = [{"dimensions": "hostname:host1"}, {"merge_metrics": "true"}, {"group_by": "zone"}, {"group_by": "zone,hostname"},
                 {"group_by": "*"}, {"group_by": "nix"}, {"group_by": "*", "merge_metrics": "true"}]
    for path, key, more in ((MEASUREMENTS, "measurements", {}), (STATISTICS, "statistics", {"statistics": "sum,count", "period": 120})):
        for grouping in groupings:
            parameters = {"name": "cpu.idle_perc", "start_time": iso(START), "end_time": iso(START + 3600), **grouping, **more}
            whole = flat(elements(server, path, **parameters), key)
            check(whole, f"{path} {grouping}: nothing")
            for limit in (1, 3, 7, len(whole)):
                got = list(pages(server, path, limit=limit, **parameters))
                equal([row for page in got for row in flat(page, key)], whole, f"{path} {grouping} by {limit}")
                check(all(sum(len(e[key]) for e in page) <= limit and page for page in got), f"{path} {grouping}: a page beyond {limit}")
                equal(len(got), -(-len(whole) // limit), f"pages of {path} {grouping} by {limit}")
    rows = flat(elements(server, MEASUREMENTS, name="mem.free_mb", start_time=iso(START), offset=iso(START + 1)), "measurements")
    equal([r[1:] for r in rows], [(iso(START + 7100, True), 2.0)], "a plain time as offset")


def test_groups(env, server):
    common = {"name": "cpu.idle_perc", "start_time": iso(START)}
    for path, more in ((MEASUREMENTS, {}), (STATISTICS, {"statistics": "avg"})):
        def shown(**grouping):
            got = elements(server, path, **common, **grouping, **more)
            equal({e["name"] for e in got}, {"cpu.idle_perc"}, "names")
            equal([e["id"] for e in got], sorted({e["id"] for e in got}), "ids")
            return sorted(json.dumps(e["dimensions"], sort_keys=True) for e in got)
        equal(shown(merge_metrics="true"), ["{}"], "merged")
        equal(shown(merge_metrics="true", dimensions="zone:a.b"), ['{"zone": "a.b"}'], "merged of a zone")
        equal(shown(group_by="zone"), ['{"zone": "a-b"}', '{"zone": "a.b"}'], "by zone")
        equal(shown(group_by="nix"), ['{"nix": ""}'], "by what there is not")
        equal(len(shown(group_by="*")), 4, "each alone")
        equal(len(shown(group_by="zone,hostname")), 4, "by two")
    ids = {m["id"] for m in elements(server, "/v2.0/metrics", name="cpu.idle_perc")}
    equal({e["id"] for e in elements(server, MEASUREMENTS, **common, group_by="*")}, ids, "ids of metrics and measurements")
    got = elements(server, MEASUREMENTS, **common, dimensions="hostname:host1")
    equal([row[2] for row in got[0]["measurements"]], [{"why": "3"} if i == 3 else {} for i in range(10)], "value_meta")
    equal(got[0]["columns"], ["timestamp", "value", "value_meta"], "columns")


def test_statistics(env, server):
    def rows(**parameters):
        return elements(server, STATISTICS, name="cpu.idle_perc", dimensions="hostname:host1", **parameters)[0]
    got = rows(start_time=iso(START), statistics="avg,min,MAX,sum,count")
    equal(got["columns"], ["timestamp", "avg", "min", "max", "sum", "count"], "columns")
    equal(got["statistics"], [[iso(START), 12.0, 10.0, 14.0, 60.0, 5.0], [iso(START + 300), 17.0, 15.0, 19.0, 85.0, 5.0]],
          "with the period that is not given, 300 s")
    got = rows(start_time=iso(START + 90), end_time=iso(START + 240), statistics="sum", period=120)
    equal(got["statistics"], [[iso(START + 120), 25.0]], "aligned to the epoch, start inclusive, end exclusive")
    got = rows(start_time=iso(START + 60), statistics="count", period=120)
    equal(got["statistics"][0], [iso(START), 1.0], "a bucket that began before")
    got = rows(start_time=iso(START), statistics="count", period=0)
    equal(got["statistics"], [[iso(START), 10.0]], "a period of 0: all of it")
    got = elements(server, STATISTICS, name="mem.free_mb", start_time=iso(START), statistics="avg", period=1)
    equal(got[0]["statistics"], [[iso(START), 1.5], [iso(START + 7100), 2.0]], "empty buckets are left out")


def test_simultaneous_samples_survive_paging(env, server):
    n = 25
    equal(post(server, [metric("same", START + t, i, node=f"n{i:02d}") for i in range(n) for t in (0, 1)])[0], 204, "posting")
    for limit in (1, 4, 10, 24, 25, 26):
        got = list(pages(server, MEASUREMENTS, name="same", start_time=iso(START), merge_metrics="true", limit=limit))
        rows = [row[:2] for page in got for e in page for row in e["measurements"]]
        equal(sorted(rows), sorted([iso(START + t, True), float(i)] for i in range(n) for t in (0, 1)), f"by {limit}")


def test_long_series_come_in_bounded_pages(env, server):
    n, first = 25000, START - 25000
    for begin in range(0, n, 5000):
        body = [metric("long", first + i, i % 100, node=f"n{k}") for i in range(begin, begin + 5000) for k in (1, 2)]
        equal(post(server, body)[0], 204, "posting")
    got = list(pages(server, MEASUREMENTS, name="long", start_time=iso(first - 86400), group_by="node"))
    equal([sum(len(e["measurements"]) for e in page) for page in got], [10000] * 5, "rows on each page")
    got = elements(server, STATISTICS, name="long", start_time=iso(first), statistics="count", period=0, merge_metrics="true")
    equal(got[0]["statistics"][0][1], 2.0 * n, "counted")


def test_a_series_of_a_million_samples_is_read_in_pieces(env, server):
    n, step = 1_100_000, 50_000
    first = int(time.time()) - n - 60
    for begin in range(0, n, step):
        line = {"metric": {"__name__": "huge", "node": "n1"}, "values": [i % 1000 for i in range(begin, begin + step)],
                "timestamps": [(first + i) * 1000 for i in range(begin, begin + step)]}
        status, body = server.http("/api/v1/import", json.dumps(line).encode(), timeout=120)
        equal(status, 204, f"{body}")
    equal(post(server, metric("huge", first + 5, 1, node="n2"))[0], 204, "posting")
    began = time.monotonic()
    for grouping in ({"group_by": "node"}, {"merge_metrics": "true"}, {"dimensions": "node:n1"}):
        parameters = {"name": "huge", "start_time": iso(first), **grouping}
        rows = []
        for page in itertools.islice(pages(server, MEASUREMENTS, **parameters), 3):
            rows += [row[0] for e in page if e["dimensions"].get("node") != "n2" for row in e["measurements"]]
        extra = [first + 5] if "merge_metrics" in grouping else []
        wanted = [iso(t, True) for t in sorted([first + i for i in range(25000)] + extra)]
        equal(rows[:25000], wanted[:25000], f"the first pages {grouping}")
    env.note(f"nine pages in {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    got = elements(server, STATISTICS, name="huge", start_time=iso(first), dimensions="node:n1", statistics="count,sum,max", period=3600)
    equal(sum(row[1] for row in got[0]["statistics"]), float(n), "counted")
    equal(sum(row[2] for row in got[0]["statistics"]), float(n // 1000 * 499500), "summed")
    env.note(f"statistics in {time.monotonic() - began:.1f} s")


def test_monasca_and_prometheus_read_the_same(env, server):
    got = server.get("/api/v1/query", query='{"cpu.idle_perc",hostname="host2"}', time=START + 61)["data"]["result"]
    equal([(r["metric"], r["value"][1]) for r in got],
          [({"__name__": "cpu.idle_perc", "hostname": "host2", "zone": "a.b", "service": "monitoring"}, "21")], "in PromQL")
    now = round(time.time() * 1000)
    equal(server.write([({"__name__": "node_load1", "job": "n"}, [(now - 1000, 0.5), (now, float("nan"))])])[0], 204, "remote write")
    got = elements(server, MEASUREMENTS, name="node_load1", start_time=iso(now // 1000 - 60))[0]
    equal((got["dimensions"], [row[1] for row in got["measurements"]]), ({"job": "n"}, [0.5, None]), "by remote write")
    got = elements(server, STATISTICS, name="node_load1", start_time=iso(now // 1000 - 60), statistics="count", period=0)
    equal(got[0]["statistics"][0][1], 1.0, "NaN does not count")


def test_what_is_too_large(env, server):
    status, answer = post(server, b"[" + b" " * (16 << 20) + b"]")
    equal((status, sorted(answer)), (413, ["description", "title"]), "a body beyond 16 MiB")
    equal(post(server, metric("m", START, 1), tenant="no tenant!")[0], 400, "a tenant that can't be")


def test_tenants_see_their_own_only(env, server):
    everything = [(path, GOOD.get(path, {})) for path in ALL]
    for path, parameters in everything:
        equal(elements(server, path, "nobody", **parameters), [], f"{path} of a tenant that has nothing")
        check("secret" not in json.dumps(elements(server, path, **parameters)), f"{path} shows another tenant's")
    ids = {m["id"] for m in elements(server, "/v2.0/metrics", "tenant-b")}
    equal([m["name"] for m in elements(server, "/v2.0/metrics", "tenant-b")], ["secret"], "its own")
    when = {"start_time": iso(START)}
    equal(elements(server, MEASUREMENTS, name="secret", **when), [], "another tenant's measurements")
    for foreign in ids:
        equal(elements(server, MEASUREMENTS, name="secret", offset=f"{foreign}_{iso(START - 9)}", **when), [], "by a foreign id")
    equal(post(server, metric("secret", START, 9, {"mine": "x"}, owner="them"))[0], 204, "the same metric of another tenant")
    got = elements(server, MEASUREMENTS, "tenant-b", name="secret", **when)
    equal(got[0]["measurements"], [[iso(START, True), 1.0, {}]], "after another tenant wrote the same metric")


def test_the_limit_of_series_refuses_the_whole_list(env, _):
    small = env.server("small", args=["--max-tenant-series", "3"])
    equal(post(small, [metric(f"kept.{i}", START, 1, {"k": "v"}) for i in range(2)])[0], 204, "below the limit")
    status, answer = post(small, [metric("kept.0", START + 1, 2), *(metric(f"new.{i}", START, 1, {"k": "v"}) for i in range(3))])
    equal((status, answer["title"]), (429, "Too Many Requests"), "beyond the limit")
    check("limit of 3 series" in answer["description"], f"{answer}")
    equal(elements(small, "/v2.0/metrics/names"), [{"name": "kept.0"}, {"name": "kept.1"}], "what there is")
    got = elements(small, MEASUREMENTS, name="kept.0", start_time=iso(START))
    equal(len(got[0]["measurements"]), 1, "samples of a refused list")
    equal(post(small, metric("kept.0", START + 1, 2))[0], 204, "what is known goes on")


# ---- with tokens ----

def token(data, role, tenant):
    status, out, err = auspex("admin", "token", "add", "--data", data, "--role", role, "--tenant", tenant)
    check(status == 0, err)
    return out.strip()


def test_tokens_and_roles(env, _):
    data = os.path.join(env.dir, "closed-data")
    roles = "member", "reader", "agent", "delegate"
    tokens = {role: token(data, role, "ours") for role in roles}
    tokens["foreign"] = token(data, "member", "theirs")
    server = env.server("closed", args=["--auth", "token"])

    def ask(who, path, body=None):
        headers = {**JSON, "X-Auth-Token": tokens[who]} if who else JSON
        status, answer = server.http(path, json.dumps(body).encode() if body else None, headers)
        return status, json.loads(answer) if answer else None

    def names(who, path="/v2.0/metrics/names"):
        status, document = ask(who, path)
        equal(status, 200, f"{who} {path}: {document}")
        return [m["name"] for m in document["elements"]]

    wait_for("the server to know the tokens", 5, lambda: ask("foreign", "/v2.0/metrics")[0] == 200)
    for who, status in (("member", 204), ("agent", 204), ("delegate", 204), ("foreign", 204), ("reader", 401), (None, 401)):
        got, answer = ask(who, "/v2.0/metrics", metric(f"by.{who}", time.time(), 1, {"k": "v"}, hostname="h"))
        equal(got, status, f"{who} posts: {answer}")
        if status == 401:
            equal((answer["title"], sorted(answer)), ("Forbidden", ["description", "title"]), f"{who}")
    for path in ALL:
        full = path + "?" + urllib.parse.urlencode(GOOD.get(path, {}))
        for who, status in (("member", 200), ("reader", 200), ("delegate", 200), ("agent", 401), (None, 401)):
            equal(ask(who, full)[0], status, f"{who}: {full}")
        for who, status in (("delegate", 200), ("member", 401), ("reader", 401), ("foreign", 200)):
            equal(ask(who, full + "&tenant_id=theirs")[0], status, f"{who}: {full} of another tenant")
    for path in ("/v2.0", "/healthcheck"):
        equal(ask(None, path)[0], 200, f"{path} is for everybody")
    ours = ["by.agent", "by.delegate", "by.member"]
    equal((names("member"), names("foreign")), (ours, ["by.foreign"]), "names")
    equal(names("delegate", "/v2.0/metrics/names?tenant_id=theirs"), ["by.foreign"], "names for a delegate")
    when = urllib.parse.urlencode({"name": "by.member", "start_time": iso(time.time() - 600)})
    equal(ask("foreign", f"{MEASUREMENTS}?{when}")[1]["elements"], [], "another tenant's measurements")
    equal(ask("reader", f"{MEASUREMENTS}?{when}")[1]["elements"][0]["measurements"][0][1:], [1.0, {"k": "v"}], "one's own")
    given = metric("posted.for", time.time(), 1)
    equal(ask("delegate", "/v2.0/metrics?tenant_id=theirs", given)[0], 204, "a delegate posts for others")
    equal(ask("member", "/v2.0/metrics?tenant_id=theirs", given)[0], 401, "a member does not")
    equal(names("foreign"), ["by.foreign", "posted.for"], "what a delegate posted")
    status, out, err = run(["monasca", "--os-auth-type", "admin_token", "--os-endpoint", server.url + "/v2.0", "--os-token",
                            tokens["reader"], "metric-name-list"])
    check(status == 0 and all(n in out for n in ours) and "foreign" not in out, f"the command with a token: {status} {out}{err}")
    status, out, err = run(["monasca", "--os-auth-type", "admin_token", "--os-endpoint", server.url + "/v2.0", "--os-token",
                            "axt_wrong", "metric-name-list"])
    check(status != 0, f"the command with a wrong token: {out}")
