# SPDX-License-Identifier: Apache-2.0
"""HTTPS: whom the server and its clients trust, certificates instead of tokens, files that are renewed
while it runs, and files that cannot be used."""
import base64
import json
import os
import shutil
import signal
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request

from harness import Failure, Server, Skip, auspex, binary, check, equal, free_port, run, wait_for


class Authority:
    """A CA of the test's own, made with openssl."""

    def __init__(self, directory, name="ca"):
        self.dir = directory
        self.cert, self.key = self.path(name + ".pem"), self.path(name + ".key")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                     "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def path(self, name):
        return os.path.join(self.dir, name)

    def openssl(self, *arguments):
        status, out, err = run(["openssl", *arguments])
        check(status == 0, f"openssl {' '.join(arguments)}: {err}")
        return out

    def sign(self, name, extensions, days=10, key=None):
        """(certificate, key): for another key with `key`, over since yesterday with days < 0."""
        cert, own = self.path(name + ".pem"), key or self.path(name + ".key")
        request, ext = self.path(name + ".csr"), self.path(name + ".ext")
        with open(ext, "w") as f:
            f.write(extensions)
        if not key:
            self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", own)
        self.openssl("req", "-new", "-key", own, "-subj", f"/CN={name}", "-out", request)
        if days > 0:
            self.openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                         "-days", str(days), "-extfile", ext, "-out", cert)
        else:                               # only `openssl ca` signs into the past
            config, database = self.path("ca.conf"), self.path("index.txt")
            open(database, "w").close()
            with open(config, "w") as f:
                f.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={self.dir}\nserial={self.path('n')}\n"
                        "default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n")
            self.openssl("ca", "-batch", "-config", config, "-cert", self.cert, "-keyfile", self.key, "-in", request,
                         "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-extfile", ext,
                         "-notext", "-out", cert)
        return cert, own

    def server(self, name, **more):
        return self.sign(name, "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n", **more)

    def client(self, name, **more):
        return self.sign(name, "extendedKeyUsage=clientAuth\n", **more)


def fingerprint(cert):
    status, out, err = run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", cert])
    check(status == 0, err)
    return out.strip().split("=")[1]


class Https(Server):
    """A server that is asked by HTTPS."""

    def __init__(self, env, ca, **options):
        self.ca = ca
        super().__init__(env, **options)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def http(self, path, body=None, headers=None, method=None, timeout=30, pair=None):
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {}, method=method)
        context = ssl.create_default_context(cafile=self.ca)
        if pair:
            context.load_cert_chain(*pair)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()

    def admin(self, *arguments):
        status, out, err = auspex("admin", *arguments, "--data", self.data)
        check(status == 0, f"admin {' '.join(arguments)}: {err}")
        return out.strip()

    def curl(self, *arguments, path="/-/ready"):
        status, out, err = run(["curl", "-sS", "-m", "10", *arguments, self.url + path])
        return status, out, err


class Given:
    pass


def setup(env):
    if not shutil.which("openssl") or not shutil.which("curl"):
        raise Skip("no openssl or no curl here (tools/install-deps test)")
    g = Given()
    g.ca, g.other = Authority(env.dir), Authority(env.dir, "other-ca")
    g.cert, g.key = g.ca.server("server")
    g.data = os.path.join(env.dir, "server-data")
    status, out, err = auspex("admin", "token", "add", "--data", g.data, "--tenant", "acme", "--role", "member")
    check(status == 0, err)
    g.token = out.strip()
    g.pair = g.ca.client("web1")
    g.server = Https(env, g.ca.cert, data=g.data, args=[
        "--auth", "token", "--tls-cert", g.cert, "--tls-key", g.key, "--tls-client-ca", g.ca.cert])
    return g


def serves(given, *more):
    """What a server with these flags says instead of starting."""
    status, out, err = run([binary(), "serve", "--listen", f"127.0.0.1:{free_port()}", "--data",
                            os.path.join(given.ca.dir, "never"), *more])
    check(status == 2, f"{more}: {status} {out}{err}")
    return err


def test_the_server_is_trusted_by_its_ca_alone(env, given):
    s = given.server
    equal(s.curl("--cacert", given.ca.cert)[:2], (0, "auspex is well\n"), "with its CA")
    equal(s.curl()[0], 60, "with the system's CAs")
    equal(s.curl("--cacert", given.other.cert)[0], 60, "with another CA")
    equal(s.curl("--cacert", given.ca.cert, "--tlsv1.3")[0], 0, "TLS 1.3")
    equal(s.curl("--cacert", given.ca.cert, "--tls-max", "1.2")[0], 0, "TLS 1.2")
    check(s.curl("--cacert", given.ca.cert, "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0")[0] == 35, "TLS 1.1")


def test_plain_http_gets_nothing(env, given):
    status, out, err = run(["curl", "-sS", "-m", "10", given.server.url.replace("https", "http") + "/-/ready"])
    check(status in (52, 56) and out == "", f"{status} {out} {err}")
    for junk in (b"", b"GET / HTTP/1.0\r\n\r\n", os.urandom(300), b"\x16\x03\x01\xff\xff" + os.urandom(500)):
        with socket.create_connection(("127.0.0.1", given.server.port), timeout=5) as c:
            c.sendall(junk)
    silent = [socket.create_connection(("127.0.0.1", given.server.port), timeout=5) for _ in range(50)]
    for i in range(20):                         # whichever thread they fell to
        equal(given.server.http("/-/ready", timeout=5)[0], 200, "beside handshakes that never come")
    for c in silent:
        c.close()


def test_tokens_pass_and_links_say_https(env, given):
    s = given.server
    equal(s.http("/v2.0/metrics")[0], 401, "without credentials")
    now = int(time.time() * 1000)
    body = json.dumps({"name": "over.tls", "timestamp": now, "value": 1}).encode()
    h = {"X-Auth-Token": given.token, "Content-Type": "application/json"}
    equal(s.http("/v2.0/metrics", body, h), (204, b""), "posting")
    status, body = s.http("/v2.0/metrics?limit=1", headers={**h, "X-Forwarded-Proto": "gopher"})
    equal(status, 200, body)
    equal(json.loads(body)["links"][0]["href"], s.url + "/v2.0/metrics?limit=1", "the link to itself")
    status, out, err = run(["curl", "-sS", "--unix-socket", os.path.join(s.data, "auspex.sock"),
                            "http://localhost/v2.0/metrics"])
    check(status == 0 and '"href":"http://localhost/v2.0/metrics"' in out, f"the unix socket is plain: {out}{err}")


def test_monascas_command_speaks_https(env, given):
    if not shutil.which("monasca"):
        raise Skip("no monasca command here (tools/install-deps test)")
    s = given.server

    def monasca(ca, *arguments):
        return run(["monasca", "--os-auth-type", "admin_token", "--os-token", given.token,
                    "--os-endpoint", s.url + "/v2.0", "--monasca-api-url", s.url + "/v2.0", *arguments],
                   env={**os.environ, "OS_CACERT": ca})
    now = str(int(time.time() * 1000))
    status, out, err = monasca(given.ca.cert, "metric-create", "cli.tls", "3.5", "--time", now)
    equal(status, 0, f"{out}{err}")
    status, out, err = monasca(given.ca.cert, "measurement-list", "cli.tls", "-5", "--json")
    equal((status, [m[1] for m in json.loads(out)[0]["measurements"]]), (0, [3.5]), f"what was sent: {err}")
    status, out, err = monasca(given.other.cert, "metric-list")
    check(status != 0 and "ertificate" in out + err, f"with another CA: {status} {out}{err}")


def test_the_commands_speak_https(env, given):
    s = given.server
    token_file = os.path.join(env.dir, "token")
    with open(token_file, "w") as f:
        f.write(given.token + "\n")
    flags = ["--server", s.url, "--token-file", token_file]
    status, out, err = auspex("query", "vector(7)", *flags, "--ca-file", given.ca.cert)
    check(status == 0 and "7" in out, f"{status} {out}{err}")
    status, out, err = auspex("query", "vector(7)", *flags)
    check(status == 1 and "not to be trusted" in err and "--ca-file" in err, f"{status} {out}{err}")
    status, out, err = auspex("query", "vector(7)", *flags, "--ca-file", "/nowhere.pem")
    check(status == 1 and "--ca-file" in err, f"{status} {out}{err}")
    status, out, err = auspex("query", "vector(7)", *flags, "--cert", given.cert)
    check(status == 2 and "go together" in err, f"{status} {out}{err}")


# ---- certificates instead of tokens ----

def test_a_certificate_stands_for_a_token(env, given):
    s = given.server
    status, body = s.http("/api/v1/query?query=1", pair=given.pair)
    check(status == 401 and b"client certificate is not valid (unknown" in body, f"not added yet: {status} {body}")
    s.admin("cert", "add", "--fingerprint", fingerprint(given.pair[0]), "--tenant", "team", "--role", "member",
            "--name", "web1")
    wait_for("the server to know it", 5, lambda: s.http("/api/v1/query?query=1", pair=given.pair)[0] == 200)
    body = json.dumps({"name": "by.certificate", "timestamp": int(time.time() * 1000), "value": 1}).encode()
    equal(s.http("/v2.0/metrics", body, {"Content-Type": "application/json"}, pair=given.pair)[0], 204, "posting")
    names = [e["name"] for e in json.loads(s.http("/v2.0/metrics", pair=given.pair)[1])["elements"]]
    equal(names, ["by.certificate"], "its tenant's alone")
    equal(s.http("/api/v1/query?query=1", headers={"X-Scope-OrgID": "acme"}, pair=given.pair)[0], 403, "another tenant's")
    status, body = s.http("/v2.0/metrics", headers={"X-Auth-Token": given.token}, pair=given.pair)
    check(status == 200 and b"over.tls" in body, "a token counts more")
    equal(s.http("/api/v1/query?query=1", headers={"X-Auth-Token": "axt_" + "x" * 43}, pair=given.pair)[0], 401,
          "a wrong token, too")
    for version in ("1.2", "1.3"):
        status, out, err = s.curl("--cacert", given.ca.cert, "--cert", given.pair[0], "--key", given.pair[1],
                                  "--tls-max", version, path="/api/v1/query?query=1")
        check(status == 0 and '"success"' in out, f"TLS {version}: {status} {out}{err}")
    status, out, err = auspex("query", "vector(1)", "--server", s.url, "--ca-file", given.ca.cert,
                              "--cert", given.pair[0], "--key", given.pair[1])
    check(status == 0, f"auspex query with it: {err}")


def test_pages_of_others_cannot_use_a_browsers_certificate(env, given):
    s = given.server
    body = json.dumps({"name": "by.page", "timestamp": int(time.time() * 1000), "value": 1}).encode()
    h = {"Content-Type": "application/json"}
    status, said = s.http("/v2.0/metrics", body, {**h, "Origin": "https://evil.example"}, pair=given.pair)
    check(status == 401 and b"its own pages" in said, f"another's: {status} {said}")
    equal(s.http("/api/v1/import", b"", {"Origin": "https://evil.example"}, pair=given.pair)[0], 403, "another's")
    equal(s.http("/v2.0/metrics", body, {**h, "Origin": s.url}, pair=given.pair)[0], 204, "our own")
    equal(s.http("/v2.0/metrics", body, {**h, "Origin": "https://evil.example", "X-Auth-Token": given.token})[0], 204,
          "a token is not sent by itself")


def test_a_fingerprint_is_no_token(env, given):
    """It is no secret: whoever has the certificate, and not its key, has nothing."""
    s = given.server
    shown = fingerprint(given.pair[0])
    for word in (shown, shown.replace(":", "").lower(), "axt_" + shown.replace(":", "")[:43]):
        equal(s.http("/api/v1/query?query=1", headers={"X-Auth-Token": word})[0], 401, word)
    with open(given.pair[0]) as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    basic = base64.b64encode(b"x:" + der).decode()
    equal(s.http("/api/v1/query?query=1", headers={"Authorization": "Basic " + basic})[0], 401, "its bytes")


def test_other_certificates_are_refused(env, given):
    s = given.server
    foreign, expired = given.other.client("foreign"), given.ca.client("late", days=-1)
    for_servers = given.ca.server("not-a-client")
    for pair in (foreign, expired, for_servers):
        s.admin("cert", "add", "--fingerprint", fingerprint(pair[0]), "--tenant", "team", "--role", "member")
    wait_for("the server to know them", 5, lambda: len(json.loads(s.admin("cert", "list", "--json"))["tokens"]) == 4)
    time.sleep(1)
    for pair, why in ((foreign, "issuer is unknown"), (expired, "expired"), (for_servers, "purpose")):
        status, out, err = s.curl("--cacert", given.ca.cert, "--cert", pair[0], "--key", pair[1],
                                  path="/api/v1/query?query=1")
        check(status == 0 and "not accepted" in out and why in out, f"{pair[0]}: {status} {out}{err}")
        equal(s.http("/api/v1/query?query=1", headers={"X-Auth-Token": given.token}, pair=pair)[0], 200,
              "a token helps")
    status, body = s.http("/api/v1/query?query=1")
    check(status == 401 and b"wants to know who asks" in body, f"without one: {status} {body}")


def test_certificates_are_listed_and_revoked(env, given):
    s = given.server
    listed = json.loads(s.admin("cert", "list", "--json"))["tokens"]
    mine = next(t for t in listed if t["name"] == "web1")
    equal(mine["fingerprint"], fingerprint(given.pair[0]).replace(":", "").lower(), "the fingerprint")
    equal([t["fingerprint"] for t in json.loads(s.admin("token", "list", "--json"))["tokens"]], [""], "tokens alone")
    status, _, err = auspex("admin", "cert", "add", "--data", s.data, "--fingerprint", mine["fingerprint"],
                            "--tenant", "team", "--role", "reader")
    check(status == 1 and "in force already" in err, f"twice: {err}")
    status, _, err = auspex("admin", "cert", "add", "--data", s.data, "--fingerprint", "12:34", "--tenant", "team",
                            "--role", "reader")
    check(status == 1 and "no SHA-256 fingerprint" in err, f"too short: {err}")
    s.admin("cert", "revoke", str(mine["id"]))
    wait_for("the server to know", 5, lambda: s.http("/api/v1/query?query=1", pair=given.pair)[0] == 401)
    s.admin("cert", "add", "--fingerprint", fingerprint(given.pair[0]), "--tenant", "team", "--role", "agent",
            "--name", "web1")
    wait_for("the server to know", 5, lambda: s.http("/api/v1/query?query=1", pair=given.pair)[0] == 403)


def test_a_collector_sends_with_a_certificate(env, given):
    s = given.server
    host = env.process("host", [binary(), "host", "--server", s.url, "--data", os.path.join(env.dir, "host-data"),
                                "--interval", "1s", "--libvirt", "none", "--ca-file", given.ca.cert,
                                "--cert", given.pair[0], "--key", given.pair[1]])
    reader = auspex("admin", "token", "add", "--data", s.data, "--tenant", "team", "--role", "reader")[1].strip()
    h = {"X-Auth-Token": reader}
    wait_for("its samples", 20, lambda: b'"value"' in s.http("/api/v1/query?query=node_load1", headers=h)[1])
    check(b'"kind":"host"' in s.http("/auspex/v1/resources", headers=h)[1], "its host")
    host.stop()
    wrong = env.process("wrong-host", [binary(), "host", "--server", s.url, "--data", os.path.join(env.dir, "w-data"),
                                       "--interval", "1s", "--libvirt", "none", "--ca-file", given.other.cert])
    wait_for("it to say that it does not trust the server", 10, lambda: "ertificate" in wrong.said())
    wrong.stop()
    for flag in ("--ca-file", "--cert"):
        files = [flag, "/nowhere.pem"] + (["--key", given.key] if flag == "--cert" else [])
        status, _, err = auspex("host", "--server", s.url, "--data", os.path.join(env.dir, "w-data"), *files)
        check(status == 2 and "cannot read /nowhere.pem" in err, f"{flag}: {status} {err}")


# ---- files ----

def test_files_that_cannot_be_used_are_named(env, given):
    locked = os.path.join(env.dir, "locked.key")
    given.ca.openssl("pkey", "-in", given.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    other_key = given.ca.server("another")[1]
    for more, why in (
            (["--tls-cert", given.cert], "--tls-cert and --tls-key go together"),
            (["--tls-key", given.key], "--tls-cert and --tls-key go together"),
            (["--tls-client-ca", given.ca.cert], "--tls-client-ca wants --tls-cert"),
            (["--tls-cert", given.cert, "--tls-key", given.key, "--tls-client-ca", given.ca.cert], "wants --auth"),
            (["--tls-cert", "/nowhere.pem", "--tls-key", given.key], "/nowhere.pem: No such file"),
            (["--tls-cert", given.cert, "--tls-key", "/nowhere.key"], "/nowhere.key: No such file"),
            (["--tls-cert", given.key, "--tls-key", given.key], "server.key: no certificate in PEM form"),
            (["--tls-cert", given.cert, "--tls-key", given.cert], "server.pem: no private key in PEM form"),
            (["--tls-cert", given.cert, "--tls-key", other_key], "is not the key of the certificate in"),
            (["--tls-cert", given.cert, "--tls-key", locked], "the key has a passphrase"),
            (["--auth", "token", "--tls-cert", given.cert, "--tls-key", given.key, "--tls-client-ca", given.key],
             "server.key: no certificate in PEM form")):
        said = serves(given, *more)
        check(why in said, f"{more}: {said}")


def test_an_expired_certificate_is_told_and_no_reason_to_be_away(env, given):
    late, late_key = given.ca.server("late-server", days=-1)
    port = free_port()
    process = env.process("late", [
        binary(), "serve", "--listen", f"127.0.0.1:{port}", "--data", os.path.join(env.dir, "late-data"),
        "--tls-cert", late, "--tls-key", late_key])
    wait_for("it to listen", 30, lambda: "listening on https" in process.said())
    check("late-server.pem: the certificate expired" in process.said(), process.said())
    context = ssl.create_default_context(cafile=given.ca.cert)
    try:
        context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
        raise Failure("a client took the expired certificate")
    except ssl.SSLCertVerificationError:
        process.stop()


def test_a_renewed_certificate_is_taken_on_sighup(env, given):
    s = given.server

    def shown():
        with socket.create_connection(("127.0.0.1", s.port), timeout=5) as raw:
            with ssl.create_default_context(cafile=given.ca.cert).wrap_socket(raw, server_hostname="localhost") as c:
                return c.getpeercert(binary_form=True)
    before = shown()
    context = ssl.create_default_context(cafile=given.ca.cert)
    old = context.wrap_socket(socket.create_connection(("127.0.0.1", s.port)), server_hostname="localhost")
    os.chmod(given.key, 0o644)                  # the server may have become another user
    renewed, key = given.ca.server("renewed", days=20)
    shutil.copyfile(renewed, given.cert)
    s.process.child.send_signal(signal.SIGHUP)  # the key is still the old one: half of a renewal
    wait_for("the refusal", 5, lambda: "stays the one before: " in s.process.said() and
             "is not the key of the certificate" in s.process.said())
    equal(shown(), before, "after half of a renewal")
    shutil.copyfile(key, given.key)
    s.process.child.send_signal(signal.SIGHUP)
    wait_for("the new one", 5, lambda: shown() != before)
    old.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    check(b"auspex is well" in old.recv(4096) + old.recv(4096), "a connection of before goes on")
    old.close()
    provider = s.admin("token", "add", "--role", "provider")
    h = {"X-Auth-Token": provider}
    wait_for("the token", 5, lambda: s.http("/metrics", headers=h)[0] == 200)
    metrics = s.http("/metrics", headers=h)[1].decode()
    end = float(next(line.split()[1] for line in metrics.splitlines()
                     if line.startswith("auspex_tls_certificate_expires_timestamp_seconds ")))
    check(abs(end - time.time() - 20 * 86400) < 3600, f"/metrics tells its end: {end}")


def test_other_cas_of_clients_are_taken_on_sighup(env, given):
    """Who signs clients' certificates changes while the server runs; a file that is none changes nothing."""
    ca = os.path.join(env.dir, "clients.pem")
    shutil.copyfile(given.ca.cert, ca)
    s = Https(env, given.ca.cert, name="changing", args=["--auth", "token", "--tls-cert", given.cert, "--tls-key", given.key,
                                                         "--tls-client-ca", ca])
    others = given.other.client("of-another")
    for pair in (given.pair, others):
        s.admin("cert", "add", "--fingerprint", fingerprint(pair[0]), "--tenant", "team", "--role", "reader")

    def may(pair, *more):
        status, out, err = s.curl("--cacert", given.ca.cert, "--cert", pair[0], "--key", pair[1], *more,
                                  path="/api/v1/query?query=1")
        equal(status, 0, err)
        return '"success"' in out
    wait_for("the server to know them", 5, lambda: may(given.pair))
    check(not may(others), "another CA's")
    with open(ca, "w") as f:
        f.write("nothing of the kind")
    os.chmod(ca, 0o644)
    s.process.child.send_signal(signal.SIGHUP)
    wait_for("the refusal", 5, lambda: "clients.pem: no certificate" in s.process.said())
    check(may(given.pair) and not may(others), "after a file that is none")
    shutil.copyfile(given.other.cert, ca)
    s.process.child.send_signal(signal.SIGHUP)
    wait_for("the other CA", 5, lambda: may(others))
    for version in ("1.2", "1.3"):
        check(may(others, "--tls-max", version) and not may(given.pair, "--tls-max", version), version)
    s.process.stop()


def test_run_hands_sighup_on(env, given):
    port, data = free_port(), os.path.join(env.dir, "run-data")
    process = env.process("run", [binary(), "run", "--listen", f"127.0.0.1:{port}", "--data", data, "--libvirt", "none",
                                  "--tls-cert", given.cert, "--tls-key", given.key])
    wait_for("it to listen", 20, lambda: f"https://127.0.0.1:{port}/" in process.said() and
             "listening" in process.said())
    process.child.send_signal(signal.SIGHUP)
    wait_for("the certificate to be read again", 5, lambda: "new connections get the certificate" in process.said())
    check(process.alive(), "it goes on")
    status, out, err = run(["curl", "-sS", "--cacert", given.ca.cert, f"https://127.0.0.1:{port}/-/ready"])
    equal((status, out), (0, "auspex is well\n"), err)
    equal(process.stop(), 0, "the end")
    check("ended" not in process.said().split("new connections")[1].split("ending")[0], "nothing died of it")


def test_many_speak_at_once(env, given):
    """Handshakes, kept connections, large bodies and suspended ones, with reloads in between."""
    s, faults = given.server, []
    metrics = [{"name": f"many.m{i}", "timestamp": int(time.time() * 1000), "value": i} for i in range(2000)]
    body = json.dumps(metrics).encode()
    h = {"X-Auth-Token": given.token, "Content-Type": "application/json"}

    def speak():
        try:
            for _ in range(10):
                status, said = s.http("/v2.0/metrics", body, h)
                check(status == 204, f"{status} {said}")
                status, said = s.http("/v2.0/metrics", headers=h)
                check(status == 200 and said.count(b'"name":"many') == 2000, f"{status} {len(said)}")
        except (OSError, Failure) as e:
            faults.append(str(e))
    threads = [threading.Thread(target=speak) for _ in range(8)]
    for t in threads:
        t.start()
    for _ in range(10):
        s.process.child.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    for t in threads:
        t.join()
    equal(faults, [], "faults")
    equal(s.process.stop(), 0, "the end")
    check("Sanitizer" not in s.process.said(), "quiet")


def test_tokens_in_the_clear_are_warned_of(env, given):
    port = free_port()
    process = env.process("clear", [binary(), "serve", "--listen", f"0.0.0.0:{port}", "--auth", "token", "--data",
                                    os.path.join(env.dir, "clear-data")])
    wait_for("the warning", 10, lambda: "in the clear" in process.said() and "listening" in process.said())
    process.stop()
    process = env.process("not-clear", [binary(), "serve", "--listen", f"0.0.0.0:{port}", "--auth", "token", "--data",
                                        os.path.join(env.dir, "clear-data"), "--tls-cert", given.cert,
                                        "--tls-key", given.key])
    wait_for("it to listen", 10, lambda: "listening on https" in process.said())
    check("in the clear" not in process.said(), "no warning with TLS")
    process.stop()
