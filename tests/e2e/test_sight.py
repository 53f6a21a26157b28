# SPDX-License-Identifier: Apache-2.0
"""Looking into real guests through the server: refused on every path without consent or warrant,
written down and told with it, ended when it ends; other tenants and other collectors get nothing."""
import json
import os
import shutil
import threading
import time

from harness import ARTIFACTS, REPO, Skip, auspex, check, equal, run, wait_for
from test_auth import ask, token

INSPECTION = "/auspex/v1/inspection/"


def call(env, role, method, path, body=None, timeout=30):
    """(status, document)"""
    status, answer = env.place.http(path, json.dumps(body).encode() if body is not None else None, {
        "Authorization": "Bearer " + env.tokens[role], "Content-Type": "application/json"}, method, timeout)
    return status, json.loads(answer) if answer else None


def look(env, role, handle, *parts, **more):
    return call(env, role, "POST", f"/auspex/v1/resources/{handle}/inspect", {"parts": parts, **more})


def good(env, role, method, path, body=None, wanted=200):
    status, answer = call(env, role, method, path, body)
    equal(status, wanted, f"{role}: {method} {path} ({answer})")
    return answer


def told(answer):
    return answer[1]["error"]["message"]


def cli(env, role, *arguments):
    path = os.path.join(env.dir, role + ".token")
    with open(path, "w") as f:
        f.write(env.tokens[role] + "\n")
    os.chmod(path, 0o600)
    return auspex(*arguments, "--server", env.place.url, "--token-file", path)


def series(env, name, handle):
    """The newest value, None when there is none."""
    status, answer = call(env, "member", "GET", "/api/v1/query?query=" + name + '%7Bhandle%3D%22' + handle + '%22%7D')
    equal(status, 200, answer)
    result = answer["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def consent(env, handle, scope):
    good(env, "member", "PUT", INSPECTION + "consent/" + handle, {"scope": scope})


def revoke(env, handle):
    good(env, "member", "DELETE", INSPECTION + "consent/" + handle, wanted=204)


def entries(env, kind):
    return [e for e in good(env, "provider", "GET", INSPECTION + "ledger?limit=1000")["entries"] if e["kind"] == kind]


def setup(env):
    hv = env.hv = env.hypervisor()
    server = env.place = env.server(args=["--auth", "token"])
    env.tokens = {role: token(server, role) for role in ("provider", "member", "reader", "agent")}
    env.tokens |= {"other " + role: token(server, role, "other") for role in ("member", "agent")}
    env.vms = {"shared": "vm:" + hv.start("web1", shared=True, wait=False),
               "anonymous": "vm:" + hv.start("web2", wait=False)}
    path = os.path.join(env.dir, "collector.token")
    with open(path, "w") as f:
        f.write(env.tokens["agent"])
    os.chmod(path, 0o600)
    env.collector = env.host(server, hv.uri, args=["--token-file", path])
    vms = wait_for("the VMs", 20, lambda: len(v := call(
        env, "member", "GET", "/auspex/v1/resources?kind=vm")[1]["resources"]) == 2 and v)
    env.host_handle = vms[0]["host"]
    for name in ("web1", "web2"):
        wait_for(f"{name} to boot", 90, lambda n=name: "guest: ready" in hv.console(n))
    wait_for("the collector to ask for work", 20, lambda: call(
        env, "member", "GET", f"/auspex/v1/resources/{env.vms['shared']}/inspect")[1]["collector"])
    return server


def test_without_consent_every_path_refuses(env, server):
    for handle in env.vms.values():
        for role in ("provider", "member"):
            for part in ("memory", "processes", "log"):
                answer = look(env, role, handle, part)
                equal(answer[0], 403, f"{role} reads {part}: {answer[1]}")
                check("consent" in told(answer), told(answer))
        for role in ("reader", "agent"):
            equal(look(env, role, handle, "memory")[0], 403, role)
        equal(look(env, "other member", handle, "memory")[0], 404, "another tenant's member")
        may = good(env, "member", "GET", f"/auspex/v1/resources/{handle}/inspect")
        equal((may["scope"], may["running"], may["collector"]), ("none", True, True), may)
        equal(series(env, "auspex_vmi_up", handle), None, "a series")
    check(entries(env, "use-refused"), "refusals are not in the ledger")
    equal(entries(env, "use"), [], "uses")
    equal(entries(env, "standing-begun"), [], "collections")


def test_with_consent_it_is_read_and_written_down(env, server):
    for kind, handle in env.vms.items():
        consent(env, handle, "processes")
        status, answer = look(env, "member", handle, "system", "memory", "processes", reason="a test")
        equal(status, 200, answer)
        equal((answer["handle"], answer["grant"]["kind"]), (handle, "consent"), kind)
        check(any(p["name"] == "init" and p["pid"] == 1 for p in answer["processes"]), answer["processes"][:3])
        check(100 << 20 < answer["memory"]["total_bytes"] < 160 << 20, answer["memory"])
        check("messages" not in answer and "modules" not in answer, "more than was asked for")
        env.note(f"{kind}: {answer['attach_seconds'] * 1e3:.1f} ms, {answer['poll_seconds'] * 1e6:.0f} us")
        uses = [e for e in entries(env, "use") if e["handle"] == handle]
        equal(len(uses), 1, f"uses of {handle}")
        check(uses[0]["reason"] == "a test" and "(member)" in uses[0]["who"], uses[0])
        notices = good(env, "member", "GET", INSPECTION + "notices?resource=" + handle)["notices"]
        check([n for n in notices if n["kind"] == "use"], notices)


def test_the_command_shows_it(env, server):
    status, out, err = cli(env, "member", "inspect", "web1", "ps")
    equal((status, err), (0, ""), "ps")
    check("allowed by a consent, up to processes" in out and "init" in out, out[:600])
    status, out, err = cli(env, "member", "inspect", env.vms["anonymous"], "mem", "--json")
    equal((status, json.loads(out)["name"]), (0, "web2"), "mem --json")
    check(json.loads(out)["memory"]["free_bytes"] > 0, out)
    status, out, err = cli(env, "member", "inspect", "web1", "all")
    check(status == 0 and "Not looked at" in out and "log" in out, (status, out[-300:], err))
    status, out, err = cli(env, "provider", "inspect", "web1", "dmesg")
    check(status == 1 and not out and "auspex warrant open" in err, (status, err))
    for words, wanted in ((("web1", "everything"), 2), (("web1", "ps", "5"), 2), (("nobody", "ps"), 1)):
        equal(cli(env, "member", "inspect", *words)[0], wanted, words)


def test_a_scope_that_is_too_small_is_refused(env, server):
    for part in ("log", "stacks", "all"):
        answer = look(env, "provider", env.vms["shared"], part)
        equal(answer[0], 403, part)
        check("diagnosis" in told(answer) or "forensic" in told(answer), told(answer))
    for wrong in ([], ["everything"], "memory", [1]):
        equal(call(env, "member", "POST", f"/auspex/v1/resources/{env.vms['shared']}/inspect", {"parts": wrong})[0],
              400, wrong)


def test_consent_begins_series_and_revoking_ends_them(env, server):
    handle = env.vms["shared"]
    for name, low, high in (("auspex_vmi_up", 1, 1), ("auspex_vmi_uptime_seconds", 1, 1e5),
                            ("auspex_vmi_memory_total_bytes", 100 << 20, 160 << 20),
                            ("auspex_vmi_cpus_online", 1, 1)):
        value = wait_for(name, 15, lambda n=name: series(env, n, handle))
        check(low <= value <= high, f"{name} is {value}")
    check(wait_for("processes by memory", 15, lambda: series(
        env, "auspex_vmi_process_resident_memory_bytes", handle)) > 0, "no memory")
    equal(len([e for e in entries(env, "standing-begun") if e["handle"] == handle]), 1, "collections begun")
    revoke(env, handle)
    done = time.monotonic()
    equal(look(env, "member", handle, "memory")[0], 403, "a look after it")
    wait_for("the series to end", 10, lambda: series(env, "auspex_vmi_up", handle) is None)
    env.note(f"series ended {time.monotonic() - done:.1f} s after the consent")
    check(series(env, "auspex_vmi_up", env.vms["anonymous"]) == 1, "the other VM's, too")
    wait_for("the end in the ledger", 15, lambda: [
        e for e in entries(env, "standing-ended") if e["handle"] == handle])


def test_a_warrant_is_the_providers(env, server):
    handle = env.vms["shared"]
    warrant = good(env, "provider", "POST", INSPECTION + "warrants", {
        "resource": handle, "scope": "diagnosis", "reason": "ticket 4711"}, wanted=201)
    status, answer = look(env, "provider", handle, "log")
    equal(status, 200, answer)
    check(any("Linux version" in m["text"] for m in answer["messages"]), answer["messages"][:3])
    equal(answer["grant"]["kind"], "warrant", "by what")
    equal(look(env, "member", handle, "log")[0], 403, "the owner has not consented")
    good(env, "provider", "DELETE", INSPECTION + "warrants/" + warrant["id"], wanted=204)
    equal(look(env, "provider", handle, "log")[0], 403, "after its end")


def test_other_collectors_get_nothing_and_answer_nothing(env, server):
    handle = env.vms["anonymous"]
    mine = "host=" + env.host_handle
    for role in ("other agent", "other member"):
        status = call(env, role, "GET", INSPECTION + f"work?{mine}&wait=0")[0]
        check(status in (403, 404), f"{role}: {status}")
    for role in ("member", "reader"):
        equal(call(env, role, "GET", INSPECTION + f"work?{mine}&wait=0")[0], 403, role)
    equal(call(env, "agent", "GET", INSPECTION + "work?host=host:elsewhere&wait=0")[0], 404, "a host nobody knows")
    body = json.dumps({"time": int(time.time() * 1000), "host": "host:h2", "complete": [], "events": [], "resources": [
        {"handle": "host:h2", "kind": "host", "name": "h2", "state": "up"}]}).encode()
    equal(ask(server, "/auspex/v1/observations", "POST", env.tokens["agent"], None, body)[0], 204, "a second host")
    work = good(env, "agent", "GET", INSPECTION + "work?host=host:h2&wait=0")
    equal((work["vms"], work["requests"]), ([], []), "what another host is given")
    answers = []
    env.collector.child.send_signal(19)      # it listens no more, so that the request waits
    try:
        asker = threading.Thread(target=lambda: answers.append(look(env, "member", handle, "memory", wait=6)))
        asker.start()
        time.sleep(1)
        equal(good(env, "agent", "GET", INSPECTION + "work?host=host:h2&wait=0")["requests"], [], "of another host")
        for path in ("requests/00000000-0000-4000-8000-000000000000/result", "standing/none/count"):
            status = call(env, "agent", "POST", INSPECTION + f"{path}?host=host:h2", {"polls": 1, "reading": {}})[0]
            equal(status, 404, path)
        asker.join()
    finally:
        env.collector.child.send_signal(18)
    equal(answers[0][0], 504, answers[0][1])
    check("did not" in told(answers[0]), told(answers[0]))
    wait_for("the collector to answer again", 20, lambda: look(env, "member", handle, "memory")[0] == 200)


def test_a_collector_that_was_killed_loses_no_question(env, server):
    """Its last poll stands at the server, and is given what is asked before the next collector comes."""
    handle, answers = env.vms["anonymous"], []
    before = len(entries(env, "use"))
    env.collector.kill()
    asker = threading.Thread(target=lambda: answers.append(look(env, "member", handle, "memory")))
    asker.start()
    began = time.monotonic()
    env.collector = env.host(server, env.hv.uri, args=["--token-file", os.path.join(env.dir, "collector.token")])
    asker.join()
    equal(answers[0][0], 200, answers[0][1])
    env.note(f"a question is answered {time.monotonic() - began:.1f} s after the collector was started anew")
    env.collector.kill()
    env.collector = env.host(server, env.hv.uri, args=["--token-file", os.path.join(env.dir, "collector.token")])
    status, answer = look(env, "member", handle, "memory")
    equal(status, 200, answer)
    equal(len(entries(env, "use")) - before, 2, "each look is in the ledger, once")


def test_a_reading_of_a_million_lists_is_not_taken_in(env, server):
    """Whoever has taken a collector over would have the server hold gigabytes."""
    handle, mine, answers = env.vms["anonymous"], "host=" + env.host_handle, []
    env.collector.child.send_signal(19)
    try:
        asker = threading.Thread(target=lambda: answers.append(look(env, "member", handle, "memory", wait=15)))
        asker.start()
        path = wait_for("the request", 10, lambda: [
            INSPECTION + f"requests/{r['id']}/result?{mine}"
            for r in good(env, "agent", "GET", INSPECTION + f"work?{mine}&wait=0")["requests"]])[0]
        status, answer = call(env, "agent", "POST", path, {"reading": {"disks": [{}] * 1000000}})
        equal(status, 413, answer)
        check("lists and objects" in answer["error"]["message"], answer)
        status, answer = call(env, "agent", "POST", path, {"reading": {"memory": {"total_bytes": 1}}})
        equal(status, 204, answer)
        asker.join()
    finally:
        env.collector.child.send_signal(18)
    equal(answers[0][1]["memory"], {"total_bytes": 1}, "what it was told")


def test_a_vm_that_is_off_has_no_memory(env, server):
    handle = env.vms["anonymous"]
    env.hv.virsh("destroy", "web2")
    wait_for("it to be off", 10, lambda: look(env, "member", handle, "memory")[0] == 409)
    wait_for("its series to end", 10, lambda: series(env, "auspex_vmi_up", handle) is None)


def test_the_page_of_a_vm(env, server):
    """A server that asks nobody who they are: everybody is owner and provider."""
    script = os.path.join(REPO, "web", "test", "inside.mjs")
    if not (shutil.which("node") and shutil.which("chromium")):
        raise Skip("needs node and chromium (tools/install-deps test)")
    plain = env.server("plain")
    if b"app.js" not in plain.http("/")[1]:
        raise Skip("built without the dashboard")
    env.host(plain, env.hv.uri, name="second")
    handle = env.vms["shared"]
    wait_for("the collector to ask for work", 20, lambda: plain.get(f"/auspex/v1/resources/{handle}/inspect")["collector"])
    shots = os.path.join(ARTIFACTS, "screenshots", "sight")
    os.makedirs(shots, exist_ok=True)
    status, out, err = run(["node", script, plain.url, shots], timeout=120, env={**os.environ, "VM": handle})
    check(status == 0, (out + err)[-3000:])


def test_signs_of_a_guest_become_events(env, server):
    """A guest that is paused gives none; its panic is told with its own words."""
    handle = "vm:" + env.hv.start("web3", "guest.panic=12", shared=True)
    good(env, "member", "PUT", INSPECTION + "consent", {"scope": "diagnosis"})
    wait_for("the VM to be known and read", 20, lambda: series(env, "auspex_vmi_up", handle) == 1)
    env.hv.virsh("suspend", "web3")
    time.sleep(7)                            # longer than a clock may stand still
    env.hv.virsh("resume", "web3")
    event = wait_for("the panic", 30, lambda: [
        e for e in call(env, "member", "GET", f"/auspex/v1/events?handle={handle}&limit=100")[1]["events"]
        if (e["type"], e["what"]) == ("guest", "panicked")], 0.2)[0]
    check("Kernel panic - not syncing" in event["text"], event["text"])
    events = call(env, "member", "GET", f"/auspex/v1/events?handle={handle}&limit=100")[1]["events"]
    check(not [e for e in events if e["what"] == "hung"], "a paused guest does not hang")
    status, out, err = cli(env, "member", "inspect", handle, "all")
    check(status == 3 and "Kernel panic" in out, (status, out[-300:], err))
