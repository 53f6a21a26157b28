// SPDX-License-Identifier: Apache-2.0
// One VM: what it is, its live charts with the forecast's band, its memory with the source of every
// figure, what is foreseen, what was found, what happened.

import { useState } from 'preact/hooks';
import * as api from '../api';
import type { Prediction, ResourceDetail } from '../api';
import { Chart, type Band, type Line } from '../chart';
import { isStale, live, loadMemory, sortRisks, whyUnknown, type Memory } from '../fleet';
import { bytes, bytesRate, duration, millis, percent } from '../format';
import { grid, lines, RANGES, type Lines } from '../history';
import { PERIOD, usePoll } from '../live';
import { Ago, Copy, EventList, Facts, Findings, Loading, Problems, ResourceLink, State, Time, Unknown } from '../parts/bits';
import { Inside } from '../parts/inside';
import { Predictions } from '../parts/prediction';
import { secondsLeft } from '../words';

export function RangeChoice({ value, onChange }: { value: number; onChange: (seconds: number) => void }) {
    return (
        <div class="ranges" role="group" aria-label="Stretch of time">
            {RANGES.map((r) => (
                <button key={r.seconds} type="button" aria-pressed={value === r.seconds} onClick={() => onChange(r.seconds)}>
                    {r.label}
                </button>
            ))}
        </div>
    );
}

/** Kept from page to page, as one compares VM with VM. */
let chosenRange: number = RANGES[0].seconds;

export function useRange(): [number, (seconds: number) => void] {
    const [range, set] = useState(chosenRange);
    return [range, (seconds) => set((chosenRange = seconds))];
}

/** Charts of a long stretch change slowly: they ask once per step, not every five seconds. */
export const chartPeriod = (range: number) => Math.max(PERIOD, grid(range, 0).step * 1000);

/** The band of the most urgent forecast of a resource, and how far right the chart has to reach. */
export function bandOf(list: Prediction[], resource: string, part: string, range: number, now: number): { band: Band | null; until: number } {
    const p = sortRisks(list.filter((x) => x.resource === resource && x.part === part))[0];
    const made = millis(p?.made_at);
    const low = p ? secondsLeft(p, '0.05', now) : null;
    if (!p || made === null || low === null || p.evidence.level === null) return { band: null, until: 0 };
    const middle = secondsLeft(p, '0.5', now);
    const high = secondsLeft(p, '0.95', now);
    const at = (s: number | null) => (s === null ? null : now / 1000 + s);
    const reach = Math.min(Math.max(60, (high ?? (middle ?? low) * 1.5) * 1.05), range * 1.5);
    const band = { from: made / 1000, level: p.evidence.level, low: at(low)!, middle: at(middle), high: at(high), color: '--risk' };
    return { band, until: low > range * 1.5 ? 0 : reach };
}

export function VmPage({ handle }: { handle: string }) {
    const [range, setRange] = useRange();
    const { data, error } = usePoll(
        async (signal) => {
            const [vm, memory] = await Promise.all([api.resource(handle, signal), loadMemory(handle, signal)]);
            return { vm, memory };
        },
        `vm ${handle}`,
    );
    const host = usePoll((signal) => (data?.vm.host ? api.resource(data.vm.host, signal) : Promise.resolve(null)), `host of vm ${data?.vm.host ?? ''}`, 60_000);
    if (!data) return <Loading error={error} />;
    const { vm, memory } = data;
    return (
        <>
            <Head vm={vm} hostName={host.data?.name ?? null} />
            <div class="split">
                <div class="main">
                    <div class="charthead">
                        <h2>Live</h2>
                        <RangeChoice value={range} onChange={setRange} />
                    </div>
                    <Charts vm={vm} range={range} />
                    <section class="panel">
                        <h2>Events</h2>
                        <EventList list={vm.events} />
                    </section>
                </div>
                <div class="side">
                    <Predictions list={vm.predictions} />
                    <Findings list={api.findings(vm)} />
                    {!vm.gone && <Inside vm={vm} />}
                    <MemoryTruth vm={vm} memory={live(vm.state) ? memory : null} />
                    <About vm={vm} />
                </div>
            </div>
        </>
    );
}

function Head({ vm, hostName }: { vm: ResourceDetail; hostName: string | null }) {
    return (
        <header class="pagehead">
            <p class="crumbs">
                <a href="#/">Fleet</a> / VM
            </p>
            <h1>
                {vm.name} <State state={vm.state} />
            </h1>
            <p class="sub">
                {vm.gone ? (
                    <>
                        gone since <Time at={vm.gone} />
                    </>
                ) : (
                    <>
                        {vm.reason && `${vm.reason}, `}for <Ago at={vm.since} />; seen <Ago at={vm.last_seen} suffix=" ago" />
                    </>
                )}
                {vm.host && (
                    <>
                        {' '}
                        on <ResourceLink handle={vm.host} name={hostName} />
                    </>
                )}
            </p>
            <Copy text={vm.handle} label="handle" />
        </header>
    );
}

const MEMORY: Line[] = [
    { label: 'assigned', color: '--c-assigned', dash: [6, 3], hint: 'What the hypervisor lets the VM have now (balloon size). From libvirt.' },
    { label: 'visible', color: '--c-visible', dash: [2, 3], hint: 'What the guest sees as its total. From its balloon driver.' },
    { label: 'used', color: '--c-used', hint: 'What the guest uses by its own account, caches not counted. From its balloon driver.' },
    { label: 'available', color: '--c-available', fill: true, hint: 'What the guest could still give to programs. From its balloon driver.' },
    { label: 'resident', color: '--c-resident', hint: "What the VM's process holds of the host's memory. From the host's /proc." },
];
const CPU: Line[] = [
    { label: 'busy', color: '--c-used', fill: true, hint: 'CPU time, as a share of its vCPUs' },
    { label: 'delayed', color: '--c-resident', hint: 'Time its vCPUs were ready to run and had to wait for the host (steal), as a share of its vCPUs' },
];
const IO: Line[] = [
    { label: 'read', color: '--c-used' },
    { label: 'written', color: '--c-resident' },
];
const NET: Line[] = [
    { label: 'received', color: '--c-used' },
    { label: 'sent', color: '--c-resident' },
];

type Queries = Record<string, (lookback: string) => string>;

function vmQueries(handle: string): Queries {
    const h = api.quote(handle);
    const mean = (name: string) => (w: string) => `max(avg_over_time(${name}{handle=${h}}[${w}]))`;
    const rate = (name: string) => (w: string) => `sum(rate(${name}{handle=${h}}[${w}]))`;
    return {
        assigned: mean('vm_memory_assigned_bytes'),
        visible: mean('vm_memory_guest_visible_bytes'),
        used: mean('vm_memory_guest_used_bytes'),
        available: mean('vm_memory_guest_available_bytes'),
        resident: mean('vm_memory_resident_bytes'),
        busy: rate('vm_cpu_seconds_total'),
        delayed: rate('vm_cpu_delay_seconds_total'),
        read: rate('libvirt_domain_block_stats_read_bytes_total'),
        written: rate('libvirt_domain_block_stats_write_bytes_total'),
        received: rate('libvirt_domain_interface_stats_receive_bytes_total'),
        sent: rate('libvirt_domain_interface_stats_transmit_bytes_total'),
    };
}

export const pick = (data: Lines | null, list: Line[]) => list.map((l) => data?.values[l.label] ?? []);

function Charts({ vm, range }: { vm: ResourceDetail; range: number }) {
    const { data } = usePoll(
        (signal) => lines(vmQueries(vm.handle), grid(range, Date.now()), signal),
        `charts ${vm.handle} ${range}`,
        chartPeriod(range),
    );
    if (!data) return <p class="quiet loading">Reading…</p>;
    const now = Date.now();
    const { band, until } = bandOf(vm.predictions, 'memory', '', range, now);
    const span: [number, number] = [data.grid.start, data.grid.end];
    const ahead: [number, number] = [data.grid.start, data.grid.end + until];
    const vcpus = api.attrNumber(vm, 'vcpus');
    const perVcpu = pick(data, CPU).map((v) => (vcpus ? v.map((x) => (x === null ? null : x / vcpus)) : v.map(() => null)));
    return (
        <div class="charts">
            {data.problems.length > 0 && (
                <div class="wide">
                    <Problems list={data.problems} />
                </div>
            )}
            <div class="wide">
                <Chart title="Memory" lines={MEMORY} times={data.times} values={pick(data, MEMORY)} span={ahead} format={bytes} unit="bytes" band={band} />
            </div>
            <div class="wide">
                <Chart
                    title={vcpus ? `CPU, share of ${vcpus === 1 ? 'its vCPU' : `its ${vcpus} vCPUs`}` : 'CPU (number of vCPUs unknown)'}
                    lines={CPU} times={data.times} values={perVcpu} span={span} format={percent} ceiling={0.1}
                />
            </div>
            <Chart title="Disk" lines={IO} times={data.times} values={pick(data, IO)} span={span} format={bytesRate} unit="bytes" ceiling={65536} empty="No disk, or none that was read." />
            <Chart title="Network" lines={NET} times={data.times} values={pick(data, NET)} span={span} format={bytesRate} unit="bytes" ceiling={8192} empty="No interface, or none that was read." />
        </div>
    );
}

/** Whose word a figure is. */
const SOURCES: Record<string, string> = {
    libvirt: 'libvirt',
    balloon: 'balloon driver in the guest',
    process: "the VM's process (/proc)",
    agent: 'agent in the guest',
    introspection: "the guest's memory, read",
};

function MemoryTruth({ vm, memory }: { vm: ResourceDetail; memory: Memory | null }) {
    const age = memory?.age ?? null;
    const stale = memory !== null && isStale(memory);
    const row = (name: string, field: Exclude<keyof Memory, 'sources'>, expected: string) => {
        const source = memory?.sources[field] ?? expected;
        return { name, value: memory?.[field] ?? null, source: SOURCES[source] ?? source, guest: source === 'balloon' };
    };
    const rows = [
        row('Maximum', 'maximum', 'libvirt'),
        row('Assigned', 'assigned', 'libvirt'),
        row('Visible to the guest', 'visible', 'balloon'),
        row('Used in the guest', 'used', 'balloon'),
        row('Available in the guest', 'available', 'balloon'),
        row('Resident on the host', 'resident', 'process'),
    ];
    return (
        <section class="panel">
            <h2>Memory, figure by figure</h2>
            <table class="plain">
                <thead>
                    <tr>
                        <th scope="col">Figure</th>
                        <th scope="col" class="num">Value</th>
                        <th scope="col">Source</th>
                        <th scope="col" class="num">Age</th>
                    </tr>
                </thead>
                <tbody>
                    {rows.map(({ name, value, source, guest }) => (
                        <tr key={name}>
                            <th scope="row">{name}</th>
                            <td class="num">{value === null ? <Unknown why={whyUnknown(vm)} /> : bytes(value)}</td>
                            <td class="source">{source}</td>
                            <td class={`num ${guest && stale ? 'stale' : ''}`}>
                                {value === null ? '' : !guest ? <Ago at={vm.last_seen} /> : age === null ? <Unknown /> : duration(age)}
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
            {memory && memory.used === null && !api.findings(vm).some((f) => f.code.startsWith('balloon')) && <p class="remedy">{whyUnknown(vm)}</p>}
            {stale && <p class="remedy">The guest has been silent for {duration(age ?? 0)}. Silence can itself be a sign of pressure.</p>}
        </section>
    );
}

const LABELS: Record<string, string> = {
    uuid: 'UUID',
    hypervisor: 'Hypervisor',
    type: 'Type',
    vcpus: 'vCPUs',
    balloon_period_seconds: 'Balloon statistics',
    balloon_driver: 'Balloon driver',
    guest_agent: 'Guest agent',
    disks: 'Disks',
    interfaces: 'Interfaces',
};

function About({ vm }: { vm: ResourceDetail }) {
    const rows = Object.entries(LABELS)
        .filter(([key]) => vm.attributes[key] !== undefined && vm.attributes[key] !== null)
        .map(([key, label]): [string, string] => [label, attribute(key, vm.attributes[key])]);
    return (
        <section class="panel">
            <h2>About</h2>
            <Facts rows={[...rows, ['Tenant', vm.tenant], ['First seen', <Time at={vm.first_seen} />], ['In this state since', <Time at={vm.since} />]]} />
        </section>
    );
}

function attribute(key: string, value: unknown): string {
    if (key === 'balloon_period_seconds') return value === 0 ? 'not polled' : `every ${value} s`;
    if (key === 'balloon_driver') return value ? 'answers' : 'does not answer';
    return text(value);
}

function text(value: unknown): string {
    if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(text).join('; ');
    if (value !== null && typeof value === 'object')
        return Object.entries(value).filter(([, v]) => v !== null && v !== '').map(([k, v]) => `${k} ${text(v)}`).join(', ');
    return String(value);
}
