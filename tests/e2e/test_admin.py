# SPDX-License-Identifier: Apache-2.0
"""The keeper's commands: the data of a stopped server in their smallest form, and verified."""
import glob
import json
import os
import random
import subprocess
import threading
import time
import urllib.parse

from harness import auspex, binary, check, equal

SERIES, SAMPLES, STEP = 300, 2000, 120_000
KILLS = 12


def fill(server):
    """Almost three days of samples, some of them twice."""
    first = int(time.time() * 1000) - SAMPLES * STEP
    for begin in range(0, SAMPLES, 400):
        for part in range(0, SERIES, 100):
            series = [({"__name__": "e2e_admin", "n": str(n), "half": str(n % 2)},
                       [(first + i * STEP, n + i * i % 1000 / 8) for i in range(begin, begin + 400)])
                      for n in range(part, part + 100)]
            status, body = server.write(series)
            check(status == 204, f"write: {status} {body[:200]!r}")


def sums(server, selector="e2e_admin"):
    """(samples, their sum)"""
    return (server.value(f"sum(count_over_time({selector}[10d]))"),
            server.value(f"sum(sum_over_time({selector}[10d]))"))


def files(server, pattern):
    return sorted(glob.glob(os.path.join(server.data, "tsdb", pattern)))


def setup(env):
    server = env.server(args=["--retention", "1y"])
    fill(server)
    env.sums = sums(server)
    equal(env.sums[0], float(SERIES * SAMPLES), "samples")
    return server


def test_compact_is_refused_while_a_server_runs(env, server):
    status, _, err = auspex("admin", "compact", "--data", server.data)
    check(status == 1 and "stop it" in err, f"{status} {err!r}")
    equal(sums(server), env.sums, "samples")
    status, _, err = auspex("admin", "compact", "--data", env.dir)
    check(status == 1 and "no data directory" in err, f"{status} {err!r}")


def test_compact_killed_at_any_time_loses_nothing(env, server):
    died = 0
    for _ in range(KILLS):
        server.process.stop()
        child = subprocess.Popen([binary(), "admin", "compact", "--data", server.data],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.2)
        child.kill()
        died += child.wait() == -9
        server.start()
        equal(sums(server), env.sums, "samples")
        server.write([({"__name__": "e2e_more", "n": "0"}, [(int(time.time() * 1000), 1)])])
    env.note(f"{died} of {KILLS} kills while it worked")


def test_compact_leaves_few_blocks_and_no_log(env, server):
    server.process.stop()
    status, out, err = auspex("admin", "compact", "--data", server.data, "--json")
    check(status == 0, f"{status} {err!r}")
    said = json.loads(out)
    equal(said["bytes_after"], sum(os.path.getsize(f) for f in files(server, "**") + files(server, "*/*")
                                   if os.path.isfile(f)), "bytes_after")
    check(1 <= len(files(server, "blocks/*")) <= 2, f"blocks: {files(server, 'blocks/*')}")
    equal(files(server, "wal/*"), [], "the log")
    check("merg" in err, f"progress: {err!r}")
    owner = os.stat(server.data).st_uid
    check(all(os.stat(f).st_uid == owner for f in files(server, "*/*")), "files of another user")
    env.note(f"{said['bytes_per_sample']:.3f} bytes per sample")
    server.start()
    equal(sums(server), env.sums, "samples")


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 4]))


def test_verify_finds_no_fault_until_there_is_one(env, server):
    status, _, err = auspex("admin", "verify", "--data", server.data)
    check(status == 1 and "a server is using the data" in err, f"{status} {err!r}")
    server.process.kill()               # the registry has a log of its own then
    status, out, err = auspex("admin", "verify", "--data", server.data)
    check(status == 0 and "all is as it was written" in out, f"{status} {out!r} {err!r}")
    block = max(files(server, "blocks/*"), key=os.path.getsize)
    flip(block, 5000)
    status, out, err = auspex("admin", "verify", "--data", server.data, "--json")
    equal(status, 1, "exit status")
    name = os.path.relpath(block, server.data)
    check(any(f["file"] == name and f["from"] <= 5000 < f["to"] for f in json.loads(out)["faults"]), out[:500])
    flip(block, 5000)
    server.start()
    equal(sums(server), env.sums, "samples")
    server.process.stop()
    path = os.path.join(server.data, "registry.db")
    with open(path, "r+b") as f:
        whole = f.read()
        f.seek(4096)
        f.write(b"x" * 3000)
    status, out, err = auspex("admin", "verify", "--data", server.data)
    check(status == 1 and "registry.db: " in out, f"{status} {out!r} {err!r}")
    with open(path, "wb") as f:
        f.write(whole)
    server.start()


def delete(server, method="POST", headers=None, **parameters):
    path = "/api/v1/admin/tsdb/delete_series?" + urllib.parse.urlencode(parameters, doseq=True)
    return server.http(path, b"" if method == "POST" else None, headers, method)


def test_deleted_series_are_gone(env, server):
    whole, odd = sums(server), sums(server, 'e2e_admin{half="1"}')
    end = time.time() - SAMPLES * STEP / 1000 / 2
    some = server.value(f'sum(count_over_time(e2e_admin{{half="1"}}[10d]))', end)
    equal(delete(server, **{"match[]": 'e2e_admin{half="1"}'}, headers={"X-Scope-OrgID": "other"})[0], 204, "another's")
    equal(sums(server), whole, "samples")
    for bad in ({}, {"match[]": "e2e_admin{"}, {"match[]": "e2e_admin", "start": "10", "end": "5"}):
        equal(delete(server, **bad)[0], 400, f"delete {bad}")
    equal(server.http("/api/v1/admin/tsdb/delete_series?match[]=e2e_admin")[0], 405, "GET")
    equal(delete(server, "PUT", **{"match[]": 'e2e_admin{half="1"}', "end": f"{end:.3f}"})[0], 204, "delete")
    equal(sums(server), (whole[0] - some, sums(server, 'e2e_admin{half="0"}')[1]
                         + sums(server, 'e2e_admin{half="1"}')[1]), "samples")
    equal(sums(server, 'e2e_admin{half="1"}')[0], odd[0] - some, "the others")
    equal(delete(server, **{"match[]": ['e2e_admin{half="1"}', "e2e_more"]})[0], 204, "delete")
    equal(server.query('e2e_admin{half="1"}'), [], "the deleted")
    even = sums(server)
    equal(even[0], whole[0] - odd[0], "samples")
    for how in ("kill", "stop"):
        getattr(server.process, how)()
        server.start()
        equal(sums(server), even, "samples")
    env.sums = even


def test_a_deletion_killed_is_all_or_nothing(env, server):
    outcomes = {0: 0, 1: 0}
    for _ in range(KILLS):
        n = random.randrange(0, SERIES, 2)
        before = sums(server)
        one = [v or 0 for v in sums(server, f'e2e_admin{{n="{n}"}}')]
        thread = threading.Thread(target=quietly, args=(delete, server), kwargs={"match[]": f'e2e_admin{{n="{n}"}}'})
        thread.start()
        time.sleep(random.random() * 0.4)
        server.process.kill()
        thread.join()
        server.start()
        after = sums(server)
        check(after in (before, (before[0] - one[0], before[1] - one[1])), f"{before} - {one} = {after}")
        outcomes[after != before] += 1
    env.note(f"{outcomes[1]} of {KILLS} were done")
    env.sums = sums(server)


def quietly(fn, *args, **kw):
    try:
        fn(*args, **kw)
    except OSError:
        pass


def test_a_backup_of_a_running_server_comes_back_elsewhere(env, server):
    copy, other = os.path.join(env.dir, "backup"), os.path.join(env.dir, "restored")
    server.write([({"__name__": "e2e_last", "n": "0"}, [(int(time.time() * 1000), 7)])])
    status, out, err = auspex("admin", "backup", "--data", server.data, "--to", copy, "--json")
    check(status == 0, f"{status} {err!r}")
    check(json.loads(out)["online"] and json.loads(out)["copied_files"] > 0, out)
    server.write([({"__name__": "e2e_later", "n": "0"}, [(int(time.time() * 1000), 8)])])
    equal(os.listdir(os.path.join(server.data, "snapshots")), [], "snapshots left")
    status, out, err = auspex("admin", "verify", "--data", copy)
    check(status == 0, f"{status} {out!r} {err!r}")
    status, _, err = auspex("admin", "restore", "--from", copy, "--data", server.data)
    check(status == 1 and "not empty" in err, f"{status} {err!r}")
    status, out, err = auspex("admin", "restore", "--from", copy, "--data", other)
    check(status == 0 and "verified" in out, f"{status} {out!r} {err!r}")
    second = env.server("restored", data=other, args=["--retention", "1y"])
    equal(sums(second), env.sums, "samples restored")
    equal((second.value("e2e_last"), second.value("e2e_later")), (7.0, None), "the last")
    equal(len(second.resources()), len(server.resources()), "resources")
    second.process.stop()
    server.process.stop()
    status, out, err = auspex("admin", "backup", "--data", server.data, "--to", copy, "--json")
    check(status == 0, f"{status} {err!r}")
    check(not json.loads(out)["online"] and json.loads(out)["kept_files"] > 0, f"the second backup: {out}")
    server.start()
    block = max(glob.glob(os.path.join(copy, "tsdb/blocks/*")), key=os.path.getsize)
    flip(block, 5000)
    status, _, err = auspex("admin", "restore", "--from", copy, "--data", os.path.join(env.dir, "none"))
    check(status == 1 and "damaged" in err, f"{status} {err!r}")
    equal(os.listdir(os.path.join(env.dir, "none")), [], "what a damaged backup leaves")


def test_snapshots_are_listed_and_removed(env, server):
    status, body = server.http("/auspex/v1/admin/snapshot", b"", method="POST")
    name = json.loads(body)["name"]
    equal((status, json.loads(body)["path"]), (200, "snapshots/" + name), "snapshot")
    status, body = server.http("/api/v1/admin/tsdb/snapshot", b"", method="PUT")
    second = json.loads(body)["data"]["name"]
    status, out, err = auspex("admin", "snapshots", "--data", server.data, "--json")
    equal([s["name"] for s in json.loads(out)["snapshots"]], [name, second], "snapshots")
    status, out, err = auspex("admin", "verify", "--data", os.path.join(server.data, "snapshots", name))
    check(status == 0, f"{status} {out!r} {err!r}")
    for bad in ("../tsdb", "none", ""):
        equal(auspex("admin", "snapshots", "--data", server.data, "--delete", bad)[0], 1, f"--delete {bad!r}")
    status, out, err = auspex("admin", "snapshots", "--data", server.data, "--delete", name)
    check(status == 0, f"{status} {err!r}")
    equal(os.listdir(os.path.join(server.data, "snapshots")), [second], "snapshots")
    equal(sums(server), env.sums, "samples")
