#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks into guests of many kernels, each kernel in several ways, and compares every value with what
the guest says itself: tests/vmi/kernels.py [--list] [WORD...], WORD as in what a line begins with.

Beside the ways to hold a guest there are: faults, the e2e's tests of hung, panicked and tampered
guests; storm, looks while processes come and go; speed, whether the guest is slower for it. Each
pair is one line. What cannot run on this machine is skipped, with the reason."""
import os
import signal
import sys
import time
import traceback

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests/e2e"))
sys.dont_write_bytecode = True
from agree import Agreement  # noqa: E402
import test_inspect  # noqa: E402
from guest import DIMM, Guest, can_look, images, look, memory_free  # noqa: E402
from harness import Env, Failure, Skip  # noqa: E402
from speed import slowdown  # noqa: E402
from truth import Truth  # noqa: E402

CLOUD = [("bookworm", "cloud"), ("bookworm-backports", "cloud"), ("bullseye", "cloud"), ("trixie-backports", "cloud")]
OTHERS = [("bookworm", "generic"), ("bookworm", "rt"), ("bookworm-backports", "generic"), ("bullseye", "generic"),
          ("bullseye", "rt"), ("trixie", "generic"), ("trixie", "rt"), ("sid", "cloud"), ("sid", "rt")]
WAYS = {
    "plain": {},
    "4-level": {"cpu": "max,la57=off"},
    "no-kaslr": {"words": "nokaslr"},
    "pti": {"words": "pti=on"},
    "two-cpus": {"cpus": 2},
    "pc": {"machine": "pc"},
    "uefi": {"firmware": "/usr/share/ovmf/OVMF.fd"},
    "memfd": {"ram": "memfd"},
    "anonymous": {"ram": "anonymous"},
    "5-GiB": {"ram": "memfd", "memory": 5120},
    "numa-memfd": {"ram": "numa-memfd"},
    "numa-anonymous": {"ram": "numa-anonymous"},
    "numa-5-GiB": {"ram": "numa-memfd", "memory": 5120},
    "dimm": {"ram": "dimm-memfd"},
    "numa-dimm": {"ram": "numa-dimm-anonymous", "memory": 2 * DIMM},
    "plugged": {"ram": "slots-anonymous", "plugs": "memfd"},
}
PAIRS = 40
STORMS, STORM_LOOKS = 4, 200


def runs():
    """All ways for the cloud kernels, the plainest for the others."""
    for kernel in CLOUD:
        for way in [*WAYS, "faults", "storm"]:
            yield kernel, way
    for kernel in OTHERS:
        for way in ("plain", "two-cpus"):
            yield kernel, way
    yield CLOUD[0], "speed"


def values(env, kernel, way):
    """Every value of two looks; the second shows whether the first left anything behind."""
    options = WAYS[way]
    if memory_free() < (options.get("memory", 256) + 1024) << 20:
        raise Skip("not enough memory on this machine")
    guest = Guest(env, images(*kernel), **{k: v for k, v in options.items() if k != "plugs"})
    if "plugs" in options:
        guest.plug("more", options["plugs"])
    test_inspect.busy(guest)
    for _ in range(2):
        before = Truth(guest)
        seen = look(guest)
        agreed = Agreement(before, seen, Truth(guest))
        text = (f"{guest.release}: {agreed}; attach {seen['attach_seconds'] * 1e3:.1f} ms,"
                f" poll {seen['poll_seconds'] * 1e6:.0f} us")
        if agreed.wrong or agreed.missing:    # Debian's kernels have all that the reader needs
            raise Failure(f"{text}; {agreed.missing}")
    return text


def faults(env, kernel):
    """The tests of the e2e, with this kernel."""
    given = test_inspect.setup(env, *kernel)
    done, failed = [], []
    for name, test in vars(test_inspect).items():
        if not name.startswith("test_"):
            continue
        try:
            test(env, given)
            done.append(name[5:].replace("_", " "))
        except Skip as e:
            done.append(f"{name[5:].replace('_', ' ')} (skipped: {e})")
        except Exception as e:
            failed.append(f"{name[5:].replace('_', ' ')}: {type(e).__name__}: {e}")
    if failed:
        raise Failure("; ".join(failed))
    return f"{given.whole.release}: {', '.join(done)}"


def storm(env, kernel):
    """Looks while processes come and go as fast as they can: those that stay are seen, once."""
    guest = Guest(env, images(*kernel), cpus=2)
    test_inspect.busy(guest)
    stay = {p["pid"] for p in look(guest, "ps")["processes"] if not p["kernel_thread"]}
    for _ in range(STORMS):
        stay.add(guest.begin("work storm"))
    torn = refused = 0
    for _ in range(STORM_LOOKS):
        try:
            pids = [p["pid"] for p in look(guest, "ps")["processes"]]
        except Failure:
            refused += 1
            continue
        if len(pids) != len(set(pids)) or stay - set(pids):
            torn += 1
    text = (f"{guest.release}: {STORM_LOOKS} looks under {STORMS} fork storms, {torn} wrong, {refused} refused;"
            f" {guest.forks()} processes came and went")
    if torn or refused > STORM_LOOKS // 10:
        raise Failure(text)
    return text


def speed(env, kernel):
    guest = Guest(env, images(*kernel))
    by_cpu, by_clock = slowdown(guest, lambda: look(guest), PAIRS)
    text = f"{guest.release}: slower by {by_cpu} per CPU second, {by_clock} per second"
    if by_cpu.low > 1 or by_clock.low > 1:
        raise Failure(text)
    return text


def one(env, kernel, way):
    other = {"faults": faults, "storm": storm, "speed": speed}.get(way)
    return other(env, kernel) if other else values(env, kernel, way)


def tried(kernel, way):
    """(word, text) of one pair."""
    env = Env("vmi-kernels")
    try:
        try:
            return "ok", one(env, kernel, way)
        finally:
            env.close()
            env.remove()
    except Skip as e:
        return "skip", str(e)
    except Failure as e:
        return "FAIL", str(e)
    except Exception:
        return "FAIL", traceback.format_exc()


def main():
    words = [w for w in sys.argv[1:] if w != "--list"]
    wanted = [(k, w) for k, w in runs() if not words or any(f"{'/'.join(k)} {w}".startswith(x) for x in words)]
    if "--list" in sys.argv:
        print(*(f"{'/'.join(k)} {w}" for k, w in wanted), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))    # and the guests are ended
    count = {"ok": 0, "FAIL": 0, "skip": 0}
    try:
        can_look()
    except Skip as e:
        print(f"skip vmi-kernels: {e}")
        wanted, count["skip"] = [], len(wanted)
    for kernel, way in wanted:
        started = time.monotonic()
        word, text = tried(kernel, way)
        count[word] += 1
        print(f"{word:4} {'/'.join(kernel)} {way} ({time.monotonic() - started:.0f} s): {text}", flush=True)
    print(f"vmi-kernels: {count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
