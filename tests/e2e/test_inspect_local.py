# SPDX-License-Identifier: Apache-2.0
"""`auspex inspect` without a server: a guest's memory wherever QEMU keeps it, and a dump of it."""
import json
import os
import struct
import time

import harness
from guest import DIMM, Guest, can_look, images
from harness import check, equal


def inspect(env, *arguments, reason="a test", status=0, data="ledger"):
    got, out, err = harness.auspex("inspect", *arguments, "--reason", reason, "--data", os.path.join(env.dir, data))
    equal(got, status, f"status of inspect {' '.join(arguments)} ({err.strip()[-300:]})")
    return json.loads(out) if "--json" in arguments and status == 0 else out + err


def agrees(env, guest, *reach):
    """What is seen from outside is what the guest says itself."""
    seen = inspect(env, *reach, "ps", "--json")
    equal(seen["kernel"], guest.release, "the kernel")
    names = {p["pid"]: p["name"] for p in seen["processes"]}
    said = dict(line.split(" ", 1) for line in guest.run(
        "for p in /proc/[0-9]*; do read n <$p/comm && echo ${p#/proc/} $n; done 2>/dev/null").splitlines())
    for pid in ("1", "2"):
        equal(names[int(pid)], said[pid], f"the name of process {pid}")
    check(len(names) > 20 and len(set(said) & {str(p) for p in names}) > 20, f"{len(names)} processes are seen")
    memory = inspect(env, *reach, "mem", "--json")["memory"]
    equal(memory["total_bytes"], guest.total_memory(), "the guest's memory")
    return seen


def test_shared_memory_and_a_dump(env, _):
    """A memfd is read by way of QEMU's descriptor; after a panic, the dump has the panic's text."""
    can_look()
    guest = Guest(env, images(), name="shared", ram="memfd", machine="pc", pvpanic=False)
    seen = agrees(env, guest, "--pid", str(guest.pid))
    env.note(f"found in {seen['attach_seconds'] * 1000:.1f} ms, read in {seen['poll_seconds'] * 1e6:.0f} us")
    guest.panic()
    dump = os.path.join(env.dir, "guest.elf")
    guest.qmp("dump-guest-memory", paging=False, protocol=f"file:{dump}")
    guest.stop()
    check("Kernel panic - not syncing" in inspect(env, "--ram", dump, "dmesg"), "the panic is not in the dump's log")
    inspect(env, "--ram", dump, "all", status=3)
    cut = os.path.join(env.dir, "cut.elf")
    with open(dump, "rb") as f, open(cut, "wb") as g:
        g.write(f.read(1 << 20))
    check("cut short" in inspect(env, "--ram", cut, "ps", status=1), "a dump that was cut is told as such")


def test_memory_of_a_process(env, _):
    """QEMU's own memory, which no descriptor leads to."""
    can_look()
    guest = Guest(env, images(), name="anonymous", ram="anonymous")
    seen = agrees(env, guest, "--pid", str(guest.pid))
    env.note(f"found in {seen['attach_seconds'] * 1000:.1f} ms, read in {seen['poll_seconds'] * 1e6:.0f} us")
    guest.stop()
    status, out, err = harness.auspex("admin", "ledger", "verify", "--data", os.path.join(env.dir, "ledger"))
    check(status == 0, f"each look is in the ledger: {out + err}")


def test_memory_in_pieces(env, _):
    """Two NUMA nodes of one size, of which nothing outside says which is which."""
    can_look()
    guest = Guest(env, images(), name="nodes", ram="numa-anonymous")
    equal(guest.run("ls -d /sys/devices/system/node/node[0-9]* | wc -l").strip(), "2", "nodes in the guest")
    seen = agrees(env, guest, "--pid", str(guest.pid))
    env.note(f"found in {seen['attach_seconds'] * 1000:.1f} ms, read in {seen['poll_seconds'] * 1e6:.0f} us")
    guest.stop()


def segments(path):
    """{address: bytes} of an ELF file's memory."""
    with open(path, "rb") as f:
        data = f.read()
    at, size, n = (*struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54))
    heads = [struct.unpack_from("<IIQQQQ", data, at + i * size) for i in range(n)]
    return {gpa: data[offset:offset + length] for kind, _, offset, _, gpa, length in heads if kind == 1}


def test_an_extract_of_pieces(env, _):
    """Each byte is where QEMU's own dump has it."""
    can_look()
    guest = Guest(env, images(), name="extracted", ram="numa-anonymous")
    guest.qmp("stop")
    ours, theirs = (os.path.join(env.dir, name) for name in ("ours.elf", "theirs.elf"))
    answer = inspect(env, "--pid", str(guest.pid), "extract", "--out", ours, "--json")
    equal(answer["left_out_bytes"], 0, "what is not in it")
    guest.qmp("dump-guest-memory", paging=False, protocol="file:" + theirs)
    guest.stop()
    ours, theirs = segments(ours), segments(theirs)
    equal(sum(map(len, ours.values())), 256 << 20, "all of the memory")
    for gpa, data in ours.items():
        base = max(g for g in theirs if g <= gpa)
        check(data == theirs[base][gpa - base:][:len(data)], f"what lies at {gpa:#x} is another in QEMU's dump")


def test_memory_that_is_plugged_in(env, _):
    """DIMMs come while the guest is looked at, one of them goes again; what its kernel has in them is seen."""
    can_look()
    guest = Guest(env, images(), name="plugged", ram="slots-memfd")
    reach = ["--pid", str(guest.pid)]
    agrees(env, guest, *reach)
    log = os.path.join(env.dir, "watched")
    watched = harness.Process("watched", [harness.binary(), "inspect", *reach, "--reason", "a test", "--data",
                                          os.path.join(env.dir, "ledger"), "--watch", "--json", "mem"], log)
    env.processes.append(watched)
    for name, kind, online in (("taken-out", "memfd", "online_movable"), ("stays", "anonymous", "online")):
        guest.plug(name, kind, online)
        total = f'"total_bytes":{guest.total_memory()},'
        harness.wait_for("the DIMM to be seen by who watches", 20, lambda: total in watched.said())
    watched.kill()
    for _ in range(8):
        guest.begin("sleep 1000")
    guest.run("find /sys >/dev/null")
    agrees(env, guest, *reach)
    guest.unplug("taken-out")
    agrees(env, guest, *reach)
    what_an_extract_lacks(env, guest)
    guest.stop()


def what_an_extract_lacks(env, guest):
    """A DIMM that nobody uses says nothing of where it lies; the file's maker says that it lacks it."""
    def extract(name, *more):
        return inspect(env, "--pid", str(guest.pid), "extract", "--out", os.path.join(env.dir, name), *more)
    whole = extract("whole.elf", "--json")
    equal(whole["left_out_bytes"], 0, "left out of all that is in use")
    check(whole["bytes"] > guest.memory + DIMM << 20, f"a DIMM that is in use is in the file: {whole}")
    guest.plug("unused", "memfd", "offline")
    lacks = extract("lacks.elf", "--json")
    equal((lacks["left_out_bytes"], lacks["bytes"]), (DIMM << 20, whole["bytes"]), "a DIMM is left out")
    range_ = "--from", "1M", "--bytes", "64K"
    equal(extract("range.elf", *range_, "--json")["left_out_bytes"], 0, "left out of a range that is known")
    text = f"{DIMM} MiB of memory that seem to have been plugged in are not in it"
    check(text in extract("told.elf", "--from", "1M"), "what is not in the file is not told")
    check(text not in extract("range-told.elf", *range_), "what cannot be in the range is told")
    status, out, err = harness.auspex("admin", "ledger", "show", "--data", os.path.join(env.dir, "ledger"))
    check(status == 0 and f"{DIMM << 20} bytes of memory that seem" in out, f"the ledger: {out[-600:]} {err}")


def test_nothing_without_a_reason(env, _):
    can_look()
    ram = os.path.join(env.dir, "ram")
    with open(ram, "wb") as f:
        f.truncate(64 << 20)
    for reason in ("", "   "):
        check("--reason" in inspect(env, "--ram", ram, "ps", reason=reason, status=2, data="none"), "a reason is asked for")
    check(not os.path.exists(os.path.join(env.dir, "none")), "nothing was written")
    blocked = os.path.join(env.dir, "blocked")
    open(blocked, "w").close()
    status, _, err = harness.auspex("inspect", "--ram", ram, "--reason", "x", "--data", blocked, "ps")
    check(status == 1 and "nothing was read" in err, f"no ledger, no look: {status} {err}")


def test_what_is_no_guest(env, _):
    """Neither memory without a kernel nor a process that is no QEMU nor a lie ends in more than an error."""
    can_look()
    ram = os.path.join(env.dir, "ram")
    with open(ram, "wb") as f:
        f.truncate(64 << 20)
        f.write(os.urandom(4096))
    begin = time.monotonic()
    inspect(env, "--ram", ram, "ps", status=1)
    check(time.monotonic() - begin < 20, "a file without a kernel is seen to be one soon")
    check("no QEMU" in inspect(env, "--pid", str(os.getpid()), "ps", status=1), "this process is no QEMU")
    inspect(env, "--ram", "/dev/null", "ps", status=1)
    inspect(env, "--ram", env.dir, "ps", status=1)
