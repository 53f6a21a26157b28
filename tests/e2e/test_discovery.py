# SPDX-License-Identifier: Apache-2.0
"""VMs appear and vanish without a restart, and their handles answer for ever."""
import time

from harness import check, equal, wait_for

INTERVAL = 1


def setup(env):
    hv, server = env.hypervisor(), env.server()
    env.host(server, hv.uri, interval=f"{INTERVAL}s")
    wait_for("the host to be seen", 20, lambda: server.resources(kind="host"))
    return hv, server


def test_a_vm_appears_within_two_intervals(env, given):
    hv, server = given
    uuid = hv.start("web1", wait=False)
    started = time.monotonic()
    vm = wait_for("web1 to be listed as running", 10, lambda: [
        v for v in server.resources(kind="vm") if v["handle"] == f"vm:{uuid}" and v["state"] == "running"])[0]
    seconds = time.monotonic() - started
    env.note(f"{seconds:.2f} s after its start")
    check(seconds < 2 * INTERVAL + 0.5, f"seen only after {seconds:.1f} s")
    equal(vm["name"], "web1", "name")
    equal(vm["attributes"]["vcpus"], 1, "vcpus")
    equal(vm["attributes"]["memory_bytes"], 160 << 20, "memory_bytes")
    equal(vm["host"], server.resources(kind="host")[0]["handle"], "its host")


def test_its_state_follows(env, given):
    hv, server = given
    handle = "vm:" + hv.virsh("domuuid", "web1")
    for action, state in (("suspend", "paused"), ("resume", "running")):
        hv.virsh(action, "web1")
        wait_for(f"the state {state}", 5, lambda: server.resource(handle)["state"] == state)


def test_a_vm_that_is_off_is_not_gone(env, given):
    hv, server = given
    hv.start("web2")
    handle = "vm:" + hv.virsh("domuuid", "web2")
    hv.virsh("destroy", "web2")
    wait_for("shutoff", 5, lambda: server.resource(handle)["state"] == "shutoff")
    time.sleep(2 * INTERVAL)
    equal(server.resource(handle)["state"], "shutoff", "state")
    equal(server.resource(handle)["gone"], None, "gone")


def test_a_deleted_vm_vanishes_and_its_handle_says_when(env, given):
    hv, server = given
    handle = "vm:" + hv.virsh("domuuid", "web2")
    hv.virsh("undefine", "web2")
    vm = wait_for("it to be gone", 10, lambda: (lambda r: r["gone"] and r)(server.resource(handle)))
    equal(vm["state"], "deleted", "state")
    equal(vm["name"], "web2", "name")
    check(handle not in [v["handle"] for v in server.resources(kind="vm")], "still listed")
    check(handle in [v["handle"] for v in server.resources(kind="vm", gone=1)], "not listed with gone=1")


def test_a_restart_of_the_server_forgets_nothing(env, given):
    hv, server = given
    before = {v["handle"]: v for v in server.resources(gone=1)}
    server.restart()
    after = {v["handle"]: v for v in server.resources(gone=1)}
    equal(sorted(after), sorted(before), "handles")
    for handle, was in before.items():
        for key in ("state", "since", "first_seen", "gone", "name"):
            equal(after[handle][key], was[key], f"{key} of {handle}")


def test_a_handle_that_never_was_is_not_found(env, given):
    _, server = given
    status, body = server.http("/auspex/v1/resources/vm:00000000-0000-0000-0000-000000000000")
    equal(status, 404, "status")
    check(b'"not_found"' in body, f"body {body!r}")
