// SPDX-License-Identifier: Apache-2.0
// One host: its charts, what its VMs are promised, pressure, filesystems with forecasts, its VMs.

import * as api from '../api';
import type { Prediction, ResourceDetail, Series } from '../api';
import { Chart, type Line } from '../chart';
import { loadFleet, type Fleet } from '../fleet';
import { bytes, bytesRate, percent } from '../format';
import { grid, lines } from '../history';
import { useNow, usePoll } from '../live';
import { Share } from '../parts/bars';
import { Ago, Copy, EventList, Facts, Findings, Loading, Problems, State, Time, Unknown } from '../parts/bits';
import { Predictions } from '../parts/prediction';
import { VmTable } from '../parts/vmtable';
import { shortRange } from '../words';
import { bandOf, chartPeriod, pick, RangeChoice, useRange } from './vm';

interface Filesystem {
    mount: string;
    size: number;
    available: number | null;
}

async function filesystems(handle: string, signal: AbortSignal): Promise<Filesystem[]> {
    const h = api.quote(handle);
    const [size, available] = await Promise.all(
        ['size', 'avail'].map((w) => api.query(`max by (mountpoint) (node_filesystem_${w}_bytes{handle=${h},fstype!~"tmpfs|ramfs|squashfs|overlay"})`, signal)),
    );
    const value = (list: Series[] | undefined, mount: string) => list?.find((s) => s.labels['mountpoint'] === mount)?.points.at(-1)?.[1] ?? null;
    return (size ?? [])
        .map((s) => ({ mount: s.labels['mountpoint'] ?? '', size: s.points.at(-1)?.[1] ?? 0, available: value(available, s.labels['mountpoint'] ?? '') }))
        .filter((f) => f.size > 0)
        .sort((a, b) => a.mount.localeCompare(b.mount));
}

export function HostPage({ handle }: { handle: string }) {
    const [range, setRange] = useRange();
    const { data, error } = usePoll(
        async (signal) => {
            const [host, mounts, fleet] = await Promise.all([api.resource(handle, signal), filesystems(handle, signal), loadFleet(signal)]);
            return { host, mounts, fleet };
        },
        `host ${handle}`,
    );
    if (!data) return <Loading error={error} />;
    const { host, mounts, fleet } = data;
    const vms = fleet.vms.filter((v) => v.resource.host === handle);
    return (
        <>
            <header class="pagehead">
                <p class="crumbs">
                    <a href="#/">Fleet</a> / Host
                </p>
                <h1>
                    {host.name} <State state={host.state} reason={host.reason} />
                </h1>
                <p class="sub">
                    for <Ago at={host.since} />; seen <Ago at={host.last_seen} suffix=" ago" />
                </p>
                <Copy text={host.handle} label="handle" />
            </header>
            <div class="split">
                <div class="main">
                    <div class="charthead">
                        <h2>Live</h2>
                        <RangeChoice value={range} onChange={setRange} />
                    </div>
                    <Charts host={host} range={range} />
                    <Filesystems list={mounts} predictions={host.predictions} />
                </div>
                <div class="side">
                    <Predictions list={host.predictions} />
                    <Findings list={api.findings(host)} />
                    <About host={host} fleet={fleet} />
                </div>
            </div>
            {vms.length > 0 && <VmTable vms={vms} />}
            <section class="panel">
                <h2>Events</h2>
                <EventList list={host.events} />
            </section>
        </>
    );
}

const CPU: Line[] = [
    { label: 'busy', color: '--c-used', fill: true, hint: 'All modes but idle and waiting for disks' },
    { label: 'iowait', color: '--c-visible', hint: 'Idle, with a disk request outstanding' },
    { label: 'steal', color: '--c-resident', hint: 'Taken by a hypervisor below this host' },
];
const MEMORY: Line[] = [
    { label: 'total', color: '--c-assigned', dash: [6, 3], hint: 'MemTotal' },
    { label: 'used', color: '--c-used', hint: 'MemTotal - MemAvailable' },
    { label: 'available', color: '--c-available', fill: true, hint: 'MemAvailable: what programs could still get' },
];
const PRESSURE: Line[] = [
    { label: 'cpu', color: '--c-used', hint: 'Share of time in which some task waited for a CPU' },
    { label: 'memory', color: '--c-resident', hint: 'Share of time in which some task waited for memory' },
    { label: 'io', color: '--c-visible', hint: 'Share of time in which some task waited for a disk' },
];
const DISK: Line[] = [
    { label: 'read', color: '--c-used' },
    { label: 'written', color: '--c-resident' },
];
const NET: Line[] = [
    { label: 'received', color: '--c-used' },
    { label: 'sent', color: '--c-resident' },
];

function hostQueries(handle: string): Record<string, (w: string) => string> {
    const h = `handle=${api.quote(handle)}`;
    const mean = (name: string) => (w: string) => `avg_over_time(${name}{${h}}[${w}])`;
    const mode = (matcher: string) => (w: string) => `avg(rate(node_cpu_seconds_total{${h},${matcher}}[${w}]))`;
    const rate = (name: string, more = '') => (w: string) => `sum(rate(${name}{${h}${more}}[${w}]))`;
    return {
        idle: mode('mode="idle"'),
        iowait: mode('mode="iowait"'),
        steal: mode('mode="steal"'),
        total: mean('node_memory_MemTotal_bytes'),
        available: mean('node_memory_MemAvailable_bytes'),
        cpu: rate('node_pressure_cpu_waiting_seconds_total'),
        memory: rate('node_pressure_memory_waiting_seconds_total'),
        io: rate('node_pressure_io_waiting_seconds_total'),
        read: rate('node_disk_read_bytes_total'),
        written: rate('node_disk_written_bytes_total'),
        received: rate('node_network_receive_bytes_total', ',device!="lo"'),
        sent: rate('node_network_transmit_bytes_total', ',device!="lo"'),
    };
}

type Values = (number | null)[];
const minus = (a: Values = [], b: Values = []) => a.map((v, i) => (v === null || b[i] === null || b[i] === undefined ? null : Math.max(0, v - b[i]!)));

function Charts({ host, range }: { host: ResourceDetail; range: number }) {
    const { data } = usePoll(
        async (signal) => {
            const got = await lines(hostQueries(host.handle), grid(range, Date.now()), signal);
            const one = got.times.map(() => 1);
            got.values['busy'] = minus(minus(one, got.values['idle']), got.values['iowait']);
            got.values['used'] = minus(got.values['total'], got.values['available']);
            return got;
        },
        `charts ${host.handle} ${range}`,
        chartPeriod(range),
    );
    if (!data) return <p class="quiet loading">Reading…</p>;
    const { band, until } = bandOf(host.predictions, 'memory', '', range, Date.now());
    const span: [number, number] = [data.grid.start, data.grid.end];
    const common = { times: data.times, span };
    return (
        <div class="charts">
            {data.problems.length > 0 && (
                <div class="wide">
                    <Problems list={data.problems} />
                </div>
            )}
            <div class="wide">
                <Chart title="Memory" lines={MEMORY} values={pick(data, MEMORY)} format={bytes} unit="bytes" band={band} times={data.times} span={[span[0], span[1] + until]} />
            </div>
            <Chart title="CPU" lines={CPU} values={pick(data, CPU)} format={percent} ceiling={0.1} {...common} />
            <Chart title="Pressure, share of time waited" lines={PRESSURE} values={pick(data, PRESSURE)} format={percent} ceiling={0.1} empty="This kernel does not tell (PSI is off)." {...common} />
            <Chart title="Disks" lines={DISK} values={pick(data, DISK)} format={bytesRate} unit="bytes" ceiling={65536} {...common} />
            <Chart title="Network" lines={NET} values={pick(data, NET)} format={bytesRate} unit="bytes" ceiling={8192} {...common} />
        </div>
    );
}

function Filesystems({ list, predictions }: { list: Filesystem[]; predictions: Prediction[] }) {
    const now = useNow(10_000);
    const forecast = (mount: string) => predictions.find((p) => p.resource === 'filesystem' && p.part === mount);
    return (
        <section class="panel">
            <h2>Filesystems</h2>
            {list.length === 0 && <p class="quiet">None was read.</p>}
            {list.length > 0 && (
                <div class="scroll">
                    <table class="plain">
                        <thead>
                            <tr>
                                <th scope="col">Mounted at</th>
                                <th scope="col">Used</th>
                                <th scope="col" class="num">Available</th>
                                <th scope="col">Forecast</th>
                            </tr>
                        </thead>
                        <tbody>
                            {list.map((f) => (
                                <tr key={f.mount}>
                                    <th scope="row">
                                        <code>{f.mount}</code>
                                    </th>
                                    <td>
                                        <Share value={f.available === null ? null : 1 - f.available / f.size} />
                                    </td>
                                    <td class="num">
                                        {f.available === null ? <Unknown /> : bytes(f.available)} of {bytes(f.size)}
                                    </td>
                                    <td>{forecastCell(forecast(f.mount), now)}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
        </section>
    );
}

function forecastCell(p: Prediction | undefined, now: number) {
    if (!p) return <span class="quiet">none yet</span>;
    if (p.verdict === 'exhaust') return <b class="risktag">full in {shortRange(p, now)}</b>;
    return (
        <abbr class={p.verdict === 'steady' ? 'quiet' : 'unknown'} title={p.reason}>
            {p.verdict === 'steady' ? 'steady' : "can't tell"}
        </abbr>
    );
}

interface Collector {
    name: string;
    up: boolean;
    error: string | null;
}

function About({ host, fleet }: { host: ResourceDetail; fleet: Fleet }) {
    const row = fleet.hosts.find((h) => h.resource.handle === host.handle);
    const list = host.attributes['collectors'];
    const collectors = Array.isArray(list) ? (list as Collector[]) : [];
    const physical = row?.memoryTotal ?? api.attrNumber(host, 'memory_bytes');
    const committed = row?.committed ?? null;
    return (
        <section class="panel">
            <h2>About</h2>
            <Facts
                rows={[
                    ['CPUs', api.attrNumber(host, 'cpus') ?? <Unknown />],
                    ['Memory', bytes(physical)],
                    ['Committed to VMs', committed === null ? <Unknown /> : `${bytes(committed)}${physical ? ` (${percent(committed / physical)})` : ''}`],
                    ['Load, 1 min', row?.load?.toFixed(2) ?? <Unknown />],
                    ['VMs', row && row.vms !== null ? `${row.running} of ${row.vms} running` : <Unknown />],
                    ['Kernel', api.attrString(host, 'kernel') ?? <Unknown />],
                    ['System', api.attrString(host, 'os') ?? <Unknown />],
                    ['Up since', <Time at={api.attrString(host, 'boot_time')} />],
                    ['Sources', `${collectors.filter((c) => c.up).length} of ${collectors.length} read`],
                    ...collectors
                        .filter((c) => !c.up)
                        .map((c): [string, preact.JSX.Element] => [`Not read: ${c.name}`, <span class="stale">{c.error ?? 'no reason given'}</span>]),
                ]}
            />
        </section>
    );
}
