# SPDX-License-Identifier: Apache-2.0
"""Whether a guest runs as fast while it is looked into.

A program in the guest does nothing but count, in a page that is read from outside, so that reading
costs the guest nothing. Windows of a second come in pairs, one with a look and one without, the one
that is first by turns: what the machine does beside falls on both alike. Two speeds: counts per
second of CPU time that the guest's processor got, which others on the machine disturb little, and
counts per second."""
import statistics
import time


class Difference:
    """In percent, positive when the guest is slower with looks: the median of the pairs, and the
    bounds between which it lies with 95 % certainty (from the order of the pairs, whatever their
    distribution)."""

    def __init__(self, percents):
        ordered = sorted(percents)
        self.median = statistics.median(ordered)
        outside = max(0, round(len(ordered) / 2 - 0.98 * len(ordered) ** 0.5) - 1)
        self.low, self.high = ordered[outside], ordered[-1 - outside]

    def __str__(self):
        return f"{self.median:+.2f} % (95 %: {self.low:+.2f} to {self.high:+.2f})"


def window(guest, counter, look, seconds):
    """(counts per CPU second, counts per second) of one window."""
    began, count, cpu = time.monotonic(), counter(), guest.cpu_seconds()
    if look:
        look()
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    counted, took, used = counter() - count, time.monotonic() - began, guest.cpu_seconds() - cpu
    return counted / used, counted / took


def slowdown(guest, look, pairs=40, seconds=1.0):
    """(by CPU time, by the clock), each a Difference."""
    counter = guest.counter()
    time.sleep(2)                           # until what counts is translated
    by_cpu, by_clock = [], []
    for pair in range(pairs):
        speeds = {}
        for looking in ((False, True), (True, False))[pair % 2]:
            speeds[looking] = window(guest, counter, look if looking else None, seconds)
        for kept, i in ((by_cpu, 0), (by_clock, 1)):
            kept.append((1 - speeds[True][i] / speeds[False][i]) * 100)
    return Difference(by_cpu), Difference(by_clock)
