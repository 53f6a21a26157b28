# SPDX-License-Identifier: Apache-2.0
"""Two libvirtds are two hosts on one server, and the silence of one is not that of the other."""
from harness import check, equal, wait_for


def setup(env):
    server = env.server()
    hosts = {}
    for name in ("alpha", "beta"):
        hv = env.hypervisor(name)
        uuid = hv.start(name + "-vm", wait=False)
        collector = env.host(server, hv.uri, name="host-" + name, args=["--host-id", "e2e-" + name, "--host-name", name])
        hosts[name] = (hv, "vm:" + uuid, collector)
    return server, hosts


def test_each_vm_is_on_its_host(env, given):
    server, hosts = given
    wait_for("both hosts", 30, lambda: {h["handle"] for h in server.resources(kind="host")} == {"host:e2e-alpha", "host:e2e-beta"})
    wait_for("both VMs", 30, lambda: len(server.resources(kind="vm")) == 2)
    for name, (_, handle, _) in hosts.items():
        equal(server.resource(handle)["host"], f"host:e2e-{name}", f"host of {name}-vm")
        equal([v["handle"] for v in server.resources(kind="vm", host=f"host:e2e-{name}")], [handle], f"VMs of {name}")


def test_series_carry_their_host(env, given):
    server, hosts = given
    for name, (_, handle, _) in hosts.items():
        labels = server.query(f'vm_memory_assigned_bytes{{vm_uuid="{handle[3:]}"}}')[0][0]
        check(name in (labels.get("host"), labels.get("instance")), f"{labels} do not name {name}")


def test_a_silent_host_is_down_and_its_neighbour_is_not(env, given):
    server, hosts = given
    hosts["alpha"][2].kill()
    wait_for("alpha to be down", 40, lambda: server.resource("host:e2e-alpha")["state"] == "down", 0.5)
    equal(server.resource("host:e2e-beta")["state"], "up", "beta")
    equal(server.resource(hosts["alpha"][1])["gone"], None, "gone of alpha's VM")
