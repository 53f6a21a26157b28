# SPDX-License-Identifier: Apache-2.0
"""What the e2e tests stand on: the product's processes, a private libvirtd with real guests, HTTP,
and evidence when something fails. Standard library only; everything is stopped by its PID."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(REPO, "demo")
IMAGES = os.path.join(DEMO, "out", "guest")
ARTIFACTS = os.environ.get("AUSPEX_ARTIFACTS", os.path.join(REPO, "artifacts"))


class Failure(Exception):
    """What a test expected did not come; the text says what came instead."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


def binary():
    named = os.environ.get("AUSPEX")
    for path in [named] if named else [os.path.join(REPO, d, "auspex") for d in ("build-test", "build")]:
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise Failure("no auspex to test: build it (./test e2e does), or name it in AUSPEX")


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: wanted {wanted!r}, got {got!r}")


def wait_for(what, seconds, probe, every=0.1):
    """What probe returns, once it is not false; a Failure with its last answer after that long."""
    deadline = time.monotonic() + seconds
    while True:
        last, why = None, ""
        try:
            last = probe()
            if last:
                return last
        except (OSError, Failure, KeyError, IndexError, ValueError) as e:
            why = f" ({type(e).__name__}: {e})"
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds:g} s for {what}; last: {last!r}{why}")
        time.sleep(every)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(argv, timeout=60, env=None):
    """(exit status, stdout, stderr) of a command that ends by itself."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, errors="replace",
                          stdin=subprocess.DEVNULL, env=env)
    return done.returncode, done.stdout, done.stderr


def auspex(*arguments, timeout=60):
    return run([binary(), *arguments], timeout)


class Process:
    """A process of ours, with its output in a log file."""

    def __init__(self, name, argv, log, env=None):
        self.name, self.log = name, log
        with open(log, "ab") as f:
            self.child = subprocess.Popen(argv, stdout=f, stderr=f, stdin=subprocess.DEVNULL,
                                          env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self, seconds=20):
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not stop within {seconds} s of SIGTERM")


class Server:
    """An `auspex serve` with a data directory of its own."""

    def __init__(self, env, name="server", data=None, args=(), port=None):
        self.env, self.name, self.args = env, name, list(args)
        self.data = data or os.path.join(env.dir, name + "-data")
        self.port = port or free_port()
        self.process = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.process = self.env.process(self.name, [
            binary(), "serve", "--listen", f"127.0.0.1:{self.port}", "--data", self.data, *self.args])
        wait_for(f"{self.name} to be ready", 30, self.ready)

    def ready(self):
        if not self.process.alive():
            raise Failure(f"{self.name} ended: {self.process.said()[-600:]}")
        return self.http("/-/ready")[0] == 200

    def restart(self):
        self.process.stop()
        self.start()

    def http(self, path, body=None, headers=None, method=None, timeout=30):
        """(status, body as bytes)"""
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()

    def get(self, path, **parameters):
        """A JSON document; anything but 200 is a Failure."""
        if parameters:
            path += "?" + urllib.parse.urlencode(parameters)
        status, body = self.http(path)
        check(status == 200, f"GET {path}: {status} {body[:300]!r}")
        return json.loads(body)

    def query(self, expression, at=None):
        """[(labels, value)] of an instant query."""
        parameters = {"query": expression}
        if at is not None:
            parameters["time"] = f"{at:.3f}"
        data = self.get("/api/v1/query", **parameters)["data"]
        check(data["resultType"] == "vector", f"{expression}: {data['resultType']}")
        return [(r["metric"], float(r["value"][1])) for r in data["result"]]

    def value(self, expression, at=None):
        """The one value of an instant query, None when there is none."""
        result = self.query(expression, at)
        check(len(result) <= 1, f"{expression}: {len(result)} series instead of one")
        return result[0][1] if result else None

    def values(self, expression):
        """[(time, value)] of one series, as stored: of a range selector."""
        result = self.get("/api/v1/query", query=expression)["data"]["result"]
        check(len(result) <= 1, f"{expression}: {len(result)} series instead of one")
        return [(t, float(v)) for t, v in result[0]["values"]] if result else []

    def resources(self, **parameters):
        return self.get("/auspex/v1/resources", **parameters)["resources"]

    def resource(self, handle):
        return self.get("/auspex/v1/resources/" + handle)

    def events(self, **parameters):
        return self.get("/auspex/v1/events", **parameters)["events"]

    def observe(self, document):
        status, body = self.http("/auspex/v1/observations", json.dumps(document).encode(),
                                 {"Content-Type": "application/json"})
        check(status == 204, f"POST observations: {status} {body[:300]!r}")

    def write(self, series, headers=None):
        """Remote write of [(labels, [(ms, value)])]; (status, body)."""
        return self.http("/api/v1/write", snappy(write_request(series)), {
            "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0", **(headers or {})})


class Hypervisor:
    """A private libvirtd (demo/hypervisor) and guests under it (demo/vm)."""

    def __init__(self, env, name):
        if not shutil.which("libvirtd"):
            raise Skip("no libvirtd here (tools/install-deps test)")
        self.env = env
        self.dir = os.path.join(env.dir, name)
        self.guests = []
        self.uri = self.up()

    def up(self):
        return self.script("hypervisor", "up", self.dir)

    def script(self, name, *arguments):
        status, out, err = run([os.path.join(DEMO, name), *arguments], timeout=90)
        check(status == 0, f"demo/{name} {' '.join(arguments)}: {err or out}")
        return out.strip()

    def virsh(self, *arguments):
        status, out, err = run(["virsh", "-q", "-c", self.uri, *arguments])
        check(status == 0, f"virsh {' '.join(arguments)}: {err}")
        return out.strip()

    def start(self, name, *words, period=1, memory=160, wait=True, shared=False, images=IMAGES, control=False,
              nodes=False):
        """A guest, booted; its UUID."""
        options = (["-m", str(memory)] + (["-p", str(period)] if period else []) + ["-s"] * shared
                   + ["-c"] * control + ["-n"] * nodes)
        self.script("vm", "start", *options, images, self.dir, name, *words)
        if name not in self.guests:
            self.guests.append(name)
        if wait:
            wait_for(f"{name} to boot", 90, lambda: "guest: ready" in self.console(name))
        return self.virsh("domuuid", name)

    def stop(self, name):
        self.script("vm", "stop", self.dir, name)

    def console(self, name):
        with open(os.path.join(self.dir, name + ".log"), errors="replace") as f:
            return f.read()

    def memory(self, name):
        """virsh dommemstat, in bytes (last_update in seconds)."""
        kib = dict(line.split() for line in self.virsh("dommemstat", name).splitlines())
        return {k: int(v) * (1 if k in ("last_update", "swap_in", "swap_out") else 1024) for k, v in kib.items()}

    def daemon_pid(self):
        with open(os.path.join(self.dir, "libvirtd.pid")) as f:
            return int(f.read())

    def qemu_pid(self, name):
        with open(os.path.join(self.dir, "run/libvirt/qemu/run", name + ".pid")) as f:
            return int(f.read())

    def down(self):
        self.script("hypervisor", "down", self.dir)


class Env:
    """One group of tests: a short temporary directory, and all that was started in it."""

    def __init__(self, name):
        self.name = name
        self.dir = tempfile.mkdtemp(prefix="ax-", dir="/tmp")
        os.chmod(self.dir, 0o755)           # the libvirtd's user goes through it
        self.processes, self.hypervisors, self.notes = [], [], []

    def note(self, text):
        """A figure that was measured: printed with the result."""
        self.notes.append(text)

    def process(self, name, argv, env=None):
        p = Process(name, argv, os.path.join(self.dir, name + ".log"), env)
        self.processes.append(p)
        return p

    def server(self, name="server", **options):
        return Server(self, name, **options)

    def host(self, server, uri=None, name="host", interval="1s", args=()):
        """A collector that pushes to the server."""
        argv = [binary(), "host", "--server", server.url, "--data", os.path.join(self.dir, name + "-data"),
                "--interval", interval, "--libvirt", uri or "none", *args]
        return self.process(name, argv)

    def hypervisor(self, name="hv"):
        status, out, err = run([os.path.join(DEMO, "build-guest"), IMAGES], timeout=300)
        check(status == 0, f"demo/build-guest: {err or out}")
        h = Hypervisor(self, name)
        self.hypervisors.append(h)
        return h

    def close(self):
        for p in reversed(self.processes):
            try:
                p.stop()
            except Failure as e:
                self.note(str(e))
        for h in self.hypervisors:
            h.down()
        self.sanitizer_reports()

    def sanitizer_reports(self):
        """A server that the sanitizers ended must not go unnoticed in a test that passed."""
        for p in self.processes:
            said = p.said()
            for mark in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer"):
                if mark in said:
                    raise Failure(f"{p.name}: " + said[said.index(mark):][:1500])

    def evidence(self):
        """The logs' last lines; whole copies go to the artifacts."""
        kept = os.path.join(ARTIFACTS, self.name)
        os.makedirs(kept, exist_ok=True)
        text = []
        logs = [p.log for p in self.processes]
        logs += [os.path.join(h.dir, f) for h in self.hypervisors if os.path.isdir(h.dir)
                 for f in os.listdir(h.dir) if f.endswith(".log")]
        for log in dict.fromkeys(logs):
            if os.path.exists(log):
                shutil.copy(log, os.path.join(kept, os.path.relpath(log, self.dir).replace("/", "-")))
                with open(log, errors="replace") as f:
                    tail = f.read().splitlines()[-12:]
                text.append(f"--- {os.path.relpath(log, self.dir)}\n" + "\n".join(tail))
        return "\n".join(text)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


# Remote write, by hand: the shortest encoder that is right, so that the product's own is not asked
# whether it agrees with itself.

def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def write_request(series):
    out = b""
    for labels, samples in series:
        one = b""
        for name, value in sorted(labels.items() if isinstance(labels, dict) else labels):
            encoded = [s if isinstance(s, bytes) else s.encode() for s in (name, value)]
            one += field(1, field(1, encoded[0]) + field(2, encoded[1]))
        for ms, value in samples:
            one += field(2, varint(1 << 3 | 1) + struct.pack("<d", value) + varint(2 << 3) + varint(ms))
        out += field(1, one)
    return out


def snappy(data):
    """The block format with literals only: right, and not compressed."""
    out = [varint(len(data))]
    for i in range(0, len(data), 65536):
        part = data[i:i + 65536]
        out.append(bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part)
    return b"".join(out)
