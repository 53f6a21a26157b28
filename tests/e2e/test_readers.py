# SPDX-License-Identifier: Apache-2.0
"""What is read from a guest's memory about its network, disks, file systems, modules, and the state
of its kernel, against what the guest itself says."""
from guest import Guest, can_look, images, look
from harness import check, wait_for

NET = ("receive_bytes_total", "receive_packets_total", "receive_errors_total", "receive_dropped_total",
       "transmit_bytes_total", "transmit_packets_total", "transmit_errors_total", "transmit_dropped_total")


def equal(what, seen, said):
    check(seen == said, f"{what}: from outside {seen}, the guest says {said}")


def counters(guest):
    said = {}
    for line in guest.run("tail -n +3 /proc/net/dev").splitlines():
        name, counts = line.split(":")
        counts = [int(c) for c in counts.split()]
        said[name.strip()] = counts[:4] + counts[8:12]
    return said


def network(before, seen, after):
    """Between the two: the guest looks for a router by itself."""
    devices = {d["name"]: [d[k] for k in NET] for d in seen["network"]}
    for name, last in after.items():
        inside = all(a <= b <= c for a, b, c in zip(before[name], devices[name], last))
        check(inside, f"{name}: {devices[name]} is not between {before[name]} and {last}")
    equal("lo", devices["lo"], after["lo"])
    check(sum(devices["eth0"]) > 0, "eth0 has counted nothing")


def disks(guest, seen):
    devices = {d["name"]: d for d in seen["disks"]}
    for line in guest.run("grep -w vda /proc/diskstats").splitlines():
        name, *counts = line.split()[2:]
        c, d = [int(n) for n in counts], devices[name]
        equal(name, [d["reads_total"], d["read_bytes_total"] // 512, d["writes_total"],
                     d["written_bytes_total"] // 512, d["in_flight"]], [c[0], c[2], c[4], c[6], c[8]])


def filesystems(guest, seen):
    mounts = {f["mountpoint"]: f for f in seen["filesystems"]}
    for line in guest.run("df -k /dev /data | tail -n +2").splitlines():
        device, size, used, available, _, place = line.split()
        f = mounts[place]
        equal(place, [f["device"], f["size_bytes"], f["size_bytes"] - f["free_bytes"], f["available_bytes"]],
              [device, int(size) << 10, int(used) << 10, int(available) << 10])
    for line in guest.run("df -i /dev /data | tail -n +2").splitlines():
        _, inodes, _, free, _, place = line.split()
        equal(place, [mounts[place]["inodes"], mounts[place]["inodes_free"]], [int(inodes), int(free)])


def modules(guest, seen):
    said = [line.split() for line in guest.run("cat /proc/modules").splitlines()]
    equal("modules", [(m["name"], m["size_bytes"], m["references"]) for m in seen["modules"]],
          [(m[0], int(m[1]), int(m[2])) for m in said])


def setup(env):
    can_look()
    return Guest(env, images(), name="readers")


def test_readers(env, guest):
    guest.run("dd if=/dev/zero of=/data/file bs=64k count=20 && sync && ping -c 3 127.0.0.1")
    before = counters(guest)
    seen = look(guest)
    network(before, seen, counters(guest))
    for part in (disks, filesystems, modules):
        part(guest, seen)
    check(seen["integrity"]["ok"], f"a sound kernel: {seen['integrity']}")
    equal("stacks", seen["stacks"], [])


def test_tampering(env, guest):
    pid = guest.begin("sleep 1000")
    guest.module(f"hide=2 task={pid} idt=1 hook=0x{guest.symbol('sys_call_table'):x}")
    equal("what was done", {(f["kind"], f["what"]) for f in look(guest, "integrity")["integrity"]["findings"]},
          {("hidden_module", "auspex_test"), ("hidden_process", f"{pid} sleep"),
           ("system_call", "system call 180"), ("interrupt", "interrupt 4")})


def test_stuck(env, guest):
    guest.throttle(1)
    guest.begin("sh -c 'dd if=/dev/zero of=/data/other bs=64k count=20; sync'")

    def named():
        seen = look(guest)
        disk = next(d for d in seen["disks"] if d["name"] == "vda")
        return [s for s in seen["stacks"] if s["name"] in ("sync", "dd")] and disk["in_flight"] > 0 and seen
    seen = wait_for("the stuck task", 20, named)
    frames = [f for s in seen["stacks"] for f in s["frames"]]
    check(any("sync" in f or "ext4" in f for f in frames), f"frames: {frames}")
    check(any("schedule" in f for f in frames), f"frames: {frames}")
    guest.throttle(0)
