# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a real browser: every page opened, charts drawn, nothing in the console; with
real VMs and with 500 more that are only told of; signing in where the server asks who comes, and
alarms of definitions. Screenshots go to the artifacts."""
import json
import os
import shutil
import time

from harness import ARTIFACTS, REPO, Failure, Skip, auspex, check, run, wait_for

MANY = 500


def setup(env):
    page = os.path.join(REPO, "web", "test", "page.mjs")
    for needed in (shutil.which("node"), shutil.which("chromium")):
        if not needed:
            raise Skip("needs node and chromium (tools/install-deps test)")
    check(os.path.exists(page), f"no {page}")
    hv, server = env.hypervisor(), env.server()
    env.host(server, hv.uri)
    hv.start("web1")
    uuid = hv.start("leaky", "guest.leak=120", "guest.wait=1")
    wait_for("samples of the VM", 20, lambda: server.query(f'vm_memory_guest_available_bytes{{vm_uuid="{uuid}"}}'))
    wait_for("a forecast to be drawn", 110, lambda: [
        p for p in server.get("/auspex/v1/predictions")["predictions"] if p["handle"] == f"vm:{uuid}"], 1)
    return server, page


def watch(script, server, name, *arguments, **more):
    """What the script told of its steps."""
    shots = os.path.join(ARTIFACTS, "screenshots", name)
    os.makedirs(shots, exist_ok=True)
    status, out, err = run(["node", script, server.url, shots, *arguments], timeout=180, env={**os.environ, **more})
    if status != 0:
        raise Failure(f"{os.path.basename(script)} {name}: status {status}\n{(out + err)[-3000:]}")
    check(os.listdir(shots), "no screenshot")
    return out


def browse(page, server, vms, name):
    out = watch(page, server, name, "--vms", str(vms))
    return f"{out.count('ok ')} steps" + "".join("; " + line for line in out.splitlines() if "quick with many" in line)


def test_pages_open_and_draw(env, given):
    server, page = given
    env.note(browse(page, server, 2, "real"))


def test_with_500_vms(env, given):
    server, page = given
    now = int(time.time() * 1000)
    vms = [{"handle": f"vm:00000000-0000-4000-8000-{i:012d}", "kind": "vm", "name": f"vm-{i:03d}",
            "state": "shutoff" if i % 10 == 0 else "running", "reason": "booted", "since": now - 60_000 * i,
            "attributes": {"uuid": f"00000000-0000-4000-8000-{i:012d}", "hypervisor": "libvirt", "type": "qemu", "vcpus": 1 + i % 8,
                           "memory_bytes": 1 << 30, "balloon_period_seconds": 5, "balloon_driver": True, "guest_agent": "none",
                           "disks": [], "interfaces": [], "findings": []}} for i in range(MANY)]
    host = {"handle": "host:many", "kind": "host", "name": "zz-many", "state": "up", "reason": "", "since": now, "attributes": {
        "hostname": "zz-many", "cpus": 64, "memory_bytes": 1 << 40, "interval_seconds": 60, "findings": [], "collectors": []}}
    server.observe({"time": now, "host": "host:many", "complete": ["vm"], "resources": [host] + vms, "events": []})
    series = []
    for i, vm in enumerate(vms):
        labels = {"vm": vm["name"], "vm_uuid": vm["attributes"]["uuid"], "host": "zz-many"}
        for metric, value in (("vm_memory_assigned_bytes", 1 << 30), ("vm_memory_guest_visible_bytes", 1 << 30),
                              ("vm_memory_guest_available_bytes", (i + 1) << 20), ("vm_memory_resident_bytes", 1 << 29)):
            series.append((dict(labels, __name__=metric), [(now - 15_000 * k, float(value)) for k in range(20, -1, -1)]))
    status, body = server.write(series)
    check(status == 204, f"write: {status} {body[:200]!r}")
    check(server.get("/auspex/v1/resources", kind="vm")["total"] >= MANY, "not all listed")
    env.note(browse(page, server, MANY + 2, "many"))


# ---- a server that asks who comes ----

TENANT, OTHER, PASSWORD = "acme", "zz-other", "a password of ours"
VM_UUID = "00000000-0000-4000-8000-00000000face"
ALARMS = 1000


def keep(server, *arguments):
    status, out, err = auspex("admin", *arguments, "--data", server.data)
    check(status == 0, err)
    return out.strip()


def send(server, token, path, document):
    status, body = server.http(path, json.dumps(document).encode(), {"X-Auth-Token": token, "Content-Type": "application/json"})
    check(status in (200, 201, 204), f"{path}: {status} {body[:300]!r}")
    return json.loads(body) if body else None


def tell_of_vm(server, token, host, name, uuid):
    send(server, token, "/auspex/v1/observations", {
        "time": int(time.time() * 1000), "host": host, "complete": ["vm"], "events": [], "resources": [
            {"handle": f"vm:{uuid}", "kind": "vm", "name": name, "state": "running"}]})


def put(name, value, **dimensions):
    return {"name": name, "value": value, "timestamp": int(time.time() * 1000), "dimensions": dimensions}


def closed_server(env):
    """One with two tenants, users, and many alarms: (server, tokens)."""
    server = env.server("closed", args=["--auth", "token", "--notify-local"])
    secret = os.path.join(env.dir, "secret")
    with open(secret, "w") as f:
        f.write(PASSWORD)
    keep(server, "user", "add", "mary", "--tenant", TENANT, "--role", "member", "--password-file", secret)
    tokens = {role: keep(server, "token", "add", "--role", role, "--tenant", TENANT) for role in ("provider", "member", "agent", "reader")}
    tokens["other"] = keep(server, "token", "add", "--role", "agent", "--tenant", OTHER)
    wait_for("the server to know them", 5, lambda: server.http("/auspex/v1/observations", b"{", {"X-Auth-Token": tokens["other"]})[0] == 400)
    tell_of_vm(server, tokens["agent"], "host:closed", "shop1", VM_UUID)
    tell_of_vm(server, tokens["other"], "host:zz", OTHER, VM_UUID.replace("face", "beef"))
    ops = send(server, tokens["member"], "/v2.0/notification-methods", {"name": "ops", "type": "WEBHOOK", "address": "http://127.0.0.1:9/"})
    send(server, tokens["member"], "/v2.0/alarm-definitions", {
        "name": "shop overloaded", "severity": "CRITICAL", "description": "The shop is slow.", "match_by": ["resource_id"],
        "expression": "max(demo.load{service=shop}) > 90", "alarm_actions": [ops["id"]]})
    send(server, tokens["member"], "/v2.0/alarm-definitions", {
        "name": "queue long", "severity": "LOW", "match_by": ["queue"], "expression": "max(queue.length) > 5"})
    send(server, tokens["agent"], "/v2.0/metrics", [put("demo.load", 1, resource_id=VM_UUID, service="shop")] + [
        put("queue.length", 9 if i % 3 == 0 else 1, queue=f"q{i:04d}", hostname="shop1") for i in range(ALARMS)])

    def alarms():
        _, body = server.http("/v2.0/alarms/count", headers={"X-Auth-Token": tokens["member"]})
        return json.loads(body)["counts"][0][0] == ALARMS + 1
    wait_for("all alarms to be there", 30, alarms)
    return server, tokens


def test_signing_in_and_alarms(env, given):
    _, page = given
    server, tokens = closed_server(env)
    out = watch(os.path.join(os.path.dirname(page), "signin.mjs"), server, "closed", TOKEN=tokens["provider"], AGENT=tokens["agent"],
                READER=tokens["reader"],
                NAME="mary", PASSWORD=PASSWORD, OTHER=OTHER, DEFINITION="shop overloaded", VM_UUID=VM_UUID)
    said = server.process.said()
    check(PASSWORD not in said and "axt_" not in said, "a secret in the log")
    env.note(f"{out.count('ok ')} steps" + "".join("; " + line for line in out.splitlines() if "page by page" in line))
