# SPDX-License-Identifier: Apache-2.0
"""Whether what was seen of a guest from outside (`auspex inspect --json`) is what it says itself.

The guest is asked twice, before and after the look. A value that stood still between the two has to
be the same; one that moved has to lie between them. Where the asking itself moves the value, or the
kernel brings it up to date only when asked, there is a slack, with its reason."""
import re

MIB = 1 << 20
# Bytes by which memory moves because somebody asks: the shell, grep, their page tables and slabs.
ASKING = {"free": 2 * MIB, "available": 2 * MIB, "committed": 4 * MIB}
ASKING_ELSE = MIB
TICK = 0.011                                # the guest prints 1/100 s, cut off
USER_AND_SYSTEM = 2 * TICK                  # each of them
# An idle kernel does not tick: what is counted in ticks stands still until somebody wakes it.
IDLE = 1.5
MEMORY = {"buffers": "Buffers", "cached": "Cached", "swap_cached": "SwapCached", "free": "MemFree",
          "available": "MemAvailable", "active_anon": "Active(anon)", "inactive_anon": "Inactive(anon)",
          "active_file": "Active(file)", "inactive_file": "Inactive(file)", "unevictable": "Unevictable",
          "anonymous": "AnonPages", "mapped": "Mapped", "shmem": "Shmem", "slab": "Slab",
          "slab_reclaimable": "SReclaimable", "slab_unreclaimable": "SUnreclaim", "kernel_stack": "KernelStack",
          "page_tables": "PageTables", "dirty": "Dirty", "writeback": "Writeback", "committed": "Committed_AS"}
FIXED_MEMORY = {"total": "MemTotal", "swap_total": "SwapTotal", "swap_free": "SwapFree", "commit_limit": "CommitLimit"}


class Agreement:
    """Counts what agrees, and keeps what does not."""

    def __init__(self, before, seen, after):
        self.before, self.seen, self.after = before, seen, after
        self.good, self.wrong, self.absent = 0, [], set()
        self.missing = {m["part"]: m["reason"] for m in seen.get("missing", [])}
        parts = {"system": self.system, "memory": self.memory, "processes": self.processes, "modules": self.modules,
                 "network": self.network, "disks": self.disks, "filesystems": self.filesystems, "messages": self.log}
        self.same("kernel", seen.get("kernel"), before.one("sys/kernel/osrelease"))
        for name, compare in parts.items():
            if name in seen:
                compare(seen[name])
            else:
                self.absent.add(name)

    def judge(self, what, got, good, wanted):
        if got is None:
            self.absent.add(re.sub(r"\[.*?\]", "", what))
        elif good:
            self.good += 1
        else:
            self.wrong.append(f"{what} {got!r}, the guest says {wanted}")

    def same(self, what, got, *truths):
        self.judge(what, got, got in truths, " or ".join(repr(t) for t in dict.fromkeys(truths)))

    def between(self, what, got, before, after, slack=0.0):
        low, high = min(before, after) - slack, max(before, after) + slack
        self.judge(what, got, got is not None and low <= got <= high,
                   f"{before} then {after}" + (f" (slack {slack:g})" if slack else ""))

    def both(self, ask):
        return ask(self.before), ask(self.after)

    def sets(self, what, got, before, after):
        """What is there all the time is seen, and nothing is seen that is never there."""
        for name in sorted(set(before) & set(after) - set(got), key=str):
            self.wrong.append(f"{what} {name!r} is not seen")
        for name in sorted(set(got) - set(before) - set(after), key=str):
            self.wrong.append(f"{what} {name!r} is seen, and the guest has none")
        return [name for name in got if name in before and name in after]

    def system(self, got):
        was, now = self.before, self.after
        self.same("hostname", got.get("hostname"), was.one("sys/kernel/hostname"))
        self.same("state", got.get("state"), "running")
        self.same("tainted", got.get("tainted"), int(was.one("sys/kernel/tainted")))
        self.same("cpus_online", got.get("cpus_online"), was.cpus())
        self.between("uptime", got.get("uptime_seconds"), was.uptime(), now.uptime(), IDLE)
        self.between("time", got.get("time_seconds"), was.clock(), now.clock(), IDLE)
        for i, name in enumerate(("load1", "load5", "load15")):
            self.between(name, got.get(name), was.load()[i], now.load()[i], TICK)
        self.between("threads", got.get("threads"), *self.both(lambda t: t.tasks()), slack=3)
        for name, theirs in {"forks": "processes", "context_switches": "ctxt", "oom_kills": "oom_kill",
                             "page_faults": "pgfault", "major_faults": "pgmajfault", "swap_in_pages": "pswpin",
                             "swap_out_pages": "pswpout"}.items():
            self.between(name, got.get(name + "_total"), *self.both(lambda t: t.counter(theirs)))
        for mode, seconds in got.get("cpu_seconds", {}).items():
            slack = IDLE * was.cpus() if mode in ("idle", "iowait") else 4 * TICK
            self.between(f"cpu {mode}", seconds, was.cpu()[mode], now.cpu()[mode], slack)
        self.pressure(got.get("pressure"))

    def pressure(self, got):
        for resource, kind in self.before.pressure():
            seen = ((got or {}).get(resource) or {}).get(kind + "_seconds")
            self.between(f"pressure {resource} {kind}", seen, *self.both(lambda t: t.pressure()[resource, kind]))

    def memory(self, got):
        was, now = self.both(lambda t: t.kib())
        for name, theirs in FIXED_MEMORY.items():
            self.same(name, got.get(name + "_bytes"), was[theirs], now[theirs])
        for name, theirs in MEMORY.items():
            self.between(name, got.get(name + "_bytes"), was[theirs], now[theirs], ASKING.get(name, ASKING_ELSE))

    def processes(self, got):
        seen = {p["pid"]: p for p in got}
        if len(seen) != len(got):
            self.wrong.append("a process is seen twice")
        was, now = self.before.processes, self.after.processes
        # The kernel's workers come and go with its work.
        fleeting = {pid for ps in (seen, was, now) for pid, p in ps.items() if p["name"].startswith("kworker/")}
        always = self.sets("process", seen.keys() - fleeting, was.keys() - fleeting, now.keys() - fleeting)
        for pid in [*always, *sorted(fleeting & seen.keys() & was.keys() & now.keys())]:
            self.process(f"[{pid} {was[pid]['name']!r}]", seen[pid], was[pid], now[pid])

    def process(self, who, got, was, now):
        for name in ("name", "ppid", "uid", "threads", "kernel_thread"):
            self.same(name + who, got.get(name), was[name], now[name])
        # A thread of the kernel may be at work, or not, just when it is looked at.
        busy = "IRSD" if was["kernel_thread"] else ""
        self.same("process state" + who, got.get("state"), was["state"], now["state"], *busy)
        self.between("start" + who, got.get("start_seconds"), was["start_seconds"], was["start_seconds"] + TICK)
        self.between("cpu" + who, got.get("cpu_seconds"), was["cpu_seconds"], now["cpu_seconds"],
                     USER_AND_SYSTEM)
        # /proc has a cheap sum, that leaves out what CPUs have not handed in yet, and the exact one.
        sizes = [p[s] for p in (was, now) for s in ("rss", "rss_exact") if p[s] is not None]
        asked = ASKING_ELSE if was["name"] == "life" else 0     # the shell that gathers the answer
        self.between("rss" + who, got.get("rss_bytes"), min(sizes), max(sizes), asked)

    def modules(self, got):
        seen = {m["name"]: m for m in got}
        was, now = self.both(lambda t: t.modules())
        for name in self.sets("module", seen, was, now):
            self.same(f"module size[{name}]", seen[name].get("size_bytes"), was[name][0])
            self.same(f"module references[{name}]", seen[name].get("references"), was[name][1], now[name][1])

    def network(self, got):
        seen = {d["name"]: d for d in got}
        was, now = self.both(lambda t: t.interfaces())
        for name in self.sets("interface", seen, was, now):
            for counter in was[name]:
                self.between(f"{counter}[{name}]", seen[name].get(counter + "_total"), was[name][counter],
                             now[name][counter])

    def disks(self, got):
        seen = {d["name"]: d for d in got}
        was, now = self.both(lambda t: t.disks())
        for name in self.sets("disk", seen, was, now):
            for counter in was[name]:
                self.between(f"{counter}[{name}]", seen[name].get(counter + "_total"), was[name][counter],
                             now[name][counter])

    def filesystems(self, got):
        data = [f for f in got if f["type"] == "ext4"]
        was, now = self.both(lambda t: t.filesystem())
        if len(data) != 1 or not was:
            self.wrong.append(f"{len(data)} file systems are seen instead of one")
            return
        self.same("mountpoint", data[0].get("mountpoint"), "/data")
        for name in was:
            self.same("filesystem " + name, data[0].get(name), was[name], now[name])

    def log(self, got):
        """The log goes on growing: all that was there before is seen, in order, and nothing else."""
        lines = [(round(m["time_seconds"], 6), line) for m in got for line in m["text"].split("\n")]
        was, now = self.both(lambda t: t.log())
        start = lines.index(was[0]) if was and was[0] in lines else 0
        lines = lines[start:]
        for i, line in enumerate(lines):
            self.judge("message", line, i < len(now) and line == now[i], repr(now[i] if i < len(now) else "nothing"))
        if len(lines) < len(was):
            self.wrong.append(f"{len(lines)} lines of the log are seen, and the guest has {len(was)}")

    def __str__(self):
        text = f"{self.good} values agree"
        if self.wrong:
            text += f", {len(self.wrong)} do not: " + "; ".join(self.wrong[:20])
        if self.absent:
            text += "; not seen: " + ", ".join(sorted(self.absent))
        return text
