# SPDX-License-Identifier: Apache-2.0
"""What a Linux guest says of itself in /proc: the truth for a look from outside."""
import re

TICKS = 100                                 # USER_HZ, on every x86
KIB = 1024
FILES = ("/proc/[0-9]*/stat /proc/[0-9]*/status /proc/meminfo /proc/uptime /proc/loadavg /proc/stat /proc/modules"
         " /proc/net/dev /proc/mounts /proc/diskstats /proc/pressure/* /proc/sys/kernel/tainted"
         " /proc/sys/kernel/hostname /proc/sys/kernel/osrelease /proc/sys/kernel/version /proc/vmstat"
         " /proc/[0-9]*/smaps_rollup")


class Truth:
    """One reading of all of it, by a single process in the guest."""

    def __init__(self, guest):
        text = guest.run(f"grep -aH '' {FILES} 2>/dev/null; echo; df -k /data; df -i /data; dmesg -r")
        files, rest = text.split("\n\n", 1) if "\n\n" in text else (text, "")
        self.files = {}
        for line in files.split("\n"):
            path, colon, content = line.partition(":")
            self.files.setdefault(path, []).append(content)
        self.rest = rest.splitlines()
        self.processes = self.read_processes()

    def lines(self, path):
        return self.files.get("/proc/" + path, [])

    def one(self, path):
        return self.lines(path)[0]

    def read_processes(self):
        found = {}
        for path in self.files:
            named = re.fullmatch(r"/proc/(\d+)/stat", path)
            if named:
                pid = int(named[1])
                found[pid] = process("\n".join(self.files[path]), self.table(f"{pid}/status"),
                                     self.table(f"{pid}/smaps_rollup"))
        return found

    def table(self, path):
        """Lines NAME: VALUE."""
        return dict(line.split(":", 1) for line in self.lines(path) if ":" in line)

    def kib(self, path="meminfo"):
        """NAME: N kB, as bytes."""
        return {k: int(v.split()[0]) * (KIB if v.split()[1:] == ["kB"] else 1)
                for k, v in self.table(path).items()}

    def uptime(self):
        return float(self.one("uptime").split()[0])

    def load(self):
        return [float(v) for v in self.one("loadavg").split()[:3]]

    def tasks(self):
        return int(self.one("loadavg").split()[3].split("/")[1])

    def cpus(self):
        return sum(line.startswith("cpu") for line in self.lines("stat")) - 1

    def clock(self):
        return self.counter("btime") + self.uptime()

    def cpu(self):
        """Seconds in each mode, of all processors together."""
        names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
        return dict(zip(names, (int(v) / TICKS for v in self.one("stat").split()[1:])))

    def counter(self, name):
        """A line of /proc/stat, or of /proc/vmstat."""
        for path in ("stat", "vmstat"):
            for line in self.lines(path):
                if line.split()[0] == name:
                    return int(line.split()[1])
        raise KeyError(name)

    def modules(self):
        """Of names: (bytes, references)."""
        return {w[0]: (int(w[1]), int(w[2])) for w in map(str.split, self.lines("modules"))}

    def interfaces(self):
        found = {}
        for line in self.lines("net/dev")[2:]:
            name, numbers = line.split(":")
            n = [int(v) for v in numbers.split()]
            found[name.strip()] = {"receive_bytes": n[0], "receive_packets": n[1], "receive_errors": n[2],
                                   "receive_dropped": n[3], "transmit_bytes": n[8], "transmit_packets": n[9],
                                   "transmit_errors": n[10], "transmit_dropped": n[11]}
        return found

    def mounts(self):
        """Of mount points: (type, source)."""
        return {words[1]: (words[2], words[0]) for words in map(str.split, self.lines("mounts"))}

    def disks(self):
        found = {}
        for line in self.lines("diskstats"):
            w = line.split()
            found[w[2]] = {"reads": int(w[3]), "read_bytes": int(w[5]) * 512, "writes": int(w[7]),
                           "written_bytes": int(w[9]) * 512}
        return found

    def pressure(self):
        """Seconds in total: {(resource, some or full): seconds}."""
        found = {}
        for resource in ("cpu", "io", "memory"):
            for line in self.lines("pressure/" + resource):
                found[resource, line.split()[0]] = int(line.split("total=")[1]) / 1e6
        return found

    def log(self):
        """[(seconds, text)] of the kernel's log: lines <PRIORITY>[SECONDS] TEXT."""
        found = []
        for line in self.rest:
            record = re.match(r"<\d+>\[ *(\d+\.\d+)\] (.*)", line)
            if record:
                found.append((float(record[1]), record[2]))
        return found

    def filesystem(self):
        """Of /data: bytes and inodes; None without a disk."""
        rows = [line.split() for line in self.rest if line.endswith(" /data")]
        if len(rows) != 2:
            return None
        size, used = int(rows[0][1]) * KIB, int(rows[0][2]) * KIB
        return {"size_bytes": size, "free_bytes": size - used, "available_bytes": int(rows[0][3]) * KIB,
                "inodes": int(rows[1][1]), "inodes_free": int(rows[1][3])}


def process(stat, status, rollup):
    name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
    kernel = int(rest[6]) & 0x00200000 != 0
    if kernel:
        # /proc adds what a worker works on, and the rest of a name that the task has no room for.
        name = re.sub(r"^(kworker/[u0-9].*?)[-+].*", r"\1", name)[:15]
    return {"name": name.encode(errors="surrogateescape").decode(errors="replace"), "state": rest[0],
            "ppid": int(rest[1]), "uid": int(status.get("Uid", "-1").split()[0]), "threads": int(rest[17]),
            "cpu_seconds": (int(rest[11]) + int(rest[12])) / TICKS, "start_seconds": int(rest[19]) / TICKS,
            "rss": int(rest[21]) * 4096, "rss_exact": int(rollup["Rss"].split()[0]) * KIB if "Rss" in rollup else None,
            "kernel_thread": kernel}
