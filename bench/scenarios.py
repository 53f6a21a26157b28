# SPDX-License-Identifier: Apache-2.0
"""What is done with a server to measure it. A scenario starts one, uses it, and returns figures;
several rows of the table may come from one scenario."""
import json
import random
import signal
import struct
import subprocess
import time

from servers import Auspex, Failure

INTERVAL = 15
MIB = 1024 * 1024
RECOUNT_SECONDS = 15
TICKS_BEFORE_KILL = 20      # of a server's CPU time: then it is certainly being written to


# ---- our own tools ----

def ingest_command(server, **flags):
    argv = [Auspex.program, "bench", "ingest", "--json", "--prebuild", "--url", server.url,
            "--pid", str(server.pid)]
    for flag, value in flags.items():
        name = "--" + flag.replace("_", "-")
        argv += [name] if value is True else [name, str(value)]
    return argv


def read_report(returncode, out, err):
    try:
        report = json.loads(out)
    except ValueError:
        raise Failure(f"auspex bench: exit status {returncode}: {err.strip()[-300:]}") from None
    if report.get("refused"):
        raise Failure(f"{report['refused']:.0f} samples were refused: {report['reason']}")
    return report


def ingest(server, **flags):
    done = subprocess.run(ingest_command(server, **flags), capture_output=True, text=True, check=False)
    report = read_report(done.returncode, done.stdout, done.stderr)
    if report["unanswered"]:
        raise Failure(f"{report['unanswered']:.0f} samples were not answered: {report['reason']}")
    return report


def ask(server, expr, runs, **flags):
    """How long this query takes, ms: the least of some runs, and the answer's bytes."""
    argv = [Auspex.program, "bench", "query", "--json", "--server", server.url, "--pid", str(server.pid),
            "--runs", str(runs)]
    if server.query_parameter:
        argv += ["--parameter", server.query_parameter]
    for flag, value in flags.items():
        argv += ["--" + flag, str(value)]
    done = subprocess.run([*argv, expr], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(done.stderr.strip()[-300:])
    return json.loads(done.stdout)["queries"][0]


def stored(server, start, end):
    """How many samples of the load are there between two times (s)."""
    names = server.get("/api/v1/label/__name__/values", start=start, end=end)["data"]
    total = 0
    for name in names:
        if not name.startswith(("vm_", "host_")):
            continue
        result = server.get("/api/v1/query", time=end,
                            query=f'sum(count_over_time({name}{{job="virt"}}[{end - start}s]))')
        for one in result["data"]["result"]:
            total += int(float(one["value"][1]))
    return total


def expect_all(server, report):
    """Whoever acknowledges has to have it: else its figures mean nothing."""
    start, end = report["start_ms"] // 1000, report["end_ms"] // 1000
    acknowledged = report["warm_up"]["acknowledged"] + report["measured"]["acknowledged"]
    found = stored(server, start - INTERVAL, end)
    if found != acknowledged:
        raise Failure(f"{acknowledged:.0f} samples were acknowledged, {found} are there")


def kill_and_start(server):
    server.kill()
    return server.start()


# ---- scenarios ----

def hour(context, kind):
    """100,000 series, an hour at 15 s, then ten minutes more that are measured."""
    warm_up, rounds = context.pick((240, 40), (8, 4))
    start = int(time.time()) - (warm_up + rounds) * INTERVAL - 300
    with kind(context.folder) as server:
        report = ingest(server, series=100_000, warm_up=warm_up, rounds=rounds, start=start,
                        settle=context.pick("10s", "3s"))
        end = report["end_ms"] / 1000
        answer = ask(server, 'sum by (host) ({job="virt"})', context.pick(20, 5), time=end)
        if answer["bytes"] < 5000:
            raise Failure(f"100 hosts do not fit into the answer's {answer['bytes']} bytes")
        expect_all(server, report)
        return {"steady_us": report["measured"]["server_cpu_us_per_sample"],
                "steady_settled_us": report["settled_cpu_us_per_sample"],
                "steady_rate": report["measured"]["samples_per_second"],
                "request_p99_ms": report["request_p99_ms"],
                "hour_resident": report["settled_resident_bytes"] / MIB,
                "hour_peak": report["peak_resident_bytes"] / MIB,
                "instant_ms": answer["p50_ms"], "instant_cpu_ms": answer["server_cpu_ms"],
                "hour_ready_s": kill_and_start(server)}


def million(context, kind):
    """1,000,000 series: the first rounds make them, the next are measured."""
    warm_up, rounds = context.pick((3, 3), (1, 1))
    start = int(time.time()) - (warm_up + rounds) * INTERVAL - 300
    with kind(context.folder) as server:
        report = ingest(server, series=1_000_000, warm_up=warm_up, rounds=rounds, start=start, batch=5000,
                        connections=2, settle=context.pick("10s", "3s"))
        first, second = report["warm_up"], report["measured"]
        more = first["server_cpu_seconds"] - second["server_cpu_seconds"] * warm_up / rounds
        return {"million_us": second["server_cpu_us_per_sample"],
                "new_us": more * 1e6 / report["series"],
                "million_resident": report["settled_resident_bytes"] / MIB,
                "million_peak": report["peak_resident_bytes"] / MIB,
                "million_ready_s": kill_and_start(server)}


def day(context, kind):
    """10,000 series, 24 hours at 15 s, 60 samples of each in a request."""
    hours = context.pick(24, 2)
    end = int(time.time()) // 60 * 60 - 300
    with kind(context.folder) as server:
        report = ingest(server, series=10_000, rounds=hours * 3600 // INTERVAL, start=end - hours * 3600,
                        samples_per_request_series=60, batch=500, connections=2,
                        settle=context.pick("10s", "3s"))
        figures = {"backfill_us": report["measured"]["server_cpu_us_per_sample"]}
        figures.update(range_of(context, server, end - hours * 3600, end))
        expect_all(server, report)
        acknowledged = report["measured"]["acknowledged"]
        figures["bytes_as_it_lies"] = server.bytes_now() / acknowledged
        try:
            figures["bytes_per_sample"] = server.final_bytes() / acknowledged
        except Failure as e:        # the other figures are true
            figures["error"] = str(e)
        return figures


def range_of(context, server, start, end):
    answer = ask(server, 'avg_over_time(vm_cpu_usage_percent{host=~"hv0000[0-2].dc1"}[1m])',
                 context.pick(20, 5), start=start, end=end, step="60s")
    points = 117 * (end - start) // 60
    if answer["bytes"] < points * 15:
        raise Failure(f"{points} points do not fit into the answer's {answer['bytes']} bytes")
    return {"range_ms": answer["p50_ms"], "range_cpu_ms": answer["server_cpu_ms"]}


def kill(context, kind):
    """20,000 series at full speed, kill -9, and what was acknowledged is looked for."""
    rounds = 2200       # more than can be sent until the kill, and all made before the first is sent
    start = int(time.time()) - rounds * INTERVAL - 300
    with kind(context.folder) as server:
        sender = subprocess.Popen(ingest_command(server, series=20_000, rounds=rounds, start=start,
                                                 until_gone=True),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            wait_until_busy(server, sender)
            time.sleep(context.pick(12, 3) + 2 * random.random())
            server.kill()
            out, err = sender.communicate(timeout=120)
        finally:
            if sender.poll() is None:
                sender.send_signal(signal.SIGTERM)
                sender.wait()
        report = read_report(sender.returncode, out, err)
        if not report["unanswered"]:
            raise Failure("everything was sent before the kill")
        ready = server.start()
        time.sleep(server.seen_after)
        found = stored(server, start - INTERVAL, start + rounds * INTERVAL)
        acknowledged = report["measured"]["acknowledged"]
        if found < acknowledged:    # a server may find old series late: before it is blamed, once more
            time.sleep(RECOUNT_SECONDS)
            found = max(found, stored(server, start - INTERVAL, start + rounds * INTERVAL))
        return {"acknowledged": acknowledged, "lost": max(0, acknowledged - found),
                "invented": max(0, found - acknowledged - report["unanswered"]),
                "kill_rate": report["measured"]["samples_per_second"], "kill_ready_s": ready}


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def wait_until_busy(server, sender):
    """The sender makes requests before it sends any: the server's CPU time tells when it does."""
    before = cpu_ticks(server.pid)
    while cpu_ticks(server.pid) - before < TICKS_BEFORE_KILL:
        if sender.poll() is not None:
            raise Failure(f"the sender ended: {sender.stderr.read()[-300:]}")
        time.sleep(0.02)


def visible(context, kind):
    """One sample after the other: how long after its 204 a query sees it. The first of a series, and
    then one more of a series that is known."""
    first, more = [], []
    start = int(time.time()) - 3600
    with kind(context.folder) as server:
        for i in range(context.pick(10, 3)):
            first.append(write_and_see(server, f"n{i}", 1, start))
            more += [write_and_see(server, f"n{i}", k, start + k) for k in (2, 3)]
    return {"new_visible_ms": max(first), "visible_ms": max(more)}


def write_and_see(server, n, value, at):
    """ms from the acknowledgement until the begin of the first query that sees it: 0, if the first
    one does."""
    server.post("/api/v1/write", one_sample("bench_visible", n, value, at * 1000),
                {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"})
    began = asked = time.monotonic()
    while asked - began < 60:
        result = server.get("/api/v1/query", query=f'bench_visible{{n="{n}"}}', time=at)["data"]["result"]
        if result and float(result[0]["value"][1]) == value:
            return (asked - began) * 1000
        time.sleep(0.01)
        asked = time.monotonic()
    raise Failure("a sample was not seen within a minute")


# ---- remote write of one sample ----

def varint(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, body):
    return bytes([number << 3 | 2]) + varint(len(body)) + body


def one_sample(name, n, value, ms):
    """The body of a remote write request, as snappy without any compression."""
    labels = b"".join(field(1, field(1, k.encode()) + field(2, v.encode()))
                      for k, v in (("__name__", name), ("n", n)))
    sample = field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(ms))
    plain = field(1, labels + sample)
    if len(plain) > 256:
        raise ValueError("one literal holds 256 bytes")
    return varint(len(plain)) + bytes([60 << 2, len(plain) - 1]) + plain
