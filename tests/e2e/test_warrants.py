# SPDX-License-Identifier: Apache-2.0
"""Consent, warrants, notices and the ledger, against the real server with tokens of every role: who
may what, that the owner is told (also later, also after a kill), and that tampering is found."""
import hashlib
import json
import os
import sqlite3
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import auspex, check, equal, wait_for
from test_auth import ask, token

BASE = "/auspex/v1/inspection/"
ROLES = ("provider", "member", "reader", "agent", "delegate")


class Hook:
    """A webhook that remembers what it got."""

    def __init__(self):
        self.got = got = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def call(env, role, method, path, body=None, tenant=None):
    """(status, document) of a request under /auspex/v1/inspection; role may be "other:ROLE"."""
    credentials = env.foreign[role[6:]] if role.startswith("other:") else env.tokens[role]
    status, answer = ask(env.place, BASE + path, method, credentials, tenant,
                         json.dumps(body).encode() if body is not None else None)
    return status, json.loads(answer) if answer else None


def good(env, role, method, path, body=None, wanted=200, tenant=None):
    status, answer = call(env, role, method, path, body, tenant)
    check(status == wanted, f"{role}: {method} {path}: wanted {wanted}, got {status} {answer}")
    return answer


def see(env, credentials, handle, name):
    document = {"time": int(time.time() * 1000), "host": "host:h1", "complete": [], "resources": [
        {"handle": handle, "kind": "vm", "name": name, "state": "running"}], "events": []}
    status, body = ask(env.place, "/auspex/v1/observations", "POST", credentials, None,
                       json.dumps(document).encode())
    check(status == 204, f"{status} {body!r}")


def method(env, credentials, name, url):
    body = json.dumps({"name": name, "type": "WEBHOOK", "address": url}).encode()
    status, body = env.place.http("/v2.0/notification-methods", body, {
        "Authorization": "Bearer " + credentials, "Content-Type": "application/json"}, "POST")
    check(status == 201, f"{status} {body!r}")
    return json.loads(body)["id"]


def later(seconds):
    return datetime.fromtimestamp(time.time() + seconds, timezone.utc).isoformat(timespec="milliseconds")


def cli(env, role, *arguments):
    """(status, stdout, stderr) of a command as that role."""
    path = os.path.join(env.dir, role + ".token")
    with open(path, "w") as f:
        f.write(env.tokens[role] + "\n")
    os.chmod(path, 0o600)
    return auspex(*arguments, "--server", env.place.url, "--token-file", path)


def verify(env, *more):
    status, out, err = auspex("admin", "ledger", "verify", "--data", env.place.data, *more)
    check(status in (0, 1) and not err, f"{status} {err}")
    return status, out


def setup(env):
    server = env.place = env.server(args=["--auth", "token", "--notify-local"])
    env.tokens = {role: token(server, role) for role in ROLES}
    env.foreign = {role: token(server, role, "other") for role in ("member", "agent", "reader")}
    wait_for("the server to know them", 5,
             lambda: ask(server, "/api/v1/labels", credentials=env.foreign["reader"])[0] == 200)
    see(env, env.tokens["agent"], "vm:a1", "web1")
    see(env, env.tokens["agent"], "vm:a2", "web2")
    see(env, env.foreign["agent"], "vm:o1", "theirs")
    env.hook = Hook()
    env.method = method(env, env.tokens["member"], "hook", env.hook.url)
    return server


def test_only_the_owner_consents(env, server):
    body = {"scope": "processes"}
    for path in ("consent", "consent/vm:a1"):
        for role in ("provider", "reader", "agent", "delegate"):
            equal(call(env, role, "PUT", path, body)[0], 403, f"{role} sets {path}")
            equal(call(env, role, "DELETE", path)[0], 403, f"{role} revokes {path}")
    equal(call(env, "provider", "PUT", "consent/vm:a1", body, "acme")[0], 403, "the provider in acme's name")
    equal(call(env, "other:member", "PUT", "consent/vm:a1", body)[0], 404, "another tenant's member")
    equal(call(env, "member", "PUT", "consent/vm:o1", body)[0], 404, "for another tenant's VM")
    answer = good(env, "member", "PUT", "consent/vm:a1", body)
    equal((answer["scope"], answer["consent"]["who"][-8:]), ("processes", "(member)"), "the consent")
    for bad in ({"scope": "forensic"}, {"scope": "all"}, {}, {"scope": "processes", "expires": later(-5)}):
        equal(call(env, "member", "PUT", "consent/vm:a1", bad)[0], 400, bad)
    for role, wanted in (("reader", 200), ("provider", 200), ("agent", 403), ("other:member", 404)):
        equal(call(env, role, "GET", "consent/vm:a1")[0], wanted, f"{role} reads it")
    equal(len(good(env, "provider", "GET", "consents")["consents"]), 1, "the provider sees")
    equal(len(good(env, "other:member", "GET", "consents")["consents"]), 0, "another tenant sees")
    good(env, "member", "DELETE", "consent/vm:a1", wanted=204)
    equal(call(env, "member", "DELETE", "consent/vm:a1")[0], 404, "revoked twice")


def test_consent_by_the_command(env, server):
    status, out, err = cli(env, "member", "consent", "web1", "set", "diagnosis", "--until", "2h")
    check(status == 0 and out.startswith("diagnosis, set by "), f"{status} {out!r} {err!r}")
    status, out, err = cli(env, "member", "consent", "--all", "set", "statistics")
    check(status == 0, err)
    status, out, err = cli(env, "member", "consent", "web2", "show")
    check("statistics" in out and "for all VMs" in out, out)
    status, out, err = cli(env, "member", "consent", "--all", "show", "--json")
    equal([(c["resource"], c["scope"]) for c in json.loads(out)["consents"]],
          [(None, "statistics"), ("vm:a1", "diagnosis")], "consents")
    status, _, err = cli(env, "provider", "consent", "vm:a1", "revoke", "--tenant", "acme")
    check(status == 1 and "may not" in err, f"{status} {err!r}")
    levels = ask(server, "/metrics", credentials=env.tokens["provider"])[1].decode()
    check('auspex_vmi_level{vm="vm:a1",tenant="acme"} 3' in levels, levels[-900:])
    check('auspex_vmi_level{vm="vm:a2",tenant="acme"} 1' in levels, levels[-900:])
    check('auspex_vmi_level{vm="vm:o1",tenant="other"} 0' in levels, levels[-900:])
    for words in (("web1", "revoke"), ("--all", "revoke")):
        status, _, err = cli(env, "member", "consent", *words)
        check(status == 0, err)
    status, out, _ = cli(env, "member", "consent", "--all", "show")
    equal((status, out), (0, "nothing is consented to\n"), "in the end")
    for words in (("consent",), ("consent", "web1", "frob"), ("consent", "web1", "set"), ("warrant", "open", "web1")):
        equal(cli(env, "member", *words)[0], 2, words)


def test_only_the_provider_opens_warrants(env, server):
    body = {"resource": "vm:a1", "scope": "diagnosis", "reason": "ticket 1: it hangs"}
    for role in ROLES[1:]:
        equal(call(env, role, "POST", "warrants", body)[0], 403, f"{role} opens a warrant")
    for change in ({"reason": " "}, {"reason": "x" * 1001}, {"scope": "none"}, {"expires": later(31 * 86400)},
                   {"notice_at": later(3600)}, {"scope": "forensic", "notice_at": later(91 * 86400)},
                   {"resource": "host:h1"}):
        equal(call(env, "provider", "POST", "warrants", {**body, **change})[0], 400, change)
    equal(call(env, "provider", "POST", "warrants", {**body, "resource": "vm:none"})[0], 404, "no such VM")
    equal(call(env, "provider", "POST", "warrants", body, "other")[0], 404, "in another tenant's name")
    warrant = good(env, "provider", "POST", "warrants", body, 201)
    equal((warrant["tenant"], warrant["state"]), ("acme", "open"), "the warrant")
    for role, wanted in (("member", 200), ("reader", 200), ("other:member", 404), ("agent", 403)):
        equal(call(env, role, "GET", "warrants/" + warrant["id"])[0], wanted, f"{role} sees it")
    equal(call(env, "member", "DELETE", "warrants/" + warrant["id"])[0], 403, "the member closes it")
    good(env, "provider", "DELETE", "warrants/" + warrant["id"], wanted=204)
    equal(call(env, "provider", "DELETE", "warrants/" + warrant["id"])[0], 409, "closed twice")
    equal(good(env, "member", "GET", "warrants")["warrants"], [], "open ones")
    equal(good(env, "member", "GET", "warrants?all=1")["warrants"][0]["state"], "closed", "all")


def notice_of(env, grant, kind):
    return [n for n in good(env, "member", "GET", "notices?limit=1000")["notices"]
            if n["grant"] == grant and n["kind"] == kind]


def test_a_notice_arrives_with_a_hash_that_verifies(env, server):
    status, out, err = cli(env, "provider", "warrant", "open", "vm:a2", "--scope", "statistics", "--reason",
                           "capacity", "--for", "1h")
    check(status == 0, err)
    grant = out.strip()
    notice = wait_for("the notice", 5, lambda: notice_of(env, grant, "warrant-opened"))[0]
    told = wait_for("the webhook", 5, lambda: [g for g in env.hook.got if g["alarm_id"] == notice["id"]])
    equal(len(told), 1, "told once")
    dimensions = told[0]["metrics"][0]["dimensions"]
    equal((told[0]["state"], dimensions["resource"], dimensions["ledger_hash"]),
          ("NOTICE", "vm:a2", notice["ledger_hash"]), "what it says")
    check("capacity" in told[0]["alarm_description"] and notice["ledger_hash"] in told[0]["message"], told)
    taken = wait_for("the entry that it was taken", 5, lambda: [
        e for e in good(env, "member", "GET", "ledger?limit=10000&resource=vm:a2")["entries"]
        if e["kind"] == "notice-delivered" and e["grant"] == grant])
    check(env.method in taken[0]["detail"] and notice["id"] in taken[0]["detail"], taken)
    status, out = verify(env, "--head", notice["ledger_hash"])
    check(status == 0 and f"entry {notice['ledger_entry']} has" in out, out)
    status, out = verify(env, "--head", "0" * 63 + "1")
    check(status == 1 and "no entry has the hash" in out, out)
    report = good(env, "reader", "GET", "ledger/verify?head=" + notice["ledger_hash"])
    equal((report["intact"], report["found"]), (True, notice["ledger_entry"]), "over the API")
    for role, wanted in (("reader", 403), ("provider", 403), ("other:member", 404)):
        equal(call(env, role, "POST", f"notices/{notice['id']}/read")[0], wanted, f"{role} marks it read")
    status, out, err = cli(env, "member", "notices")
    check(status == 0 and notice["ledger_hash"] in out and "capacity" in out, f"{out!r} {err!r}")
    status, _, err = cli(env, "member", "notices", "read", notice["id"])
    check(status == 0, err)
    check(notice_of(env, grant, "warrant-opened")[0]["read"], "it is marked read")
    check(notice["id"] not in cli(env, "member", "notices")[1], "it is not in the list any more")
    equal(good(env, "other:member", "GET", "notices")["notices"], [], "another tenant's notices")
    status, _, err = cli(env, "provider", "warrant", "close", grant)
    check(status == 0, err)


def test_a_tenant_chooses_where_notices_go(env, server):
    second = Hook()
    chosen = method(env, env.tokens["member"], "second", second.url)
    theirs = method(env, env.foreign["member"], "theirs", second.url)
    equal(good(env, "reader", "GET", "settings"), {"methods": None}, "at first")
    for role in ("provider", "reader"):
        equal(call(env, role, "PUT", "settings", {"methods": [chosen]})[0], 403, role)
    for bad in ({"methods": [theirs]}, {"methods": "x"}, {"methods": [1]}, {}):
        equal(call(env, "member", "PUT", "settings", bad)[0], 400, bad)
    equal(good(env, "member", "PUT", "settings", {"methods": [chosen]}), {"methods": [chosen]}, "chosen")
    warrant = good(env, "provider", "POST", "warrants", {
        "resource": "vm:a2", "scope": "statistics", "reason": "again"}, 201)
    opened = wait_for("the notice", 5, lambda: notice_of(env, warrant["id"], "warrant-opened"))[0]["id"]
    wait_for("the second webhook", 5, lambda: [g for g in second.got if g["alarm_id"] == opened])
    good(env, "member", "PUT", "settings", {"methods": None})
    good(env, "provider", "DELETE", "warrants/" + warrant["id"], wanted=204)
    closed = wait_for("the notice", 5, lambda: notice_of(env, warrant["id"], "warrant-closed"))[0]["id"]
    for hook in (second, env.hook):
        wait_for("both webhooks", 5, lambda: [g for g in hook.got if g["alarm_id"] == closed])
    check(opened not in [g["alarm_id"] for g in env.hook.got], "the first webhook got what was not for it")


def test_a_delayed_notice_comes_at_its_date_also_after_a_kill(env, server):
    date = time.time() + 6
    warrant = good(env, "provider", "POST", "warrants", {
        "resource": "vm:a1", "scope": "forensic", "reason": "court order", "expires": later(4),
        "notice_at": later(6)}, 201)
    server.process.kill()                                        # at once, and again at the date
    server.start()
    for path in (f"warrants/{warrant['id']}",):
        equal(call(env, "member", "GET", path)[0], 404, "the owner does not see it yet")
        good(env, "provider", "GET", path)
    equal(notice_of(env, warrant["id"], "warrant-opened"), [], "nor a notice")
    check("court order" not in json.dumps(good(env, "member", "GET", "ledger?limit=10000")), "nor the ledger")
    check("court order" in json.dumps(good(env, "provider", "GET", "ledger?limit=10000")), "the provider does")
    check("court order" not in json.dumps(env.hook.got), "nor does the webhook")
    time.sleep(max(0, date - time.time() - 0.5))
    server.process.kill()
    time.sleep(1)
    server.start()
    wait_for("the webhook", 10, lambda: "court order" in json.dumps(env.hook.got))
    notice = notice_of(env, warrant["id"], "warrant-opened")[0]
    equal(good(env, "member", "GET", "warrants/" + warrant["id"])["state"], "expired", "the warrant")
    ledger = good(env, "member", "GET", "ledger?limit=10000")["entries"]
    check(any(e["hash"] == notice["ledger_hash"] for e in ledger), "the entry is in the owner's ledger now")
    equal(verify(env)[0], 0, "the ledger after two kills")
    told = datetime.fromisoformat(notice["sent"].replace("Z", "+00:00")).timestamp() - date
    check(-0.2 < told < 8, f"told {told:.1f} s after its date")
    env.note(f"told {told:.1f} s after its date (the server was down for the first second)")


def test_the_owners_ledger_is_their_own_and_each_hash_can_be_checked(env, server):
    good(env, "other:member", "PUT", "consent", {"scope": "statistics"})
    mine = good(env, "member", "GET", "ledger?limit=10000")["entries"]
    check(mine and all(e["tenant"] == "acme" for e in mine), "only of acme")
    status, out, err = auspex("admin", "ledger", "export", "--data", server.data)
    check(status == 0, err)
    lines = out.splitlines()
    previous = "0" * 64
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        said = entry["hash"]
        body = line[:line.rindex(',"hash":')] + "}"
        equal((entry["sequence"], entry["previous"]), (number, previous), line)
        equal(hashlib.sha256(body.encode()).hexdigest(), said, line)
        previous = said
    equal({e["hash"] for e in mine} - {json.loads(s)["hash"] for s in lines}, set(), "theirs are among them")
    for e in mine:
        said = e.pop("hash")
        body = json.dumps(e, separators=(",", ":"), ensure_ascii=False)
        equal(hashlib.sha256(body.encode()).hexdigest(), said, "made by the owner from what the API says")
    status, out, err = auspex("admin", "ledger", "show", "--data", server.data)
    check(status == 0 and "warrant-opened" in out, err)
    status, out, err = auspex("admin", "ledger", "show", "--data", server.data, "--json")
    equal(len(json.loads(out)["entries"]), len(lines), "entries shown")


def test_a_backup_has_a_whole_ledger(env, server):
    backup, restored = os.path.join(env.dir, "backup"), os.path.join(env.dir, "restored")
    for words in (("backup", "--data", server.data, "--to", backup),
                  ("restore", "--from", backup, "--data", restored)):
        status, _, err = auspex("admin", *words)
        check(status == 0, err)
    for place in (backup, restored):
        status, out, err = auspex("admin", "ledger", "verify", "--data", place)
        check(status == 0 and out.startswith("intact: "), f"{place}: {out!r} {err!r}")


def tamper(server, statement):
    db = sqlite3.connect(os.path.join(server.data, "registry.db"), timeout=10)
    with db:
        changed = db.execute(statement).rowcount
    db.close()
    return changed


def test_tampering_is_found_and_stops_everything(env, server):
    """Last: the ledger does not recover from it."""
    equal(verify(env)[0], 0, "before")
    db = os.path.join(server.data, "registry.db")
    rows = sqlite3.connect(db).execute("SELECT max(sequence) FROM ledger").fetchone()[0]
    equal(tamper(server, "UPDATE ledger SET who = who || '!' WHERE sequence = 2"), 1, "changed")
    status, out = verify(env)
    check(status == 1 and "entry 2: changed" in out, out)
    report = good(env, "member", "GET", "ledger/verify")
    equal((report["intact"], report["bad"]), (False, 2), "over the API, while it runs")
    tamper(server, "UPDATE ledger SET who = substr(who, 1, length(who) - 1) WHERE sequence = 2")
    equal(verify(env)[0], 0, "put back")
    tamper(server, f"DELETE FROM ledger WHERE sequence > {rows - 2}")
    status, out = verify(env)
    check(status == 1 and f"entry {rows - 1}: cut off" in out, out)
    status, answer = call(env, "provider", "POST", "warrants", {
        "resource": "vm:a1", "scope": "statistics", "reason": "to cover it up"})
    equal((status, answer["error"]["code"]), (503, "ledger_damaged"), "a warrant")
    equal(call(env, "member", "PUT", "consent/vm:a1", {"scope": "statistics"})[0], 503, "a consent")
    server.restart()
    status, out = verify(env)
    check(status == 1 and "cut off" in out, f"after a restart, too: {out}")
    figures = ask(server, "/metrics", credentials=env.tokens["provider"])[1].decode()
    check("auspex_inspection_ledger_entries" in figures, "figures")
