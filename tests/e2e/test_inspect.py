# SPDX-License-Identifier: Apache-2.0
"""A guest's kernel as seen from outside, by `auspex inspect` on its memory: the same as it says
itself, and still there when it hangs, starves, has panicked, or has a rootkit."""
import time
import types

from agree import Agreement
from guest import Guest, can_look, images, look
from harness import check, equal, wait_for
from truth import Truth

WORK = ("odd", "dead", "blocked", "threads 3", "hold 7")


def busy(guest):
    """Processes to look at, and the time for them to come to rest."""
    for work in WORK:
        guest.begin("work " + work)
    time.sleep(2)


def setup(env, suite="bookworm", flavour="cloud"):
    can_look()
    built = images(suite, flavour)
    # They boot side by side. None has the device that tells the hypervisor of a panic.
    whole = Guest(env, built, "whole", cpus=2, pvpanic=False, wait=0)
    hangs = Guest(env, built, "hangs", ram="memfd", pvpanic=False, wait=0)
    for guest in (whole, hangs):
        guest.booted(120)
    hangs.run("echo 1 >/proc/sys/kernel/unknown_nmi_panic")
    busy(whole)
    return types.SimpleNamespace(whole=whole, hangs=hangs)


def named(seen, name):
    """The one process of that name."""
    found = [p for p in seen["processes"] if p["name"] == name]
    check(len(found) == 1, f"{len(found)} processes are called {name}")
    return found[0]


def findings(seen, kind):
    return [f for f in seen["integrity"]["findings"] if f["kind"] == kind]


def test_every_value_is_what_the_guest_says(env, g):
    before = Truth(g.whole)
    seen = look(g.whole)
    agreed = Agreement(before, seen, Truth(g.whole))
    check(not agreed.wrong, str(agreed))
    check(not agreed.missing, f"parts are missing: {agreed.missing}")
    env.note(f"{agreed}; attach {seen['attach_seconds'] * 1e3:.0f} ms, poll {seen['poll_seconds'] * 1e6:.0f} us")


def test_nothing_is_suspected_of_a_sound_kernel(env, g):
    equal(look(g.whole, "integrity")["integrity"]["findings"], [], "findings")


def test_a_hung_disk_shows_in_the_stacks(env, g):
    g.whole.throttle(1)
    try:
        writer = g.whole.begin("dd if=/dev/zero of=/data/hangs bs=4k count=4 oflag=direct")

        def stuck():
            stack = [s for s in look(g.whole).get("stacks", []) if s["pid"] == writer]
            return stack and stack[0]["frames"]
        frames = wait_for("the writer's stack", 10, stuck)
        check(any("io_schedule" in f or "blkdev" in f or "dio" in f for f in frames), f"the stack is {frames}")
        env.note(" < ".join(frames[:5]))
    finally:
        g.whole.throttle(0)


def test_a_patched_system_call_is_reported(env, g):
    """On the table in the memory itself, as no module is needed for it."""
    g.hangs.poke_call()
    seen = look(g.hangs, "integrity")["integrity"]["findings"]
    equal([f["kind"] for f in seen], ["system_call"], "what is found")
    check("180" in seen[0]["what"] + seen[0]["text"], f"{seen} does not name system call 180")


def test_a_rootkit_is_reported(env, g):
    hidden = g.whole.begin("work hold 1")
    table = g.whole.symbol("sys_call_table")
    g.whole.module("hide=1", f"hook=0x{table:x}", "idt=1", f"task={hidden}")
    seen = look(g.whole)
    check("auspex_test" not in g.whole.run("cat /proc/modules"), "the test module is not hidden")
    for kind, what in {"hidden_module": "auspex_test", "hidden_process": str(hidden), "system_call": "180",
                       "interrupt": "4"}.items():
        check(any(what in f["what"] + f["text"] for f in findings(seen, kind)),
              f"no {kind} {what} in {seen['integrity']['findings']}")
    equal(len(seen["integrity"]["findings"]), 4, "number of findings")


def test_a_starved_guest_still_shows_who_starves_it(env, g):
    spinners = [g.whole.begin("sh -c 'sleep 1; exec work spin'") for _ in range(2)]
    time.sleep(2)                           # nothing gets a word out of it from here on
    first = look(g.whole, "ps")
    time.sleep(2)
    second = look(g.whole, "ps")
    for pid in spinners:
        was, now = ({p["pid"]: p for p in s["processes"]}[pid] for s in (first, second))
        equal((now["name"], now["state"]), ("spin", "R"), "the spinner")
        check(now["cpu_seconds"] > was["cpu_seconds"], f"CPU time stands still at {now['cpu_seconds']} s")


def test_a_hung_guest_still_shows_its_processes(env, g):
    g.hangs.lock_up()
    seen = look(g.hangs)
    equal(seen["system"]["state"], "running", "state")
    equal(named(seen, "insmod")["state"], "R", "state of the culprit")
    check(len(seen["messages"]) > 100, f"the log has {len(seen['messages'])} messages")
    later = look(g.hangs)
    equal(later["system"]["jiffies"], seen["system"]["jiffies"], "the clock that stands still")


def test_a_panicked_guest_still_shows_its_last_words(env, g):
    """The provider's last means, an interrupt that cannot be masked, makes the hung guest panic."""
    g.hangs.qmp("inject-nmi")
    wait_for("the panic", 10, lambda: look(g.hangs)["system"]["state"] == "panicked")
    equal(g.hangs.qmp("query-status")["status"], "running", "what QEMU thinks")
    wait_for("its text in the log", 10, lambda: any(
        "Kernel panic - not syncing" in m["text"] for m in look(g.hangs, "dmesg")["messages"]))
    seen = look(g.hangs)
    equal(named(seen, "life")["pid"], 1, "the first process")


def test_a_dump_shows_the_same(env, g):
    """What was written to a file before a restart can be looked into at leisure."""
    live, dumped = look(g.hangs), look(g.hangs, path=g.hangs.dump())
    for part in ("kernel", "messages", "processes", "modules"):
        equal(dumped.get(part), live.get(part), part)
