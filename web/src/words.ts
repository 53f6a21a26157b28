// SPDX-License-Identifier: Apache-2.0
// Predictions and the state of things as sentences. A forecast is always a range, and what cannot be
// told is said to be so.

import type { Alert, Prediction, Quantile } from './api';
import { bytes, bytesRate, commonUnit, count, duration, longDuration, millis } from './format';

/** Seconds from `now` to a quantile of the exhaustion time; null = not within sight. */
export function secondsLeft(p: Prediction, q: Quantile, now: number): number | null {
    const at = millis(p.at?.[q]);
    if (at !== null) return (at - now) / 1000;
    const seconds = p.seconds?.[q];
    const made = millis(p.made_at);
    return seconds === null || seconds === undefined || made === null ? null : seconds - (now - made) / 1000;
}

/** "in 8–14 min, most likely 10" */
export function range(p: Prediction, now: number): string {
    const low = secondsLeft(p, '0.05', now);
    const middle = secondsLeft(p, '0.5', now);
    const high = secondsLeft(p, '0.95', now);
    if (low === null) return 'not within sight';
    if (high !== null && high <= 0) return 'about now';
    const unit = commonUnit(Math.max(0, middle ?? low));
    const figure = (s: number) => String(Math.max(0, Math.round(s / unit.size)));
    const likely = middle === null ? '' : `, most likely ${figure(middle)}`;
    if (high === null) return `in ${figure(low)} ${unit.name} at the earliest${likely}`;
    if (figure(low) === figure(high)) return `in ${figure(low)} ${unit.name}`;
    return `in ${figure(low)}–${figure(high)} ${unit.name}${likely}`;
}

/** The same in a table's cell: "8–14 min" */
export function shortRange(p: Prediction, now: number): string {
    return range(p, now).replace(/^in /, '').replace(/, most likely.*/, '').replace(' at the earliest', ' or later');
}

export function what(p: Prediction): string {
    return p.part ? `${p.resource} ${p.part}` : p.resource;
}

export function verdict(p: Prediction, now: number): string {
    switch (p.verdict) {
        case 'exhaust':
            return `Runs out of ${what(p)} ${range(p, now)}.`;
        case 'steady':
            return p.evidence.horizon_seconds
                ? `Nothing runs out within the next ${duration(p.evidence.horizon_seconds)}, as far as the data allow to look.`
                : 'Nothing runs out as far as the data allow to look.';
        case 'abstain':
            return `No forecast for ${what(p)}.`;
    }
}

/** What the verdict rests on, as label and value. Left out where unknown. */
export function evidence(p: Prediction): [string, string][] {
    const e = p.evidence;
    const rate = e.unit === 'bytes' ? bytesRate : (v: number) => `${v.toPrecision(3)} ${e.unit}/s`;
    const amount = e.unit === 'bytes' ? bytes : (v: number) => `${v.toPrecision(3)} ${e.unit}`;
    const rows: [string, string][] = [];
    const add = (name: string, v: number | null | undefined, show: (v: number) => string) => {
        if (v !== null && v !== undefined) rows.push([name, show(v)]);
    };
    add('Left now', e.level, (v) => (e.capacity === null ? amount(v) : `${amount(v)} of ${amount(e.capacity)}`));
    add('Trend', e.slope_per_second, (v) => `${v < 0 ? 'falls' : 'grows'} by ${rate(Math.abs(v))}`);
    add('Window', e.window_seconds, (v) => `${longDuration(v)}${e.samples === null ? '' : `, ${count(e.samples, 'sample')}`}`);
    add('Trend test', e.p_value, (v) => `${v < 1e-4 ? 'p < 0.0001' : `p = ${v.toPrecision(2)}`} (how often chance alone does as much)`);
    add('Looks ahead', e.horizon_seconds, longDuration);
    return rows;
}

export interface FleetFacts {
    vms: number;
    hosts: number;
    hostsDown: number;
    crashed: number;
    firing: number;
    risks: Prediction[];
}

const HOUR = 3600;

/** One sentence on the state of things: the worst first, everything that matters, nothing else. */
export function stateOfThings(f: FleetFacts, now: number): string {
    if (f.hosts === 0 && f.vms === 0) return 'Nothing reports here yet.';
    const clauses: string[] = [];
    if (f.hostsDown > 0) clauses.push(`${ofAll(f.hostsDown, f.hosts, 'host')} ${f.hostsDown === 1 ? 'is' : 'are'} down`);
    if (f.crashed > 0) clauses.push(`${ofAll(f.crashed, f.vms, 'VM')} crashed`);
    const soon = f.risks.filter((p) => (secondsLeft(p, '0.5', now) ?? Infinity) <= HOUR);
    const vmsSoon = distinct(soon.filter((p) => p.handle.startsWith('vm:')));
    const hostsSoon = distinct(soon.filter((p) => p.handle.startsWith('host:')));
    if (vmsSoon > 0) clauses.push(`${ofAll(vmsSoon, f.vms, 'VM')} will run out of ${resourcesOf(soon, 'vm:')} within the hour`);
    if (hostsSoon > 0) clauses.push(`${ofAll(hostsSoon, f.hosts, 'host')} will run out of ${resourcesOf(soon, 'host:')} within the hour`);
    const later = f.risks.length - soon.length;
    if (later > 0) clauses.push(`${count(later, 'shortage')} ${later === 1 ? 'is' : 'are'} foreseen later`);
    if (clauses.length === 0 && f.firing > 0)
        return `${count(f.firing, 'alarm')} ${f.firing === 1 ? 'is' : 'are'} firing; nothing is foreseen to run out.`;
    if (clauses.length === 0)
        return f.vms === 0 ? 'The host reports; it has no VMs.' : `${count(f.vms, 'VM')}: nothing is foreseen to run out, no alarm is firing.`;
    return `${join(clauses)}.`;
}

function ofAll(n: number, total: number, noun: string): string {
    return total === 1 ? `the only ${noun}` : `${n} of ${total} ${noun}s`;
}

const distinct = (list: Prediction[]) => new Set(list.map((p) => p.handle)).size;

function resourcesOf(list: Prediction[], prefix: string): string {
    const names = list.filter((p) => p.handle.startsWith(prefix)).map((p) => (p.resource === 'filesystem' ? 'disk space' : p.resource));
    return [...new Set(names)].join(' or ');
}

function join(clauses: string[]): string {
    const text = clauses.length < 3 ? clauses.join(' and ') : `${clauses.slice(0, -1).join(', ')} and ${clauses.at(-1)}`;
    return text.charAt(0).toUpperCase() + text.slice(1);
}

export function alertTitle(a: Alert): string {
    return a.annotations['summary'] ?? a.annotations['description'] ?? a.labels['alertname'] ?? 'alarm';
}

/** How many alarms there are, of definitions and of rules together. */
export function alarmHeadline(firing: number, pending: number, undetermined: number): string {
    const first = firing === 0 ? 'No alarm is firing' : firing === 1 ? 'One alarm is firing' : `${firing} alarms are firing`;
    const rest = [pending > 0 ? `${pending} pending` : '', undetermined > 0 ? `${undetermined} undetermined` : ''].filter(Boolean);
    return `${[first, ...rest].join(', ')}.`;
}
