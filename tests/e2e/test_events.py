# SPDX-License-Identifier: Apache-2.0
"""What happens to a VM is known at the API in less than a second, measured."""
import time

from harness import check, equal, wait_for


def setup(env):
    hv, server = env.hypervisor(), env.server()
    uuid = hv.start("web1")
    env.host(server, hv.uri, interval="5s")     # long, so that only a push can be in time
    wait_for("the VM", 20, lambda: server.resources(kind="vm"))
    return hv, server, "vm:" + uuid


def newest(server, handle):
    return max([e["id"] for e in server.events(handle=handle)], default=0)


def test_lifecycle_events_arrive_within_a_second(env, given):
    hv, server, handle = given
    took = {}
    for action, what in (("suspend", "suspended"), ("resume", "resumed"), ("destroy", "stopped"), ("start", "started")):
        last = newest(server, handle)
        hv.virsh(action, "web1")
        done = time.monotonic()
        event = wait_for(f"the event of virsh {action}", 10, lambda: [
            e for e in server.events(handle=handle) if e["id"] > last and e["type"] == "lifecycle" and e["what"] == what], 0.02)[0]
        took[action] = time.monotonic() - done
        check(event["text"], "no sentence for people")
        equal(event["name"], "web1", "name")
    env.note(", ".join(f"{a} {s * 1000:.0f} ms" for a, s in took.items()))
    late = {a: s for a, s in took.items() if s >= 1}
    check(not late, f"too late: {late}")


def test_a_panic_is_told_as_a_crash(env, given):
    hv, server, _ = given
    handle = "vm:" + hv.start("web2", "guest.panic=3")
    event = wait_for("the crash", 30, lambda: [
        e for e in server.events(handle=handle) if e["what"] == "crashed"], 0.05)[0]
    check("panic" in event["detail"] + event["text"], f"no word of a panic: {event}")
    wait_for("the state", 8, lambda: server.resource(handle)["state"] == "crashed")


def test_pages_of_events_do_not_overlap(env, given):
    _, server, handle = given
    events = server.events(limit=1000)
    equal(events, sorted(events, key=lambda e: (e["time"], e["id"]), reverse=True), "newest first")
    every = [e["id"] for e in events]
    paged, before = [], None
    while True:
        page = server.events(limit=2, **({"before": before} if before else {}))
        paged += [e["id"] for e in page]
        if len(page) < 2:
            break
        before = page[-1]["id"]
    equal(paged, every, "all pages together")
