// SPDX-License-Identifier: Apache-2.0
// Looking into a VM: what may be seen, by whose leave, and who has looked. A look that one asks for is
// written down and told to the VM's owner, so no page asks by itself; what is collected all the time
// is read as series.

import { change, quote, request } from './api';

export const SCOPES = ['statistics', 'processes', 'diagnosis'] as const;
export const MEANS: Record<string, string> = {
    statistics: 'numbers: memory, load, CPU, counters',
    processes: 'and the names and states of processes',
    diagnosis: "and the kernel's log, and stacks of what is stuck",
    forensic: 'and extracts of its memory',
};

export interface May {
    scope: string;
    running: boolean;
    collector: boolean;
    text?: string;
    grant?: { id: string; kind: string; scope: string; expires: string | null };
}

export interface Notice {
    id: string;
    kind: string;
    scope: string;
    who: string | null;
    reason: string | null;
    text: string;
    time: string;
}

export interface Process {
    pid: number;
    name: string;
    state: string;
    rss_bytes?: number;
    cpu_seconds?: number;
}

export interface Look {
    kernel: string;
    time: string;
    system?: { state: string; uptime_seconds?: number; load1?: number };
    memory?: { total_bytes?: number; available_bytes?: number; free_bytes?: number };
    processes?: Process[];
    messages?: { time_seconds: number; level: number; text: string }[];
}

export interface Standing {
    up: boolean | null; // null: nothing is collected
    signs: string[];
    programs: { name: string; bytes: number }[];
}

const path = (handle: string) => `auspex/v1/resources/${handle}/inspect`;
const law = (rest: string) => `auspex/v1/inspection/${rest}`;

export const may = async (handle: string, signal: AbortSignal) => (await request(path(handle), {}, signal)) as May;

export async function notices(handle: string, signal: AbortSignal): Promise<Notice[]> {
    return ((await request(law('notices'), { resource: handle, limit: 20 }, signal)) as { notices: Notice[] }).notices;
}

interface Vector {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

const SIGNS: Record<string, string> = {
    auspex_vmi_panicked: 'its kernel has panicked',
    auspex_vmi_hung: 'its clock stands still: it hangs',
    auspex_vmi_starved: 'its tasks do not get to run',
    auspex_vmi_stuck: 'tasks are stuck',
};

export async function standing(handle: string, signal: AbortSignal): Promise<Standing> {
    const names = ['auspex_vmi_up', 'auspex_vmi_process_resident_memory_bytes', ...Object.keys(SIGNS)].join('|');
    const answer = (await request('api/v1/query', { query: `{__name__=~"${names}",handle=${quote(handle)}}` }, signal)) as Vector;
    const all = answer.data.result.map((r) => ({ name: r.metric.__name__!, program: r.metric.process ?? '', value: Number(r.value[1]) }));
    const up = all.find((x) => x.name === 'auspex_vmi_up');
    return {
        up: up ? up.value === 1 : null,
        signs: all.filter((x) => SIGNS[x.name] && x.value === 1).map((x) => SIGNS[x.name]!),
        programs: all.filter((x) => x.program).map((x) => ({ name: x.program, bytes: x.value })).sort((a, b) => b.bytes - a.bytes),
    };
}

/** What this scope lets one see at once. */
export async function look(handle: string, scope: string, reason: string): Promise<Look> {
    const parts = ['system', 'memory'];
    if (scope !== 'statistics') parts.push('processes');
    if (scope === 'diagnosis' || scope === 'forensic') parts.push('log');
    return (await change('POST', path(handle), { parts, ...(reason ? { reason } : {}), wait: 15 })) as Look;
}

export const consent = (handle: string, scope: string) => change('PUT', law(`consent/${handle}`), { scope });
export const revoke = (handle: string) => change('DELETE', law(`consent/${handle}`));
export const openWarrant = (resource: string, scope: string, reason: string) => change('POST', law('warrants'), { resource, scope, reason });
export const closeWarrant = (id: string) => change('DELETE', law(`warrants/${id}`));
