// SPDX-License-Identifier: Apache-2.0
// What is held, and why: silences, maintenance, incidents. How they are asked for and changed.

import { change, request } from './api';

export interface Matcher {
    name: string;
    value: string;
    isEqual: boolean;
    isRegex: boolean;
}

export interface Silence {
    id: string;
    status: { state: 'active' | 'pending' | 'expired' };
    matchers: Matcher[];
    startsAt: string;
    endsAt: string;
    createdBy: string;
    comment: string;
}

export interface Maintenance {
    id: string;
    resource: string;
    state: 'pending' | 'active' | 'ended';
    starts: string;
    ends: string;
    comment: string;
}

export interface Incident {
    id: string;
    root: string;
    name: string | null;
    state: string | null;
    since: string;
    ended: string | null;
    alarm_count: number;
    alarms: { id: string; name: string; state: string }[];
    held: number;
}

export interface Held {
    silences: Silence[];
    expired: number;
    maintenance: Maintenance[];
    incidents: Incident[];
}

export async function held(signal: AbortSignal): Promise<Held> {
    const [silences, works, incidents] = await Promise.all([
        request('api/v2/silences', {}, signal) as Promise<Silence[]>,
        request('auspex/v1/maintenance', {}, signal) as Promise<{ maintenance: Maintenance[] }>,
        request('auspex/v1/incidents', { open: 1 }, signal) as Promise<{ incidents: Incident[] }>,
    ]);
    const standing = silences.filter((s) => s.status.state !== 'expired');
    return { silences: standing, expired: silences.length - standing.length, maintenance: works.maintenance, incidents: incidents.incidents };
}

const until = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

export const silence = (matchers: Matcher[], seconds: number, comment: string, createdBy: string) =>
    change('POST', 'api/v2/silences', { matchers, startsAt: new Date().toISOString(), endsAt: until(seconds), comment, createdBy });
export const expire = (id: string) => change('DELETE', `api/v2/silence/${encodeURIComponent(id)}`);

export const maintain = (resource: string, seconds: number, comment: string) =>
    change('POST', 'auspex/v1/maintenance', { resource, ends: until(seconds), comment });
export const endMaintenance = (id: string) => change('DELETE', `auspex/v1/maintenance/${encodeURIComponent(id)}`);

// ---- matchers as people write them, and as amtool does ----

const MATCHER = /([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)[\s,]*/y;
const UNQUOTED: Record<string, string> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

const unquote = (text: string) => (text.startsWith('"') ? text.slice(1, -1).replace(/\\[n"\\]/g, (c) => UNQUOTED[c]!) : text);

/** `alertname="cpu high", hostname=~"web.*"`; an Error says where it goes wrong. */
export function parseMatchers(text: string): Matcher[] {
    const all: Matcher[] = [];
    const source = text.trim();
    MATCHER.lastIndex = 0;
    for (let at = 0; at < source.length; at = MATCHER.lastIndex) {
        const [, name, op, value] = MATCHER.exec(source) ?? [];
        if (name === undefined) throw new Error(`expected NAME="VALUE", or != =~ !~, and not: ${source.slice(at, at + 40)}`);
        all.push({ name, value: unquote(value!), isEqual: op === '=' || op === '=~', isRegex: op === '=~' || op === '!~' });
    }
    if (all.length === 0) throw new Error('expected at least one matcher, such as alertname="cpu high"');
    return all;
}

export function showMatcher(m: Matcher): string {
    const op = (m.isEqual ? '=' : '!') + (m.isRegex ? '~' : m.isEqual ? '' : '=');
    return `${m.name}${op}"${m.value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}
