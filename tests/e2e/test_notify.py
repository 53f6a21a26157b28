# SPDX-License-Identifier: Apache-2.0
"""Notifications at a real Alertmanager and a real mail server (aiosmtpd, with STARTTLS and AUTH),
through the notification room alone (notify-probe), and at the end from the sample on."""
import email
import email.policy
import json
import logging
import os
import shutil
import ssl
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Skip, binary, check, equal, free_port, run, wait_for

try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult
    logging.getLogger("mail.log").setLevel(logging.ERROR)   # it warns of itself
except ImportError:
    Controller = None


class Probe:
    """notify-probe, asked a line at a time."""

    def __init__(self, env, name, *options):
        self.path = os.path.join(env.dir, name + ".db")
        self.options = options
        self.log = os.path.join(env.dir, name + ".log")
        self.start()

    def start(self):
        program = os.path.join(os.path.dirname(binary()), "tests/e2e/notify-probe")
        check(os.access(program, os.X_OK), f"no {program}: build with -Dtests=true")
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([program, self.path, *self.options], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=log, text=True)

    def ask(self, *words):
        self.child.stdin.write("\t".join(str(w) for w in words) + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def method(self, name, kind, address, period=0):
        answer = self.ask("method", name, kind, address, period)
        check(len(answer) == 36, f"method: {answer}")
        return answer

    def queue(self, method, alarm, state, name="cpu high", at=None, since=None):
        at = at or int(time.time() * 1000)
        equal(self.ask("queue", method, alarm, state, name, at, *([since] if since else [])), "queued", "queue")
        return at

    def stats(self, kind):
        return {k: int(v) for k, v in (w.split("=") for w in self.ask("stats", kind).split())}

    def close(self):
        """(exit status, what it logged)"""
        self.child.stdin.close()
        status = self.child.wait(30)
        with open(self.log) as f:
            return status, f.read()


class Webhook:
    """Remembers what it was sent."""

    def __init__(self):
        self.got = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

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

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Alertmanager:
    def __init__(self, env, hook):
        if not shutil.which("prometheus-alertmanager"):
            raise Skip("no prometheus-alertmanager here (tools/install-deps test)")
        self.env, self.port = env, free_port()
        self.config = os.path.join(env.dir, "am.yml")
        with open(self.config, "w") as f:
            f.write("route: {receiver: hook, group_by: [alarm_id], group_wait: 0s, group_interval: 1s}\n"
                    f"receivers: [{{name: hook, webhook_configs: [{{url: '{hook.url}', send_resolved: true}}]}}]\n")
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self.process = self.env.process("alertmanager", [
            "prometheus-alertmanager", "--config.file=" + self.config,
            "--storage.path=" + os.path.join(self.env.dir, "am"),
            f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="])
        wait_for("the Alertmanager", 30, lambda: self.get("/-/ready") is not None)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return answer.read()

    def alerts(self):
        return {a["labels"]["alarm_id"]: a for a in json.loads(self.get("/api/v2/alerts"))}


class Sink:
    """A mail server that keeps what it gets; each in `drops` is a connection cut in DATA."""

    def __init__(self, certificate=None, drops=0):
        self.mails, self.drops, self.seen_tls = [], drops, []
        options = {}
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            options = {"tls_context": context, "require_starttls": True, "auth_required": True,
                       "authenticator": self.authenticate}
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self.controller.start()

    def authenticate(self, server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"auspex", b"s3cret"), handled=False)

    async def handle_DATA(self, server, session, envelope):
        if self.drops > 0:
            self.drops -= 1
            server.transport.abort()
            return "451 gone"
        self.seen_tls.append(session.ssl is not None)
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"

    def close(self):
        self.controller.stop()


def certificate(env):
    """(certificate, key) of 127.0.0.1, which signs itself."""
    paths = os.path.join(env.dir, "cert.pem"), os.path.join(env.dir, "key.pem")
    status, _, err = run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                          "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                          "-out", paths[0], "-keyout", paths[1]])
    check(status == 0, f"openssl: {err}")
    return paths


def ended_well(probe):
    status, said = probe.close()
    check(status == 0 and "Sanitizer" not in said and "runtime error" not in said, said[-1500:])
    return said


def needs_mail():
    if not Controller:
        raise Skip("no python3-aiosmtpd here (tools/install-deps test)")


def test_an_alertmanager_is_told_and_tells_on(env, _):
    hook, probe = Webhook(), Probe(env, "am", "url=http://auspex.example:8070")
    manager = Alertmanager(env, hook)
    method = probe.method("am", "ALERTMANAGER", manager.url)
    began = probe.queue(method, "alarm-1", "ALARM")
    alert = wait_for("the alert", 10, lambda: manager.alerts()["alarm-1"])
    labels = alert["labels"]
    equal([labels[k] for k in ("alertname", "severity", "hostname", "tenant")],
          ["cpu high", "high", "web1", "t1"], "labels")
    equal(alert["annotations"]["description"], "The CPU is busy", "description")
    equal(alert["generatorURL"], "http://auspex.example:8070/v2.0/alarms/alarm-1", "generatorURL")
    lasts = time.mktime(time.strptime(alert["endsAt"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()
    check(280 < lasts <= 301, f"the alert ends in {lasts:.0f} s, between two of our posts")
    wait_for("the firing webhook", 10, lambda: hook.got)
    equal((hook.got[0]["status"], len(hook.got[0]["alerts"])), ("firing", 1), "webhook")
    probe.queue(method, "alarm-1", "OK", since=began)
    wait_for("the resolved webhook", 10, lambda: hook.got[-1]["status"] == "resolved")
    equal(hook.got[-1]["alerts"][0]["startsAt"], hook.got[0]["alerts"][0]["startsAt"], "startsAt")

    own = probe.method("own", "ALERTMANAGER_WEBHOOK", hook.url)
    real = hook.got[0]
    before = len(hook.got)
    probe.queue(own, "alarm-2", "ALARM")
    wait_for("our webhook", 10, lambda: len(hook.got) > before)
    equal(sorted(hook.got[-1]), sorted(real), "keys of our Alertmanager payload and of its own")
    equal(sorted(hook.got[-1]["alerts"][0]), sorted(real["alerts"][0]), "keys of an alert")
    equal(hook.got[-1]["version"], real["version"], "version")
    ended_well(probe)
    hook.close()


def test_an_alertmanager_that_was_away_hears_it_later(env, _):
    hook, probe = Webhook(), Probe(env, "away", "retry_max_ms=1000")
    manager = Alertmanager(env, hook)
    method = probe.method("am", "ALERTMANAGER", manager.url)
    manager.process.kill()
    for i in range(150):
        probe.queue(method, f"alarm-{i}", "ALARM")
    wait_for("a failure", 10, lambda: probe.stats("ALERTMANAGER")["retried"])
    probe.child.kill()
    probe.child.wait()
    probe.start()
    manager.start()
    wait_for("all alerts", 20, lambda: len(manager.alerts()) == 150)
    ended_well(probe)
    hook.close()


def test_mail_goes_encrypted_to_a_server_that_asks_for_a_password(env, _):
    needs_mail()
    cert = certificate(env)
    sink = Sink(cert)
    probe = Probe(env, "mail", f"smtp_url=smtp://127.0.0.1:{sink.port}", "smtp_user=auspex", "starttls",
                  "smtp_password=s3cret", "ca_file=" + cert[0], "mail_from=auspex@example.org")
    method = probe.method("ops", "EMAIL", "ops@example.org")
    probe.queue(method, "alarm-1", "ALARM", name="Überlast\rBcc: victim@example.org\r")
    wait_for("the mail", 15, lambda: sink.mails)
    envelope, mail = sink.mails[0]
    equal((envelope.mail_from, envelope.rcpt_tos), ("auspex@example.org", ["ops@example.org"]), "envelope")
    equal(sink.seen_tls, [True], "TLS")
    equal(mail["Subject"], 'ALARM HIGH "Überlast Bcc: victim@example.org " for Host: web1', "subject")
    check(mail["Bcc"] is None, "the name of an alarm became a header")
    text = mail.get_content()
    for part in ("The CPU is busy", "UNDETERMINED -> ALARM", "Thresholds were exceeded", "hostname=web1"):
        check(part in text, f"no '{part}' in {text!r}")
    equal(len(mail["Idempotency-Key"]), 32, "key")
    check(mail["Idempotency-Key"] in mail["Message-ID"] and mail["Date"], "Message-ID and Date")
    check("took it" in probe.ask("test", method), "the test mail")
    equal(sink.mails[1][1]["Subject"][:5], "TEST ", "subject of the test")
    for i in range(20):
        probe.queue(method, f"many-{i}", "ALARM")
    keys = lambda: {line for _, m in sink.mails for line in m.get_content().splitlines()
                    if line.startswith("Notification: ")}
    wait_for("20 more notifications", 30, lambda: len(keys()) == 22)
    said = ended_well(probe)
    check("s3cret" not in said and "ops@example.org" not in said, "secrets in the log")
    sink.close()


def test_mail_waits_for_a_server_that_drops_refuses_or_has_no_tls(env, _):
    needs_mail()
    sink = Sink(drops=2)
    probe = Probe(env, "drop", f"smtp_url=smtp://127.0.0.1:{sink.port}", "retry_min_ms=100")
    method = probe.method("ops", "EMAIL", "ops@example.org")
    probe.queue(method, "alarm-1", "ALARM")
    wait_for("the mail", 20, lambda: sink.mails)
    equal(probe.stats("EMAIL")["retried"], 2, "retries")
    ended_well(probe)

    clear = Probe(env, "clear", f"smtp_url=smtp://127.0.0.1:{sink.port}", "starttls")
    clear.queue(clear.method("ops", "EMAIL", "ops@example.org"), "alarm-2", "ALARM")
    wait_for("a failure", 15, lambda: clear.stats("EMAIL")["retried"])
    equal(len(sink.mails), 1, "mails: one went without encryption")
    ended_well(clear)
    sink.close()

    cert = certificate(env)
    sink = Sink(cert)
    wrong = Probe(env, "wrong", f"smtp_url=smtp://127.0.0.1:{sink.port}", "smtp_user=auspex", "starttls",
                  "smtp_password=wrong", "ca_file=" + cert[0])
    wrong.queue(wrong.method("ops", "EMAIL", "ops@example.org"), "alarm-3", "ALARM")
    wait_for("a failure", 15, lambda: wrong.stats("EMAIL")["retried"])
    equal((wrong.stats("EMAIL")["failed"], wrong.stats("EMAIL")["waiting"]), (0, 1), "a wrong password is no refusal")
    ended_well(wrong)
    sink.close()


def test_from_a_sample_to_mail_alertmanager_and_script(env, _):
    needs_mail()
    cert, hook = certificate(env), Webhook()
    sink, manager = Sink(cert), Alertmanager(env, hook)
    password, scripts = os.path.join(env.dir, "password"), os.path.join(env.dir, "scripts")
    with open(password, "w", encoding="ascii") as f:
        f.write("s3cret\n")
    os.mkdir(scripts)
    with open(os.path.join(scripts, "keep"), "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\ncat >>{env.dir}/told/kept\n")
    os.chmod(os.path.join(scripts, "keep"), 0o755)
    os.mkdir(os.path.join(env.dir, "told"))
    os.chmod(os.path.join(env.dir, "told"), 0o777)          # the server may have become another user
    server = env.server("whole", args=[
        "--smtp-url", f"smtp://127.0.0.1:{sink.port}", "--smtp-user", "auspex", "--smtp-password-file", password,
        "--smtp-starttls", "--notify-ca", cert[0], "--mail-from", "auspex@example.org", "--script-dir", scripts,
        "--url", "https://auspex.example"])
    text = {"Content-Type": "application/json"}

    def post(path, what):
        status, body = server.http("/v2.0" + path, json.dumps(what).encode(), text)
        check(status in (201, 204), f"POST {path}: {status} {body!r}")
        return json.loads(body) if body else None

    def send(value):
        post("/metrics", {"name": "level", "dimensions": {"hostname": "web1"}, "value": value,
                          "timestamp": int(time.time() * 1000)})
    methods = [post("/notification-methods", {"name": kind, "type": kind, "address": address})["id"]
               for kind, address in (("EMAIL", "ops@example.org"), ("ALERTMANAGER", manager.url), ("SCRIPT", "keep"))]
    post("/alarm-definitions", {"name": "too high", "expression": "last(level) > 9", "severity": "HIGH",
                                "match_by": ["hostname"], "alarm_actions": methods, "ok_actions": methods})
    send(10)
    wait_for("the mail", 15, lambda: sink.mails)
    equal(sink.mails[0][1]["Subject"], 'ALARM HIGH "too high" for Host: web1', "subject")
    alarm = server.get("/v2.0/alarms")["elements"][0]["id"]
    alert = wait_for("the alert", 10, lambda: manager.alerts()[alarm])
    equal(alert["generatorURL"], f"https://auspex.example/v2.0/alarms/{alarm}", "generatorURL")
    kept = os.path.join(env.dir, "told", "kept")
    wait_for("the script", 10, lambda: os.path.exists(kept) and "too high" in open(kept, encoding="utf-8").read())
    server.process.kill()
    server.start()
    send(1)
    wait_for("the mail of the end", 15,          # the first may come twice: it is sent at least once
             lambda: sink.mails[-1][1]["Subject"] == 'OK HIGH "too high" for Host: web1')
    wait_for("the resolved alert", 10, lambda: hook.got and hook.got[-1]["status"] == "resolved")
    check("s3cret" not in server.process.said(), "a secret in the log")
    sink.close()
    hook.close()
