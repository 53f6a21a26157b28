# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a real browser: every page opened, charts drawn, nothing in the console; with
real VMs and with 500 more that are only told of. Screenshots go to the artifacts."""
import os
import shutil
import time

from harness import ARTIFACTS, REPO, Failure, Skip, check, run, wait_for

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


def browse(page, server, vms, name):
    shots = os.path.join(ARTIFACTS, "screenshots", name)
    os.makedirs(shots, exist_ok=True)
    status, out, err = run(["node", page, server.url, shots, "--vms", str(vms)], timeout=180)
    if status != 0:
        raise Failure(f"page.mjs {name}: status {status}\n{(out + err)[-3000:]}")
    check(os.listdir(shots), "no screenshot")
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
