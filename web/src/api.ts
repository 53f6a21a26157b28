// SPDX-License-Identifier: Apache-2.0
// The server's answers as types, and how they are asked for (docs/api.md).

import { currentToken, headers, refused } from './session';

export type Verdict = 'exhaust' | 'steady' | 'abstain';
export type Quantile = '0.05' | '0.5' | '0.95';

export interface Finding {
    level: string;
    code: string;
    text: string;
    remedy?: string | null;
}

export interface Resource {
    handle: string;
    kind: string;
    name: string;
    tenant: string;
    host: string | null;
    state: string;
    reason: string | null;
    since: string | null;
    first_seen: string | null;
    last_seen: string | null;
    gone: string | null;
    attributes: Record<string, unknown>;
}

export interface Event {
    id: number;
    time: string;
    handle: string;
    name: string | null;
    type: string;
    what: string;
    detail: string | null;
    text: string;
}

export interface Prediction {
    handle: string;
    name: string;
    kind: string;
    resource: string;
    part: string;
    verdict: Verdict;
    made_at: string;
    seconds: Record<Quantile, number | null> | null;
    at: Record<Quantile, string | null> | null;
    evidence: {
        query: string;
        window_seconds: number | null;
        samples: number | null;
        p_value: number | null;
        slope_per_second: number | null;
        level: number | null;
        capacity: number | null;
        unit: string;
        horizon_seconds: number | null;
    };
    reason: string;
}

export interface ResourceDetail extends Resource {
    events: Event[];
    predictions: Prediction[];
}

export interface Alert {
    labels: Record<string, string>;
    annotations: Record<string, string>;
    state: string;
    activeAt: string | null;
    value: string;
}

export interface Rule {
    type: string;
    name: string;
    query: string;
    duration?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    state?: string;
    health: string;
    lastError?: string;
    alerts?: Alert[];
}

export interface RuleGroup {
    name: string;
    file: string;
    interval?: number;
    rules: Rule[];
}

export interface Status {
    version: string;
    uptime_seconds: number;
    resident_bytes: number;
    series: number;
    samples_total: number;
}

export interface Series {
    labels: Record<string, string>;
    points: [number, number][]; // seconds since the epoch, value
}

/** A request that the server answered with an error; `status` 0 means that it did not answer. */
export class ApiError extends Error {
    constructor(readonly status: number, message: string) {
        super(message);
    }
}

export type Params = Record<string, string | number | undefined>;

async function ask(path: string, options: RequestInit & { signal: AbortSignal }): Promise<{ response: Response; body: unknown }> {
    const token = currentToken();
    let response: Response;
    try {
        response = await fetch(path, { cache: 'no-store', ...options, headers: { ...headers(), ...options.headers } });
    } catch (cause) {
        if (options.signal.aborted) throw cause;
        throw new ApiError(0, 'the server does not answer');
    }
    const body: unknown = await response.json().catch(() => null);
    // What it says may be lost, as when the page was left meanwhile; that one has to sign in is not.
    if (response.status === 401) refused(token, told(body) ?? 'the token is not valid any more');
    if (!response.ok) throw new ApiError(response.status, errorText(body, response));
    return { response, body };
}

export async function request(path: string, params: Params, signal: AbortSignal): Promise<unknown> {
    const url = new URLSearchParams();
    for (const [key, value] of Object.entries(params))
        if (value !== undefined) url.set(key, String(value));
    const query = url.toString();
    const { response, body } = await ask(query ? `${path}?${query}` : path, { signal });
    if (body === null) throw new ApiError(response.status, errorText(body, response));
    return body;
}

/** Changes something; the answer may be empty. */
export async function change(method: 'POST' | 'PUT' | 'DELETE', path: string, document?: unknown): Promise<unknown> {
    const content = document === undefined ? {} : { body: JSON.stringify(document), headers: { 'Content-Type': 'application/json' } };
    return (await ask(path, { method, signal: AbortSignal.timeout(20_000), ...content })).body;
}

/** What an error's body says: each face of the server has its own form. */
function told(body: unknown): string | undefined {
    const said = body as string | { error?: string | { message?: string }; description?: string } | null;
    if (typeof said === 'string') return said; // Alertmanager's
    return typeof said?.error === 'string' ? said.error : (said?.error?.message ?? said?.description);
}

const errorText = (body: unknown, response: Response) => told(body) ?? `the server answered ${response.status} ${response.statusText}`;

const own = (path: string) => `auspex/v1/${path}`;

/** Every resource of a kind: the list is paged, this reads all pages. */
export async function resources(kind: string, signal: AbortSignal): Promise<Resource[]> {
    const all: Resource[] = [];
    for (;;) {
        const page = (await request(own('resources'), { kind, limit: 1000, offset: all.length }, signal)) as {
            resources: Resource[];
            total: number;
        };
        all.push(...page.resources);
        if (page.resources.length === 0 || all.length >= page.total) return all;
    }
}

export async function resource(handle: string, signal: AbortSignal): Promise<ResourceDetail> {
    return (await request(own(`resources/${encodeURI(handle)}`), {}, signal)) as ResourceDetail;
}

export async function events(
    params: { handle?: string; before?: number; limit?: number },
    signal: AbortSignal,
): Promise<Event[]> {
    return ((await request(own('events'), params, signal)) as { events: Event[] }).events;
}

export async function predictions(all: boolean, signal: AbortSignal): Promise<Prediction[]> {
    const params = all ? { all: 1 } : {};
    return ((await request(own('predictions'), params, signal)) as { predictions: Prediction[] }).predictions;
}

export async function status(signal: AbortSignal): Promise<Status> {
    return (await request(own('status'), {}, signal)) as Status;
}

async function prometheus<T>(path: string, params: Params, signal: AbortSignal): Promise<T> {
    return ((await request(`api/v1/${path}`, params, signal)) as { data: T }).data;
}

export async function alerts(signal: AbortSignal): Promise<Alert[]> {
    return (await prometheus<{ alerts: Alert[] }>('alerts', {}, signal)).alerts ?? [];
}

export async function rules(signal: AbortSignal): Promise<RuleGroup[]> {
    return (await prometheus<{ groups: RuleGroup[] }>('rules', {}, signal)).groups ?? [];
}

interface QueryData {
    result: { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] }[];
}

function toSeries(data: QueryData): Series[] {
    return data.result.map((r) => ({
        labels: r.metric,
        points: (r.values ?? (r.value ? [r.value] : [])).map(([t, v]) => [t, Number(v)]),
    }));
}

export async function query(promql: string, signal: AbortSignal): Promise<Series[]> {
    return toSeries(await prometheus<QueryData>('query', { query: promql }, signal));
}

export interface Window {
    start: number; // seconds since the epoch
    end: number;
    step: number;
}

export async function queryRange(promql: string, w: Window, signal: AbortSignal): Promise<Series[]> {
    return toSeries(
        await prometheus<QueryData>('query_range', { query: promql, start: w.start, end: w.end, step: w.step }, signal),
    );
}

/** A label value inside a PromQL string. */
export const quote = (value: string) => JSON.stringify(value);

/** An attribute of the wanted type, or null: attributes are what a collector sent, so not trusted. */
export function attrNumber(r: Resource, key: string): number | null {
    const v = r.attributes[key];
    return typeof v === 'number' && Number.isFinite(v) ? v : null;
}

export function attrString(r: Resource, key: string): string | null {
    const v = r.attributes[key];
    return typeof v === 'string' && v !== '' ? v : null;
}

export function findings(r: Resource): Finding[] {
    const v = r.attributes['findings'];
    return Array.isArray(v) ? (v as Finding[]).filter((f) => typeof f?.text === 'string') : [];
}
