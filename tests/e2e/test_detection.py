# SPDX-License-Identifier: Apache-2.0
"""How soon a fault inside a guest that nobody sees from outside is told, with what caused it: the
guest is read by the collector once a second. bench/detection prints the same as a table."""
import json
import os
import time

from guest import images
from harness import check, equal, wait_for
from shell import Shell

# What is aimed at, in seconds. A busy machine may take longer: the tests only fail far beyond it.
GOALS = {"panic": 1, "storage hang": 10, "starvation": 10, "reboot": 2}
PATIENCE = 45


class Watched:
    """A guest whose owner consents, with a shell in it."""

    def __init__(self, env, suite="bookworm"):
        self.hv, self.server = env.hypervisor(), env.server()
        env.host(self.server, self.hv.uri)
        self.handle = "vm:" + self.hv.start("watched", shared=True, wait=False, images=images(suite), control=True)
        self.shell = Shell(os.path.join(self.hv.dir, "watched.control"))
        self.boot(0)
        status, body = self.server.http(f"/auspex/v1/inspection/consent/{self.handle}", b'{"scope": "diagnosis"}',
                                        {"Content-Type": "application/json"}, "PUT")
        check(status == 200, f"consent: {status} {body!r}")
        self.settled()

    def boot(self, times):
        """It is up once more than so many times; when that was seen."""
        wait_for("the guest to boot", 90, lambda: self.hv.console("watched").count("guest: ready") > times, 0.02)
        return time.monotonic()

    def settled(self):
        """Long enough for a sign to be one of what comes now."""
        wait_for("the guest to be read", 20, lambda: self.server.value(f'auspex_vmi_up{{handle="{self.handle}"}}') == 1)
        time.sleep(6)

    def signs(self, what):
        return [e for e in self.server.events(handle=self.handle, limit=100) if (e["type"], e["what"]) == ("guest", what)]

    def told(self, what, before):
        """(when, text) of the first such event that is not one of those before."""
        old = {e["id"] for e in before}
        new = wait_for(f"'{what}' to be told", PATIENCE, lambda: [e for e in self.signs(what) if e["id"] not in old], 0.02)
        return time.monotonic(), new[0]["text"]

    def storage_hang(self):
        """From the first request that is not answered. (seconds, text)"""
        before, well = self.signs("stuck"), self.signs("recovered")
        self.hv.virsh("blkdeviotune", "watched", "vda", "--total-bytes-sec", "1")
        began = time.monotonic()
        self.shell.begin("dd if=/dev/zero of=/data/hangs bs=4k count=4 oflag=direct")
        at, text = self.told("stuck", before)
        self.hv.virsh("blkdeviotune", "watched", "vda", "--total-bytes-sec", "0")
        self.told("recovered", well)
        return at - began, text

    def starvation(self):
        """From the first moment that only one runs. Only a reset ends it. (seconds, text)"""
        before = self.signs("starved")
        self.shell.begin("sh -c 'sleep 1; exec work spin'")
        began = time.monotonic() + 1
        at, text = self.told("starved", before)
        return at - began, text

    def reboot(self):
        """From the kernel's being up, which can be told before; and from the reset. (seconds, seconds)"""
        before, booted = self.signs("rebooted"), self.hv.console("watched").count("guest: ready")
        self.shell.close()
        self.hv.virsh("reset", "watched")
        began = time.monotonic()
        up = self.boot(booted)
        at, _ = self.told("rebooted", before)
        self.settled()
        return max(at - up, 0), at - began

    def start_anew(self):
        """A panicked guest's processors are stopped for good. The console's file begins anew, too."""
        self.shell.close()
        self.hv.virsh("destroy", "watched")
        self.hv.virsh("start", "watched")
        self.boot(0)
        self.settled()

    def panic(self):
        """(seconds, text)"""
        before = self.signs("panicked")
        self.shell.begin("sh -c 'sleep 1; echo c >/proc/sysrq-trigger'")
        began = time.monotonic() + 1
        at, text = self.told("panicked", before)
        return at - began, text


def setup(env):
    return Watched(env)


def note(env, what, seconds):
    env.note(f"told after {seconds:.1f} s (goal {GOALS[what]})")


def test_storage_that_hangs_is_told_with_device_and_stack(env, watched):
    seconds, text = watched.storage_hang()
    check("vda" in text and "dd (pid" in text and "io_schedule" in text, text)
    note(env, "storage hang", seconds)


def test_starvation_is_told_with_its_culprit(env, watched):
    seconds, text = watched.starvation()
    check("spin (pid" in text, text)
    note(env, "starvation", seconds)


def test_a_reboot_is_noticed_and_the_new_kernel_read(env, watched):
    seconds, _ = watched.reboot()
    note(env, "reboot", seconds)


def test_a_panic_is_told_with_its_words(env, watched):
    seconds, text = watched.panic()
    check("Kernel panic - not syncing" in text, text)
    note(env, "panic", seconds)


def test_a_guest_started_anew_is_another(env, watched):
    path = f"/auspex/v1/resources/{watched.handle}/inspect"

    def look():
        status, body = watched.server.http(path, b'{"parts": ["system"]}', {"Content-Type": "application/json"})
        return json.loads(body)["system"] if status == 200 else None
    equal(look()["state"], "panicked", "state")
    watched.start_anew()
    new = look()
    check(new["state"] == "running" and new["uptime_seconds"] < 90, f"the guest before still shows: {new}")
    check("not syncing" in watched.panic()[1], "its panic")
