# SPDX-License-Identifier: Apache-2.0
"""statsd's metrics by UDP: Monasca's own client, DogStatsD's and plain lines, read back with the real
`monasca` command; what is wrong or too much is counted and costs nothing else."""
import json
import os
import shutil
import socket
import time

from harness import Skip, auspex, binary, check, equal, free_port, run, wait_for


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Given:
    def __init__(self, env):
        self.udp = free_udp_port()
        self.server = env.server(args=["--statsd", f"127.0.0.1:{self.udp}", "--statsd-tenant", "apps",
                                       "--statsd-interval", "1s"])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", self.udp))

    def send(self, text):
        self.socket.send(text if isinstance(text, bytes) else text.encode())

    def measurements(self, name, dimensions=None):
        """[value] of all intervals."""
        path = f"/v2.0/metrics/measurements?name={name}&start_time=2026-01-01T00:00:00Z&merge_metrics=true"
        path += f"&dimensions={dimensions}" if dimensions else ""
        status, body = self.server.http(path, headers={"X-Tenant-Id": "apps"})
        equal(status, 200, f"{path}: {body[:200]}")
        return [m[1] for e in json.loads(body)["elements"] for m in e["measurements"]]

    def dimensions(self, name):
        status, body = self.server.http(f"/v2.0/metrics?name={name}", headers={"X-Tenant-Id": "apps"})
        equal(status, 200, "metrics")
        return sorted((e["dimensions"] for e in json.loads(body)["elements"]), key=str)

    def metrics(self):
        """/metrics, the lines about statsd."""
        text = self.server.http("/metrics")[1].decode()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in text.splitlines()
                                         if line.startswith("auspex_statsd"))}


def setup(env):
    return Given(env)


def test_monascas_client_is_understood(env, given):
    try:
        import monascastatsd
    except ImportError:
        raise Skip("no monascastatsd here (tools/install-deps test)")
    client = monascastatsd.Client("web", host="127.0.0.1", port=given.udp, dimensions={"env": "test"})
    counter = client.get_counter("views", dimensions={"page": "it's 'main' é"})
    counter.increment()
    counter += 3
    counter.decrement()
    gauge = client.get_gauge()
    gauge.send("load", -1.5)
    gauge.send("load", 2.5, dimensions={"cpu": 3})
    timer = client.get_timer()
    with timer.time("render"):
        time.sleep(0.02)
    connection = monascastatsd.Connection(host="127.0.0.1", port=given.udp)
    with connection:                                    # several lines in one datagram
        batch = monascastatsd.Client("web", connection=connection)
        for i in range(70):
            batch.get_counter("batched").increment()
    wait_for("the flush", 5, lambda: given.measurements("web.batched"))
    equal(sum(given.measurements("web.views")), 3.0, "the counter")
    equal(sum(given.measurements("web.batched")), 70.0, "the counter in batches")
    equal(given.measurements("web.load", "cpu:3"), [2.5], "a gauge with a dimension")
    check(-1.5 in given.measurements("web.load"), "a negative gauge is a value")
    check(0.02 <= given.measurements("web.render")[0] < 2, "a timer, in seconds")
    host = socket.gethostname()
    equal(given.dimensions("web.views"),
          [{"env": "test", "hostname": host, "page": "it's 'main' é"}], "dimensions")
    status, body = given.server.http("/v2.0/metrics?name=web.views")
    equal((status, json.loads(body)["elements"]), (200, []), "for another tenant")


def test_monascas_command_lists_the_measurements(env, given):
    if not shutil.which("monasca"):
        raise Skip("no monasca command here (tools/install-deps test)")
    server = env.server("mine", args=["--statsd", f"127.0.0.1:{free_udp_port()}", "--statsd-interval", "1s"])
    port = int(server.args[1].split(":")[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"cli.seen:41|g|#{'os': 'linux'}\ncli.count:2|c\ncli.count:3|c", ("127.0.0.1", port))

    def listed(name):
        status, out, err = run(["monasca", "--os-auth-type", "none", "--monasca-api-url", server.url + "/v2.0",
                                "measurement-list", name, "-5", "--json"])
        equal(status, 0, f"measurement-list: {err}{out}")
        return json.loads(out)

    got = wait_for("the flush", 20, lambda: listed("cli.seen"))
    equal([m[1] for m in got[0]["measurements"]], [41.0], "the gauge")
    equal(got[0]["dimensions"], {"os": "linux", "hostname": socket.gethostname()}, "its dimensions")
    equal([m[1] for m in listed("cli.count")[0]["measurements"]], [5.0], "the counter")


def test_other_clients_lines_are_read(env, given):
    given.send("dog.views:1|c|@0.5|#env:prod,alone\nplain.took:320|ms\nplain.took:80|ms\nwho:ann|s\nwho:bob|s\r\n")
    wait_for("the flush", 5, lambda: given.measurements("who"))
    equal(given.measurements("dog.views", "env:prod,alone:True"), [2.0], "a sampled counter")
    for part, value in {"avg": 200.0, "max": 320.0, "count": 2.0, "median": 80.0, "95percentile": 320.0}.items():
        equal(given.measurements(f"plain.took.{part}"), [value], f"a timer's {part}")
    equal(given.measurements("who"), [2.0], "a set")


def test_bad_lines_are_counted_and_harm_nobody(env, given):
    before = given.metrics()
    given.send(b"good.before:1|g\nbad\n:1|c\nbad:x|g\nbad:1|c|#{'a'\nbad:nan|g\n_sc|x|0\nweird:1|zz\n\xff\xfe:1|c\n\n"
               b"good.after:1|g")
    given.send(os.urandom(60000))
    given.send(b"")
    given.send(b"x" * 65000)
    wait_for("the flush", 5, lambda: given.measurements("good.after"))
    equal(given.measurements("good.before"), [1.0], "a neighbour")
    after = given.metrics()
    grown = {k: after[k] - before[k] for k in after}
    check(grown['auspex_statsd_lines_total{outcome="bad"}'] >= 7, f"{grown}")
    check(grown['auspex_statsd_lines_total{outcome="unsupported"}'] >= 2, f"{grown}")
    check(grown['auspex_statsd_lines_total{outcome="taken"}'] == 2, f"{grown}")
    check(grown["auspex_statsd_datagrams_total"] == 4, f"{grown}")
    check("statsd: not taken: bad: it is no name:value|type" in given.server.process.said(), "the log says why")


def test_an_interval_has_a_limit(env, given):
    for i in range(12000):
        given.send(f"many.m{i}:1|c")
        if i % 200 == 0:
            time.sleep(0.001)
    full = 'auspex_statsd_lines_total{outcome="full"}'
    given.send("\n".join(f"more.m{i}:1|c" for i in range(2900)))
    given.send("\n".join(f"more.n{i}:1|c" for i in range(2900)))
    given.send("\n".join(f"more.o{i}:1|c" for i in range(2900)))
    given.send("\n".join(f"more.p{i}:1|c" for i in range(2900)))
    wait_for("what is too much to be counted", 5, lambda: given.metrics()[full] > 0)

    def late():
        given.send("late:1|c")
        return given.measurements("late")
    wait_for("the next interval", 5, late)
    m = given.metrics()
    lines = sum(v for k, v in m.items() if "lines_total" in k)
    env.note(f"{lines:.0f} lines, {m['auspex_statsd_datagrams_dropped_total']:.0f} datagrams dropped")


def test_what_came_last_is_not_lost_at_the_end(env, given):
    given.send("last.words:7|g")
    given.server.restart()
    equal(given.measurements("last.words"), [7.0], "flushed at the end")


def test_gauges_may_be_changed(env, given):
    port = free_udp_port()
    server = env.server("deltas", args=["--statsd", f"127.0.0.1:{port}", "--statsd-interval", "1s",
                                        "--statsd-gauge-deltas"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"level:10|g\nlevel:-4|g", ("127.0.0.1", port))
        wait_for("a value", 5, lambda: server.query("level") and server.query("level")[0][1] == 6)
        s.sendto(b"level:+1|g", ("127.0.0.1", port))
        wait_for("a change", 5, lambda: server.query("level")[0][1] == 7)


def test_only_this_machine_is_heard(env, given):
    data = os.path.join(env.dir, "never")
    for where, why in {"0.0.0.0:8125": "only this machine is heard", "192.0.2.1:8125": "only this machine is heard",
                       "[::]:8125": "only this machine is heard", "127.0.0.1": "is not HOST:PORT",
                       f"127.0.0.1:{given.udp}": "Address already in use"}.items():
        status, out, err = run([binary(), "serve", "--listen", f"127.0.0.1:{free_port()}", "--data", data,
                                "--auth", "token", "--statsd", where])
        check(status == 2 and why in err, f"{where}: {status} {err}{out}")
    check(not os.path.exists(data), "nothing was made before that")
    for flag, value in {"--statsd-interval": "10ms", "--statsd-tenant": "a b"}.items():
        status, _, err = auspex("serve", flag, value)
        check(status == 2 and flag in err, f"{flag}: {status} {err}")
