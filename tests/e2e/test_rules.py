# SPDX-License-Identifier: Apache-2.0
"""Rule files: what a real Prometheus makes of the same file and data, reading again while running,
tenants, and who is told, with a real Alertmanager."""
import json
import os
import shutil
import signal
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Skip, auspex, check, equal, free_port, snappy, wait_for, write_request

URL = "http://monitor.example:8070/auspex"

# One annotation per line: what public rule sets use, and what lies beside it.
TEMPLATES = r"""
{{ $value }}|{{ .Value }}|{{ $labels.instance }}|{{ .Labels.job }}|{{ $labels.none }}|{{ $externalLabels.x }}
{{ $value | humanize }} {{ humanize $value }} {{ $value | humanize1024 }}B {{ $value | humanizeDuration }}
{{ $value | humanizePercentage }} {{ 0.1234 | humanizePercentage }} {{ "1234567" | humanize }} {{ 3 | humanize }}
{{ 1435065584.128 | humanizeTimestamp }} {{ 0.0 | humanizeTimestamp }} {{ 1435065584 | toTime }}
{{ printf "%.2f" $value }} {{ $value | printf "%.1f%%" }} {{ printf "%8.3f|%-8.1f|%+.0f|%08.2f" $value $value $value $value }}
{{ printf "%s is %d, %v, %q, %t, %x, %5s|%-5s|" $labels.job 42 $value "a\"b" true 255 "ab" "ab" }}
{{ printf "%d" $value }} {{ printf "%s" $value }} {{ printf "%f" "x" }} {{ printf "%d" }} {{ printf "a" 1 "b" }} {{ printf "%g %e %G" 1e7 12345.678 1e-7 }}
{{ if gt $value 10.0 }}high{{ else }}low{{ end }} {{ if lt $value 10.0 }}a{{ else if eq $labels.job "node" }}b{{ else }}c{{ end }}
{{ if and (gt $value 1.0) (lt $value 2.0) }}x{{ else }}y{{ end }}{{ if or false "" 0 "last" }}z{{ end }}{{ if not true }}n{{ end }}
{{ range query "fruit" }}{{ .Labels.name }}={{ .Value }} {{ end }}
{{ range query "sort_desc(fruit)" | sortByLabel "name" }}{{ . | label "name" }}:{{ . | value }},{{ end }}
{{ with query "fruit{name='apple'}" }}{{ . | first | value | humanize }}{{ end }}{{ with query "absent_metric" }}x{{ else }}none{{ end }}
{{ range $i, $v := query "fruit" }}{{ if $i }}, {{ end }}{{ $i }}/{{ $v.Labels.name }}{{ end }}
{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}
{{ query "time() - time()" | first | value }} {{ query "scalar(sum(fruit))" | first | value }}{{ query "fruit" | first | strvalue }}
{{ title "hello big world" }} {{ toUpper "abc" }} {{ toLower "ABC" }} {{ "x" | title | toUpper }}
{{ match "a.*c" "xabbcx" }} {{ match "^b" "ab" }} {{ reReplaceAll "([a-z]+):([0-9]+)" "$2@$1" "host:80, other:443" }} {{ reReplaceAll "b*" "-" "abc" }}
{{ stripPort "host:9100" }} {{ stripPort "host" }} {{ stripPort "[::1]:80" }} {{ stripDomain "web1.example.org:80" }} {{ stripDomain "10.0.0.1:80" }}
{{ externalURL }} {{ $externalURL }} {{ .ExternalURL }} {{ pathPrefix }}
{{ graphLink "up == 0" }} {{ tableLink "rate(x[5m])" }} {{ "a b&c" | urlquery }} {{ html "<b>" }} {{ safeHtml "<b>" }}
{{ parseDuration "1h30m" }} {{ len "abc" }} {{ len $labels }} {{ index $labels "job" }} {{ index (query "fruit") 0 | value }}
{{ $x := 5 }}{{ $x }}{{ $x = 6 }}{{ $x }} {{ $y := $labels.job | toUpper }}{{ $y }} {{ print "a" 1 2 "b" 3.5 }} {{ println 1 "x" }}|
a {{- /* comment */ -}} b {{- " c " -}} d {{ "{{" }} {{ `raw "text"` }} {{ "esc\tA" }} {{ true }} {{ 1e3 }} {{ 0x10 }} {{ -3 }}
{{ (query "fruit" | first).Labels.name }} {{ (index (query "fruit") 1).Value }} {{ eq "a" "b" "a" }} {{ ne 1 2 }} {{ ge 2 2 }} {{ le "a" "b" }}
{{ 123456.0 }} {{ 1234567.0 }} {{ 0.00001 }} {{ 1e20 }} {{ 1e21 }} {{ 100.0 }} {{ 1.5e300 }}
{{ humanize 0.0 }} {{ humanize 1e30 }} {{ humanize1024 -2048.0 }} {{ humanizeDuration -90061.5 }} {{ humanizeDuration 0.0000012 }} {{ humanizeDuration 59.99 }}
{{ $labels }} {{ $labels.__name__ }} {{ humanize1024 1024.0 }} {{ humanize1024 1e30 }} {{ $value | }} {{ humanizePercentage -0.005 }}
VALUE = {{ $value }}\n  LABELS = {{ $labels }}
"""
# What fails when it is run: only that it fails is compared.
FAILING = r"""
{{ query "absent_metric" | first | value }}
{{ if gt $value 10 }}x{{ end }}
{{ query "up[5m]" }}
{{ query "'text'" | first | strvalue }}
{{ humanize $labels }}
{{ $value.Foo }}
{{ toUpper $value }}
"""
BROKEN = ["{{ $nope }}", "{{ nope 1 }}", "{{ if }}x{{ end }}", "{{ if true }}x", "{{ end }}", "{{ $value", "{{ 'a' 1 }} }}{{",
          "{{ range $a, $b, $c := $labels }}{{ end }}", "{{ | toUpper }}", "{{ else }}", "{{ (query \"x\" }}"]


def annotations(text, prefix):
    return "".join(f"          {prefix}{i:02}: {json.dumps(line)}\n" for i, line in enumerate(text.strip().splitlines()))


def rules_text():
    return ("groups:\n- name: compared\n  interval: 1s\n  rules:\n"
            "  - alert: Busy\n    expr: load > 1\n    for: 1s\n    labels:\n      severity: '{{ if gt $value 50.0 }}page{{ else }}info{{ end }}'\n"
            "      job: other\n      from: '{{ $labels.job }}'\n    annotations:\n"
            + annotations(TEMPLATES, "t").replace("          ", "      ")
            + annotations(FAILING, "f").replace("          ", "      ")
            + "  - alert: Scalar\n    expr: vector(7)\n    keep_firing_for: 1m\n    annotations: {v: '{{ $value }}'}\n"
              "  - alert: Waits\n    expr: load\n    for: 1h\n"
              "  - record: 'load:sum'\n    expr: sum(load)\n    labels: {by: rule}\n").replace("    keep_firing_for: 1m\n", "")


def file(env, name, text):
    path = os.path.join(env.dir, name)
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)
    return path


class Prometheus:
    def __init__(self, env, rules):
        if not shutil.which("prometheus"):
            raise Skip("no Prometheus here (Debian: prometheus)")
        self.port = free_port()
        config = file(env, "prometheus.yml", "global: {evaluation_interval: 1s}\n"
                                             f"rule_files: ['{rules}']\n")
        env.process("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={env.dir}/prom",
                                   f"--web.listen-address=127.0.0.1:{self.port}", f"--web.external-url={URL}",
                                   "--web.route-prefix=/", "--web.enable-remote-write-receiver"])
        wait_for("Prometheus", 60, lambda: self.http("/-/ready"))

    def http(self, path, body=None, headers={}):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read() or b"ok"

    def write(self, series):
        self.http("/api/v1/write", snappy(write_request(series)), {
            "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0"})

    def alerts(self):
        return json.loads(self.http("/api/v1/alerts"))["data"]["alerts"]


def samples():
    now = int(time.time() * 1000)
    series = [({"__name__": "load", "instance": i, "job": "node"}, [(now, v)])
              for i, v in (("web1.example.org:9100", 1234567.25), ("web2:9100", 12.5), ("db", 0.5))]
    return series + [({"__name__": "fruit", "name": n}, [(now, v)]) for n, v in (("pear", 3.0), ("apple", 1500.0), ("fig", 0.25))]


def key(alert):
    return sorted(alert["labels"].items())


def by_labels(alerts):
    return {json.dumps(key(a)): a for a in alerts}


def test_alerts_are_those_of_a_real_prometheus(env, _):
    path = file(env, "compared.yml", rules_text())
    real = Prometheus(env, path)
    ours = env.server("compared", args=["--rules", path, "--url", URL])
    for _ in range(3):
        data = samples()
        real.write(data)
        equal(ours.write(data)[0], 204, "write")
        time.sleep(1)
    fires = lambda alerts: sum(a["state"] == "firing" for a in alerts) == 3
    wait_for("Prometheus's alerts", 30, lambda: fires(real.alerts()))
    wait_for("our alerts", 30, lambda: fires(ours.get("/api/v1/alerts")["data"]["alerts"]))
    theirs, mine = by_labels(real.alerts()), by_labels(ours.get("/api/v1/alerts")["data"]["alerts"])
    equal(sorted(mine), sorted(theirs), "label sets")
    wrong, compared = [], 0
    for labels, alert in theirs.items():
        equal((mine[labels]["state"], mine[labels]["value"]), (alert["state"], alert["value"]), labels)
        equal(sorted(mine[labels]["annotations"]), sorted(alert["annotations"]), "annotations")
        for name, text in alert["annotations"].items():
            got = mine[labels]["annotations"][name]
            mark = "<error expanding template: "
            compared += 1
            if name.startswith("f"):
                check(text.startswith(mark) and got.startswith(mark), f"{name}: theirs {text!r}, ours {got!r}")
            elif got != text:
                wrong.append(f"{name}: theirs {text!r}\n       ours {got!r}")
    check(not wrong, f"{len(wrong)} annotations differ:\n" + "\n".join(wrong))
    env.note(f"{compared} annotations as Prometheus has them")
    rules = lambda text: {r["name"]: r for r in json.loads(text)["data"]["groups"][0]["rules"]}
    theirs, mine = rules(real.http("/api/v1/rules")), rules(ours.http("/api/v1/rules")[1])
    for name, rule in theirs.items():
        same = [k for k in rule if k not in ("alerts", "evaluationTime", "lastEvaluation")]
        equal({k: mine[name].get(k) for k in same}, {k: rule[k] for k in same}, f"rule {name}")
        check(all(k in mine[name] for k in rule), f"fields of {name}: {sorted(mine[name])}")
    for query in ("sort(load:sum)", "sort_desc(ALERTS)"):
        path = "/api/v1/query?query=" + query
        vector = lambda text: sorted((sorted(r["metric"].items()), r["value"][1]) for r in json.loads(text)["data"]["result"])
        equal(vector(ours.http(path)[1]), vector(real.http(path)), query)
    ours.process.stop()


def test_what_promtool_refuses_is_refused(env, _):
    if not shutil.which("promtool"):
        raise Skip("no promtool here (Debian: prometheus)")
    import subprocess
    for i, template in enumerate(BROKEN):
        path = file(env, f"broken{i}.yml", "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n"
                                           f"      a: {json.dumps(template)}\n")
        real = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
        status, _, err = auspex("rules", "check", path)
        equal((template, status), (template, real.returncode), "exit status, as promtool's")
        if status:
            check(err.startswith(f"auspex: {path}:7:"), f"{template}: {err}")
    good = file(env, "good.yml", rules_text())
    equal(subprocess.run(["promtool", "check", "rules", good], capture_output=True).returncode, 0, "promtool")
    status, out, err = auspex("rules", "check", good)
    equal((status, out), (0, f"{good}: 4 rules, no faults\n"
                             "  compared: Busy: as samples arrive\n"
                             "  compared: Scalar: every interval (vector())\n"
                             "  compared: Waits: as samples arrive\n"
                             "  compared: load:sum: every interval (a recording rule)\n"), err)
    equal(auspex("rules", "check", good, "/does/not/exist.yml")[0], 1, "a file that is not there")
    equal(auspex("rules", "look")[0], 2, "usage")
    check("Usage: auspex rules check" in auspex("rules", "--help")[1], "help")


def group(name, *rules):
    return f"- name: {name}\n  rules:\n" + "".join(f"  - {r}\n" for r in rules)


def groups_of(server, headers={}):
    data = json.loads(server.http("/api/v1/rules", headers=headers)[1])["data"]
    return {(os.path.basename(g["file"]), g["name"]): g for g in data["groups"]}


def names(server, headers={}):
    data = json.loads(server.http("/api/v1/alerts", headers=headers)[1])["data"]
    return sorted(a["labels"]["alertname"] for a in data["alerts"])


def metric(server, name):
    for line in server.http("/metrics")[1].decode().splitlines():
        if line.startswith(name + " ") or line.startswith(name + "{"):
            return float(line.split(" ")[-1])
    return None


def reload(server, wanted):
    status, body = server.http("/-/reload", method="POST")
    equal(status, wanted, f"reload: {body!r}")
    return body.decode()


ALWAYS = "{alert: %s, expr: vector(%d)}"


def test_files_are_read_again(env, _):
    folder = os.path.join(env.dir, "rules.d")
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    path = file(env, "rules.d/a.yml", "groups:\n" + group("one", ALWAYS % ("A", 1)) + group("two", ALWAYS % ("B", 1)))
    s = env.server("reload", args=["--rules", folder + "/*.yml", "--interval", "1s"])
    wait_for("the first alarms", 15, lambda: names(s) == ["A", "B"])
    since = groups_of(s)["a.yml", "one"]["rules"][0]["alerts"][0]["activeAt"]

    file(env, "rules.d/b.yml", "groups:\n" + group("one", ALWAYS % ("C", 1)))
    file(env, "rules.d/a.yml", "groups:\n" + group("one", ALWAYS % ("A", 5)) + group("two", "{alert: B, expr: vector(}"))
    text = reload(s, 500)
    check("failed to reload config" in text and f"{path}:7:" in text, text)
    wait_for("what is good to be in force", 15, lambda: names(s) == ["A", "B", "C"] and
             groups_of(s)["a.yml", "one"]["rules"][0]["alerts"][0]["value"] == "5e+00")
    shown = groups_of(s)
    equal(shown["a.yml", "one"]["rules"][0]["alerts"][0]["activeAt"], since, "A goes on")
    equal(shown["a.yml", "two"]["rules"][0]["health"], "err", "health of what is old")
    check(f"{path}:7:" in shown["a.yml", "two"]["rules"][0]["lastError"], shown)
    check(f"{path}:7:" in s.process.said(), "the log")
    equal(metric(s, "auspex_config_last_reload_successful"), 0, "metric")
    check(metric(s, "auspex_rule_evaluations_total") > 0, "evaluations")

    os.remove(os.path.join(folder, "b.yml"))
    file(env, "rules.d/a.yml", "groups:\n" + group("two", ALWAYS % ("B", 1)))
    s.process.child.send_signal(signal.SIGHUP)
    wait_for("A and C to end", 15, lambda: names(s) == ["B"])
    wait_for("the metric", 10, lambda: metric(s, "auspex_config_last_reload_successful") == 1)
    equal(s.query('ALERTS{alertname=~"A|C"}'), [], "series of what ended")
    said = [(e["detail"], e["what"]) for e in s.events() if e["type"] == "alarm"]
    for one in (("A", "resolved"), ("C", "resolved")):
        equal(said.count(one), 1, f"events {one}")
    equal(said.count(("B", "firing")), 1, "B was told once")

    os.chmod(path, 0)
    if os.geteuid() == 0:                      # the server is somebody else by now
        check("Permission denied" in reload(s, 500), "a file that cannot be read")
    os.chmod(path, 0o644)
    with open(path, "w") as f:
        f.write("groups: [")
    check("a.yml:" in reload(s, 500), "a file that is no YAML")
    time.sleep(1.5)
    equal(names(s), ["B"], "all stays as it was")
    s.restart()                                 # what was in force is kept
    wait_for("B after a restart", 10, lambda: names(s) == ["B"])
    equal(metric(s, "auspex_config_last_reload_successful"), 0, "metric")
    equal([(e["detail"], e["what"]) for e in s.events()].count(("B", "firing")), 1, "B was told once")
    s.process.stop()
    shutil.rmtree(s.data)
    s.process = env.process("anew", s.process.child.args)
    equal(s.process.child.wait(20), 2, "a first start with a file that is no YAML")


def test_tenants_have_rules_of_their_own(env, _):
    own = file(env, "own.yml", "groups:\n" + group("g", "{alert: Mine, expr: thing > 1}", "{record: 'thing:sum', expr: sum(thing)}"))
    base = file(env, "base.yml", "groups:\n" + group("g", "{alert: Base, expr: thing > 1}"))
    s = env.server("tenants", args=["--rules", base, "--tenant-rules", f"team-a={own}", "--tenant-rules",
                                    f"team-b={own}", "--interval", "1s"])
    a, b, none = ({"X-Scope-OrgID": n} for n in ("team-a", "team-b", "team-c"))
    now = int(time.time() * 1000)
    equal(s.write([({"__name__": "thing", "of": "a"}, [(now, 5)])], {"X-Scope-OrgID": "team-a"})[0], 204, "write")
    wait_for("team-a's alarm", 15, lambda: names(s, a) == ["Mine"])
    equal((names(s, b), names(s, none), names(s)), ([], [], []), "alarms of others")
    equal([sorted(groups_of(s, h)) for h in (a, none, {})], [[("own.yml", "g")], [], [("base.yml", "g")]], "rules")
    series = lambda h: json.loads(s.http("/api/v1/query?query=%7B__name__%3D~%22ALERTS%7Cthing:sum%22%7D", headers=h)[1])["data"]["result"]
    wait_for("team-a's series", 10, lambda: len(series(a)) == 2)
    equal((series(b), series({})), ([], []), "series of others")
    s.process.stop()


class Hook:
    def __init__(self):
        self.got = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Alertmanager:
    def __init__(self, env, hook):
        if not shutil.which("prometheus-alertmanager"):
            raise Skip("no prometheus-alertmanager here (tools/install-deps test)")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = file(env, "am.yml", "route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
                      f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook.url}', send_resolved: true}}]}}]\n")
        self.process = env.process("alertmanager", [
            "prometheus-alertmanager", "--config.file=" + config, f"--storage.path={env.dir}/am",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="])
        wait_for("the Alertmanager", 30, lambda: self.get("/-/ready"))

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return answer.read()

    def alerts(self):
        return {a["labels"]["alertname"]: a for a in json.loads(self.get("/api/v2/alerts"))}


def test_an_alertmanager_and_named_methods_are_told(env, _):
    hook, own = Hook(), Hook()
    manager = Alertmanager(env, hook)
    path = file(env, "told.yml", "groups:\n" + group(
        "g", "{alert: Hot, expr: heat > 10, labels: {severity: page, 'of': '{{ $labels.room }}'}, "
             "annotations: {summary: 'at {{ $value }}', auspex_notify: 'ops, nobody'}}"))
    s = env.server("told", args=["--rules", path, "--interval", "1s", "--alertmanager", manager.url, "--url", URL])
    status, body = s.http("/v2.0/notification-methods", json.dumps(
        {"name": "ops", "type": "WEBHOOK", "address": own.url}).encode(), {"Content-Type": "application/json"})
    methods = status == 201
    if status not in (201, 404):
        check(False, f"POST notification-methods: {status} {body!r}")

    def heat(v):
        equal(s.write([({"__name__": "heat", "room": "attic"}, [(int(time.time() * 1000), v)])])[0], 204, "write")
    heat(50)
    alert = wait_for("the alert", 20, lambda: manager.alerts()["Hot"])
    equal(alert["labels"], {"alertname": "Hot", "severity": "page", "of": "attic", "room": "attic"}, "labels")
    equal(alert["annotations"], {"summary": "at 50", "auspex_notify": "ops, nobody"}, "annotations")
    equal(alert["generatorURL"], URL + "/graph?g0.expr=heat+%3E+10&g0.tab=1", "generatorURL")
    active = groups_of(s)["told.yml", "g"]["rules"][0]["alerts"][0]["activeAt"]
    equal(alert["startsAt"], active, "startsAt")
    wait_for("the firing webhook", 10, lambda: hook.got)
    equal(hook.got[0]["status"], "firing", "webhook of the Alertmanager")
    if methods:
        wait_for("the named method", 10, lambda: own.got)
        equal((own.got[0]["state"], own.got[0]["alarm_name"]), ("ALARM", "Hot"), "named method")
        listed = json.loads(s.http("/v2.0/notification-methods")[1])["elements"]
        equal([m["name"] for m in listed], ["ops"], "methods that the tenant sees")

    s.process.kill()                            # state and outbox outlive it
    s.start()
    equal(names(s), ["Hot"], "after a kill")
    heat(1)
    wait_for("the resolved webhook", 20, lambda: hook.got[-1]["status"] == "resolved")
    bare = lambda text: text.rstrip("Z0").rstrip(".")
    equal(bare(hook.got[-1]["alerts"][0]["startsAt"]), bare(active), "startsAt of what is over")
    if methods:
        wait_for("the named method", 10, lambda: own.got[-1]["state"] == "OK")
        told = {g["idempotency_key"]: g["state"] for g in own.got}     # at least once
        equal(list(told.values()), ["ALARM", "OK"], "what it was told")
    said = s.process.said()
    check(manager.url not in said, "the address of the Alertmanager in the log")
    s.process.stop()
