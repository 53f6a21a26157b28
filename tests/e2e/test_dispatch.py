# SPDX-License-Identifier: Apache-2.0
"""What is held and what is told: silences by the real amtool, maintenance, a dead host, inhibition, flapping."""
import json
import os
import shutil
import time

from harness import Skip, auspex, binary, check, equal, run, wait_for
from monasca_walk import Webhook

JSON = {"Content-Type": "application/json"}


def seen(notification):
    """(name, state, reason)"""
    return tuple(notification[k] for k in ("alarm_name", "state", "message"))


class Site:
    """A server, a webhook that its alarms are told to, and amtool."""

    def __init__(self, env, name="server", args=()):
        self.env, self.hook = env, Webhook()
        self.server = env.server(name, args=["--interval", "1s", *args])
        self.method = self.ask("POST", "/v2.0/notification-methods",
                               {"name": "hook", "type": "WEBHOOK", "address": self.hook.url})["id"]

    def ask(self, method, path, body=None, wanted=(200, 201, 204)):
        data = json.dumps(body).encode() if body is not None else None
        status, answer = self.server.http(path, data, JSON, method)
        check(status in wanted, f"{method} {path}: {status} {answer[:400]!r}")
        return json.loads(answer) if answer else None

    def define(self, name, expression, **more):
        actions = {k: [self.method] for k in ("alarm_actions", "ok_actions")}
        return self.ask("POST", "/v2.0/alarm-definitions",
                        {"name": name, "expression": expression, **actions, **more})["id"]

    def send(self, name, value, **dimensions):
        self.ask("POST", "/v2.0/metrics", {"name": name, "dimensions": dimensions, "value": value,
                                           "timestamp": int(time.time() * 1000)})

    def state(self, **dimensions):
        query = ",".join(f"{k}:{v}" for k, v in dimensions.items())
        one, = self.ask("GET", "/v2.0/alarms?metric_dimensions=" + query)["elements"]
        return one["state"]

    def told(self):
        """[(name, state, reason)] since the last time."""
        got, self.hook.got[:] = list(self.hook.got), []
        return [seen(x) for x in got]

    def held(self, reason):
        text = self.server.http("/metrics")[1].decode()
        return int(next(line for line in text.splitlines()
                        if line.startswith(f'auspex_notifications_held{{reason="{reason}"}}')).split()[1])

    def amtool(self, *words, good=True):
        status, out, err = run(["amtool", "--alertmanager.url=" + self.server.url, *words],
                               env={**os.environ, "HOME": self.env.dir})
        check((status == 0) == good, f"amtool {' '.join(words)}: {status} {out}{err}")
        return (out if good else out + err).strip()

    def alerts(self, *words):
        """hostname -> alert, as amtool sees it."""
        found = json.loads(self.amtool("alert", "query", "-o", "json", *words))
        return {a["labels"]["hostname"]: a for a in found}


def setup(env):
    return Site(env)


def test_amtool_silences_an_alarm_and_lets_it_go(env, site):
    if not shutil.which("amtool"):
        raise Skip("no amtool here (tools/install-deps test)")
    site.define("cpu high", "last(cpu.load) > 10", match_by=["hostname"], severity="HIGH")
    for host in ("web1", "web2"):
        site.send("cpu.load", 1, hostname=host)
    time.sleep(1)
    site.told()
    silence = site.amtool("silence", "add", "--author=me", "--comment=a test", "--duration=1h",
                          "alertname=cpu high", "hostname=~web[1]")
    for host in ("web1", "web2"):
        site.send("cpu.load", 20, hostname=host)
    wait_for("the alarm of web2", 10, lambda: site.hook.got)
    wait_for("the alarm of web1", 10, lambda: site.state(hostname="web1") == "ALARM")
    time.sleep(1)
    equal([(n, s) for n, s, _ in site.told()], [("cpu high", "ALARM")], "told under a silence")
    equal(site.held("silence"), 1, "held")

    listed, = json.loads(site.amtool("silence", "query", "-o", "json"))
    equal((listed["id"], listed["status"]["state"], listed["createdBy"], listed["comment"]),
          (silence, "active", "me", "a test"), "the silence")
    equal([(m["name"], m["isRegex"], m["value"]) for m in listed["matchers"]],
          [("alertname", False, "cpu high"), ("hostname", True, "web[1]")], "its matchers")
    equal(json.loads(site.amtool("silence", "query", "-o", "json", "alertname=other")), [], "by another matcher")
    equal(sorted(site.alerts()), ["web2"], "active alerts")
    quiet = site.alerts("--silenced")
    equal((sorted(quiet), quiet["web1"]["status"]), (["web1"], {
        "inhibitedBy": [], "silencedBy": [silence], "state": "suppressed"}), "silenced alerts")
    equal(sorted(site.alerts("--active", "--silenced", "severity=high")), ["web1", "web2"], "alerts by a matcher")

    group, = site.ask("GET", "/api/v2/alerts/groups?silenced=false")
    equal([a["labels"]["hostname"] for a in group["alerts"]], ["web2"], "alerts of the group")

    site.amtool("silence", "expire", silence)
    wait_for("what was held", 10, lambda: site.hook.got)
    time.sleep(1.5)
    (name, state, reason), = site.told()
    equal((name, state), ("cpu high", "ALARM"), "told at the end of the silence")
    check(silence in reason, reason)
    check("already expired" in site.amtool("silence", "expire", silence, good=False), "expired twice")
    equal(json.loads(site.amtool("silence", "query", "-o", "json")), [], "active silences")
    equal(len(json.loads(site.amtool("silence", "query", "--expired", "-o", "json"))), 1, "expired silences")


RULES = """groups:
- name: slow
  interval: 1m
  rules:
  - alert: Hot
    expr: heat > 10
    labels: {severity: page}
    annotations: {summary: "{{ $labels.hostname }} at {{ $value }}", auspex_notify: hook}
"""


def test_an_alarm_of_a_rule_is_told_at_once_and_silenced(env, _):
    """Although its interval is a minute; and it goes the way of those of definitions."""
    if not shutil.which("amtool"):
        raise Skip("no amtool here (tools/install-deps test)")
    rules = os.path.join(env.dir, "hot.yml")
    with open(rules, "w", encoding="utf-8") as f:
        f.write(RULES)
    site = Site(env, "rules", args=["--rules", rules])
    rule = lambda: site.server.get("/api/v1/rules")["data"]["groups"][0]["rules"][0]
    equal((rule()["evaluation"], rule().get("evaluationReason")), ("stream", None), "how it is evaluated")

    def heat(host, value):
        equal(site.server.write([({"__name__": "heat", "hostname": host}, [(int(time.time() * 1000), value)])])[0],
              204, "write")
        return time.monotonic()
    heat("web1", 1)
    silence = site.amtool("silence", "add", "--author=me", "--comment=a test", "--duration=1h",
                          "alertname=Hot", "hostname=web1")
    delays = []
    for host in ("web2", "web3", "web4"):
        began = heat(host, 50)
        wait_for(f"the webhook of {host}", 5, lambda: len(site.hook.got) > len(delays))
        delays.append(time.monotonic() - began)
    check(max(delays) < 1, f"told after {delays}")
    equal(site.hook.got[0]["message"], "web2 at 50", "what it says")
    equal([(n, s) for n, s, _ in site.told()], [("Hot", "ALARM")] * 3, "told")

    heat("web1", 60)
    wait_for("what is held", 5, lambda: site.held("silence") == 1)
    equal(site.told(), [], "told under a silence")
    equal(sorted(site.alerts()), ["web2", "web3", "web4"], "active alerts")
    quiet, = site.alerts("--silenced").values()
    equal((quiet["labels"], quiet["annotations"]["summary"], quiet["status"]["silencedBy"], quiet["status"]["state"]),
          ({"alertname": "Hot", "hostname": "web1", "severity": "page"}, "web1 at 60", [silence], "suppressed"),
          "the silenced alert")
    site.define("cpu high", "last(cpu.load) > 10", match_by=["hostname"], alarm_actions=[], ok_actions=[])
    for host, load in (("web1", 20), ("web2", 5)):
        site.send("cpu.load", load, hostname=host)
    wait_for("the alarm of a definition", 5, lambda: site.state(hostname="web1") == "ALARM")
    status, said, err = auspex("alarms", "--all", "--json", "--server", site.server.url)
    equal(status, 0, err)
    listed = {(a["kind"], a["name"], a["resource"]): a for a in json.loads(said)["alarms"]}
    equal({k: (a["state"], a["severity"], a["summary"], a["held"]) for k, a in listed.items() if k[2] == "web1"}, {
        ("rule", "Hot", "web1"): ("firing", "page", "web1 at 60", ["silence " + silence]),
        ("definition", "cpu high", "web1"): ("alarm", "low", listed["definition", "cpu high", "web1"]["summary"], [])},
        "auspex alarms of web1")
    equal(listed["definition", "cpu high", "web2"]["state"], "ok", "with --all")
    shown = auspex("alarms", "--server", site.server.url)[1]
    row, = (line.split() for line in shown.splitlines() if "web1 at 60" in line)
    equal((row[:4], row[-4:]), (["Hot", "firing", "page", "web1"], ["silence", "web1", "at", "60"]), shown)
    check("cpu high" in shown and "web2 at 50" in shown, shown)
    observe(site, "h5", "up", ["v5"])
    work = site.ask("POST", "/auspex/v1/maintenance", {
        "resource": "vm:v5", "starts": "2026-01-01T00:00:00Z", "ends": "2099-01-01T00:00:00Z", "comment": "c"})["id"]
    equal(site.server.write([({"__name__": "heat", "hostname": "web5", "handle": "vm:v5"},
                              [(int(time.time() * 1000), 70)])])[0], 204, "write")
    wait_for("what maintenance holds", 5, lambda: site.held("maintenance") == 1)
    equal(site.alerts("--inhibited")["web5"]["status"]["inhibitedBy"], ["maintenance " + work], "in maintenance")
    check("maintenance" in auspex("alarms", "--server", site.server.url)[1], "auspex alarms")
    alarms = {i["root"]: [a["name"] for a in i["alarms"]] for i in site.ask("GET", "/auspex/v1/incidents")["incidents"]}
    equal(alarms["vm:v5"], ["Hot"], "its incident")
    equal(site.told(), [], "told under maintenance")
    firing = [a["labels"]["hostname"] for a in site.server.get("/api/v1/alerts")["data"]["alerts"]]
    equal(sorted(firing), ["web1", "web2", "web3", "web4", "web5"], "what fires, told or not")

    site.server.process.kill()
    site.server.start()
    equal(site.held("silence"), 1, "held after a kill")
    site.amtool("silence", "expire", silence)
    wait_for("what was held", 10, lambda: site.hook.got)
    (name, state, reason), = site.told()
    equal((name, state), ("Hot", "ALARM"), "told at the end of the silence")
    check(silence in reason, reason)
    began = heat("web1", 1)
    wait_for("the end", 5, lambda: site.hook.got)
    check(time.monotonic() - began < 1, "its end took long")
    equal([(n, s) for n, s, _ in site.told()], [("Hot", "OK")], "its end")
    equal(sorted(site.alerts("--active", "--silenced", "alertname=Hot")), ["web2", "web3", "web4"], "in the end")
    return f"told after {max(delays) * 1000:.0f} ms at most"


def test_amtool_changes_a_silence(env, site):
    first = site.amtool("silence", "add", "--author=me", "--comment=c", "--duration=1h", "a=b")
    same = site.amtool("silence", "update", "--duration=2h", "--comment=longer", first)
    check(first in same, same)
    listed, = json.loads(site.amtool("silence", "query", "-o", "json", "a=b"))
    equal(listed["comment"], "longer", "comment")
    check("disabled" in site.amtool("cluster", "show"), "the state of a cluster that there is not")
    site.amtool("silence", "expire", first)


def test_statuses_are_alertmanagers(env, site):
    good = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "createdBy": "me", "comment": "c",
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
    empty = [{"name": "a", "value": ".*", "isRegex": True}]
    for change, status, text in (
            ({"endsAt": "2026-01-01T00:00:00Z"}, 400, "start time must be before end time"),
            ({"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}, 400, "in the past"),
            ({"matchers": []}, 400, "at least one matcher required"),
            ({"matchers": empty}, 400, "must not match the empty string"),
            ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, 400, "invalid regular expression"),
            ({"id": "9b9c1a2e-1111-4222-8333-444455556666"}, 404, "not found"),
            ({"comment": None}, 422, "comment"), ({"startsAt": "soon"}, 400, "startsAt"),
            ({"matchers": "x"}, 422, "matchers")):
        got, answer = site.server.http("/api/v2/silences", json.dumps({**good, **change}).encode(), JSON)
        equal(got, status, f"{change}: {answer!r}")
        check(text in answer.decode(), f"{change}: {answer!r}")
    equal(site.server.http("/api/v2/silences", b"{", JSON)[0], 422, "no JSON")
    equal(site.server.http("/api/v2/silence/x")[0], 422, "no id")
    equal(site.server.http("/api/v2/silence/9b9c1a2e-1111-4222-8333-444455556666")[0], 404, "an unknown id")
    equal(site.server.http("/api/v2/silences?filter=x")[0], 400, "a filter that is none")
    made = site.ask("POST", "/api/v2/silences", good)["silenceID"]
    equal(site.ask("GET", "/api/v2/silence/" + made)["matchers"],
          [{"isEqual": True, "isRegex": False, "name": "a", "value": "b"}], "the silence")
    other = {"X-Tenant-Id": "other"}
    equal(site.server.http("/api/v2/silence/" + made, headers=other)[0], 404, "another tenant's silence")
    equal(site.server.http("/api/v2/silence/" + made, method="DELETE", headers=other)[0], 404, "its deletion")
    site.ask("DELETE", "/api/v2/silence/" + made)
    equal(site.server.http("/api/v2/silence/" + made, method="DELETE")[0], 500, "expired twice")
    equal(site.ask("GET", "/api/v2/status")["cluster"]["status"], "disabled", "status")


def test_amtool_comes_with_a_token(env, _):
    server = env.server("tokens", args=["--auth", "token"])
    config = os.path.join(env.dir, "amtool-http.yml")

    def amtool(role, *words):
        status, token, err = run([binary(), "admin", "token", "add", "--data", server.data, "--role", role,
                                  "--tenant", "acme"])
        equal(status, 0, err)
        with open(config, "w") as f:
            f.write("authorization: {type: Bearer, credentials: %s}\n" % token.strip())
        time.sleep(1)
        status, out, err = run(["amtool", "--alertmanager.url=" + server.url, "--http.config.file=" + config, *words],
                               env={**os.environ, "HOME": env.dir})
        return status == 0, out + err

    add = ("silence", "add", "--author=me", "--comment=c", "a=b")
    for role, may in (("reader", False), ("agent", False), ("delegate", False), ("member", True), ("provider", True)):
        ok, said = amtool(role, *add)
        equal(ok, may, f"a {role} adds a silence: {said}")
    ok, said = amtool("reader", "silence", "query")
    check(ok and said.count("a=") == 2, f"a reader sees two silences: {said}")
    check(not amtool("agent", "silence", "query")[0], "an agent sees silences")


def test_a_kill_loses_nothing_that_is_held(env, site):
    site.send("cpu.load", 1, hostname="web3")
    time.sleep(1)
    site.told()
    silence = site.amtool("silence", "add", "--author=me", "--comment=c", "--duration=1h", "hostname=web3")
    site.send("cpu.load", 20, hostname="web3")
    wait_for("the alarm", 10, lambda: site.state(hostname="web3") == "ALARM")
    site.server.process.kill()
    site.server.start()
    equal(site.held("silence"), 1, "held after a kill")
    equal(site.told(), [], "told under a silence")
    site.amtool("silence", "expire", silence)
    wait_for("what was held", 10, lambda: site.hook.got)
    time.sleep(1.5)
    equal([(n, s) for n, s, _ in site.told()], [("cpu high", "ALARM")], "told once")


# ---- resources ----

def observe(site, host, state, vms=()):
    """A host in that state, with these VMs on it, as its collector tells of them."""
    now = int(time.time() * 1000)
    resources = [{"handle": "host:" + host, "kind": "host", "name": host, "state": state}]
    resources += [{"handle": "vm:" + v, "kind": "vm", "name": v, "state": "running"} for v in vms]
    site.server.observe({"time": now, "host": "host:" + host, "resources": resources})


def test_a_dead_host_is_one_webhook(env, site):
    vms = ["vm1", "vm2", "vm3"]
    site.define("vm dead", "last(vm.dead) > 0", match_by=["handle"])
    observe(site, "h1", "up", vms)
    for vm in vms:
        site.send("vm.dead", 0, handle="vm:" + vm)
    time.sleep(1)
    site.told()
    wait_for("the host to be silent for too long", 20, lambda: site.server.resource("host:h1")["state"] == "down")
    for vm in vms:
        site.send("vm.dead", 1, handle="vm:" + vm)
    for vm in vms:
        wait_for("the alarm of " + vm, 10, lambda: site.state(handle="vm:" + vm) == "ALARM")
    time.sleep(1.5)
    (_, _, reason), = site.told()
    incident, = [i for i in site.ask("GET", "/auspex/v1/incidents?open=1")["incidents"] if i["root"] == "host:h1"]
    check(reason.startswith(f"Host h1 is down; further alarms of things on it are held in incident {incident['id']}. "),
          reason)
    equal((incident["root"], incident["state"], incident["alarm_count"], incident["held"], incident["ended"]),
          ("host:h1", "down", 3, 2, None), "the incident")
    equal([a["name"] for a in incident["alarms"]], ["vm dead"] * 3, "its alarms")
    equal(site.held("incident"), 2, "held")

    site.send("vm.dead", 0, handle="vm:vm3")
    wait_for("the OK of vm3", 10, lambda: site.state(handle="vm:vm3") == "OK")
    site.server.process.kill()
    site.server.start()
    equal(site.told(), [], "told while the host is down")
    observe(site, "h1", "up", vms)
    wait_for("the rest", 10, lambda: site.held("incident") == 0)
    time.sleep(1)
    rest = site.told()
    check(len(rest) <= 2 and all("held since" in r for _, _, r in rest), f"told when the host is up: {rest}")
    check(any(s == "ALARM" for _, s, _ in rest), f"what still fires was not told: {rest}")
    check(all(i["id"] != incident["id"] for i in site.ask("GET", "/auspex/v1/incidents?open=1")["incidents"]),
          "the incident goes on")
    page = site.ask("GET", "/auspex/v1/incidents?limit=1&offset=1")
    equal((len(page["incidents"]), page["total"] > 2), (1, True), "a page")


def test_maintenance_by_the_command(env, site):
    def auspex_(*words, status=0):
        got, out, err = auspex("maintenance", *words, "--server", site.server.url)
        equal(got, status, f"auspex maintenance {' '.join(words)}: {out}{err}")
        return (out + err).strip()

    observe(site, "h2", "up", ["vm8", "vm9"])
    for vm in ("vm8", "vm9"):
        site.send("vm.dead", 0, handle="vm:" + vm)
    time.sleep(1)
    site.told()
    check("vm7" in auspex_("add", "vm7", "--for", "1h", status=1), "a resource that there is not")
    check("--for" in auspex_("add", "vm9", status=2), "no length")
    one = auspex_("add", "vm9", "--for", "1h", "--comment", "new disk")
    later = auspex_("add", "h2", "--for", "1h", "--from", "2099-01-01T00:00:00Z")
    listed = auspex_("list")
    check(all(w in listed for w in (one, later, "vm:vm9", "host:h2", "active", "pending", "new disk")), listed)
    site.send("vm.dead", 1, handle="vm:vm8")
    site.send("vm.dead", 1, handle="vm:vm9")
    wait_for("the alarm of vm9", 10, lambda: site.state(handle="vm:vm9") == "ALARM")
    wait_for("the alarm of vm8", 10, lambda: site.hook.got)
    time.sleep(1.5)
    equal(len(site.told()), 1, "told in maintenance")
    equal(site.held("maintenance"), 1, "held")
    began, planned = sorted((e for e in site.server.events(handle="vm:vm9") if e["type"] == "maintenance"), key=lambda e: e["what"])
    check(began["what"] == "began" and "new disk" in began["text"], f"{began}")
    check(planned["what"] == "planned" and later == planned["detail"], f"its host's: {planned}")
    auspex_("end", one)
    check("over already" in auspex_("end", one, status=1), "ended twice")
    wait_for("what was held", 10, lambda: site.hook.got)
    (_, state, reason), = site.told()
    check(state == "ALARM" and one in reason, f"{state} {reason}")
    wait_for("the event", 5, lambda: [e for e in site.server.events(handle="vm:vm9") if e["what"] == "ended"])
    auspex_("end", later)
    equal(auspex_("list"), "no maintenance", "the list")
    check(one in auspex_("list", "--all"), "the list of all")
    status, answer = site.server.http("/auspex/v1/maintenance", b'{"resource":"vm:vm9"}', JSON)
    check(status == 400 and b"ends" in answer, f"{status} {answer!r}")


def test_inhibition_while_its_source_fires(env, site):
    rule = {"source_matchers": ['alertname="switch down"'],
            "target_matchers": ['alertname=~"disk.*"', "severity=low"], "equal": ["rack"]}
    equal(site.server.http("/auspex/v1/inhibitions", json.dumps({**rule, "source_matchers": ["a"]}).encode(), JSON)[0],
          400, "no matcher")
    made = site.ask("POST", "/auspex/v1/inhibitions", rule)["id"]
    listed, = site.ask("GET", "/auspex/v1/inhibitions")["inhibitions"]
    equal((listed["id"], listed["target_matchers"], listed["equal"]),
          (made, ['alertname=~"disk.*"', 'severity="low"'], ["rack"]), "the rule")
    site.define("switch down", "last(switch.down) > 0", match_by=["rack"])
    site.define("disk slow", "last(disk.slow) > 0", match_by=["rack"], severity="LOW")
    for rack in ("r1", "r2"):
        site.send("disk.slow", 0, rack=rack)
    site.send("switch.down", 1, rack="r1")
    wait_for("the source", 10, lambda: [n for n, _, _ in map(seen, site.hook.got)].count("switch down") == 1)
    site.told()
    for rack in ("r1", "r2"):
        site.send("disk.slow", 1, rack=rack)
    wait_for("the other rack's", 10, lambda: site.hook.got)
    wait_for("what is held", 10, lambda: site.held("inhibition") == 1)
    time.sleep(1.5)
    equal(len(site.told()), 1, "told while the source fires")
    inhibited = json.loads(site.amtool("alert", "query", "-o", "json", "--inhibited"))
    equal([(a["labels"]["rack"], a["status"]["state"]) for a in inhibited if a["labels"]["alertname"] == "disk slow"],
          [("r1", "suppressed")], "inhibited alerts")
    site.send("switch.down", 0, rack="r1")
    wait_for("what was held", 10, lambda: len(site.hook.got) >= 2)
    equal(sorted((n, s) for n, s, _ in site.told()), [("disk slow", "ALARM"), ("switch down", "OK")], "told after it")
    site.ask("DELETE", "/auspex/v1/inhibitions/" + made)
    equal(site.server.http("/auspex/v1/inhibitions/" + made, method="DELETE")[0], 404, "deleted twice")


def test_flapping_is_told_once(env, _):
    site = Site(env, "flapping", ["--flap-changes", "3", "--flap-window", "8s"])
    site.define("flip", "last(flip) > 0", match_by=["hostname"])
    site.send("flip", 0, hostname="f")
    wait_for("the alarm", 10, lambda: site.state(hostname="f") == "OK")
    for i in range(7):
        site.send("flip", (i + 1) % 2, hostname="f")
        wait_for("a change", 10, lambda: site.state(hostname="f") == ("OK" if i % 2 else "ALARM"))
    time.sleep(2)
    told = site.told()
    check(len(told) in (3, 4) and told[-1][2].startswith("flapping: 4 changes in 8 s; further ones are held"), f"{told}")
    last = told[-1][1]
    site.send("flip", 0 if last == "ALARM" else 1, hostname="f")
    wait_for("its state, when it has been steady", 20, lambda: site.hook.got)
    check("held since" in site.told()[0][2], "why it is told late")
    check("--flap-changes" in auspex("serve", "--flap-changes", "x")[2], "a flag that is none")


def test_the_limit_of_inhibitions_is_told(env, site):
    rule = json.dumps({"source_matchers": ['alertname="never"'], "target_matchers": ['alertname="never either"']}).encode()
    there = len(site.ask("GET", "/auspex/v1/inhibitions")["inhibitions"])
    made = []
    for _ in range(1000 - there):
        status, answer = site.server.http("/auspex/v1/inhibitions", rule, JSON)
        equal(status, 201, f"rule {len(made)}: {answer!r}")
        made.append(json.loads(answer)["id"])
    status, answer = site.server.http("/auspex/v1/inhibitions", rule, JSON)
    check(status == 429 and b"1000 inhibitions" in answer, f"{status} {answer!r}")
    equal(site.server.http(f"/auspex/v1/inhibitions/{made[0]}", method="DELETE")[0], 204, "one goes")
    equal(site.server.http("/auspex/v1/inhibitions", rule, JSON)[0], 201, "there is room again")
