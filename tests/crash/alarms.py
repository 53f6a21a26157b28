#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments while alarms fire: no transition lost, no notification lost, and what is
told twice has the same idempotency key.

  tests/crash/alarms.py [--rounds N] [--seed S] [--server PROGRAM]

Four senders push samples, each of which turns an alarm from OK to ALARM or back, and push one again
that was not answered, until it is. So each alarm has to go through one transition per sample, in
order. Whenever some are on their way the server is killed and started again. At the end the history
has exactly these transitions, and the webhook has each of them: once, or again with its key."""
import argparse
import collections
import http.client
import http.server
import json
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402

SENDERS, ALARMS = 4, 8      # alarms of each sender


class Receiver:
    """Keeps (host, state, key, time) of each webhook; now and then it answers 503, or nothing at all."""

    def __init__(self, seed):
        receiver, chance = self, random.Random(seed)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                host = body["metrics"][0]["dimensions"]["host"]
                fate = chance.random()
                if fate >= 0.02:        # it got through, whatever the sender gets to know
                    with receiver.lock:
                        receiver.got.append((host, body["state"], self.headers["Idempotency-Key"],
                                             body["alarm_timestamp"]))
                if 0.02 <= fate < 0.04:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(503 if fate < 0.02 else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):     # the server that was killed closed its connections
                pass

        self.got, self.lock = [], threading.Lock()
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Sender(threading.Thread):
    """Turns its alarms over, one after the other; `sent` counts the samples of each host."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.hosts = port, [f"h{number}-{i}" for i in range(ALARMS)]
        self.sent, self.again, self.ending = dict.fromkeys(self.hosts, 0), 0, threading.Event()

    def push(self, metric):
        """Whether it was answered with 204; any other answer ends the test."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", "/v2.0/metrics", json.dumps(metric), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status != 204:
            print(f"alarms: a push was answered with {answer.status}: {body[:200]!r}", file=sys.stderr)
            os._exit(1)
        return True

    def run(self):
        while not self.ending.is_set():
            for host in self.hosts:
                metric = {"name": "level", "dimensions": {"host": host}, "timestamp": int(time.time() * 1000),
                          "value": (self.sent[host] + 1) % 2}
                while not self.push(metric):
                    self.again += 1
                    time.sleep(0.01)
                self.sent[host] += 1


def post(server, path, what):
    status, body = server.http("/v2.0" + path, json.dumps(what).encode(), {"Content-Type": "application/json"})
    harness.check(status == 201, f"POST {path}: {status} {body[:300]!r}")
    return json.loads(body)


def history(server):
    """All transitions, by host, in order."""
    found, path = collections.defaultdict(list), "/v2.0/alarms/state-history?limit=1000"
    while path:
        page = server.get(path)
        for e in page["elements"]:
            found[e["metrics"][0]["dimensions"]["host"]].append((e["old_state"], e["new_state"]))
        following = [x["href"] for x in page["links"] if x["rel"] == "next"]
        path = following[0].split(str(server.port), 1)[1] if following else None
    return found


def judge(server, sent, receiver):
    """What is wrong, in sentences."""
    faults = []
    told = history(server)
    for host, n in sent.items():
        steps = ["UNDETERMINED"] + ["ALARM" if i % 2 == 0 else "OK" for i in range(n)]
        if told[host] != list(zip(steps, steps[1:])):
            faults.append(f"{host}: {n} samples, {len(told[host])} transitions: {told[host][-4:]}")
    keys, of_host = {}, collections.defaultdict(set)
    for host, state, key, at in receiver.got:
        if keys.setdefault(key, (host, state, at)) != (host, state, at):
            faults.append(f"the key {key} stands for two things")
        of_host[host].add(key)
    for host, n in sent.items():
        if len(of_host[host]) != n:
            faults.append(f"{host}: {n} transitions, {len(of_host[host])} different notifications")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--server")
    args = parser.parse_args()
    if args.server:
        os.environ["AUSPEX"] = args.server
    chance, receiver = random.Random(args.seed), Receiver(args.seed)
    env = harness.Env("crash-alarms")
    server = harness.Server(env, args=["--notify-rate", "1000000", "--notify-burst", "1000000",
                                       "--flap-changes", "0"])
    try:
        method = post(server, "/notification-methods", {"name": "all", "type": "WEBHOOK", "address": receiver.url})["id"]
        post(server, "/alarm-definitions", {
            "name": "level", "expression": "last(level) > 0", "match_by": ["host"],
            "ok_actions": [method], "alarm_actions": [method], "undetermined_actions": [method]})
        senders = [Sender(server.port, i) for i in range(SENDERS)]
        for s in senders:
            s.start()
        for _ in range(args.rounds):
            before = sum(sum(s.sent.values()) for s in senders)
            harness.wait_for("pushes to be answered", 30,
                             lambda: sum(sum(s.sent.values()) for s in senders) > before, every=0.005)
            time.sleep(chance.uniform(0, 0.4))
            server.process.child.send_signal(signal.SIGKILL)
            server.process.child.wait()
            server.start()
        for s in senders:
            s.ending.set()
        for s in senders:
            s.join()
        sent = {host: n for s in senders for host, n in s.sent.items()}
        wanted = sum(sent.values())
        deadline = time.monotonic() + 60
        while len({key for _, _, key, _ in receiver.got}) < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        faults = judge(server, sent, receiver)
    finally:
        env.close()
        env.remove()
    doubles = len(receiver.got) - len({key for _, _, key, _ in receiver.got})
    print(f"{args.rounds} kills while alarms fired (seed {args.seed}): {wanted} transitions of {len(sent)} alarms, "
          f"{sum(s.again for s in senders)} pushes made again, {len(receiver.got)} notifications, {doubles} of them "
          "again with their key")
    for fault in faults[:20]:
        print("FAIL " + fault)
    print(f"{int(not faults)} passed, {int(bool(faults))} failed")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
