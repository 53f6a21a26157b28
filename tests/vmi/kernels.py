#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks into guests of many kernels, each kernel in several ways, and compares every value with what
the guest says itself: tests/vmi/kernels.py [--list] [WORD...], WORD as in what a line begins with.

Each pair is one line. What cannot run on this machine is skipped, with the reason."""
import os
import sys
import time
import traceback

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests/e2e"))
sys.dont_write_bytecode = True
from agree import Agreement  # noqa: E402
from guest import Guest, can_look, images, look, memory_free  # noqa: E402
from harness import Env, Failure, Skip  # noqa: E402
from truth import Truth  # noqa: E402

CLOUD = [("bookworm", "cloud"), ("bookworm-backports", "cloud"), ("bullseye", "cloud"), ("trixie-backports", "cloud")]
OTHERS = [("bookworm", "generic"), ("bookworm", "rt"), ("bookworm-backports", "generic"), ("bullseye", "generic")]
WAYS = {
    "plain": {},
    "4-level": {"cpu": "max,la57=off"},
    "no-kaslr": {"words": "nokaslr"},
    "pti": {"words": "pti=on"},
    "two-cpus": {"cpus": 2},
    "pc": {"machine": "pc"},
    "memfd": {"ram": "memfd"},
    "anonymous": {"ram": "anonymous"},
    "5-GiB": {"ram": "memfd", "memory": 5120},
}
WORK = ("odd", "dead", "blocked", "threads 3", "hold 7")


def runs():
    """All ways for the cloud kernels, the plainest for the others."""
    for kernel in CLOUD:
        for way in WAYS:
            yield kernel, way
    for kernel in OTHERS:
        for way in ("plain", "two-cpus"):
            yield kernel, way


def settled(guest):
    """Processes to look at, and the time for them to come to rest."""
    for work in WORK:
        guest.begin("work " + work)
    time.sleep(2)


def compare(guest):
    """Twice: the second time shows whether a first look leaves anything behind."""
    for _ in range(2):
        before = Truth(guest)
        seen = look(guest)
        agreed = Agreement(before, seen, Truth(guest))
        if agreed.wrong:
            return agreed, seen
    return agreed, seen


def one(env, kernel, way):
    options = WAYS[way]
    if memory_free() < (options.get("memory", 256) + 1024) << 20:
        raise Skip("not enough memory on this machine")
    guest = Guest(env, images(*kernel), **options)
    settled(guest)
    agreed, seen = compare(guest)
    text = (f"{guest.release}: {agreed}; attach {seen['attach_seconds'] * 1e3:.1f} ms,"
            f" poll {seen['poll_seconds'] * 1e6:.0f} us")
    if agreed.wrong:
        raise Failure(text)
    return text


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
