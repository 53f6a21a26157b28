// SPDX-License-Identifier: Apache-2.0
// Range queries for charts: all lines on one grid of times, with null where nothing was measured.

import * as api from './api';
import type { Window } from './api';

export const RANGES = [
    { seconds: 900, label: '15 min' },
    { seconds: 3600, label: '1 h' },
    { seconds: 6 * 3600, label: '6 h' },
    { seconds: 24 * 3600, label: '24 h' },
] as const;

const POINTS = 240;
const INTERVAL = 5; // what collectors do by default

export interface Grid extends Window {
    lookback: string; // a range of PromQL that bridges two missed rounds and no more, so gaps show
}

/** Ends now; steps are whole multiples of the interval, and so are the times: points stay put. */
export function grid(seconds: number, now: number, interval = INTERVAL): Grid {
    const step = Math.max(interval, Math.ceil(seconds / POINTS / interval) * interval);
    const end = Math.floor(now / 1000 / step) * step;
    return { start: end - Math.floor(seconds / step) * step, end, step, lookback: `${Math.max(step, 3 * interval)}s` };
}

export const gridTimes = (g: Window) =>
    Array.from({ length: Math.round((g.end - g.start) / g.step) + 1 }, (_, i) => g.start + i * g.step);

export interface Lines {
    grid: Grid;
    times: number[];
    values: Record<string, (number | null)[]>;
    problems: string[];
}

/** One query per line; a query with no answer gives a line of nulls, one refused also a problem to show. */
export async function lines(queries: Record<string, (lookback: string) => string>, g: Grid, signal: AbortSignal): Promise<Lines> {
    const names = Object.keys(queries);
    const problems: string[] = [];
    const refused = (name: string, cause: unknown): api.Series[] => {
        if (!(cause instanceof api.ApiError) || cause.status === 0) throw cause;
        problems.push(`${name}: ${cause.message}`);
        return [];
    };
    const answers = await Promise.all(
        names.map((n) => api.queryRange(queries[n]!(g.lookback), g, signal).catch((cause: unknown) => refused(n, cause))),
    );
    const times = gridTimes(g);
    const values = Object.fromEntries(names.map((n, i) => [n, align(answers[i]?.[0]?.points ?? [], g, times.length)]));
    return { grid: g, times, values, problems };
}

function align(points: [number, number][], g: Window, n: number): (number | null)[] {
    const out: (number | null)[] = new Array(n).fill(null);
    for (const [t, v] of points) {
        const i = Math.round((t - g.start) / g.step);
        if (i >= 0 && i < n && Number.isFinite(v)) out[i] = v;
    }
    return out;
}
