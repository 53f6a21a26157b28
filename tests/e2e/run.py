#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the e2e tests: tests/e2e/run.py [NAME...], NAME as in test_NAME.py.

Each file is a group with an Env of its own; its functions test_* run in the order in which they
stand there and share what setup(env) returned. A group whose story takes minutes has begin(env)
instead: it is begun first and its tests run last, so that the others run meanwhile."""
import glob
import importlib
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from harness import Env, Failure, Skip  # noqa: E402


class Group:
    def __init__(self, name):
        self.name = name
        self.module = importlib.import_module("test_" + name)
        self.tests = [(n, f) for n, f in vars(self.module).items() if n.startswith("test_")]
        self.begins = hasattr(self.module, "begin")
        self.env = self.given = self.broken = None

    def set_up(self):
        self.env = Env(self.name)
        try:
            prepare = getattr(self.module, "begin", None) or getattr(self.module, "setup", None)
            self.given = prepare(self.env) if prepare else None
        except Exception as e:              # told when its tests are due
            self.broken = e

    def run(self, count):
        if self.env is None:
            self.set_up()
        for name, test in self.tests:
            started = time.monotonic()
            self.env.notes.clear()
            try:
                if self.broken:
                    raise self.broken
                test(self.env, self.given)
                self.tell("ok", name, started)
                count["passed"] += 1
            except Skip as e:
                self.tell("skip", name, started, str(e))
                count["skipped"] += 1
            except Exception as e:
                self.fail(name, started, e)
                count["failed"] += 1
        self.close(count)

    def close(self, count):
        try:
            self.env.close()
        except Exception as e:
            self.fail("test_clean_up", time.monotonic(), e)
            count["failed"] += 1
        self.env.remove()

    def tell(self, word, name, started, why=""):
        notes = "; ".join([why] * bool(why) + self.env.notes)
        print(f"{word:4} {self.name}: {name[5:].replace('_', ' ')} ({time.monotonic() - started:.1f} s)"
              + (f"  [{notes}]" if notes else ""), flush=True)

    def fail(self, name, started, error):
        self.tell("FAIL", name, started)
        if isinstance(error, Failure):
            where = traceback.extract_tb(error.__traceback__)
            at = next((f for f in reversed(where) if os.path.basename(f.filename).startswith("test_")), None)
            print(f"     {error}" + (f"\n     at {os.path.basename(at.filename)}:{at.lineno}" if at else ""))
        else:
            print("".join(traceback.format_exception(error)))
        print(self.env.evidence(), flush=True)


def main():
    there = sorted(os.path.basename(f)[5:-3] for f in glob.glob(os.path.join(HERE, "test_*.py")))
    names = sys.argv[1:] or there
    for name in names:
        if name not in there:
            print(f"no e2e test '{name}'; there are: {' '.join(there)}", file=sys.stderr)
            return 2
    count = {"passed": 0, "failed": 0, "skipped": 0}
    groups = [Group(name) for name in names]
    try:
        for group in groups:
            if group.begins:
                group.set_up()
        for group in sorted(groups, key=lambda g: g.begins):
            group.run(count)
    finally:
        for group in groups:                # after Ctrl-C: what was begun is ended
            if group.env and os.path.isdir(group.env.dir):
                group.env.close()
                group.env.remove()
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"e2e: {count['passed']} passed, {count['failed']} failed{skipped}")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
