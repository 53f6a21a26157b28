# SPDX-License-Identifier: Apache-2.0
"""Tokens of a real Keystone: its projects are tenants, its roles say what one may."""
import json
import os
import shutil
import time

from harness import Server, Skip, auspex, check, equal, run, wait_for
from keystone import Keystone, TlsProxy
from monasca_walk import Walk, Webhook

ROLES = {"alice": "monasca-user", "rita": "monasca-read-only-user", "agnes": "monasca-agent", "dora": "admin",
         "pam": "auspex-provider", "norah": "nothing-to-us"}


def ask(server, path, token, method="GET", tenant=None, body=None):
    headers = {"X-Auth-Token": token, **({"X-Tenant-Id": tenant} if tenant else {})}
    return server.http(path, body, headers, method)[0]


def write(server, token, name, tenant=None):
    headers = {"X-Auth-Token": token, **({"X-Tenant-Id": tenant} if tenant else {})}
    return server.write([({"__name__": name}, [(int(time.time() * 1000), 1)])], headers)[0]


def series(server, token, tenant=None):
    headers = {"X-Auth-Token": token, **({"X-Tenant-Id": tenant} if tenant else {})}
    status, body = server.http("/api/v1/label/__name__/values", headers=headers)
    equal(status, 200, f"names: {body[:200]!r}")
    return json.loads(body)["data"]


def setup(env):
    began = time.monotonic()
    env.keystone = k = Keystone(env)
    env.took = time.monotonic() - began
    k.project("demo"), k.project("service")
    k.user("auspex", "service-pw", "service", "admin")
    env.demo, env.other = k.project("demo"), k.project("other")
    for name, role in ROLES.items():
        k.user(name, "pw-of-" + name, "demo", role)
    k.user("olga", "pw-of-olga", "other", "monasca-user")
    env.token = {name: k.token(name, "pw-of-" + name, "demo") for name in ROLES}
    env.token["olga"] = k.token("olga", "pw-of-olga", "other")
    secret = os.path.join(env.dir, "keystone-password")
    with open(secret, "w") as f:
        f.write("service-pw\n")
    os.chmod(secret, 0o600)
    env.options = ["--auth", "keystone", "--keystone-url", f"http://127.0.0.1:{k.port}",
                   "--keystone-password-file", secret, "--notify-local"]
    return env.server(args=env.options)


def test_roles_of_keystone(env, server):
    env.note(f"Keystone was up after {env.took:.1f} s")
    may = {"alice": (204, 200, 403), "rita": (403, 200, 403), "agnes": (204, 403, 403), "dora": (204, 200, 403),
           "pam": (204, 200, 200), "norah": (403, 403, 403)}
    for name, wanted in may.items():
        got = (write(server, env.token[name], "by_" + name), ask(server, "/api/v1/labels", env.token[name]),
               ask(server, "/metrics", env.token[name]))
        equal(got, wanted, f"{name}, {ROLES[name]}: write, read, the server's own metrics")


def test_whoami_asks_keystone(env, server):
    """As the dashboard does with the token that somebody pastes."""
    def whoami(token):
        status, body = server.http("/auspex/v1/whoami", headers={"Authorization": "Bearer " + token})
        equal(status, 200, "whoami")
        return json.loads(body)
    alice, agnes = whoami(env.token["alice"])["who"], whoami(env.token["agnes"])["who"]
    equal((alice["tenant"], alice["roles"], alice["may"]), (env.demo, ["member"], ["read", "write", "define", "consent"]),
          "alice")
    equal((agnes["roles"], agnes["may"]), (["agent"], ["write", "collect"]), "agnes")
    nobody = whoami("gAAAAA-nothing")
    check(nobody["asked"] and nobody["who"] is None and nobody["why"], f"{nobody}")


def test_projects_are_tenants(env, server):
    equal(write(server, env.token["olga"], "of_other"), 204, "a write")
    equal(series(server, env.token["olga"]), ["of_other"], "other sees")
    check("of_other" not in series(server, env.token["rita"]), "demo sees its own")
    equal(ask(server, "/api/v1/labels", env.token["alice"], tenant=env.other), 403, "a member for another project")
    equal(write(server, env.token["dora"], "for_other", env.other), 204, "an admin posts for another project")
    equal(series(server, env.token["olga"]), ["for_other", "of_other"], "other sees")
    equal(series(server, env.token["pam"], env.other), ["for_other", "of_other"], "the provider sees")


def command(env, user, project, *words):
    """The real `monasca` command as a user of Keystone, which finds us in the catalogue."""
    return run(["monasca", *words], env={
        **os.environ, "OS_USERNAME": user, "OS_PASSWORD": "pw-of-" + user, "OS_PROJECT_NAME": project,
        "OS_AUTH_URL": env.keystone.url, "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default"})


def test_the_monasca_command_finds_us_in_the_catalogue(env, server):
    if not shutil.which("monasca"):
        raise Skip("no monasca command here (tools/install-deps test)")
    env.keystone.service("monasca", "monitoring", server.url + "/v2.0")

    def monasca(user, project, *arguments):
        status, out, err = command(env, user, project, *arguments)
        return status == 0, out + err

    equal(monasca("alice", "demo", "metric-create", "of.alice", "1", "--dimensions", "hostname=h")[0], True, "a user creates")
    equal(monasca("agnes", "demo", "metric-create", "of.agnes", "1")[0], True, "an agent creates")
    equal(monasca("rita", "demo", "metric-create", "of.rita", "1")[0], False, "a reader creates")
    fine, out = monasca("rita", "demo", "metric-name-list")
    check(fine and "of.alice" in out and "of.agnes" in out and "of.rita" not in out, f"a reader lists: {out}")
    equal(monasca("agnes", "demo", "metric-name-list")[0], False, "an agent lists")
    fine, out = monasca("olga", "other", "metric-name-list")
    check(fine and "of.alice" not in out, f"another project: {out}")
    equal(monasca("dora", "demo", "metric-create", "of.dora", "1", "--project-id", env.other)[0], True, "an admin for others")
    equal(monasca("alice", "demo", "metric-create", "no", "1", "--project-id", env.other)[0], False, "a user for others")
    fine, out = monasca("olga", "other", "metric-name-list")
    check(fine and "of.dora" in out and "| no " not in out, f"what an admin posted: {out}")
    fine, out = monasca("dora", "demo", "metric-name-list", "--tenant-id", env.other)
    check(fine and "of.dora" in out and "of.alice" not in out, f"an admin reads another project: {out}")


def test_the_monasca_command_does_everything_about_alarms(env, server):
    if not shutil.which("monasca"):
        raise Skip("no monasca command here (tools/install-deps test)")
    hook = Webhook()
    Walk(lambda *words: command(env, "alice", "demo", *words), hook).all()
    equal({got["tenant_id"] for got in hook.got}, {env.demo}, "the tenant is the project's id")
    hook.close()
    status, out, err = command(env, "alice", "demo", "notification-create", "of alice", "EMAIL", "a@b")
    check(status == 0, err)
    for user, project, sees in (("rita", "demo", True), ("olga", "other", False)):
        status, out, err = command(env, user, project, "notification-list")
        check(status == 0 and ("of alice" in out) == sees, f"{user}: {status} {out}{err}")
    for user in ("rita", "agnes", "dora", "norah"):
        status, out, err = command(env, user, "demo", "notification-create", "of " + user, "EMAIL", "a@b")
        check(status != 0, f"{user}, {ROLES[user]}, created a method: {out}")
    status, out, err = command(env, "agnes", "demo", "alarm-list")
    check(status != 0, f"an agent lists alarms: {out}")


def test_a_validation_is_kept(env, server):
    token = env.keystone.token("rita", "pw-of-rita", "demo")
    times = []
    for _ in range(21):
        began = time.monotonic()
        equal(ask(server, "/-/ready", token), 200, "ready")
        equal(ask(server, "/api/v1/labels", token), 200, "status")
        times.append(time.monotonic() - began)
    env.note(f"first {times[0] * 1000:.0f} ms, then {sorted(times[1:])[10] * 1000:.1f} ms")
    check(sorted(times[1:])[10] < times[0], "the second time Keystone is not asked")


def test_what_is_no_token_of_a_project(env, server):
    for token in ("nonsense", env.token["alice"][:-4] + "AAAA", "x" * 5000,
                  env.keystone.token("alice", "pw-of-alice")):
        equal(ask(server, "/api/v1/labels", token), 401, token[:20])
    revoked = env.keystone.token("alice", "pw-of-alice", "demo")
    env.keystone.revoke(revoked)
    equal(ask(server, "/api/v1/labels", revoked), 401, "a revoked one")


def test_tokens_of_our_own_work_beside_it(env, server):
    status, out, err = auspex("admin", "token", "add", "--tenant", env.demo, "--role", "reader", "--data", server.data)
    check(status == 0, err)
    wait_for("the server to know it", 5, lambda: ask(server, "/api/v1/labels", out.strip()) == 200)
    equal(series(server, out.strip()), series(server, env.token["rita"]), "the same tenant's things")


def test_keystone_goes_and_comes_back(env, server):
    fresh = env.keystone.token("rita", "pw-of-rita", "demo")
    env.keystone.stop()
    equal(ask(server, "/api/v1/labels", env.token["rita"]), 200, "a token that is known goes on")
    began = time.monotonic()
    equal(ask(server, "/api/v1/labels", fresh), 503, "one that is not cannot be judged")
    check(time.monotonic() - began < 3, "and is told so soon")
    env.keystone.start()
    wait_for("Keystone to be asked again", 10, lambda: ask(server, "/api/v1/labels", fresh) == 200)


def test_our_own_token_ends(env, server):
    """Whatever the reason: it is refused, and there is another."""
    k = env.keystone
    user = k.do("GET", "/users?name=auspex")["users"][0]["id"]
    for enabled in (False, True):           # ends all tokens that the user has
        k.do("PATCH", f"/users/{user}", {"user": {"enabled": enabled}})
    time.sleep(1.1)                         # Keystone's times are seconds: one of the same second ends too
    equal(ask(server, "/api/v1/labels", k.token("rita", "pw-of-rita", "demo")), 200, "status")


def test_a_service_user_that_may_not_look(env, server):
    secret = os.path.join(env.dir, "rita-password")
    with open(secret, "w") as f:
        f.write("pw-of-rita\n")
    other = Server(env, "other", args=["--auth", "keystone", "--keystone-url", env.keystone.url, "--keystone-user",
                                       "rita", "--keystone-project", "demo", "--keystone-password-file", secret])
    status, body = other.http("/api/v1/labels", headers={"X-Auth-Token": env.token["alice"]})
    check(status == 503 and b"role admin or service" in body, f"{status} {body!r}")


def test_its_certificate_is_looked_at(env, server):
    proxy = TlsProxy(env.dir, env.keystone.port)
    secret = os.path.join(env.dir, "keystone-password")
    options = ["--auth", "keystone", "--keystone-url", f"https://127.0.0.1:{proxy.port}/v3",
               "--keystone-password-file", secret]
    wary = Server(env, "wary", args=options)
    status, body = wary.http("/api/v1/labels", headers={"X-Auth-Token": env.token["alice"]})
    check(status == 503 and b"ertificate" in body, f"{status} {body!r}")
    trusting = Server(env, "trusting", args=[*options, "--keystone-ca", proxy.ca])
    equal(ask(trusting, "/api/v1/labels", env.token["alice"]), 200, "with its certificate")
    proxy.stop()
