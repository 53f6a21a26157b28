# SPDX-License-Identifier: Apache-2.0
"""Samples go out and come in again unchanged, also by way of VictoriaMetrics; remote write 2.0 and
zstd; and many large bodies at once are refused before they become too much memory."""
import json
import os
import shutil
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import Skip, auspex, binary, check, equal, field, free_port, run, snappy, varint, wait_for, write_request

T0 = 1795314600000
ODD = {  # what is written in JSON lines for values that JSON has no number for
    "null": 0x7ff0000000000002, '"NaN"': 0x7ff8000000000001, '"NaN:7ff8000000000000"': 0x7ff8000000000000,
    '"NaN:fff8000000000123"': 0xfff8000000000123, '"Infinity"': 0x7ff0000000000000,
    '"-Infinity"': 0xfff0000000000000, "-0": 0x8000000000000000, "5e-324": 1, "0.1": 0x3fb999999999999a,
    "1.7976931348623157e+308": 0x7fefffffffffffff, "1e+300": 0x7e37e43c8800759c}


def setup(env):
    return env.server("one", args=["--retention", "100y"]), env.server("two", args=["--retention", "100y"])


def export(server, *matchers, path="", **parameters):
    query = urllib.parse.urlencode([("match[]", m) for m in matchers] + list(parameters.items()))
    status, body = server.http(f"/api/v1/export{path}?{query}")
    check(status == 200, f"export: {status} {body[:300]!r}")
    return body.decode()


def answer(server, path, body, headers=None):
    """(status, headers, body)"""
    request = urllib.request.Request(server.url + path, data=body, headers=headers or {}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as a:
            return a.status, a.headers, a.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def test_json_lines_carry_every_bit(env, rig):
    one, two = rig
    values = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in ODD.values()]
    labels = {"__name__": "odd", "text": 'quote " back \\ line \n é 😀', "z": "\x01"}
    status, body = one.write([(labels, [(T0 + i, v) for i, v in enumerate(values)])])
    equal(status, 204, f"remote write ({body})")
    lines = export(one, "odd")
    check(lines.count("\n") == 1 and f'"values":[{",".join(ODD)}]' in lines, f"export wrote {lines}")
    equal(json.loads(lines)["metric"], labels, "labels")
    status, _, body = answer(two, "/api/v1/import", lines.encode())
    equal((status, body), (204, b""), "import")
    equal(export(two, "odd"), lines, "what came out of the second server")


def test_large_exports_come_in_windows_and_lose_nothing(env, rig):
    one, two = rig
    text = "".join(f'many{{n="{n}"}} {i * n} {T0 - 86400000 + i * 15000}\n' for n in range(120) for i in range(5760))
    path = os.path.join(env.dir, "many.prom")
    with open(path, "w") as f:
        f.write(text)
    status, _, err = auspex("import", path, "--url", one.url)
    check(status == 0 and f"{120 * 5760} samples stored" in err, f"import: {status} {err}")
    status, out, err = auspex("export", '{__name__="many"}', 'many{n="7"}', "--server", one.url)
    equal(status, 0, f"export ({err})")
    got = {}
    for line in out.splitlines():
        o = json.loads(line)
        got.setdefault(int(o["metric"]["n"]), []).extend(zip(o["timestamps"], o["values"]))
    equal(sorted(got), list(range(120)), "series")
    for n, samples in got.items():
        check(samples == [(T0 - 86400000 + i * 15000, i * n) for i in range(5760)], f"samples of series {n}")
    lines = os.path.join(env.dir, "many.jsonl")
    with open(lines, "w") as f:
        f.write(out)
    status, _, err = auspex("import", lines, "--server", two.url)
    equal(status, 0, f"import of JSON lines ({err})")
    equal(two.value("sum(sum_over_time(many[2d] @ %d))" % (T0 // 1000)), float(sum(i * n for n in range(120) for i in range(5760))),
          "sum of all samples")


def test_a_client_that_leaves_amid_an_export_costs_nothing(env, rig):
    one, _ = rig
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", one.port)) as s:
            s.sendall(b"GET /api/v1/export?match[]=many HTTP/1.1\r\nHost: localhost\r\n\r\n")
            check(b"200 OK" in s.recv(2000), "no answer")
    check(len(export(one, "many")) > 1000000, "no export afterwards")


def test_bad_lines_are_told_and_the_good_ones_kept(env, rig):
    one, _ = rig
    text = b"good 1 %d\nno value\ngood{a=} 1\n\ngood 2 %d\n" % (T0, T0 + 1)
    path = os.path.join(env.dir, "bad.prom")
    with open(path, "wb") as f:
        f.write(text)
    status, _, err = auspex("import", path, "--server", one.url)
    check(status == 1 and "line 2: expected a value" in err and "2 samples stored, 2 lines" in err, f"{status}: {err}")
    status, headers, body = answer(one, "/api/v1/import/prometheus?first_line=101", text)
    check(status == 400 and b"line 102" in body, f"{status} {body}")
    equal(headers["X-Auspex-Samples-Stored"], "2", "samples stored")
    equal(headers["X-Auspex-Lines-Refused"], "2", "lines refused")
    equal(json.loads(export(one, "good"))["values"], [1, 2], "what was kept")


def test_csv_goes_both_ways(env, rig):
    one, two = rig
    text = f'web1,"x, ""y""",0.5,7,{T0 / 1000}\nweb2,,1e300,,{T0 / 1000 + 1}\n'
    columns = urllib.parse.quote("1:label:vm,2:label:what,3:metric:csv_a,4:metric:csv_b,5:time:unix_s")
    equal(answer(one, "/api/v1/import/csv?format=" + columns, text.encode())[0], 204, "import")
    out = export(one, '{__name__=~"csv_."}', path="/csv", format="__name__,vm,what,__value__,__timestamp__:unix_ms")
    equal(out, f'csv_a,web1,"x, ""y""",0.5,{T0}\ncsv_a,web2,,1e+300,{T0 + 1000}\ncsv_b,web1,"x, ""y""",7,{T0}\n', "export")
    path = os.path.join(env.dir, "a.csv")
    with open(path, "w") as f:
        f.write(export(one, "csv_a", path="/csv", format="vm,what,__value__,__timestamp__:rfc3339"))
    status, _, err = auspex("import", path, "-f", "csv", "--columns", "1:label:vm,2:label:what,3:metric:csv_a,4:time:rfc3339",
                            "--server", two.url)
    equal(status, 0, f"import ({err})")
    equal(export(two, "csv_a"), export(one, "csv_a"), "the same in both")


def test_promtool_takes_our_openmetrics(env, rig):
    if not shutil.which("promtool"):
        raise Skip("no promtool here (Debian: prometheus)")
    one, two = rig
    status, body = one.write([({"__name__": "om", "n": str(n), "q": 'a"\\\nb'}, [(T0 + i * 1001, i * 0.1 - n) for i in range(500)])
                              for n in range(3)])
    equal(status, 204, f"remote write ({body})")
    status, out, err = auspex("export", "om", "-f", "openmetrics", "--server", one.url)
    equal(status, 0, f"export ({err})")
    path, blocks = os.path.join(env.dir, "om.txt"), os.path.join(env.dir, "blocks")
    with open(path, "w") as f:
        f.write(out)
    status, said, err = run(["promtool", "tsdb", "create-blocks-from", "openmetrics", path, blocks])
    check(status == 0 and os.listdir(blocks), f"promtool: {status} {said} {err}")
    os.mkdir(os.path.join(blocks, "wal"))   # which promtool wants to see, though it may be empty
    status, said, err = run(["promtool", "tsdb", "dump", blocks])
    equal((status, said.count("\n")), (0, 1500), f"samples that promtool has ({err})")
    status, _, err = auspex("import", path, "--server", two.url)
    equal(status, 0, f"import ({err})")
    equal(export(two, "om"), export(one, "om"), "the same in both")


def test_json_lines_are_those_of_victoriametrics(env, rig):
    if not shutil.which("victoria-metrics"):
        raise Skip("no VictoriaMetrics here (Debian: victoria-metrics)")
    one, two = rig
    port = free_port()
    env.process("victoria", ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
                             f"-storageDataPath={env.dir}/victoria", "-search.disableCache"])
    url = f"http://127.0.0.1:{port}"

    def victoria(path, body=None):
        with urllib.request.urlopen(urllib.request.Request(url + path, data=body), timeout=10) as a:
            return a.read().decode()

    wait_for("VictoriaMetrics", 20, lambda: victoria("/health") == "OK")
    series = [({"__name__": "vm_way", "n": str(n), "q": 'a"\\\nbé'}, [(T0 + i * 1000, float(i * n)) for i in range(100)])
              for n in range(1, 4)]
    equal(one.write(series)[0], 204, "remote write")
    ours = export(one, "vm_way")
    victoria("/api/v1/import", ours.encode())
    victoria("/api/v1/import/prometheus", f'vm_way{{n="odd"}} +Inf {T0}\nvm_way{{n="odd"}} -Inf {T0 + 1000}\n'.encode())

    def theirs():
        text = victoria("/api/v1/export?match[]=vm_way&start=%d&end=%d" % (T0 // 1000 - 10, T0 // 1000 + 200))
        return text if text.count("\n") == 4 else None

    answer(two, "/api/v1/import", wait_for("what VictoriaMetrics exports", 20, theirs).encode())
    got, wanted = [[json.loads(l) for l in export(s, "vm_way").splitlines()] for s in (two, one)]
    equal(got[:3], wanted, "series by way of VictoriaMetrics")
    equal(got[3]["values"], ["Infinity", "-Infinity"], "infinities from VictoriaMetrics")


def request2(symbols, series):
    """Remote write 2.0, by hand: series of (references, [(ms, value)], number of histograms)."""
    out = b"".join(field(4, s.encode()) for s in symbols)
    for references, samples, histograms in series:
        one = field(1, b"".join(varint(r) for r in references))
        for ms, value in samples:
            one += field(2, varint(1 << 3 | 1) + struct.pack("<d", value) + varint(2 << 3) + varint(ms))
        out += field(5, one + field(3, b"") * histograms)
    return out


def test_remote_write_2_tells_what_it_wrote(env, rig):
    one, _ = rig
    kind = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "2.0.0"}
    symbols = ["", "__name__", "two", "host", "a", "b"]
    good = [([1, 2, 3, 4], [(T0, 1)], 0), ([1, 2, 3, 5], [(T0, 2), (T0 + 1, 3)], 0)]

    def post(series):
        status, headers, body = answer(one, "/api/v1/write", snappy(request2(symbols, series)), kind)
        return status, [headers[f"X-Prometheus-Remote-Write-{k}-Written"] for k in ("Samples", "Histograms", "Exemplars")], body

    for _ in range(3):
        equal(post(good), (204, ["3", "0", "0"], b""), "a good request")
    status, counts, body = post(good + [([1, 2, 3, 6], [(T0, 9)], 0), ([1, 2, 3], [(T0, 9)], 0)])
    check(status == 400 and counts == ["3", "0", "0"] and b"2 of 5 samples refused" in body, f"bad references: {status} {counts} {body}")
    status, counts, body = post([good[0], ([1, 2, 3, 4], [], 2)])
    check(status == 400 and counts == ["1", "0", "0"] and b"2 native histograms" in body, f"histograms: {status} {counts} {body}")
    equal([json.loads(l)["values"] for l in export(one, "two").splitlines()], [[1], [2, 3]], "what is stored")
    for headers, what in (({**kind, "Content-Type": "application/x-protobuf;proto=no.such.Request"}, b"no.such.Request"),
                          ({**kind, "Content-Encoding": "br"}, b"br")):
        status, _, body = answer(one, "/api/v1/write", snappy(b""), headers)
        check(status == 415 and what in body, f"{what}: {status} {body}")


def test_zstd_beside_snappy(env, rig):
    if not shutil.which("zstd"):
        raise Skip("no zstd command here (Debian: zstd)")
    one, _ = rig
    message = write_request([({"__name__": "z", "n": str(n)}, [(T0, float(n))]) for n in range(1000)])
    for arguments in (["-c"], ["-c", "--no-content-size"]):
        packed = subprocess.run(["zstd", *arguments], input=message, capture_output=True, check=True).stdout
        status, _, body = answer(one, "/api/v1/write", packed, {"Content-Encoding": "zstd"})
        equal(status, 204, f"zstd {arguments} ({body})")
        equal(answer(one, "/api/v1/write", packed[:-5], {"Content-Encoding": "zstd"})[0], 400, "a frame that is cut off")
    equal(one.value("sum(z)", at=T0 / 1000), 499500.0, "sum")
    bomb = subprocess.run(["zstd", "-c"], input=bytes(64 << 20), capture_output=True, check=True).stdout
    status, _, body = answer(one, "/api/v1/write", bomb, {"Content-Encoding": "zstd"})
    check(status == 413 and b"more than 33554432" in body, f"a bomb of {len(bomb)} bytes: {status} {body}")


def test_many_large_bodies_at_once_are_too_many(env, rig):
    one, _ = rig
    size, held, block = 15 << 20, [], bytes(1 << 20)

    def resident():
        return int(next(l for l in open(f"/proc/{one.process.pid}/status") if l.startswith("VmRSS")).split()[1]) << 10

    def busy():
        status, headers, _ = answer(one, "/api/v1/import/prometheus", b"# not small\n" * 400000)
        return status == 429 and headers["Retry-After"] == "1"

    before = resident()
    try:
        for _ in range(40):                 # 600 MB that never come to an end
            s = socket.create_connection(("127.0.0.1", one.port))
            s.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (size + 1))
            for _ in range(size >> 20):
                s.sendall(block)
            held.append(s)
        wait_for("a body of 5 MB to be refused", 10, busy)
        more = resident() - before
        check(more < 600 << 20, f"{more >> 20} MiB more memory")
        env.note(f"40 bodies of 15 MiB: {more >> 20} MiB more memory (budget 256 MiB)")
        small = answer(one, "/api/v1/import/prometheus", b"small 1\n")[0]
        equal(small, 204, "a small body meanwhile")
        path = os.path.join(env.dir, "patient.prom")
        with open(path, "w") as f:
            f.writelines(f"patient {i} {T0 + i}\n" for i in range(150000))
        patient = env.process("patient", [binary(), "import", path, "--url", one.url])
        time.sleep(1.5)
        check(patient.alive(), f"auspex import did not wait: {patient.said()}")
    finally:
        for s in held:
            s.close()
    wait_for("auspex import to get through", 30, lambda: not patient.alive())
    check("150000 samples stored, 0 lines and 0 samples refused" in patient.said(), patient.said())
    wait_for("a body of 5 MB to be taken again", 20, lambda: not busy())
