# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus sends to us by remote write, and scrapes our collector and our server."""
import json
import os
import urllib.parse
import urllib.request

from harness import Skip, check, free_port, wait_for

PROMETHEUS = "/usr/bin/prometheus"


def setup(env):
    if not os.access(PROMETHEUS, os.X_OK):
        raise Skip("no Prometheus here (Debian: prometheus)")
    server, exporter, port = env.server(), free_port(), free_port()
    env.host(server, args=["--exporter", f"127.0.0.1:{exporter}"])
    config = os.path.join(env.dir, "prometheus.yml")
    with open(config, "w") as f:
        f.write(f"""
global: {{scrape_interval: 1s, external_labels: {{site: here}}}}
remote_write: [{{url: "{server.url}/api/v1/write"}}]
scrape_configs:
  - {{job_name: collector, static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]}}
  - {{job_name: server, static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]}}
""")
    env.process("prometheus", [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={env.dir}/prometheus",
                               f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])
    return server, port


def answers(port, expression):
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]
    except OSError:                         # it is still starting
        return []


def test_it_scrapes_our_collector_and_server(env, given):
    _, port = given
    wait_for("both targets to be up", 30, lambda: len(answers(port, "up == 1")) == 2)
    check(len(answers(port, 'node_cpu_seconds_total{mode="idle"}')) >= 1, "no CPU in what it scraped")


def test_what_it_sends_is_here(env, given):
    server, port = given
    wait_for("what it sends", 30, lambda: server.value('count(up{site="here"} == 1)') == 2)
    ours = wait_for("the same samples in both", 30, lambda: agree(server, port))
    env.note(f"{ours} samples of up, the same in both")


def agree(server, port):
    """The samples of one stretch of the past, asked of both. Its left edge counts in Prometheus 2
    and not here: one sample of each target may be more there."""
    newest = server.value('max(timestamp(up{site="here"}))')
    if not newest:
        return None
    question = f'sum(count_over_time(up[5s] @ {newest - 3}))'
    ours, theirs = server.value(question), answers(port, question)
    if not ours or not theirs or ours < 8:
        return None
    return int(ours) if 0 <= float(theirs[0]["value"][1]) - ours <= 2 else None
