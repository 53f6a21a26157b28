# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the server loses no sample that was answered, whoever sent it."""
import random
import threading
import time

from harness import auspex, check, equal, free_port, wait_for

KILLS = 4


class Writer(threading.Thread):
    """Sends numbered samples as fast as it is answered, and remembers which were."""

    def __init__(self, server, name):
        super().__init__()
        self.server, self.id, self.answered, self.stop, self.other = server, name, [], False, []

    def run(self):
        number = int(time.time() * 1000) - 600_000
        while not self.stop:
            batch = [(number + i, float(number + i)) for i in range(20)]
            series = [({"__name__": "e2e_number", "writer": self.id, "part": str(p)}, batch) for p in range(3)]
            try:
                status, body = self.server.write(series)
            except OSError:
                time.sleep(0.02)                # killed just now; these were not answered
                number += 20
                continue
            if status == 204:
                self.answered += [n for n, _ in batch]
            else:
                self.other.append((status, body[:200]))
            number += 20
            time.sleep(0.01)


def setup(env):
    server = env.server()
    env.host(server)
    wait_for("the collector", 20, lambda: server.query("node_time_seconds"))
    return server


def test_no_answered_sample_is_lost(env, server):
    began = time.time()
    writers = [Writer(server, str(i)) for i in range(3)]
    for w in writers:
        w.start()
    try:
        for _ in range(KILLS):
            time.sleep(1 + random.random())
            server.process.kill()
            server.start()
        time.sleep(1)
    finally:
        for w in writers:
            w.stop = True
        for w in writers:
            w.join()
    server.process.kill()
    server.start()
    total = 0
    for w in writers:
        equal(w.other[:3], [], f"answers other than 204 to writer {w.id}")
        check(len(w.answered) > 100, f"writer {w.id} had only {len(w.answered)} answers")
        for part in range(3):
            selector = f'e2e_number{{writer="{w.id}",part="{part}"}}'
            stored = {int(v) for _, v in server.values(selector + "[1h]")}
            lost = [n for n in w.answered if n not in stored]
            check(not lost, f"{selector}: {len(lost)} of {len(w.answered)} answered samples lost, first {lost[:3]}")
            count = server.value(f"count_over_time({selector}[1h])")
            equal(count, float(len(stored)), "count_over_time")
        total += 3 * len(w.answered)
    env.note(f"{total} samples answered over {KILLS + 1} kills, none lost")
    env.began = began


def test_the_collector_filled_in_what_it_could_not_send(env, server):
    wait_for("the spool to be sent", 15, lambda: time.time() - server.value("timestamp(node_time_seconds)") < 3)
    times = [t for t, _ in server.values(f"node_time_seconds[{int(time.time() - env.began)}s]")]
    gap = max(b - a for a, b in zip(times, times[1:]))
    env.note(f"longest step {gap:.2f} s at an interval of 1 s")
    check(gap < 2.6, f"a gap of {gap:.1f} s")


def test_a_second_server_on_the_directory_is_refused(env, server):
    status, _, err = auspex("serve", "--listen", f"127.0.0.1:{free_port()}", "--data", server.data)
    check(status != 0 and "another auspex is using" in err, f"a second server: {status} {err[:300]!r}")
    equal(server.http("/-/ready")[0], 200, "the first one")
