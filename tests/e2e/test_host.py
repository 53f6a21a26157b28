# SPDX-License-Identifier: Apache-2.0
"""The host's figures are those of /proc, within one interval's change."""
import os
import re
import time

from harness import Skip, check, equal, run, wait_for

TICK = os.sysconf("SC_CLK_TCK")


def setup(env):
    server = env.server()
    env.host(server)
    wait_for("the host's first samples", 20, lambda: server.query("node_boot_time_seconds"))
    time.sleep(2)
    return server


def read(path):
    with open(path) as f:
        return f.read()


def meminfo(key):
    return int(re.search(rf"^{key}:\s+(\d+)", read("/proc/meminfo"), re.M).group(1)) * 1024


def cpu_mode(column):
    return sum(int(line.split()[column]) for line in re.findall(r"^cpu\d.*", read("/proc/stat"), re.M)) / TICK


def interface(name, column):
    return int(re.search(rf"^\s*{name}:\s*(.*)", read("/proc/net/dev"), re.M).group(1).split()[column])


def disk():
    """(name, fields) of the disk that was read most."""
    rows = [line.split() for line in read("/proc/diskstats").splitlines()]
    return max((r for r in rows if re.fullmatch(r"vd[a-z]|sd[a-z]|nvme\d+n\d+", r[2])), key=lambda r: int(r[5]), default=None)


# name of the check: PromQL, and how /proc tells the same. Each may move while we look, so ours must
# lie between a reading before and one after (and a tick to either side).
MOVING = {
    "CPU user": ('sum(node_cpu_seconds_total{mode="user"})', lambda: cpu_mode(1)),
    "CPU system": ('sum(node_cpu_seconds_total{mode="system"})', lambda: cpu_mode(3)),
    "CPU idle": ('sum(node_cpu_seconds_total{mode="idle"})', lambda: cpu_mode(4)),
    "context switches": ("node_context_switches_total", lambda: int(re.search(r"ctxt (\d+)", read("/proc/stat")).group(1))),
    "forks": ("node_forks_total", lambda: int(re.search(r"processes (\d+)", read("/proc/stat")).group(1))),
    "loopback received": ('node_network_receive_bytes_total{device="lo"}', lambda: interface("lo", 0)),
    "loopback sent": ('node_network_transmit_bytes_total{device="lo"}', lambda: interface("lo", 8)),
}


def test_counters_lie_between_two_readings(env, server):
    moving = dict(MOVING)
    if disk():
        name = disk()[2]
        moving[f"{name} read"] = (f'node_disk_read_bytes_total{{device="{name}"}}', lambda: int(disk()[5]) * 512)
        moving[f"{name} written"] = (f'node_disk_written_bytes_total{{device="{name}"}}', lambda: int(disk()[9]) * 512)
    if os.path.exists("/proc/pressure/cpu"):
        moving["CPU pressure"] = ("node_pressure_cpu_waiting_seconds_total", lambda: int(
            re.search(r"some .*total=(\d+)", read("/proc/pressure/cpu")).group(1)) / 1e6)
    before = {name: probe() for name, (_, probe) in moving.items()}
    at = time.time()
    time.sleep(2.5)
    now = server.value("timestamp(node_boot_time_seconds)")
    check(now > at, f"no sample newer than {at}: {now}")
    got = {name: server.value(query) for name, (query, _) in moving.items()}
    after = {name: probe() for name, (_, probe) in moving.items()}
    for name in moving:
        check(got[name] is not None, f"{name}: no series {moving[name][0]}")
        slack = 2 * os.cpu_count() / TICK if "CPU" in name else 0
        check(before[name] - slack <= got[name] <= after[name] + slack,
              f"{name}: {got[name]} is not between {before[name]} and {after[name]}")
    env.note(f"{len(moving)} counters")


def test_what_stands_still_is_equal(env, server):
    equal(server.value("node_memory_MemTotal_bytes"), meminfo("MemTotal"), "MemTotal")
    equal(server.value("node_boot_time_seconds"), int(re.search(r"btime (\d+)", read("/proc/stat")).group(1)), "boot time")
    equal(server.value('count(node_cpu_seconds_total{mode="idle"})'), os.cpu_count(), "CPUs")


def test_gauges_are_near(env, server):
    before = [meminfo("MemAvailable"), float(read("/proc/loadavg").split()[0])]
    time.sleep(2.5)
    memory, load = server.value("node_memory_MemAvailable_bytes"), server.value("node_load1")
    after = [meminfo("MemAvailable"), float(read("/proc/loadavg").split()[0])]
    slack = meminfo("MemTotal") / 20
    check(min(before[0], after[0]) - slack < memory < max(before[0], after[0]) + slack, f"MemAvailable {memory}: {before} {after}")
    check(min(before[1], after[1]) - 0.5 < load < max(before[1], after[1]) + 0.5, f"load {load}: {before} {after}")


def test_filesystems_come_fill_and_go(env, server):
    if os.geteuid() != 0:
        raise Skip("mounting takes root")
    point = os.path.join(env.dir, "volume")
    series = f'{{mountpoint="{point}"}}'
    os.mkdir(point)
    run(["mount", "-t", "tmpfs", "-o", "size=32m", "auspex-test", point])
    try:
        wait_for("the new filesystem", 10, lambda: server.value("node_filesystem_size_bytes" + series) == 32 << 20)
        with open(f"{point}/file", "wb") as f:
            f.write(bytes(8 << 20))
        left = os.statvfs(point).f_bavail * os.statvfs(point).f_frsize
        wait_for("its fill to show", 10, lambda: server.value("node_filesystem_avail_bytes" + series) == left)
    finally:
        run(["umount", point])
    wait_for("it to be gone", 10, lambda: server.value("node_filesystem_size_bytes" + series) is None)
