// SPDX-License-Identifier: Apache-2.0
// Alarms of definitions: how they are asked for, what they are about, why they are as they are.

import { request, resources, type Params, type Resource } from './api';
import { millis } from './format';

export const STATES = ['ALARM', 'UNDETERMINED', 'OK'] as const;
export const SEVERITIES = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'] as const;

export interface Metric {
    name: string;
    dimensions: Record<string, string>;
}

export interface DefinedAlarm {
    id: string;
    alarm_definition: { id: string; name: string; severity: string };
    metrics: Metric[];
    state: string;
    lifecycle_state: string | null;
    link: string | null;
    state_updated_timestamp: string;
}

export interface Entry {
    id: string;
    old_state: string;
    new_state: string;
    reason: string;
    timestamp: string;
}

export interface Definition {
    id: string;
    name: string;
    description: string;
    expression: string;
    match_by: string[];
    severity: string;
    actions_enabled: boolean;
    alarm_actions: string[];
    ok_actions: string[];
    undetermined_actions: string[];
}

export interface Method {
    id: string;
    name: string;
    type: string;
}

/** How many there are in each state and severity; empty names are any. */
export type Counts = { n: number; state: string; severity: string }[];

export interface Filter {
    state: string;
    severity: string;
}

async function list<T>(path: string, params: Params, signal: AbortSignal): Promise<T[]> {
    return ((await request(`v2.0/${path}`, params, signal)) as { elements: T[] }).elements;
}

/** The worst first, and of those the latest. */
const ORDER = 'state desc,severity desc,state_updated_timestamp desc,alarm_id';

export const alarms = (f: Filter, offset: number, limit: number, signal: AbortSignal) =>
    list<DefinedAlarm>('alarms', { state: f.state || undefined, severity: f.severity || undefined, sort_by: ORDER, offset, limit }, signal);

export async function counts(signal: AbortSignal): Promise<Counts> {
    const answer = (await request('v2.0/alarms/count', { group_by: 'state,severity' }, signal)) as {
        columns: string[];
        counts: (number | string | null)[][];
    };
    const [n, state, severity] = ['count', 'state', 'severity'].map((c) => answer.columns.indexOf(c));
    return answer.counts
        .map((row) => ({ n: Number(row[n!] ?? 0), state: String(row[state!] ?? ''), severity: String(row[severity!] ?? '') }))
        .filter((c) => c.n > 0);
}

export const total = (all: Counts, f: Filter) =>
    all.filter((c) => (!f.state || c.state === f.state) && (!f.severity || c.severity === f.severity)).reduce((sum, c) => sum + c.n, 0);

export const definitions = (offset: number, limit: number, signal: AbortSignal) =>
    list<Definition>('alarm-definitions', { sort_by: 'name', offset, limit }, signal);

export const methods = (signal: AbortSignal) => list<Method>('notification-methods', { limit: 1000 }, signal);

const HISTORY_PAGE = 1000;
const HISTORY_MAX = 10_000;
const WEEK = 7 * 86_400_000;

/** Newest first: the changes of the week before the last one. */
export async function history(a: DefinedAlarm, signal: AbortSignal): Promise<Entry[]> {
    const since = new Date((millis(a.state_updated_timestamp) ?? Date.now()) - WEEK).toISOString();
    const all: Entry[] = [];
    for (;;) {
        const params = { start_time: since, limit: HISTORY_PAGE, offset: all.at(-1)?.id };
        const page = await list<Entry>(`alarms/${encodeURIComponent(a.id)}/state-history`, params, signal);
        all.push(...page);
        if (page.length < HISTORY_PAGE || all.length >= HISTORY_MAX) return all.reverse();
    }
}

/** The reason of the present state: it does not change while the state does not, so it is asked for once. */
const reasons = new Map<string, string>();
const REASONS_MAX = 5000;
const AT_ONCE = 3;

const reasonKey = (a: DefinedAlarm) => `${a.id} ${a.state} ${a.state_updated_timestamp}`;
export const knownReason = (a: DefinedAlarm): string | null => reasons.get(reasonKey(a)) ?? null;

async function askReason(a: DefinedAlarm, signal: AbortSignal): Promise<void> {
    const params = { start_time: a.state_updated_timestamp, limit: 100 };
    const entries = await list<Entry>(`alarms/${encodeURIComponent(a.id)}/state-history`, params, signal);
    if (reasons.size >= REASONS_MAX) reasons.clear();
    reasons.set(reasonKey(a), entries.filter((e) => e.new_state === a.state).at(-1)?.reason ?? '');
}

/** Asks for those that are not known yet, a few at once: the server bounds what a tenant may ask at a time. False:
 *  all were known. */
export async function learnReasons(of: DefinedAlarm[], signal: AbortSignal): Promise<boolean> {
    const open = of.filter((a) => !reasons.has(reasonKey(a)));
    const worker = async () => {
        for (let a = open.shift(); a; a = open.shift()) await askReason(a, signal);
    };
    const any = open.length > 0;
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return any;
}

/** Dimensions and labels by which samples name what they are of. */
const NAMED_BY: [string, (index: ResourceIndex, value: string) => Resource | undefined][] = [
    ['handle', (index, v) => index.byHandle.get(v)],
    ['vm_uuid', (index, v) => index.byHandle.get(`vm:${v}`)],
    ['resource_id', (index, v) => index.byHandle.get(`vm:${v}`)],
    ['vm', (index, v) => index.vmByName.get(v)],
    ['host', (index, v) => index.hostByName.get(v)],
    ['hostname', (index, v) => index.hostByName.get(v)],
];

export interface ResourceIndex {
    byHandle: Map<string, Resource>;
    vmByName: Map<string, Resource>; // those of one name alone
    hostByName: Map<string, Resource>;
}

function byName(list: Resource[]): Map<string, Resource> {
    const found = new Map<string, Resource>();
    const twice = new Set<string>();
    for (const r of list) {
        if (found.has(r.name)) twice.add(r.name);
        found.set(r.name, r);
    }
    for (const name of twice) found.delete(name);
    return found;
}

export function indexOf(vms: Resource[], hosts: Resource[]): ResourceIndex {
    return { byHandle: new Map([...vms, ...hosts].map((r) => [r.handle, r])), vmByName: byName(vms), hostByName: byName(hosts) };
}

export async function resourceIndex(signal: AbortSignal): Promise<ResourceIndex> {
    const [vms, hosts] = await Promise.all([resources('vm', signal), resources('host', signal)]);
    return indexOf(vms, hosts);
}

/** What an alarm is about, when its metrics say so and the server knows it; a VM before its host. */
export function subject(metrics: Metric[], index: ResourceIndex): Resource | null {
    for (const [name, find] of NAMED_BY)
        for (const m of metrics) {
            const value = m.dimensions[name];
            const found = value === undefined ? undefined : find(index, value);
            if (found) return found;
        }
    return null;
}

/** Dimensions of all metrics, each once. */
export function dimensionsOf(metrics: Metric[]): string[] {
    return [...new Set(metrics.flatMap((m) => Object.entries(m.dimensions).map(([k, v]) => `${k}=${v}`)))];
}
