// SPDX-License-Identifier: Apache-2.0
// Figures for people: bytes in IEC units, times in the reader's zone, unknown as a word.

export const UNKNOWN = 'unknown';

const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

function significant(v: number): string {
    const digits = Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2;
    return v.toFixed(digits);
}

export function bytes(v: number | null | undefined): string {
    if (v === null || v === undefined || !Number.isFinite(v)) return UNKNOWN;
    let unit = 0;
    let n = v;
    while (Math.abs(n) >= 1023.5 && unit < IEC.length - 1) {
        n /= 1024;
        unit++;
    }
    return `${unit === 0 ? Math.round(n) : significant(n)} ${IEC[unit]}`;
}

export function bytesRate(v: number | null | undefined): string {
    const text = bytes(v);
    return text === UNKNOWN ? text : `${text}/s`;
}

/** 0.123 -> "12.3 %" */
export function percent(v: number | null | undefined): string {
    if (v === null || v === undefined || !Number.isFinite(v)) return UNKNOWN;
    const p = v * 100;
    return `${Math.abs(p) >= 99.95 || p === 0 ? Math.round(p) : p.toFixed(1)} %`;
}

export function count(n: number, one: string, many = `${one}s`): string {
    return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

const UNITS: [number, string][] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
];

/** One figure and unit, coarse: "45 s", "12 min", "7 h", "3 d". */
export function duration(seconds: number): string {
    const s = Math.max(0, seconds);
    if (s < 90) return `${Math.round(s)} s`;
    if (s < 90 * 60) return `${Math.round(s / 60)} min`;
    if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86400)} d`;
}

/** Two figures: "1 h 20 min", "3 d 4 h", "45 s". */
export function longDuration(seconds: number): string {
    let rest = Math.max(0, Math.round(seconds));
    const parts: string[] = [];
    for (const [size, name] of UNITS) {
        if (rest >= size && parts.length < 2) {
            parts.push(`${Math.floor(rest / size)} ${name}`);
            rest %= size;
        } else if (parts.length > 0) break;
    }
    return parts.join(' ') || '0 s';
}

/** "in 8–14 min" needs one unit for both ends: the one that suits the middle. */
export function commonUnit(seconds: number): { size: number; name: string } {
    if (seconds < 120) return { size: 1, name: 's' };
    if (seconds < 2 * 3600) return { size: 60, name: 'min' };
    if (seconds < 48 * 3600) return { size: 3600, name: 'h' };
    return { size: 86400, name: 'days' };
}

/** Milliseconds since the epoch, or null when there is no such time. */
export function millis(time: string | null | undefined): number | null {
    if (!time) return null;
    const ms = Date.parse(time);
    return Number.isNaN(ms) ? null : ms;
}

export function ago(time: string | null | undefined, now: number): string {
    const ms = millis(time);
    return ms === null ? UNKNOWN : duration((now - ms) / 1000);
}

const SAME_DAY = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const OTHER_DAY = new Intl.DateTimeFormat(undefined, {
    day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
});

/** In the reader's zone; with the day unless it is today. */
export function clock(ms: number, now = Date.now()): string {
    const sameDay = new Date(ms).toDateString() === new Date(now).toDateString();
    return (sameDay ? SAME_DAY : OTHER_DAY).format(ms);
}

export function utc(ms: number): string {
    return new Date(ms).toISOString().replace('T', ' ').replace('Z', ' UTC');
}
