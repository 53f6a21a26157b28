# SPDX-License-Identifier: Apache-2.0
"""libvirtd killed and back, the server away and back: gaps where nothing was seen, none elsewhere."""
import os
import signal
import time

from harness import check, wait_for


def setup(env):
    hv, server = env.hypervisor(), env.server()
    uuid = hv.start("web1")
    host = env.host(server, hv.uri)
    wait_for("the VM's samples", 20, lambda: server.query(f'vm_memory_assigned_bytes{{vm_uuid="{uuid}"}}'))
    return hv, server, uuid, host


def test_libvirtd_killed_leaves_a_gap_and_is_found_again(env, given):
    hv, server, uuid, host = given
    series = f'vm_memory_assigned_bytes{{vm_uuid="{uuid}"}}'
    os.kill(hv.daemon_pid(), signal.SIGKILL)
    wait_for("the libvirt collector to be down", 10, lambda: server.value('auspex_collector_up{collector="libvirt"}') == 0)
    wait_for("the VM's series to end", 10, lambda: server.query(series) == [])
    killed = time.time()
    check(server.query("node_time_seconds"), "the host's own series ended too")
    time.sleep(2)
    check(server.resource(f"vm:{uuid}")["gone"] is None, "a VM that cannot be seen was taken for deleted")
    hv.up()
    back = time.time()
    wait_for("the VM's series again", 15, lambda: server.query(series))
    env.note(f"found again {time.time() - back:.1f} s after libvirtd was back")
    check(host.alive(), "the collector ended")
    between = [t for t, _ in server.values(f"{series}[60s]") if killed < t < back]
    check(not between, f"{len(between)} samples from while libvirtd was away")


def test_what_was_collected_while_the_server_was_away_comes_later(env, given):
    _, server, _, _ = given
    began = time.time()
    time.sleep(2)
    server.process.stop()
    time.sleep(5)
    server.start()
    time.sleep(3)
    wait_for("fresh samples", 15, lambda: time.time() - server.value("timestamp(node_time_seconds)") < 3)
    times = [t for t, _ in server.values(f"node_time_seconds[{int(time.time() - began)}s]")]
    gap = max(b - a for a, b in zip(times, times[1:]))
    env.note(f"longest step {gap:.2f} s, the server was away for 5 s")
    check(gap < 2.6, f"a gap of {gap:.1f} s")


def test_history_is_there_after_the_restart(env, given):
    _, server, uuid, _ = given
    oldest = server.values(f'vm_memory_assigned_bytes{{vm_uuid="{uuid}"}}[1h]')[0][0]
    server.restart()
    again = server.values(f'vm_memory_assigned_bytes{{vm_uuid="{uuid}"}}[1h]')[0][0]
    check(abs(oldest - again) < 0.001, f"history began at {oldest}, and after the restart at {again}")
