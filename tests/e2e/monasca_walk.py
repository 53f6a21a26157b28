# SPDX-License-Identifier: Apache-2.0
"""The real `monasca` command through everything that it can do with notification methods, alarm
definitions and alarms. Who walks, and how they are known to the server, is the caller's."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import check, equal, wait_for

DEFINITION = ["actions_enabled", "alarm_actions", "description", "deterministic", "expression", "id", "links",
              "match_by", "name", "ok_actions", "severity", "undetermined_actions"]
ALARM = ["alarm_definition", "created_timestamp", "id", "lifecycle_state", "link", "links", "metrics", "state",
         "state_updated_timestamp", "updated_timestamp"]
HISTORY = ["alarm_id", "id", "metrics", "new_state", "old_state", "reason", "reason_data", "sub_alarms", "timestamp"]
SUB_ALARM = ["deterministic", "dimensions", "function", "metric_name", "operator", "period", "periods", "threshold"]
PAYLOAD = {"alarm_id", "alarm_definition_id", "alarm_name", "alarm_description", "alarm_timestamp", "state", "old_state",
           "message", "tenant_id", "metrics"}


class Webhook:
    """Remembers what it was sent."""

    def __init__(self, status=200):
        self.got, self.wait = [], None      # an event: answers come after it
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if outer.wait:
                    outer.wait.wait(10)
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


class Walk:
    """`run(*words)` gives (exit status, output, what it said of errors)."""

    def __init__(self, run, hook, metric="walk.load"):
        self.run, self.hook, self.metric = run, hook, metric

    def __call__(self, *words):
        """What a command that ends well printed, as JSON where it is."""
        status, out, err = self.run(*words, "--json")
        equal(status, 0, f"monasca {' '.join(words)}: {err}{out}")
        return json.loads(out) if out.strip().startswith(("[", "{")) else out

    def refused(self, why, *words):
        status, out, err = self.run(*words)
        check(status != 0 and why in out + err, f"monasca {' '.join(words)}: {status}, no '{why}' in {out}{err}")

    def all(self):
        self.methods()
        self.definitions()
        self.alarm_and_back()
        self.alarms()
        self.ends()

    def methods(self):
        types = [t["type"] for t in self("notification-type-list")]
        check({"EMAIL", "WEBHOOK", "PAGERDUTY"} <= set(types), f"types: {types}")
        made = self("notification-create", "walk hook", "webhook", self.hook.url)
        equal(sorted(made), ["address", "id", "links", "name", "period", "type"], "a method's keys")
        self.method = made["id"]
        other = self("notification-create", "walk mail", "EMAIL", "ops@example.org", "--period", "60")
        equal((other["type"], other["period"]), ("EMAIL", 60), "the second one")
        self.refused("walk hook", "notification-create", "walk hook", "WEBHOOK", self.hook.url)
        self.refused("address", "notification-create", "wrong", "WEBHOOK", "nowhere")
        equal(self("notification-show", self.method), made, "shown")
        listed = self("notification-list", "--sort-by", "name desc")
        equal([m["name"] for m in listed], ["walk mail", "walk hook"], "listed")
        equal([m["name"] for m in self("notification-list", "--sort-by", "name", "--offset", "1", "--limit", "1")],
              ["walk mail"], "a page")
        equal(self("notification-patch", other["id"], "--period", "0")["period"], 0, "patched")
        changed = self("notification-update", other["id"], "walk chat", "slack", "http://127.0.0.1:9/", "0")
        equal((changed["name"], changed["type"]), ("walk chat", "SLACK"), "updated")
        self("notification-delete", other["id"])
        self.refused("404", "notification-show", other["id"])

    def definitions(self):
        made = self("alarm-definition-create", "walk busy", f"last({self.metric}{{hostname=h1}}) > 90", "--match-by",
                    "hostname", "--alarm-actions", self.method, "--ok-actions", self.method, "--severity", "high",
                    "--description", "too much to do")
        equal(sorted(made), DEFINITION, "a definition's keys")
        equal((made["severity"], made["match_by"], made["alarm_actions"], made["undetermined_actions"]),
              ("HIGH", ["hostname"], [self.method], []), "what was made")
        self.definition = made["id"]
        equal(self("alarm-definition-show", made["id"]), made, "shown")
        for words in ([], ["--name", "walk busy"], ["--dimensions", "hostname=h1"], ["--severity", "HIGH"],
                      ["--sort-by", "name desc", "--limit", "1"]):
            equal(self("alarm-definition-list", *words), [made], f"listed by {words}")
        equal(self("alarm-definition-list", "--name", "nothing"), [], "listed by another name")
        patched = self("alarm-definition-patch", made["id"], "--severity", "CRITICAL", "--actions-enabled", "false")
        equal(patched, {**made, "severity": "CRITICAL", "actions_enabled": False}, "patched")
        updated = self("alarm-definition-update", made["id"], "walk busy", "too much to do", made["expression"],
                       self.method, self.method, self.method, "true", "hostname", "HIGH")
        equal(updated, {**made, "undetermined_actions": [self.method]}, "updated")
        self.refused("expected", "alarm-definition-create", "wrong", "last(")
        self.refused("may not change", "alarm-definition-update", made["id"], "walk busy", "", made["expression"],
                     self.method, self.method, self.method, "true", "device", "HIGH")

    def send(self, value):
        self("metric-create", self.metric, str(value), "--dimensions", "hostname=h1,service=web",
             "--time", str(int(time.time() * 1000)))

    def heard(self, state, old, count):
        got = wait_for(f"notification {count}", 20, lambda: self.hook.got[count - 1:count])[0]
        equal(PAYLOAD - set(got), set(), "keys that Monasca's payload has and ours has not")
        equal((got["state"], got["old_state"], got["alarm_name"], got["alarm_description"], got["alarm_definition_id"]),
              (state, old, "walk busy", "too much to do", self.definition), "the payload")
        equal(got["metrics"], [{"name": self.metric, "dimensions": {"hostname": "h1", "service": "web"}}], "its metrics")
        check(abs(got["alarm_timestamp"] - time.time()) < 60, f"its time: {got['alarm_timestamp']}")
        check(("exceeded" in got["message"]) and got["tenant_id"], f"{got}")
        return got

    def alarm_and_back(self):
        before = len(self.hook.got)
        self.send(95)
        alarm, = self("alarm-list", "--state", "ALARM")
        equal(sorted(alarm), ALARM, "an alarm's keys")
        equal(sorted(alarm["alarm_definition"]), ["id", "links", "name", "severity"], "keys of its definition")
        self.alarm = alarm["id"]
        equal(self.heard("ALARM", "UNDETERMINED", before + 1)["alarm_id"], self.alarm, "its id")
        self.send(5)
        equal(self("alarm-show", self.alarm)["state"], "OK", "after a small value")
        self.heard("OK", "ALARM", before + 2)
        entries = self("alarm-history", self.alarm)
        equal([(h["old_state"], h["new_state"]) for h in entries], [("UNDETERMINED", "ALARM"), ("ALARM", "OK")], "history")
        equal(sorted(entries[0]), HISTORY, "keys of the history")
        sub, = entries[0]["sub_alarms"]
        equal((sorted(sub["sub_alarm_expression"]), sub["current_values"], entries[0]["reason_data"]),
              (SUB_ALARM, [95], "{}"), "what the history says of sub-alarms")

    def alarms(self):
        for words in ([], ["--alarm-definition-id", self.definition], ["--metric-name", self.metric], ["--severity", "HIGH"],
                      ["--metric-dimensions", "hostname=h1,service"], ["--state", "ok"], ["--sort-by", "severity desc"],
                      ["--state-updated-start-time", "2020-01-01T00:00:00Z"]):
            equal([a["id"] for a in self("alarm-list", *words)], [self.alarm], f"alarms by {words}")
        for words in (["--state", "ALARM"], ["--metric-dimensions", "hostname=h2"], ["--metric-name", "nothing"]):
            equal(self("alarm-list", *words), [], f"alarms by {words}")
        counted = self("alarm-count", "--group-by", "state,severity")
        equal((counted["columns"], counted["counts"]), (["count", "state", "severity"], [[1, "OK", "HIGH"]]), "count")
        patched = self("alarm-patch", self.alarm, "--lifecycle-state", "OPEN", "--link", "http://ticket/1")
        equal((patched["lifecycle_state"], patched["link"], patched["state"]), ("OPEN", "http://ticket/1", "OK"), "patched")
        updated = self("alarm-update", self.alarm, "UNDETERMINED", "CLOSED", "http://ticket/2")
        equal((updated["state"], updated["lifecycle_state"]), ("UNDETERMINED", "CLOSED"), "updated")
        equal([a["id"] for a in self("alarm-list", "--lifecycle-state", "CLOSED", "--link", "http://ticket/2")],
              [self.alarm], "alarms by what was set")
        last = self("alarm-history", self.alarm, "--offset", self("alarm-history", self.alarm)[1]["id"])
        equal([(h["new_state"], h["reason"], h["sub_alarms"]) for h in last],
              [("UNDETERMINED", "Alarm state updated via API", [])], "a change by hand")
        for words, n in (([], 3), (["--dimensions", "hostname=h1"], 3), (["--dimensions", "hostname=h2"], 0),
                         (["--limit", "2"], 2), (["--starttime", "2020-01-01T00:00:00Z", "--endtime", "2021-01-01T00:00:00Z"], 0)):
            equal(len(self("alarm-history-list", *words)), n, f"the tenant's history {words}")

    def ends(self):
        self("alarm-delete", self.alarm)
        self.refused("404", "alarm-show", self.alarm)
        self("notification-delete", self.method)
        left = self("alarm-definition-show", self.definition)
        equal([left[k] for k in ("ok_actions", "alarm_actions", "undetermined_actions")], [[], [], []],
              "actions whose method is gone")
        self("alarm-definition-delete", self.definition)
        self.refused("404", "alarm-definition-show", self.definition)
        equal(self("alarm-definition-list"), [], "definitions in the end")
