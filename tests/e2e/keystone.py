# SPDX-License-Identifier: Apache-2.0
"""A real Keystone (Debian's package) on SQLite, in a directory of its own: projects, users, roles
and tokens for tests of what accepts its tokens."""
import base64
import json
import os
import select
import shutil
import socket
import sqlite3
import ssl
import threading
import urllib.error
import urllib.request

from harness import Skip, check, free_port, run, wait_for

CONFIG = """[DEFAULT]
log_file={dir}/keystone.log
[database]
connection=sqlite:///{dir}/keystone.db
[token]
provider=fernet
[fernet_tokens]
key_repository={dir}/fernet
[fernet_receipts]
key_repository={dir}/fernet
[credential]
key_repository={dir}/credential
[identity]
password_hash_rounds=4
"""
ADMIN = "adminpw"


class TlsProxy:
    """HTTPS on loopback in front of a plain port, with a certificate that nobody knows (`ca`)."""

    def __init__(self, folder, to):
        if not shutil.which("openssl"):
            raise Skip("no openssl to make a certificate with")
        self.ca, key = os.path.join(folder, "ca.pem"), os.path.join(folder, "key.pem")
        status, _, err = run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                              "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.ca])
        check(status == 0, f"openssl: {err[-300:]}")
        os.chmod(self.ca, 0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.listener, self.to, self.context = socket.create_server(("127.0.0.1", 0)), to, context
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(plain,), daemon=True).start()

    def carry(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as client, \
                    socket.create_connection(("127.0.0.1", self.to)) as server:
                other = {client: server, server: client}
                while True:
                    ready = [client] if client.pending() else select.select([client, server], [], [], 30)[0]
                    for end in ready:
                        data = end.recv(65536)
                        if not data:
                            return
                        other[end].sendall(data)
        except OSError:                     # a client that does not trust us
            pass

    def stop(self):
        self.listener.close()


class Keystone:
    """Up when it is made. Names are names of the domain Default."""

    def __init__(self, env, name="keystone"):
        if not shutil.which("keystone-manage") or not shutil.which("keystone-wsgi-public"):
            raise Skip("no Keystone here (tools/install-deps test)")
        self.env, self.name = env, name
        self.dir = os.path.join(env.dir, name)
        self.port = free_port()
        self.config = os.path.join(self.dir, "keystone.conf")
        self.process = None
        self.make()
        self.start()
        self.admin = self.token("admin", ADMIN, "admin")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v3"

    def make(self):
        for folder in ("fernet", "credential"):         # as fernet_setup and credential_setup, which
            os.makedirs(os.path.join(self.dir, folder), mode=0o700)     # take two seconds each
            for number in ("0", "1"):
                with open(os.path.join(self.dir, folder, number), "wb") as f:
                    f.write(base64.urlsafe_b64encode(os.urandom(32)))
        with open(self.config, "w") as f:
            f.write(CONFIG.format(dir=self.dir))
        self.manage("db_sync")
        with sqlite3.connect(os.path.join(self.dir, "keystone.db")) as db:
            db.execute("PRAGMA journal_mode=WAL")       # else now and then "database is locked"
        urls = [f"--bootstrap-{kind}-url={self.url}/" for kind in ("public", "internal", "admin")]
        self.manage("bootstrap", "--bootstrap-password", ADMIN, "--bootstrap-username", "admin",
                    "--bootstrap-project-name", "admin", "--bootstrap-role-name", "admin",
                    "--bootstrap-service-name", "keystone", "--bootstrap-region-id", "RegionOne", *urls)

    def manage(self, *arguments):
        status, out, err = run(["keystone-manage", "--config-file", self.config, *arguments], timeout=120)
        check(status == 0, f"keystone-manage {arguments[0]}: {err[-500:] or out[-500:]}")

    def start(self):
        self.process = self.env.process(self.name, [
            "keystone-wsgi-public", "-b", "127.0.0.1", "-p", str(self.port), "--", "--config-file", self.config])
        wait_for("Keystone to answer", 60, lambda: self.call("GET", "/")[0] == 200)

    def stop(self):
        self.process.kill()

    def call(self, method, path, body=None, headers=None):
        """(status, headers, JSON or None)"""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, answer.headers, json.loads(text) if text else None
        except urllib.error.HTTPError as e:
            return e.code, e.headers, None

    def do(self, method, path, body=None):
        """As its administrator; what it answers, or a Failure."""
        status, _, answer = self.call(method, path, body, {"X-Auth-Token": self.admin})
        check(200 <= status < 300, f"Keystone: {method} {path}: {status}")
        return answer

    def token(self, user, password, project=None):
        """A token for a project, or for none."""
        default = {"name": "Default"}
        auth = {"identity": {"methods": ["password"], "password": {
            "user": {"name": user, "domain": default, "password": password}}}}
        if project:
            auth["scope"] = {"project": {"name": project, "domain": default}}
        status, headers, _ = self.call("POST", "/auth/tokens", {"auth": auth})
        check(status == 201, f"Keystone: a token for {user} of {project}: {status}")
        return headers["X-Subject-Token"]

    def revoke(self, token):
        status, _, _ = self.call("DELETE", "/auth/tokens", headers={"X-Auth-Token": self.admin,
                                                                    "X-Subject-Token": token})
        check(status == 204, f"Keystone: revoking: {status}")

    def role(self, name):
        """The role's id; made when it is not there."""
        there = self.do("GET", f"/roles?name={name}")["roles"]
        return (there[0] if there else self.do("POST", "/roles", {"role": {"name": name}})["role"])["id"]

    def project(self, name):
        """The project's id; made when it is not there."""
        there = self.do("GET", f"/projects?name={name}")["projects"]
        return (there[0] if there else
                self.do("POST", "/projects", {"project": {"name": name, "domain_id": "default"}})["project"])["id"]

    def user(self, name, password, project, *roles):
        """A user with these roles in a project; its id."""
        made = self.do("POST", "/users", {"user": {"name": name, "password": password, "domain_id": "default"}})
        user = made["user"]["id"]
        for role in roles:
            self.do("PUT", f"/projects/{self.project(project)}/users/{user}/roles/{self.role(role)}")
        return user

    def service(self, name, kind, url):
        """An entry in the catalogue, by which clients find a service."""
        service = self.do("POST", "/services", {"service": {"name": name, "type": kind}})["service"]["id"]
        self.do("POST", "/endpoints", {"endpoint": {"service_id": service, "interface": "public",
                                                    "region": "RegionOne", "url": url}})
