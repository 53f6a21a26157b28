# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: which figures, from which scenario, and the goal."""
from dataclasses import dataclass, field
from typing import Callable, List, Optional

import scenarios


@dataclass
class Figure:
    scenario: Callable
    key: str
    what: str
    unit: str
    goal: Optional[float] = None
    more_is_better: bool = False
    worst_counts: bool = False      # of several runs: what must never happen


@dataclass
class Row:
    name: str
    about: str
    figures: List[Figure] = field(default_factory=list)


def hour(*args, **kw):
    return Figure(scenarios.hour, *args, **kw)


def million(*args, **kw):
    return Figure(scenarios.million, *args, **kw)


def day(*args, **kw):
    return Figure(scenarios.day, *args, **kw)


def kill(*args, **kw):
    return Figure(scenarios.kill, *args, **kw)


ROWS = [
    Row("steady", "taking in samples of 100,000 series, one each per request", [
        hour("steady_us", "CPU per sample, 100k series", "us", 0.25),
        hour("steady_settled_us", "the same with what follows", "us"),
        hour("steady_rate", "taken in, sender on the same cores", "samples/s", more_is_better=True),
        hour("request_p99_ms", "a request, p99", "ms")]),
    Row("million", "the same of 1,000,000 series", [
        million("million_us", "CPU per sample, 1M series", "us", 0.30)]),
    Row("new", "what a series costs when it comes for the first time", [
        million("new_us", "CPU per new series", "us", 4)]),
    Row("disk", "bytes per sample with index, 10,000 series, 24 h at 15 s", [
        day("bytes_per_sample", "on disk with index", "bytes/sample", 0.92),
        day("bytes_as_it_lies", "the same while it runs, with logs", "bytes/sample"),
        day("backfill_us", "CPU per sample, 60 per request", "us")]),
    Row("memory", "resident memory, settled", [
        hour("hour_resident", "100k series, after an hour", "MiB", 90),
        hour("hour_peak", "the same, at most", "MiB"),
        million("million_resident", "1M series", "MiB", 350),
        million("million_peak", "the same, at most", "MiB")]),
    Row("kill", "acknowledged samples lost by kill -9 at full speed", [
        kill("lost", "acknowledged and lost", "samples", 0, worst_counts=True),
        kill("invented", "found and never sent", "samples", 0, worst_counts=True),
        kill("acknowledged", "acknowledged before the kill", "samples", more_is_better=True)]),
    Row("ready", "ready again after kill -9", [
        hour("hour_ready_s", "100k series", "s", 1),
        million("million_ready_s", "1M series", "s", 2)]),
    Row("instant", "sum by (host) over 100,000 series", [
        hour("instant_ms", "p50", "ms", 20),
        hour("instant_cpu_ms", "CPU", "ms")]),
    Row("range", "24 h of 117 series, step 60 s", [
        day("range_ms", "p50", "ms", 15),
        day("range_cpu_ms", "CPU", "ms")]),
    Row("visible", "from the acknowledgement until a query sees it", [
        Figure(scenarios.visible, "visible_ms", "longest, of a known series", "ms", 0, worst_counts=True),
        Figure(scenarios.visible, "new_visible_ms", "longest, of a new series", "ms", 0,
               worst_counts=True)]),
]
