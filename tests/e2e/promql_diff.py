#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a real Prometheus and an Auspex server the same questions and compares the answers.

    promql_diff.py http://127.0.0.1:8070      (a server that takes samples of the last 12 hours)

Both get the same samples: Prometheus as blocks made by promtool, Auspex by remote write. Prometheus
2.x ranges are closed at the left, ours (as 3.x) are open: all times are chosen so that no sample
lies on an edge. Needs /usr/bin/prometheus and /usr/bin/promtool (Debian: prometheus). Ends with 1
when an answer differs."""

import argparse
import json
import math
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

TOLERANCE = 1e-12  # relative; the order of additions may differ
STEP = 15


# ---- samples

def counter(rng, rate, resets):
    value = rng.uniform(500, 1000)
    while True:
        yield value
        value = 3.0 if rng.random() < resets else value + rng.uniform(0, 2 * rate * STEP)


def gauge(rng, middle):
    while True:
        yield round(rng.gauss(middle, 10), 3)


def special(rng):
    while True:
        yield rng.choice([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0, 1e300])


def whole(rng):
    while True:
        yield float(rng.randrange(4))


def series(start, end):
    """[(name, labels, [(ms, value)])] with jitter, gaps, late beginnings and early ends."""
    rng = random.Random(7)
    out = []

    def add(name, labels, values, first=0.0, last=1.0, gaps=0.02):
        samples = []
        for at in range(start, end, STEP):
            value = next(values)
            part = (at - start) / (end - start)
            if first <= part <= last and rng.random() >= gaps:
                samples.append((at * 1000 + 3211 + rng.randrange(15) * 100, value))
        out.append((name, labels, samples))

    for job in ("api", "db"):
        for inst in ("0", "1", "2"):
            where = {"job": job, "instance": inst}
            add("requests_total", where, counter(rng, 4 + int(inst), 0.01))
            add("memory_bytes", where, gauge(rng, 100 * (1 + int(inst))))
            total = [counter(rng, 1, 0) for _ in range(5)]

            def summed(n):
                sums = [0.0]
                while True:
                    yield sum(next(t) for t in n)
            bounds = ("0.1", "0.5", "1", "5", "+Inf")
            for i, le in enumerate(bounds):
                parts = [counter(random.Random(hash_of(job, inst, b)), 1, 0) for b in bounds[: i + 1]]
                add("latency_bucket", {**where, "le": le}, summed(parts), gaps=0)
    add("limit_bytes", {"job": "api", "tier": "gold"}, whole(rng), gaps=0)
    add("limit_bytes", {"job": "db", "tier": "iron"}, whole(rng), gaps=0)
    add("odd", {"i": "0"}, special(rng))
    add("odd", {"i": "1"}, special(rng))
    add("state", {"i": "0"}, whole(rng))
    add("state", {"i": "1"}, whole(rng), gaps=0.3)
    add("early", {"i": "0"}, gauge(rng, 5), last=0.4)
    add("late", {"i": "0"}, gauge(rng, 5), first=0.6)
    add("info", {"job": "api", "version": "1.2", "note": 'quote " and \\ slash'}, iter_const(1.0))
    return out


def iter_const(value):
    while True:
        yield value


def hash_of(*words):
    return sum(ord(c) * 31 ** i for i, c in enumerate("/".join(words))) % 1000003


# ---- feeding Prometheus

def escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def open_metrics(all_series, out):
    names = sorted({s[0] for s in all_series})
    for name in names:
        out.write(f"# TYPE {name} unknown\n")
        for n, labels, samples in all_series:
            if n != name:
                continue
            text = ",".join(f'{k}="{escape(v)}"' for k, v in labels.items())
            for ms, v in samples:
                value = "NaN" if math.isnan(v) else "+Inf" if v == math.inf else "-Inf" if v == -math.inf else repr(v)
                out.write(f"{name}{{{text}}} {value} {ms / 1000:.3f}\n")
    out.write("# EOF\n")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url, process, seconds=60):
    for _ in range(seconds * 10):
        if process.poll() is not None:
            sys.exit(f"prometheus ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def start_prometheus(folder, all_series):
    text = os.path.join(folder, "samples.om")
    with open(text, "w", encoding="utf-8") as out:
        open_metrics(all_series, out)
    data, config = os.path.join(folder, "data"), os.path.join(folder, "prometheus.yml")
    subprocess.run(["/usr/bin/promtool", "tsdb", "create-blocks-from", "openmetrics", text, data],
                   check=True, stdout=subprocess.DEVNULL)
    with open(config, "w", encoding="utf-8") as out:
        out.write("global: {evaluation_interval: 1m}\n")
    port = free_port()
    process = subprocess.Popen(
        ["/usr/bin/prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}",
         f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y",
         "--enable-feature=promql-at-modifier,promql-negative-offset", "--log.level=error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    wait_for(base + "/-/ready", process)
    return process, base


# ---- feeding Auspex: remote write, protobuf by hand, snappy without compression

def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def snappy_literal(data):
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 65536):
        part = data[at:at + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def write_request(part):
    body = b""
    for name, labels, samples in part:
        one = b""
        for k, v in sorted({"__name__": name, **labels}.items()):
            one += field(1, field(1, k.encode()) + field(2, v.encode()))
        for ms, v in samples:
            one += field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(ms))
        body += field(1, one)
    return snappy_literal(body)


def remote_write(base, all_series):
    for one in all_series:
        request = urllib.request.Request(base + "/api/v1/write", data=write_request([one]), headers={
            "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0"})
        urllib.request.urlopen(request, timeout=60).read()


# ---- questions

def expressions():
    """Left out is what Prometheus itself does otherwise since 2.42: `atan2` over two vectors (2.42
    keeps the name), double_exponential_smoothing (then holt_winters), deviations of values whose
    squares overflow. And predict_linear over a pinned range: Prometheus lets that range move with
    the steps, we keep it where @ puts it. And % of sums, which makes the last bit the result; and
    rates of small counters, whose zero point has another place in the extrapolation since 2.51."""
    out = []
    simple = ("rate increase delta irate idelta deriv changes resets avg_over_time min_over_time "
              "max_over_time sum_over_time count_over_time last_over_time present_over_time "
              "stddev_over_time stdvar_over_time absent_over_time").split()
    for fn in simple:
        for arg in ("requests_total[2m]", "memory_bytes[97s]", "state[5m] offset 3m", "odd[1m]",
                    "early[3m]", "late[10m]", "nothing{a=\"b\"}[1m]",
                    "(memory_bytes * 2)[5m:23s]", "rate(requests_total[1m])[7m:]"):
            if (fn[:3], arg[:3]) not in (("std", "odd"), ("rat", "sta"), ("inc", "sta")):
                out.append(f"{fn}({arg})")
    for q in ("0", "0.25", "0.9", "1", "-1", "2", "NaN"):
        out += [f"quantile_over_time({q}, memory_bytes[3m])", f"quantile({q}, memory_bytes)",
                f"histogram_quantile({q}, latency_bucket)",
                f"histogram_quantile({q}, sum by (job, le) (rate(latency_bucket[3m])))"]
    out += [f"{fn}(memory_bytes)" for fn in
            "abs ceil exp floor ln log10 log2 sqrt sgn deg rad sin cos tan asin acos atan sinh cosh "
            "tanh asinh acosh atanh round sort sort_desc timestamp absent scalar minute hour "
            "day_of_week day_of_month day_of_year days_in_month month year".split()]
    out += [f"{fn}(odd)" for fn in "abs ceil floor round sgn sqrt timestamp ln exp".split()]
    for agg in "sum avg count min max group stddev stdvar".split():
        for arg in ("memory_bytes", "odd", "state", "requests_total > 1500", "nothing"):
            out.append(f"{agg}({arg})")
        out += [f"{agg} by (job) (memory_bytes)", f"{agg} without (instance) (memory_bytes)",
                f"{agg}(memory_bytes) by (instance, none)",
                f"{agg} by (job) (rate(requests_total[2m]))"]
    for op in "+ - * / % ^".split():
        out += [f"memory_bytes {op} 3", f"3 {op} memory_bytes", f"odd {op} odd", f"7 {op} 2",
                f"memory_bytes {op} requests_total",
                f"memory_bytes {op} on (job) group_left limit_bytes",
                f"limit_bytes {op} on (job) group_right (tier) memory_bytes"]
        if op != "%":
            out.append(f"sum by (job) (memory_bytes) {op} ignoring (tier) group_left limit_bytes")
    for op in "== != < <= > >=".split():
        out += [f"memory_bytes {op} 200", f"200 {op} memory_bytes", f"memory_bytes {op} bool 200",
                f"state {op} ignoring (i) group_left () vector(1)", f"odd {op} odd",
                f"3 {op} bool 2", f"memory_bytes {op} bool requests_total",
                f"memory_bytes {op} on (job, instance) requests_total",
                f"state {op} bool on (i) odd"]
    for op in ("and", "or", "unless"):
        out += [f"memory_bytes {op} requests_total > 2000", f"early {op} late",
                f"memory_bytes {op} on (job) limit_bytes", f"state {op} ignoring (i) vector(1)",
                f"memory_bytes {op} on () vector(1)", f"odd {op} odd > 0"]
    out += """1
-1 ^ 2
2 ^ 3 ^ 2
1 / 0
0 / 0
-7 % 3
time()
pi()
vector(time())
Inf
-NaN
0x1F + 1e3
memory_bytes
memory_bytes{job="api"}
memory_bytes{job!="api",instance=~"0|2"}
{__name__=~"st.te|limit.+",i!~"1"}
memory_bytes offset 5m
memory_bytes offset -5m
memory_bytes{instance="0"} @ start()
memory_bytes{instance="0"} @ end() offset 1m
rate(requests_total[5m] @ end())
sum_over_time(memory_bytes[3m] @ start() offset 30s)
max_over_time(rate(requests_total[1m])[10m:1m] @ end())
sum_over_time((state @ end())[5m:30s])
early
late
count(early) or vector(0)
-memory_bytes
+memory_bytes
-(memory_bytes - memory_bytes)
topk(2, memory_bytes)
bottomk(2, memory_bytes)
topk by (job) (1, memory_bytes)
bottomk without (instance) (2, requests_total)
topk(0, memory_bytes)
topk(100, memory_bytes)
topk(scalar(limit_bytes{job="api"}), memory_bytes{job="api"})
count_values("v", state)
count_values by (i) ("v", state)
count_values("v", odd)
count_values("v", memory_bytes * 1e25)
count(count_values("v", round(memory_bytes)))
clamp(memory_bytes, 100, 200)
clamp(memory_bytes, 200, 100)
clamp_min(odd, 0)
clamp_max(odd, 0)
round(memory_bytes, 5)
round(memory_bytes, 0.1)
round(-memory_bytes, 10)
scalar(info)
scalar(memory_bytes)
vector(scalar(info)) + 1
timestamp(memory_bytes + 0)
timestamp(timestamp(memory_bytes))
time() - timestamp(memory_bytes)
predict_linear(memory_bytes[5m], 600)
predict_linear(memory_bytes[5m], -60)
predict_linear(info[5m], 60)
deriv(info[5m])
holt_winters(memory_bytes[5m], 0.3, 0.6)
holt_winters(memory_bytes[5m], 2, 0.6)
holt_winters(memory_bytes[5m], 0.3, 0)
absent(nothing)
absent(nothing{a="b",c=~"d"})
absent(sum(nothing{a="b"}))
absent(early)
absent_over_time(early[7m])
absent(nothing{a="b",a="c"})
label_replace(memory_bytes, "x", "$1-$2", "instance", "(.)(.*)")
label_replace(memory_bytes, "job", "", "job", "api")
label_replace(memory_bytes, "instance", "same", "instance", ".*")
label_replace(memory_bytes, "x", "${1}y", "job", "(a)pi")
label_replace(memory_bytes, "x", "y", "job", "p")
label_replace(memory_bytes, "__name__", "renamed", "job", "db")
label_join(memory_bytes, "both", "/", "job", "instance", "none")
label_join(memory_bytes, "job", "")
sum(rate(requests_total[2m])) by (job) / on (job) sum(memory_bytes) by (job)
sum by (job) (rate(requests_total[2m])) > 20
avg(avg_over_time(memory_bytes[5m])) by (job)
sum(memory_bytes) / count(memory_bytes)
max_over_time(max by (job) (memory_bytes)[5m:30s])
memory_bytes * on (job) group_left (tier) limit_bytes
memory_bytes * on (job) group_left (version) info
memory_bytes * on (job) limit_bytes
limit_bytes * on (job) memory_bytes
memory_bytes + on () limit_bytes
memory_bytes and on (none) limit_bytes
rate({__name__=~"requests_total|memory_bytes"}[2m])
count_over_time({job="api",instance="0"}[2m])
-{job="api",instance="0"}
abs({job="api",instance="0",__name__=~"memory.*|requests.*"})
sum({job="api"}) by (__name__)
sum by (le) (latency_bucket)
histogram_quantile(0.5, latency_bucket{le!="+Inf"})
histogram_quantile(scalar(limit_bytes{job="db"}) / 3, rate(latency_bucket[5m]))
hour()
minute(vector(1700000000))
days_in_month(vector(1709251199))
day_of_year(vector(951782400))
year(vector(-1))
"text"
requests_total[1m]
requests_total[5m] offset 2m
(memory_bytes)[3m:40s]
memory_bytes[2m:]""".splitlines()
    return out + broken()


def broken():
    """What both must refuse; error texts are shown when they differ, not counted."""
    return """1 +
(1
1)
foo{a="b"
foo{a}
foo{a=b}
foo{}{}
{}
{a=~".*"}
foo[5m
foo[]
foo[0m]
foo[5m][5m]
(foo)[5m]
sum(foo)[5m]
foo offset 5m[1m]
foo offset 5m offset 5m
foo @ 5 @ 6
foo @ foo
1 offset 5m
foo offset
1[5m:]
1 == 1
1 and 1
foo or 1
foo + bool bar
foo + on(a) 1
foo and on(a) group_left bar
foo + on(a) group_left(a) bar
foo group_left bar
foo bar
rate(foo)
abs(1)
abs(foo[5m])
abs()
round(foo, 1, 2)
nope(foo)
abs(foo,)
sum()
sum(foo, bar)
topk(foo)
topk("a", foo)
count_values(1, foo)
sum(1)
sum by (1) (foo)
sum by (a (foo)
sum by (a) foo
-"a"
"a" + 1
foo $ bar
foo ! bar
"abc
foo{a="b", a2}
foo{=~"x"}
foo{a="x" b="y"}
+
foo +
foo == bool
rate(foo[5m]) offset 5m[1m:]
1 unless foo
foo{a=~"(ab"}""".splitlines()


# ---- asking and comparing

def ask(base, path, parameters):
    data = urllib.parse.urlencode(parameters).encode()
    request = urllib.request.Request(f"{base}/api/v1/{path}", data=data)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        text = e.read()
        try:
            return json.loads(text)
        except ValueError:
            return {"status": "error", "errorType": f"http {e.code}", "error": repr(text[:200])}


def number(text):
    return float(text.replace("Inf", "inf"))


def near(a, b):
    x, y = number(a), number(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    # the second: what is left of differences of nearly equal numbers
    return x == y or abs(x - y) <= TOLERANCE * max(abs(x), abs(y)) or abs(x - y) < 1e-14


def points(one):
    return one["values"] if "values" in one else [one["value"]]


def differs(want, got, ordered):
    if want["status"] != got["status"]:
        return f"status {want['status']} ({want.get('error')}) / {got['status']} ({got.get('error')})"
    if want["status"] == "error":
        if want["errorType"] != got["errorType"]:
            return f"errorType {want['errorType']} / {got['errorType']}: {want['error']} / {got['error']}"
        return None
    want, got = want["data"], got["data"]
    if want["resultType"] != got["resultType"]:
        return f"type {want['resultType']} / {got['resultType']}"
    if want["resultType"] in ("scalar", "string"):
        same = want["result"] == got["result"] or (
            want["resultType"] == "scalar" and near(want["result"][1], got["result"][1]))
        return None if same else f"{want['result']} / {got['result']}"
    return differing_series(want["result"], got["result"], ordered)


def differing_series(want, got, ordered):
    key = lambda s: sorted(s["metric"].items())
    if not ordered:
        want, got = sorted(want, key=key), sorted(got, key=key)
    if [key(s) for s in want] != [key(s) for s in got]:
        return f"series {[s['metric'] for s in want][:4]} / {[s['metric'] for s in got][:4]} ({len(want)} / {len(got)})"
    for a, b in zip(want, got):
        pa, pb = points(a), points(b)
        if [p[0] for p in pa] != [p[0] for p in pb]:
            return f"times of {a['metric']}: {len(pa)} / {len(pb)} points"
        for x, y in zip(pa, pb):
            if not near(x[1], y[1]):
                return f"{a['metric']} at {x[0]}: {x[1]} / {y[1]}"
    return None


def is_sorted(expr):
    return expr.startswith(("sort(", "sort_desc("))


def compare(theirs, ours, start, end):
    begin, stop = start + 1800.4, end - 600.7
    wrong = texts = asked = 0
    for expr in expressions():
        for path, extra in (("query", {"time": f"{begin + 4000.123:.3f}"}),
                            ("query_range", {"start": f"{begin:.3f}", "end": f"{stop:.3f}", "step": "62"})):
            parameters = {"query": expr, **extra}
            want, got = ask(theirs, path, parameters), ask(ours, path, parameters)
            asked += 1
            difference = differs(want, got, path == "query" and is_sorted(expr))
            if difference:
                wrong += 1
                print(f"DIFFERS {path} {expr}\n    {difference}")
            elif want["status"] == "error" and want["error"] != got["error"]:
                texts += path == "query"
                if path == "query" and "-v" in sys.argv:
                    print(f"text of {expr}\n    {want['error']}\n    {got['error']}")
    print(f"{asked} questions, {wrong} answers differ, {texts} error texts differ")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ours", help="base URL of an Auspex server")
    parser.add_argument("-v", action="store_true", help="show differing error texts")
    ours = parser.parse_args().ours.rstrip("/")
    end = int(time.time()) // 3600 * 3600
    start = end - 3 * 3600
    all_series = series(start, end)
    with tempfile.TemporaryDirectory(prefix="auspex-promql-") as folder:
        process, theirs = start_prometheus(folder, all_series)
        try:
            remote_write(ours, all_series)
            wrong = compare(theirs, ours, start, end)
        finally:
            process.terminate()
            process.wait()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
