# SPDX-License-Identifier: Apache-2.0
"""A guest's memory in a file: refused on every path without a forensic warrant; with one it is whole,
sparse, readable, and its hash is in the ledger; broken off, it says why, and leaves what it has."""
import hashlib
import http.server
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
import time

from harness import IMAGES, auspex, binary, check, equal, run, wait_for
from test_auth import token
from test_sight import INSPECTION, call, cli, consent, entries, good, look, told

# Made in the memory of a program of the guest: nobody has written it as a whole.
LIFE = "#!/bin/sh\na=INNER\nb=MARK\nmark=$a-7-$b\nwhile :; do sleep 60; done\n"
MARK = b"INNER-7-MARK"


def guest_images(env):
    """The demo's guest with another life: a second archive behind the first."""
    images = os.path.join(env.dir, "images")
    os.makedirs(os.path.join(images, "etc"))
    for name in ("vmlinuz", "initramfs"):
        shutil.copy(os.path.join(IMAGES, name), images)
    run(["cp", "--sparse=always", os.path.join(IMAGES, "disk.img"), images])
    with open(os.path.join(images, "etc", "life"), "w") as f:
        f.write(LIFE)
    os.chmod(f.name, 0o755)
    status, _, err = run(["sh", "-c", f"cd {images} && echo etc/life | cpio --quiet -o -H newc >>initramfs"])
    check(status == 0, err)
    return images


def setup(env):
    hv = env.hv = env.hypervisor()
    images = guest_images(env)
    server = env.place = env.server(args=["--auth", "token"])
    env.tokens = {role: token(server, role) for role in ("provider", "member", "reader", "agent")}
    env.tokens |= {"other member": token(server, "member", "other")}
    for name, shared in (("web1", ["-s"]), ("web2", [])):
        hv.script("vm", "start", "-m", "160", *shared, images, hv.dir, name)
        hv.guests.append(name)
    env.vms = {name: "vm:" + hv.virsh("domuuid", name) for name in ("web1", "web2")}
    path = os.path.join(env.dir, "collector.token")
    with open(path, "w") as f:
        f.write(env.tokens["agent"])
    os.chmod(path, 0o600)
    env.collector = env.host(server, hv.uri, args=["--token-file", path])
    for name, handle in env.vms.items():
        wait_for(f"{name} to boot", 90, lambda n=name: "guest: ready" in hv.console(n))
        wait_for("the collector to ask for work", 20, lambda h=handle: (call(
            env, "member", "GET", f"/auspex/v1/resources/{h}/inspect")[1] or {}).get("collector"))
    return server


def start_extract(env, role, handle, **body):
    return call(env, role, "POST", f"/auspex/v1/resources/{handle}/extract", body)


def piece(env, role, extract, offset):
    """(status, bytes)"""
    return env.place.http(INSPECTION + f"extracts/{extract}/piece?offset={offset}", b"", {
        "Authorization": "Bearer " + env.tokens[role]}, "POST", 40)


def unfold(data):
    """What a piece is of."""
    out = b""
    while data:
        zeros, pages = struct.unpack_from("<II", data)
        out += bytes(zeros * 4096) + data[8:8 + pages * 4096]
        data = data[8 + pages * 4096:]
    return out


def warrant(env, handle, scope="forensic", **more):
    return good(env, "provider", "POST", INSPECTION + "warrants", {
        "resource": handle, "scope": scope, "reason": "court order 12/26", **more}, wanted=201)


def ended(env):
    return entries(env, "extract-ended")[-1]


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def out_of(env, name):
    return os.path.join(env.dir, name)


def test_without_a_forensic_warrant_every_path_refuses(env, server):
    handle = env.vms["web1"]
    consent(env, handle, "diagnosis")        # the furthest that a consent goes
    lesser = warrant(env, env.vms["web2"], "diagnosis")
    for vm in env.vms.values():
        for role in ("provider", "member"):
            status, answer = start_extract(env, role, vm)
            equal(status, 403, f"{role}: {answer}")
            check("forensic" in told((status, answer)), answer)
        for role in ("reader", "agent"):
            equal(start_extract(env, role, vm)[0], 403, role)
        equal(start_extract(env, "other member", vm)[0], 404, "another tenant's member")
    for role in ("provider", "member"):
        status, out, err = cli(env, role, "inspect", "web1", "extract", "--out", out_of(env, "no.elf"), "--reason", "x")
        check(status == 1 and not out and "forensic" in err, (status, out, err))
        equal([f for f in os.listdir(env.dir) if f.startswith("no.elf")], [], "files")
    check([e for e in entries(env, "use-refused") if e["scope"] == "forensic"], "refusals are not in the ledger")
    equal(entries(env, "use"), [], "uses")
    good(env, "provider", "DELETE", INSPECTION + "warrants/" + lesser["id"], wanted=204)
    status, _, err = auspex("inspect", "--pid", str(env.hv.qemu_pid("web1")), "extract", "--out", out_of(env, "no.elf"))
    check(status == 2 and "--reason" in err, "without a server it takes a reason")


def checked(env, path, answer, name):
    """The file is what the answer, the ledger and the guest say."""
    equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    equal((answer["file"], answer["bytes"]), (path, os.stat(path).st_size), answer)
    equal((answer["sha256"], answer["left_out_bytes"]), (sha256(path), 0), "SHA-256, and what is not in it")
    on_disk = os.stat(path).st_blocks * 512
    check(answer["holes_bytes"] > 10 << 20, f"holes: {answer}")
    check(on_disk < answer["bytes"] - answer["holes_bytes"] + (2 << 20), f"{on_disk} bytes on disk: it is not sparse")
    with open(path, "rb") as f:
        equal(f.read().count(MARK) > 0, True, "the mark of a program's memory is in it")
    status, out, err = auspex("inspect", "--ram", path, "--reason", "a test", "--data", out_of(env, "ledger"), "ps", "--json")
    equal(status, 0, err)
    names = {p["pid"]: p["name"] for p in json.loads(out)["processes"]}
    check(names[1] == "life" and names[2] == "kthreadd" and len(names) > 20, names)
    status, out, _ = run(["readelf", "-ln", path])
    check(status == 0 and "VMCOREINFO" in out and 1 <= out.count("LOAD") <= 3, out[:1500])


def memory_file_blocks(pid):
    fds = f"/proc/{pid}/fd"
    return next(os.stat(f"{fds}/{n}").st_blocks * 512 for n in os.listdir(fds)
                if "memfd" in os.readlink(f"{fds}/{n}") and os.stat(f"{fds}/{n}").st_size >= 160 << 20)


def test_with_a_warrant_it_is_whole_and_on_record(env, server):
    handle, path = env.vms["web1"], out_of(env, "web1.elf")
    env.warrant = warrant(env, handle)
    before = memory_file_blocks(env.hv.qemu_pid("web1"))
    began = time.monotonic()
    status, out, err = cli(env, "provider", "inspect", "web1", "extract", "--out", path, "--json")
    took = time.monotonic() - began
    equal((status, err), (0, ""), "the command")
    grown = memory_file_blocks(env.hv.qemu_pid("web1")) - before
    check(grown < 8 << 20, f"the guest's memory has grown by {grown} bytes: what it never touched was touched")
    answer = json.loads(out)
    checked(env, path, answer, "life")
    env.note(f"{(answer['bytes'] - answer['holes_bytes']) / took / 1e6:.0f} MB of data a second")
    uses = [e for e in entries(env, "use") if "extract" in e["detail"]]
    equal(len(uses), 1, "uses")
    check(uses[0]["scope"] == "forensic" and "all of its memory" in uses[0]["detail"], uses[0])
    end = ended(env)
    check(end["sequence"] == answer["sequence"] > uses[0]["sequence"] and end["grant"] == env.warrant["id"], end)
    check("complete" in end["detail"] and answer["sha256"] in end["detail"], end)
    notices = good(env, "member", "GET", INSPECTION + "notices?resource=" + handle)["notices"]
    check([n for n in notices if n["kind"] == "use" and "extract" in n["text"]], notices)
    status, out, err = auspex("admin", "ledger", "show", "--data", server.data)
    check(status == 0 and answer["sha256"] in out, out[-600:] + err)
    status, out, err = auspex("admin", "ledger", "verify", "--data", server.data)
    check(status == 0, out + err)
    status, out, err = cli(env, "provider", "inspect", "web1", "extract", "--out", path)
    check(status == 1 and "not overwritten" in err, err)
    equal(sha256(path), answer["sha256"], "the file after a second try")


def test_a_range_of_a_process(env, server):
    """QEMU's own memory; the notice of this warrant is delayed."""
    handle, path = env.vms["web2"], out_of(env, "web2.elf")
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    warrant(env, handle, notice_at=later)
    status, out, err = cli(env, "provider", "inspect", "web2", "extract", "--out", path, "--from", "1M", "--bytes", "60K", "--json")
    equal(status, 0, err)
    answer = json.loads(out)
    equal(answer["bytes"] % 4096, 0, answer)
    check((60 << 10) < answer["bytes"] <= (72 << 10), answer)
    equal(answer["sha256"], sha256(path), "SHA-256")
    notices = good(env, "member", "GET", INSPECTION + "notices?resource=" + handle)["notices"]
    equal([n for n in notices if n["scope"] == "forensic"], [], "notices before their day")
    hidden = [e["hidden_until"] for e in entries(env, "extract-ended") if e["handle"] == handle]
    check(hidden and all(hidden), "the entry tells the owner before the day")
    check(not [e for e in good(env, "member", "GET", INSPECTION + "ledger?limit=1000")["entries"]
               if e["handle"] == handle and e["kind"] in ("use", "extract-ended")], "the owner's ledger tells it")
    whole = out_of(env, "web2-whole.elf")
    status, out, err = cli(env, "provider", "inspect", "web2", "extract", "--out", whole, "--json")
    equal(status, 0, err)
    checked(env, whole, json.loads(out), "life")
    status, out, err = cli(env, "provider", "inspect", "web2", "extract", "--out", out_of(env, "no.elf"), "--from", "0x100000000000")
    check(status == 1 and "no RAM" in err and not os.path.exists(out_of(env, "no.elf.part")), err)


def test_pieces_are_for_who_began_and_in_order(env, server):
    status, x = start_extract(env, "provider", env.vms["web1"], reason="by hand")
    equal(status, 201, x)
    for role in ("member", "other member"):
        equal(piece(env, role, x["id"], 0)[0], 404, role)
    equal(piece(env, "provider", x["id"], 4096)[0], 409, "not in order")
    status, head = piece(env, "provider", x["id"], 0)
    equal(status, 200, head[:200])
    data = unfold(head)
    status, more = piece(env, "provider", x["id"], len(data))
    equal(status, 200, more[:200])
    data += unfold(more)
    equal(piece(env, "provider", x["id"], 0)[0], 409, "a second time")
    sum_ = good(env, "provider", "DELETE", INSPECTION + "extracts/" + x["id"])
    equal((sum_["complete"], sum_["bytes"], sum_["sha256"]), (False, len(data), hashlib.sha256(data).hexdigest()), sum_)
    check("broken off" in ended(env)["detail"] and sum_["sha256"] in ended(env)["detail"], ended(env))
    equal(piece(env, "provider", x["id"], len(data))[0], 404, "after its end")


def test_it_ends_with_its_warrant(env, server):
    status, x = start_extract(env, "provider", env.vms["web1"])
    equal(status, 201, x)
    offset = len(unfold(piece(env, "provider", x["id"], 0)[1]))
    good(env, "provider", "DELETE", INSPECTION + "warrants/" + env.warrant["id"], wanted=204)
    another = warrant(env, env.vms["web1"])  # is not the one that it began under
    status, answer = piece(env, "provider", x["id"], offset)
    check(status == 403 and b"has ended" in answer, answer)
    check("the warrant under which" in ended(env)["detail"], ended(env))
    env.warrant = another


class Slow(http.server.BaseHTTPRequestHandler):
    """Between the command and the server: the third piece waits until it is told to go on."""
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/piece" in self.path:
            self.server.pieces += 1
            if self.server.pieces == 3:
                self.server.reached.set()
                self.server.go.wait(30)
        status, answer = self.server.place.http(self.path, body or (None if self.command == "GET" else b""), {
            k: v for k, v in self.headers.items() if k in ("Authorization", "Content-Type")}, self.command, 40)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = pass_on

    def log_message(self, *_):
        pass


def test_an_interrupt_ends_it_cleanly(env, server):
    path, slow = out_of(env, "stopped.elf"), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    slow.place, slow.pieces, slow.reached, slow.go = server, 0, threading.Event(), threading.Event()
    threading.Thread(target=slow.serve_forever, daemon=True).start()
    try:
        command = subprocess.Popen(
            [binary(), "inspect", "web1", "extract", "--out", path, "--server", f"http://127.0.0.1:{slow.server_port}",
             "--token-file", out_of(env, "provider.token")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for("the third piece", 20, lambda: slow.reached.is_set() or command.poll() is not None)
        check(slow.reached.is_set(), "it has ended before")
        check(os.path.exists(path + ".part") and not os.path.exists(path), "it has its name before it is whole")
        command.send_signal(signal.SIGINT)
        time.sleep(0.2)
        slow.go.set()
        out, err = command.communicate(timeout=30)
    finally:
        slow.go.set()
        slow.shutdown()
    check(command.returncode == 1 and not out and "auspex: stopped" in err and "so far is in" in err, (command.returncode, out, err))
    check(os.path.exists(path + ".part") and not os.path.exists(path), "what was read is not there")
    check("broken off" in ended(env)["detail"] and sha256(path + ".part") in ended(env)["detail"], ended(env))


def what_a_collector_says_is_checked(env):
    """The collector is stopped; this is another one, whose guest has memory that it cannot place."""
    host = next(r["host"] for r in call(env, "member", "GET", "/auspex/v1/resources?kind=vm")[1]["resources"])
    asked = lambda: good(env, "agent", "GET", INSPECTION + f"work?host={host}&wait=1")["requests"]  # noqa: E731
    asked()
    begun = []
    asker = threading.Thread(target=lambda: begun.append(start_extract(env, "provider", env.vms["web1"])))
    asker.start()
    request = wait_for("the question where the memory is", 10, lambda: next(
        (r for r in asked() if "extract" in r and not r["extract"].get("ends")), None))
    memory = {"ram": [{"address": 0, "bytes": 64 << 20}], "vmcoreinfo": ""}
    for lacks in ({}, {"left_out_bytes": -4096}, {"left_out_bytes": "4096"}, {"left_out_bytes": 4096, "ram": []},
                  {"left_out_bytes": 128 << 20}):
        status, answer = call(env, "agent", "POST", INSPECTION + f"requests/{request['id']}/result?host={host}",
                              {"memory": memory | lacks})
        equal(status, 204 if lacks.get("left_out_bytes") == 128 << 20 else 400, f"{lacks}: {answer}")
    asker.join()
    status, x = begun[0]
    equal((status, x["left_out_bytes"]), (201, 128 << 20), x)
    piece(env, "provider", x["id"], 0)
    equal(good(env, "provider", "DELETE", INSPECTION + "extracts/" + x["id"])["left_out_bytes"], 128 << 20, "at its end")
    check("134217728 bytes of memory that seem to have been plugged in" in ended(env)["detail"], ended(env))


def test_it_ends_with_the_collector_and_with_the_vm(env, server):
    status, x = start_extract(env, "provider", env.vms["web1"])
    equal(status, 201, x)
    offset = len(unfold(piece(env, "provider", x["id"], 0)[1]))
    env.collector.stop()
    what_a_collector_says_is_checked(env)
    env.host(server, env.hv.uri, name="second", args=["--token-file", out_of(env, "collector.token")])
    wait_for("the new collector to answer", 30, lambda: look(
        env, "provider", env.vms["web1"], "memory", wait=2)[0] == 200)
    status, answer = piece(env, "provider", x["id"], offset)
    check(status == 409 and b"collector there was restarted" in answer, (status, answer))
    check("restarted" in ended(env)["detail"], ended(env))
    status, x = start_extract(env, "provider", env.vms["web2"])
    equal(status, 201, x)
    offset = len(unfold(piece(env, "provider", x["id"], 0)[1]))
    env.hv.virsh("destroy", "web2")
    status, answer = piece(env, "provider", x["id"], offset)
    check(status == 409 and (b"has ended" in answer or b"is not running" in answer), (status, answer))


def test_without_a_server(env, server):
    path, ledger = out_of(env, "local.elf"), out_of(env, "ledger")
    pid = str(env.hv.qemu_pid("web1"))
    status, out, err = auspex("inspect", "--pid", pid, "--reason", "a test", "--data", ledger, "extract", "--out", path, "--json")
    equal(status, 0, err)
    answer = json.loads(out)
    checked(env, path, answer, "life")
    again = out_of(env, "again.elf")
    status, out, err = auspex("inspect", "--ram", path, "--reason", "a test", "--data", ledger, "extract", "--out", again)
    check(status == 0 and answer["sha256"] in out and "not of one instant" in out, out + err)
    status, out, err = auspex("admin", "ledger", "show", "--data", ledger)
    equal(out.count(answer["sha256"]), 2, "the hashes in the ledger")
    status, out, err = auspex("admin", "ledger", "verify", "--data", ledger)
    check(status == 0, out + err)


def test_the_end_of_the_server_is_on_record(env, server):
    for how in ("stop", "kill"):
        status, x = start_extract(env, "provider", env.vms["web1"])
        equal(status, 201, x)
        piece(env, "provider", x["id"], 0)
        getattr(server.process, how)()
        server.start()
        end = wait_for("the server", 20, lambda: ended(env))
        check(x["id"] in end["detail"] and "broken off" in end["detail"] and "the server end" in end["detail"], end)
        wait_for("the collector to ask for work", 30, lambda: look(
            env, "provider", env.vms["web1"], "memory", wait=2)[0] == 200)
