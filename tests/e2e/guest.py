# SPDX-License-Identifier: Apache-2.0
"""A guest under plain QEMU, in software: any Debian kernel, any way to hold its memory, a shell in
it, and the faults that a look from outside must survive. Made by tests/vmi/build."""
import json
import mmap
import os
import re
import shutil
import socket
import struct
import time

import harness
from harness import Failure, Process, Skip, check, equal, run, wait_for
from shell import Shell

OUT = os.path.join(harness.DEMO, "out", "guests")
COUNTER_MARK = b"AUSPEX COUNTS HERE "
DIMM = 256                                  # MiB of one; Linux takes no less than 128
BAD_STATE = 3                               # exit status of `auspex inspect`: panicked, or tampered with
BLOCKS = "/sys/devices/system/memory"
UNUSED_CALL = 180                           # tests/vmi/module hooks this one


def images(suite="bookworm", flavour="cloud"):
    """The directory of a built guest; built now if it is not."""
    status, out, err = run([os.path.join(harness.REPO, "tests/vmi/build"), suite, flavour, OUT], timeout=600)
    if status != 0:
        raise Skip(f"no guest of {suite}/{flavour}: {(err or out).strip()[-300:]}")
    return out.strip().splitlines()[-1]


def memory_free():
    """What this machine can give, in bytes."""
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable"))


class Guest(Process):
    """ram: file, memfd or anonymous. Before it may stand "numa-": two nodes of the same size with memory
    of their own; "dimm-": a DIMM of DIMM MiB beside it, which `memory` does not count; "slots-": one
    may be plugged in. What it says on its console is in the log. Whatever happens to it, it is ended by its PID."""

    def __init__(self, env, built, name="guest", ram="file", memory=256, cpus=1, machine="q35", cpu="max",
                 words="", pvpanic=True, wait=90, firmware=None):
        if not shutil.which("qemu-system-x86_64"):
            raise Skip("no qemu-system-x86_64 here (tools/install-deps test)")
        if firmware and not os.path.exists(firmware):
            raise Skip(f"no {firmware} here (apt-get install ovmf)")
        self.dir, self.memory, self.kind, self.waits = env.dir, memory, ram, wait
        self.release = open(os.path.join(built, "release")).read().strip()
        self.sockets = {s: self.path(name, s) for s in ("control", "qmp")}
        self.file = self.path(name, "ram") if ram == "file" else None
        self.disk = self.path(name, "disk")
        shutil.copy(os.path.join(built, "disk.img"), self.disk)
        argv = self.command(built, name, ram, cpus, machine, cpu, words, pvpanic)
        argv += ["-bios", firmware] if firmware else []
        super().__init__(name, argv, self.path(name, "log"))
        env.processes.append(self)
        self.shell, self.monitor = Shell(self.sockets["control"]), None
        if wait:
            self.booted(wait)

    def path(self, name, what):
        return os.path.join(self.dir, f"{name}.{what}")

    def command(self, built, name, ram, cpus, machine, cpu, words, pvpanic):
        *shapes, kind = ram.split("-")
        size, slots, backends = str(self.memory), "", []
        if "numa" in shapes:
            for node in ("node0", "node1"):
                backends += [*self.backend(kind, node, self.memory // 2, name), "-numa", f"node,memdev={node}"]
        elif kind != "anonymous":
            backends = self.backend(kind, "ram", self.memory, name)
            machine += ",memory-backend=ram"
        if "dimm" in shapes or "slots" in shapes:
            slots = ",slots=4,maxmem=8G"
        if "dimm" in shapes:
            backends += [*self.backend(kind, "dimm0", DIMM, name), "-device", "pc-dimm,memdev=dimm0"]
        return [
            "qemu-system-x86_64", "-name", name, "-nodefaults", "-no-user-config", "-display", "none",
            # QEMU 7.2's software CMPXCHG16B corrupts the slab lists of kernels 6.12: it has none.
            "-machine", machine, "-cpu", cpu + ",cx16=off", *backends,
            "-accel", "tcg,tb-size=64,thread=multi", "-smp", str(cpus), "-m", size + slots,
            "-kernel", f"{built}/vmlinuz", "-initrd", f"{built}/initramfs",
            "-append", f"console=ttyS0 quiet loglevel=3 mitigations=off guest.name={name} {words}",
            "-chardev", f"file,id=console,path={self.path(name, 'log')},append=on", "-serial", "chardev:console",
            "-qmp", f"unix:{self.sockets['qmp']},server=on,wait=off",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=control,path={self.sockets['control']},server=on,wait=off",
            "-device", "virtserialport,chardev=control,name=control",
            "-drive", f"if=none,id=disk,file={self.disk},format=raw,cache=none,aio=threads",
            "-device", "virtio-blk-pci,drive=disk",
            "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net,romfile=",
            "-device", "virtio-rng-pci", *(["-device", "pvpanic"] if pvpanic else []),
            "-action", "panic=none"]

    def backend(self, kind, which, size, name):
        path = f",mem-path={self.path(name, which)}" if kind == "file" else ""
        word, share = ("ram", "off") if kind == "anonymous" else (kind, "on")
        return ["-object", f"memory-backend-{word},id={which},size={size}M,share={share}{path}"]

    def booted(self, seconds):
        def ready():
            check(self.alive(), f"QEMU ended: {self.said()[-400:]}")
            return "guest: ready" in self.said()
        wait_for(f"{self.name} ({self.release}) to boot", seconds, ready)

    # The shell.

    def run(self, command, timeout=30):
        return self.shell.run(command, timeout)

    def attempt(self, command, timeout=30):
        return self.shell.attempt(command, timeout)

    def begin(self, command):
        return self.shell.begin(command)

    def forks(self):
        """Processes since boot."""
        return int(self.run("grep processes /proc/stat").split()[1])

    # The monitor.

    def qmp(self, execute, **arguments):
        if self.monitor is None:
            self.monitor = socket.socket(socket.AF_UNIX)
            self.monitor.settimeout(30)
            self.monitor.connect(self.sockets["qmp"])
            self.answers = self.monitor.makefile()
            self.answers.readline()         # the greeting
            self.qmp("qmp_capabilities")
        self.monitor.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.answers.readline())
            if "return" in answer:
                return answer["return"]
            check("error" not in answer, f"QMP {execute}: {answer}")

    def plug(self, name, kind, online="online"):
        """A DIMM while the guest runs, taken into use by its kernel; "online_movable": for programs only;
        "offline": not at all."""
        word, share = ("ram", False) if kind == "anonymous" else (kind, True)
        before = self.blocks()
        self.run(f"echo offline >{BLOCKS}/auto_online_blocks")
        self.qmp("object-add", **{"qom-type": f"memory-backend-{word}", "id": name, "size": DIMM << 20, "share": share})
        self.qmp("device_add", driver="pc-dimm", id=f"dimm-{name}", memdev=name)
        blocks = wait_for("the DIMM in the guest", 20, lambda: self.blocks() - before)
        for block in sorted(blocks) if online != "offline" else ():
            self.run(f"echo {online} >{block}/state")

    def unplug(self, name):
        """The guest gives it back, which it only does when nothing of the kernel lies in it."""
        self.qmp("device_del", id=f"dimm-{name}")
        wait_for("the DIMM to be given back", 20, lambda: all(d["data"]["id"] != f"dimm-{name}"
                                                              for d in self.qmp("query-memory-devices")))
        self.qmp("object-del", id=name)

    def total_memory(self):
        return int(self.run("grep MemTotal /proc/meminfo").split()[1]) << 10

    def blocks(self):
        return set(self.run(f"ls -d {BLOCKS}/memory[0-9]*").split())

    def throttle(self, bytes_per_second):
        """A disk that is this slow; 1 is one that hangs, 0 one that is well."""
        self.qmp("block_set_io_throttle", device="disk", bps=bytes_per_second, bps_rd=0, bps_wr=0,
                 iops=0, iops_rd=0, iops_wr=0)

    def dump(self):
        """The memory in an ELF file, as `virsh dump --memory-only` makes it."""
        path = self.path(self.name, "elf")
        self.qmp("dump-guest-memory", paging=False, protocol="file:" + path)
        return path

    # The memory.

    @property
    def memory_path(self):
        """Where the memory can be opened; None if it is anonymous."""
        if self.kind == "memfd":
            fds = f"/proc/{self.pid}/fd"
            return next(f"{fds}/{n}" for n in os.listdir(fds)
                        if os.readlink(f"{fds}/{n}").startswith("/memfd:memory-backend"))
        return self.file

    def find(self, mark):
        """Offsets of the pages in the memory that begin with that."""
        with open(self.memory_path, "rb") as f:
            at, found = 0, []
            while True:
                try:                        # a hole that is read would be filled
                    at = os.lseek(f.fileno(), at, os.SEEK_DATA)
                except OSError:
                    return found
                end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
                while at < end:
                    part = os.pread(f.fileno(), min(end - at, 1 << 24), at)
                    found += [at + m.start() for m in re.finditer(re.escape(mark), part) if m.start() % 4096 == 0]
                    at += len(part)

    def counter(self):
        """Reads the counter of `work count`, with nothing for the guest to do: call it for the value."""
        self.begin("work count")
        pages = wait_for("the counter's page", 20, lambda: self.find(COUNTER_MARK))
        check(len(pages) == 1, f"{len(pages)} pages have the counter's mark")
        f = open(self.memory_path, "rb")
        view = mmap.mmap(f.fileno(), 4096, prot=mmap.PROT_READ, offset=pages[0])
        return lambda: struct.unpack_from("<Q", view, 64)[0]

    def cpu_seconds(self):
        """CPU time of QEMU's threads that are processors of the guest."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/comm") as f:
                if not f.read().startswith(("CPU ", "qemu-system")):
                    continue
            if task == str(self.pid):
                continue
            with open(f"/proc/{self.pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    # Faults.

    def panic(self):
        """The kernel's panic; what QEMU and the console say of it can be seen after this."""
        self.attempt("(sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
        wait_for("the panic on the console", 20, lambda: "end Kernel panic" in self.said())

    def has_module(self):
        return self.attempt("test -e /lib/modules/auspex_test.ko")[0] == 0

    def module(self, *parameters):
        """Loads the test module: tests/vmi/module says with which parameters it does what."""
        if not self.has_module():
            raise Skip(f"the test module does not build here for {self.release}")
        return self.run("insmod /lib/modules/auspex_test.ko " + " ".join(parameters))

    def lock_up(self):
        """All processors with interrupts off, for ever."""
        if not self.has_module():
            raise Skip(f"the test module does not build here for {self.release}")
        self.attempt("(sleep 0.2; insmod /lib/modules/auspex_test.ko lockup=1) >/dev/null 2>&1 &")
        time.sleep(1)
        try:
            self.attempt("true", 2)
        except Failure:
            return
        raise Failure("the guest still answers: it did not lock up")

    def symbol(self, name):
        return int(self.run(f"grep -m1 ' {name}$' /proc/kallsyms").split()[0], 16)

    def poke_call(self):
        """Changes the unused system call's entry from outside, where no module can do it: it leads
        to a function of a module. Only for memory that is a file."""
        start = int(self.run("grep -m1 'Kernel code' /proc/iomem").split("-")[0], 16)
        entry = start + self.symbol("sys_call_table") - self.symbol("_text") + 8 * UNUSED_CALL
        target = int(self.run(r"grep -m1 '\[virtio_net\]' /proc/kallsyms").split()[0], 16)
        with open(self.memory_path, "r+b") as f:
            f.seek(entry)
            f.write(struct.pack("<Q", target))
        return target

    def reboot(self):
        """The same QEMU, another kernel's life."""
        seen = self.said().count("guest: ready")
        self.attempt("(sleep 0.2; reboot -f) >/dev/null 2>&1 &")
        wait_for("the guest to boot again", self.waits, lambda: self.said().count("guest: ready") > seen)

    def stop(self, seconds=5):
        """A hung disk would hold QEMU back, and there is nothing to lose."""
        self.shell.close()
        if self.monitor:
            self.monitor.close()
        self.kill()
        if self.file and os.path.exists(self.file):
            os.unlink(self.file)


def look(guest, what="all", path=None):
    """What `auspex inspect` sees of a guest, or of a dump of its memory, as JSON."""
    path = path or guest.memory_path
    reach = ["--ram", path] if path else ["--pid", str(guest.pid)]
    status, out, err = harness.auspex("inspect", *reach, "--reason", "a test", "--data",
                                      os.path.join(guest.dir, "ledger"), what, "--json")
    check(status in (0, BAD_STATE), f"auspex inspect {what}: status {status}: {(err or out).strip()[-400:]}")
    seen = json.loads(out)
    bad = seen.get("system", {}).get("state", "running") != "running" or not seen.get("integrity", {}).get("ok", True)
    equal(status == BAD_STATE, bad, f"exit status {BAD_STATE} of auspex inspect {what}")
    return seen


def can_look():
    """Skips where this build has no such command."""
    status, _, err = harness.auspex("inspect", "--help")
    if status != 0:
        raise Skip("this auspex has no `inspect`")
