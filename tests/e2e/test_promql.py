# SPDX-License-Identifier: Apache-2.0
"""PromQL means here what it means in a real Prometheus: the same samples, a thousand questions."""
import os
import re

from harness import Skip, check, run

HERE = os.path.dirname(os.path.abspath(__file__))


def setup(env):
    return env.server()


def test_answers_as_prometheus(env, server):
    if not os.access("/usr/bin/prometheus", os.X_OK):
        raise Skip("no Prometheus to compare with (Debian: prometheus)")
    status, out, err = run(["/usr/bin/python3", f"{HERE}/promql_diff.py", server.url], timeout=180)
    env.note(out.strip().splitlines()[-1] if out.strip() else err)
    check(status == 0, f"answers differ: {out[-2000:]}{err[-500:]}")
    asked = re.search(r"(\d+) questions", out)
    check(asked and int(asked.group(1)) > 500, f"few questions were asked: {out[-200:]}")
