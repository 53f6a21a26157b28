# SPDX-License-Identifier: Apache-2.0
"""A guest of libvirt's whose RAM is in pieces, read by the collector each second while a DIMM is
plugged in and taken out."""
import json
import os

from guest import images
from harness import check, equal, wait_for
from shell import Shell

BLOCKS = "/sys/devices/system/memory/memory[0-9]*"
DIMM = "<memory model='dimm'><target><size unit='MiB'>128</size><node>1</node></target></memory>"


class Watched:
    """Two NUMA nodes and a DIMM, all of one size, so that nothing outside tells which is which."""

    def __init__(self, env):
        self.hv, self.server = env.hypervisor(), env.server()
        env.host(self.server, self.hv.uri)
        self.handle = "vm:" + self.hv.start("pieces", wait=False, memory=256, images=images(), control=True, nodes=True)
        wait_for("the guest to boot", 90, lambda: "guest: ready" in self.hv.console("pieces"))
        self.shell = Shell(os.path.join(self.hv.dir, "pieces.control"))
        status, body = self.server.http(f"/auspex/v1/inspection/consent/{self.handle}", b'{"scope": "diagnosis"}',
                                        {"Content-Type": "application/json"}, "PUT")
        check(status == 200, f"consent: {status} {body!r}")

    def total(self):
        return int(self.shell.run("grep MemTotal /proc/meminfo").split()[1]) << 10

    def is_seen(self):
        """In the series, and in a look that somebody asks for, of which nothing is missing."""
        total = self.total()
        wait_for(f"{total} bytes to be seen", 30, lambda: self.server.value(
            f'auspex_vmi_memory_total_bytes{{handle="{self.handle}"}}') == total)
        parts = ["system", "memory", "processes", "network", "storage", "log"]

        def whole():
            status, body = self.server.http(f"/auspex/v1/resources/{self.handle}/inspect", json.dumps(
                {"parts": parts}).encode(), {"Content-Type": "application/json"})
            return status == 200 and not json.loads(body)["missing"] and json.loads(body)
        seen = wait_for("a whole look", 15, whole)
        equal(seen["memory"]["total_bytes"], total, "the guest's memory")
        names = {p["name"] for p in seen["processes"]}
        check({"kthreadd", "sleep"} <= names, f"processes: {names}")

    def dimm(self, what):
        path = os.path.join(self.hv.dir, "dimm.xml")
        with open(path, "w") as f:
            f.write(DIMM)
        before = self.shell.run(f"ls -d {BLOCKS}")
        self.hv.virsh(what, "pieces", path, "--live")
        wait_for("the guest to notice", 20, lambda: self.shell.run(f"ls -d {BLOCKS}") != before)

    def stopped(self):
        return self.shell.run(f"grep -l offline {BLOCKS.replace('[0-9]*', '*/state')} || true").split()


def setup(env):
    return Watched(env)


def test_memory_is_plugged_in_and_taken_out(env, watched):
    watched.shell.begin("sleep 1000")
    watched.is_seen()
    watched.dimm("attach-device")
    for block in watched.stopped():
        watched.shell.run(f"echo online_movable >{block}")
    watched.is_seen()
    watched.dimm("detach-device")
    watched.is_seen()
