# SPDX-License-Identifier: Apache-2.0
"""What a Linux guest says of itself in /proc, and whether what was seen from outside agrees.

Two readings are taken, one before and one after the look from outside. A value that stood still
between them has to be the same; one that moved has to lie between them, or as near as the value's
own nature allows, which each comparison names."""
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
            if colon and path.startswith("/proc/"):
                self.files.setdefault(path, []).append(content)
            elif self.files:                # a name with a line's end in it
                self.files[path_before].append(line)
                continue
            path_before = path
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
        return {line.split()[0]: int(line.split()[1]) for line in self.lines("modules")}

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
                           "write_bytes": int(w[9]) * 512}
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
        """Of /data: total, used and free bytes, inodes and free inodes; None without a disk."""
        rows = [line.split() for line in self.rest if line.endswith(" /data")]
        if len(rows) != 2:
            return None
        return {"total_bytes": int(rows[0][1]) * KIB, "used_bytes": int(rows[0][2]) * KIB,
                "available_bytes": int(rows[0][3]) * KIB, "inodes": int(rows[1][1]), "inodes_free": int(rows[1][3])}


def process(stat, status, rollup):
    name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
    exact = int(rollup["Rss"].split()[0]) * KIB if "Rss" in rollup else None
    return {"name": name, "state": rest[0], "ppid": int(rest[1]), "threads": int(rest[17]),
            "cpu_seconds": (int(rest[11]) + int(rest[12])) / TICKS, "start_seconds": int(rest[19]) / TICKS,
            "rss": int(rest[21]) * 4096, "rss_exact": exact, "uid": int(status.get("Uid", "-1").split()[0]),
            "kernel": int(rest[6]) & 0x00200000 != 0}


class Comparison:
    """Counts what agreed, and keeps what did not."""

    def __init__(self):
        self.agreed, self.wrong, self.absent = 0, [], set()

    def judge(self, what, seen, good, wanted):
        if seen is None:
            self.absent.add(re.sub(r"\[.*?\]", "", what))
        elif good:
            self.agreed += 1
        else:
            self.wrong.append(f"{what}: seen {seen!r}, the guest says {wanted}")

    def same(self, what, seen, *truths):
        """One of the values it had: exactly the value, when it stood still."""
        self.judge(what, seen, seen in truths, " or ".join(repr(t) for t in dict.fromkeys(truths)))

    def between(self, what, seen, before, after, slack=0):
        low, high = min(before, after) - slack, max(before, after) + slack
        self.judge(what, seen, seen is not None and low <= seen <= high,
                   f"{before} then {after}" + (f" (± {slack:g})" if slack else ""))

    def line(self):
        text = f"{self.agreed} values agree"
        if self.wrong:
            text += f", {len(self.wrong)} do not: " + "; ".join(self.wrong[:4])
        if self.absent:
            text += "; not given: " + ", ".join(sorted(self.absent))
        return text
