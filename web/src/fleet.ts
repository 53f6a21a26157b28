// SPDX-License-Identifier: Apache-2.0
// Joins what the server says about hosts and VMs (resources, samples, predictions) into rows to show.

import type { Alert, Prediction, Resource, Series } from './api';
import { counts, total } from './alarms';
import * as api from './api';
import { secondsLeft } from './words';

/** Each figure of a VM's memory on its own: null is "unknown", never 0. Bytes; age in seconds. */
export interface Memory {
    maximum: number | null;
    assigned: number | null;
    visible: number | null;
    available: number | null;
    used: number | null;
    resident: number | null;
    age: number | null;
    sources: Partial<Record<string, string>>; // of each figure: balloon, libvirt, process
}

export interface Vm {
    resource: Resource;
    hostName: string;
    vcpus: number | null;
    cpu: number | null; // share of its vCPUs
    memory: Memory;
    risk: Prediction | null; // the most urgent
    judged: 'risk' | 'steady' | 'untold' | 'off';
}

export interface Host {
    resource: Resource;
    cpu: number | null;
    load: number | null;
    memoryTotal: number | null;
    memoryAvailable: number | null;
    committed: number | null; // sum of what its VMs are assigned
    vms: number | null; // null when its hypervisor could not be asked
    running: number;
    risk: Prediction | null;
}

export interface Fleet {
    vms: Vm[];
    hosts: Host[];
    risks: Prediction[]; // most urgent first
    alerts: Alert[]; // of rules
    inAlarm: number; // alarms of definitions
    problems: string[]; // parts of the picture that could not be read
}

const FIGURES: Record<string, Exclude<keyof Memory, 'sources'>> = {
    vm_memory_maximum_bytes: 'maximum',
    vm_memory_assigned_bytes: 'assigned',
    vm_memory_guest_visible_bytes: 'visible',
    vm_memory_guest_available_bytes: 'available',
    vm_memory_guest_used_bytes: 'used',
    vm_memory_resident_bytes: 'resident',
    vm_memory_age_seconds: 'age',
};

const VM_FIGURES =
    '{__name__=~"vm_memory_(maximum|assigned|guest_visible|guest_available|guest_used|resident)_bytes|vm_memory_age_seconds|vm_vcpus"}';
const HOST_FIGURES = '{__name__=~"node_memory_MemTotal_bytes|node_memory_MemAvailable_bytes|node_load1"}';
const VM_CPU = 'sum by (handle) (rate(vm_cpu_seconds_total[1m]))';
const HOST_CPU = '1 - avg by (handle) (rate(node_cpu_seconds_total{mode="idle"}[1m]))';

/** Guests tell their figures every few seconds: older than this, they have fallen silent. */
export const STALE_SECONDS = 60;
export const isStale = (m: Memory) => m.age !== null && m.age > STALE_SECONDS;

export const live = (state: string) => state === 'running' || state === 'blocked' || state === 'paused' || state === 'shutdown';

interface Figure {
    value: number;
    source: string;
}
type Figures = Map<string, Map<string, Figure>>; // handle -> metric -> figure

/** Where two sources tell the same figure, the one nearer to it is taken. */
const NEARER = ['', 'libvirt', 'process', 'balloon'];

function byHandle(series: Series[]): Figures {
    const out: Figures = new Map();
    for (const s of series) {
        const handle = s.labels['handle'];
        const value = s.points.at(-1)?.[1];
        if (handle === undefined || value === undefined || !Number.isFinite(value)) continue;
        let figures = out.get(handle);
        if (!figures) out.set(handle, (figures = new Map()));
        const name = s.labels['__name__'] ?? '';
        const source = s.labels['source'] ?? '';
        const known = figures.get(name);
        if (!known || NEARER.indexOf(source) >= NEARER.indexOf(known.source)) figures.set(name, { value, source });
    }
    return out;
}

function memoryOf(figures: Map<string, Figure> | undefined): Memory {
    const memory: Memory = {
        maximum: null, assigned: null, visible: null, available: null, used: null, resident: null, age: null, sources: {},
    };
    for (const [name, field] of Object.entries(FIGURES)) {
        const figure = figures?.get(name);
        memory[field] = figure?.value ?? null;
        if (figure?.source) memory.sources[field] = figure.source;
    }
    return memory;
}

export async function loadMemory(handle: string, signal: AbortSignal): Promise<Memory> {
    const selector = VM_FIGURES.replace('}', `,handle=${api.quote(handle)}}`);
    return memoryOf(byHandle(await api.query(selector, signal)).get(handle));
}

export function sortRisks(list: Prediction[], now = Date.now()): Prediction[] {
    const left = (p: Prediction) => secondsLeft(p, '0.5', now) ?? secondsLeft(p, '0.05', now) ?? Infinity;
    return list.filter((p) => p.verdict === 'exhaust').sort((a, b) => left(a) - left(b));
}

export async function loadFleet(signal: AbortSignal): Promise<Fleet> {
    const problems: string[] = [];
    // What there is must be known; what is known about it may be missing, and is then shown as unknown.
    const part = <T>(name: string, answer: Promise<T[]>) =>
        answer.catch((cause: unknown): T[] => {
            if (!(cause instanceof api.ApiError) || cause.status === 0) throw cause;
            problems.push(`${name}: ${cause.message}`);
            return [];
        });
    const [vms, hosts, predictions, alerts, defined, vmFigures, vmCpu, hostFigures, hostCpu] = await Promise.all([
        api.resources('vm', signal),
        api.resources('host', signal),
        part('forecasts', api.predictions(true, signal)),
        part('alarms', api.alerts(signal)),
        part('alarms', counts(signal)),
        part('memory', api.query(VM_FIGURES, signal)),
        part('CPU', api.query(VM_CPU, signal)),
        part('hosts', api.query(HOST_FIGURES, signal)),
        part('hosts', api.query(HOST_CPU, signal)),
    ]);
    const risks = sortRisks(predictions);
    const verdicts = verdictsByHandle(predictions, risks);
    const names = new Map(hosts.map((h) => [h.handle, h.name]));
    const memory = byHandle(vmFigures);
    const cpu = byHandle(vmCpu);
    const rows = vms.map((r) => makeVm(r, names, memory.get(r.handle), cpu.get(r.handle), verdicts.get(r.handle)));
    const hostMemory = byHandle(hostFigures);
    const hostCpus = byHandle(hostCpu);
    return {
        vms: rows,
        hosts: hosts.map((h) => makeHost(h, rows, hostMemory.get(h.handle), hostCpus.get(h.handle), verdicts.get(h.handle))),
        risks,
        alerts,
        inAlarm: total(defined, { state: 'ALARM', severity: '' }),
        problems,
    };
}

interface Judgement {
    risk: Prediction | null;
    steady: boolean;
}

function verdictsByHandle(all: Prediction[], risks: Prediction[]): Map<string, Judgement> {
    const out = new Map<string, Judgement>();
    for (const p of risks) if (!out.has(p.handle)) out.set(p.handle, { risk: p, steady: false });
    for (const p of all) if (p.verdict === 'steady' && !out.has(p.handle)) out.set(p.handle, { risk: null, steady: true });
    return out;
}

function makeVm(
    r: Resource,
    hosts: Map<string, string>,
    figures: Map<string, Figure> | undefined,
    cpu: Map<string, Figure> | undefined,
    judgement: Judgement | undefined,
): Vm {
    // The last figures of a VM that is off stay in sight of a query for minutes: they say nothing now.
    const on = live(r.state);
    const vcpus = api.attrNumber(r, 'vcpus') ?? figures?.get('vm_vcpus')?.value ?? null;
    const seconds = on ? (cpu?.get('')?.value ?? null) : null;
    return {
        resource: r,
        hostName: (r.host && (hosts.get(r.host) ?? r.host)) || '',
        vcpus,
        cpu: seconds !== null && vcpus ? seconds / vcpus : null,
        memory: memoryOf(on ? figures : undefined),
        risk: on ? (judgement?.risk ?? null) : null,
        judged: !on ? 'off' : judgement?.risk ? 'risk' : judgement?.steady ? 'steady' : 'untold',
    };
}

function makeHost(
    r: Resource,
    vms: Vm[],
    figures: Map<string, Figure> | undefined,
    cpu: Map<string, Figure> | undefined,
    judgement: Judgement | undefined,
): Host {
    const up = r.state === 'up';
    const mine = vms.filter((v) => v.resource.host === r.handle);
    const blind = mine.length === 0 && !seesVms(r);
    const assigned = mine.map((v) => v.memory.assigned).filter((v) => v !== null);
    return {
        resource: r,
        cpu: up ? (cpu?.get('')?.value ?? null) : null,
        load: up ? (figures?.get('node_load1')?.value ?? null) : null,
        memoryTotal: figures?.get('node_memory_MemTotal_bytes')?.value ?? api.attrNumber(r, 'memory_bytes'),
        memoryAvailable: up ? (figures?.get('node_memory_MemAvailable_bytes')?.value ?? null) : null,
        committed: !blind && (assigned.length > 0 || mine.length === 0) ? assigned.reduce((a, b) => a + b, 0) : null,
        vms: blind ? null : mine.length,
        running: mine.filter((v) => v.resource.state === 'running').length,
        risk: judgement?.risk ?? null,
    };
}

/** False when the host says itself that its hypervisor could not be asked. */
function seesVms(r: Resource): boolean {
    const list = r.attributes['collectors'];
    return !Array.isArray(list) || !(list as { name?: string; up?: boolean }[]).some((c) => c?.name === 'libvirt' && c.up === false);
}

/** Why a guest's figures are missing, and what would bring them. */
export function whyUnknown(r: Resource): string {
    if (!live(r.state)) return 'The VM is off.';
    const told = api.findings(r).find((f) => f.code.startsWith('balloon'));
    if (told) return told.remedy ? `${told.text}. Remedy: ${told.remedy}` : told.text;
    if (api.attrNumber(r, 'balloon_period_seconds') === 0)
        return 'The domain has no balloon statistics period, so the guest is not asked. `auspex doctor` names the remedy.';
    if (r.attributes['balloon_driver'] === false) return "The guest's balloon driver does not answer.";
    return 'No figure has arrived from the guest.';
}
