# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared: how each starts, when it is ready, how its data are counted.
Every one has a data directory of its own and a free port of loopback, and is stopped by its PID."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
READY_SECONDS = 300


class Failure(Exception):
    """What could not be measured, and why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree_bytes(*folders):
    """Bytes of all files below; files may vanish meanwhile, as merging does that."""
    total = 0
    for folder in folders:
        for where, _, files in os.walk(folder):
            for name in files:
                try:
                    total += os.lstat(os.path.join(where, name)).st_size
                except FileNotFoundError:
                    pass
    return total


def first_line(argv):
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).strip().split("\n")[0]


class Server:
    """A server under measurement. Subclasses say what is special about theirs."""
    name = title = program = ready_path = None
    query_parameter = None          # added to queries, so that an answer is worked out and not remembered
    seen_after = 0                  # seconds from a restart until queries see all that is there

    def __init__(self, folder):
        self.data = os.path.join(folder, f"{self.name}-{time.monotonic_ns()}")
        self.port = free_port()
        self.log = self.data + ".log"
        self.child = None

    @classmethod
    def found(cls):
        if shutil.which(cls.program):
            return True
        raise Failure(f"{cls.program} is not installed: tools/install-deps bench installs it, --servers leaves it out")

    @classmethod
    def version(cls):
        return first_line([cls.program, "--version"])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.child.pid

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        if os.path.exists(self.log):
            os.unlink(self.log)

    def start(self):
        """Seconds until it was ready."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while time.monotonic() - began < READY_SECONDS:
            if self.child.poll() is not None:
                raise Failure(f"{self.title} ended at once: {self.said()}")
            try:
                with urllib.request.urlopen(self.url + self.ready_path, timeout=10) as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.01)
        raise Failure(f"{self.title} was not ready within {READY_SECONDS} s: {self.said()}")

    def said(self):
        with open(self.log, errors="replace", encoding="utf-8") as f:
            return f.read()[-400:].strip()

    def end(self, how):
        if self.child and self.child.poll() is None:
            self.child.send_signal(how)
            self.child.wait()

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def get(self, path, timeout=600, **parameters):
        """The JSON of an answer."""
        if self.query_parameter:
            parameters.update([self.query_parameter.split("=")])
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise Failure(f"{path}: HTTP status {e.code}: {e.read(300).decode(errors='replace')}") from e

    def post(self, path, body=b"", headers=None):
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            raise Failure(f"{path}: HTTP status {e.code}: {e.read(300).decode(errors='replace')}") from e

    def bytes_now(self):
        """Of all that it has on disk."""
        return tree_bytes(self.data)

    def quiet(self, probe, still=5, most=300):
        """What probe says once it has said the same for `still` seconds."""
        last, since, began = None, time.monotonic(), time.monotonic()
        while time.monotonic() - began < most:
            now = probe()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= still:
                return now
            time.sleep(0.5)
        raise Failure(f"{self.title} did not settle within {most} s")


class Auspex(Server):
    name, title = "auspex", "Auspex"
    program = os.path.abspath(os.environ.get("AUSPEX") or os.path.join(ROOT, "build", "auspex"))
    ready_path = "/-/ready"

    @classmethod
    def found(cls):
        if os.access(cls.program, os.X_OK):
            return True
        raise Failure(f"there is no {cls.program}: ./run --build makes it")

    @classmethod
    def version(cls):
        return first_line([cls.program, "version"])

    def command(self):
        return [self.program, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", self.data,
                "--retention", "100y"]

    def final_bytes(self):
        """Of samples and index, in their smallest form. The server is stopped for it."""
        self.stop()
        done = subprocess.run([self.program, "admin", "compact", "--data", self.data],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"auspex admin compact: {done.stderr.strip()[-300:]}")
        return tree_bytes(os.path.join(self.data, "tsdb"))


class Prometheus(Server):
    name, title, program, ready_path = "prometheus", "Prometheus", "prometheus", "/-/ready"

    def command(self):
        os.makedirs(self.data, exist_ok=True)
        config = os.path.join(self.data, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as f:
            f.write("global: {}\n")
        return [self.program, f"--config.file={config}", f"--storage.tsdb.path={self.data}/tsdb",
                f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
                "--web.enable-admin-api", "--storage.tsdb.retention.time=100y",
                "--query.max-samples=400000000", "--query.timeout=5m"]

    def final_bytes(self):
        """Of a snapshot, which writes the samples still in memory as a block, too."""
        self.post("/api/v1/admin/tsdb/snapshot")
        return tree_bytes(os.path.join(self.data, "tsdb", "snapshots"))


class VictoriaMetrics(Server):
    name, title, program = "victoriametrics", "Victoria", "victoria-metrics"
    ready_path, query_parameter, seen_after = "/health", "nocache=1", 3

    @classmethod
    def version(cls):
        return first_line([cls.program, "-version"]) or "victoria-metrics (tells no version)"

    def command(self):
        return [self.program, f"-storageDataPath={self.data}", f"-httpListenAddr=127.0.0.1:{self.port}",
                "-retentionPeriod=100y", "-search.maxUniqueTimeseries=3000000",
                "-search.maxSamplesPerQuery=2000000000", "-search.maxQueryDuration=5m"]

    def final_bytes(self):
        """Of parts and index, after they were merged as far as they can be."""
        def size():
            return tree_bytes(os.path.join(self.data, "data"), os.path.join(self.data, "indexdb"))
        self.quiet(size)
        with urllib.request.urlopen(self.url + "/internal/force_merge", timeout=600) as answer:
            answer.read()
        time.sleep(2)
        return self.quiet(size)


KINDS = {kind.name: kind for kind in (Auspex, Prometheus, VictoriaMetrics)}
