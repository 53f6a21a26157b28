# SPDX-License-Identifier: Apache-2.0
"""A VM's memory is what virsh says, and the QEMU process's resident memory what /proc says."""
import re
import time

from harness import check, equal, wait_for

# Our series, and the field of virsh dommemstat that it must agree with.
SAME = {
    "vm_memory_assigned_bytes": "actual",
    "vm_memory_guest_visible_bytes": "available",
    "vm_memory_guest_available_bytes": "usable",
    "libvirt_domain_memory_stats_unused_bytes": "unused",
    "libvirt_domain_memory_stats_usable_bytes": "usable",
}
SLACK = 256 << 10


def setup(env):
    hv, server = env.hypervisor(), env.server()
    uuid = hv.start("web1", period=1)
    host = env.host(server, hv.uri)
    wait_for("the guest's memory", 20, lambda: server.query(f'vm_memory_guest_available_bytes{{vm_uuid="{uuid}"}}'))
    return hv, server, uuid, host


def selector(name, uuid):
    key = "vm_uuid" if name.startswith("vm_") else "uuid"
    return f'{name}{{{key}="{uuid}"}}'


def test_figures_agree_with_virsh(env, given):
    hv, server, uuid, _ = given
    seen, until = [], time.monotonic() + 8
    while time.monotonic() < until:
        seen.append(hv.memory("web1"))
        time.sleep(0.3)
    for name, key in SAME.items():
        low, high = min(m[key] for m in seen), max(m[key] for m in seen)
        stored = [v for _, v in server.values(selector(name, uuid) + "[6s]")]
        check(len(stored) >= 4, f"{name}: {len(stored)} samples in 6 s")
        for value in stored:
            check(low - SLACK <= value <= high + SLACK,
                  f"{name}: {value:.0f} is not between virsh's {key} {low} and {high}")
    env.note(f"{len(SAME)} series over {len(seen)} readings")


def test_resident_memory_agrees_with_proc(env, given):
    hv, server, uuid, _ = given

    def resident():
        with open(f"/proc/{hv.qemu_pid('web1')}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) << 10

    before = resident()
    time.sleep(2.5)
    value, after = server.value(f'vm_memory_resident_bytes{{vm_uuid="{uuid}",source="process"}}'), resident()
    check(value is not None, "no vm_memory_resident_bytes from /proc")
    check(min(before, after) - (2 << 20) <= value <= max(before, after) + (2 << 20),
          f"{value:.0f} is not between {before} and {after}")


def test_a_missing_balloon_period_is_told_and_left_alone(env, given):
    hv, server, _, _ = given
    uuid = hv.start("web2", period=None)
    vm = wait_for("the finding", 10, lambda: [
        f for f in server.resource(f"vm:{uuid}")["attributes"]["findings"] if f["code"] == "balloon-period"])
    check(vm[0]["remedy"], "no remedy named")
    check("<stats period" not in hv.virsh("dumpxml", "web2"), "the domain was changed")


def test_the_period_is_set_when_asked_for(env, given):
    hv, server, _, host = given
    host.stop()
    env.host(server, hv.uri, name="host-that-sets", args=["--set-balloon-period"])
    wait_for("the period in the domain", 10, lambda: "<stats period" in hv.virsh("dumpxml", "web2"))
    first = hv.memory("web2")["last_update"]
    wait_for("fresh figures of the guest", 10, lambda: hv.memory("web2")["last_update"] > first)
    handle = "vm:" + hv.virsh("domuuid", "web2")
    wait_for("the finding to go", 10, lambda: not [
        f for f in server.resource(handle)["attributes"]["findings"] if f["code"] == "balloon-period"])
