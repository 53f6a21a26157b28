# SPDX-License-Identifier: Apache-2.0
"""A guest leaks until its kernel kills: foretold, alarmed, and told afterwards, in this order.

The story takes about four minutes. It begins before the other groups and is told after them: a thread
writes down when each thing was first seen."""
import os
import threading
import time

from harness import check, wait_for

LEAK_SECONDS, WAIT = 210, 15
RULES = """groups:
  - name: e2e
    interval: 2s
    rules:
      - alert: MemoryRunsOut
        expr: auspex_exhaustion_seconds{resource="memory",quantile="0.5"} < 900
        for: 4s
        labels: {severity: page}
        annotations: {summary: "{{ $labels.handle }} runs out in {{ $value }} s"}
"""


class Story(threading.Thread):
    def __init__(self, hv, server, handle):
        super().__init__(daemon=True)
        self.hv, self.server, self.handle = hv, server, handle
        self.first, self.prediction, self.steady, self.said = {}, None, set(), []

    def seen(self, what):
        self.first.setdefault(what, time.time())

    def tell(self, p):
        """Keeps what was said when, for the report of a failure."""
        line = f"{p['verdict']}: {p['reason']}"
        if not self.said or self.said[-1].split(" ", 1)[1] != line:
            self.said.append(f"{time.time() - self.first.get('leak', time.time()):+.0f} {line}")

    def told(self):
        return "; what was said, in seconds after the leak began:\n       " + "\n       ".join(self.said)

    def look(self):
        console = self.hv.console("leaky")
        if "guest: leaks" in console:
            self.seen("leak")
        for p in self.server.get("/auspex/v1/predictions", all=1)["predictions"]:
            if p["handle"] == self.handle:
                self.tell(p)
            if p["verdict"] != "exhaust":
                continue
            if p["handle"] == self.handle and p["resource"] == "memory" and "oom" not in self.first:
                self.seen("prediction")
                self.prediction = p
            elif p["handle"].startswith("vm:") and p["handle"] != self.handle:
                self.steady.add(p["handle"])
        if self.server.query(f'ALERTS{{alertname="MemoryRunsOut",alertstate="firing",handle="{self.handle}"}}'):
            self.seen("alarm")
        # Last, so that what was seen in this same look was seen before it.
        if "guest: out of memory" in console:
            self.seen("oom")

    def run(self):
        until = time.monotonic() + WAIT + LEAK_SECONDS + 120
        while time.monotonic() < until and "oom" not in self.first:
            try:
                self.look()
            except Exception as e:              # told by the test that misses something
                self.first["trouble"] = repr(e)
            time.sleep(0.5)


def begin(env):
    rules = os.path.join(env.dir, "rules.yml")
    with open(rules, "w") as f:
        f.write(RULES)
    hv, server = env.hypervisor(), env.server(args=["--rules", rules])
    env.host(server, hv.uri, interval="2s")
    hv.start("steady")
    uuid = hv.start("leaky", f"guest.leak={LEAK_SECONDS}", f"guest.wait={WAIT}", "guest.rest=600")
    story = Story(hv, server, "vm:" + uuid)
    story.start()
    return story


def test_the_guest_runs_out_of_memory(env, story):
    story.join(WAIT + LEAK_SECONDS + 120)
    check("oom" in story.first, f"no out-of-memory kill on the guest's console: {story.first}")
    env.note(f"{story.first['oom'] - story.first['leak']:.0f} s after the leak began")


def test_it_was_foretold(env, story):
    check("prediction" in story.first, f"no prediction before the kill: {story.first}{story.told()}")
    lead = story.first["oom"] - story.first["prediction"]
    env.note(f"{lead:.0f} s before the kill")
    check(lead > 30, f"only {lead:.0f} s before the kill{story.told()}")


def test_the_last_prediction_was_right_about_when(env, story):
    seconds = story.prediction["seconds"]
    check(seconds["0.05"] <= seconds["0.5"], f"quantiles do not rise: {seconds}")
    env.note(f"last: {seconds}")
    check(seconds["0.5"] < 120, f"at the kill it still said {seconds['0.5']:.0f} s")


def test_an_alarm_fired_before_it(env, story):
    check("alarm" in story.first, f"no alarm: {story.first}")
    check(story.first["alarm"] <= story.first["oom"], "the alarm came after the kill")
    env.note(f"{story.first['oom'] - story.first['alarm']:.0f} s before the kill")


def test_the_event_is_told_afterwards(env, story):
    events = wait_for("an event of memory at the VM", 20, lambda: [
        e for e in story.server.events(handle=story.handle) if e["type"] == "memory"])
    env.note(events[0]["text"])
    check([e for e in story.server.events(handle=story.handle) if e["type"] == "alarm"], "no event of the alarm")


def test_nothing_was_foretold_of_the_steady_guest(env, story):
    check(not story.steady, f"predictions for {story.steady}")


def test_the_series_says_it_too(env, story):
    values = story.server.values(
        f'auspex_exhaustion_seconds{{handle="{story.handle}",resource="memory",quantile="0.5"}}[2h]')
    check(len(values) >= 5, f"only {len(values)} samples of auspex_exhaustion_seconds")
