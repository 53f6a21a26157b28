// SPDX-License-Identifier: Apache-2.0
// Polling: the visible page asks again every few seconds, a hidden tab asks nothing, and everybody
// can see how old the picture is and whether the server answers.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api';
import { watchSession } from './session';

export const PERIOD = 5000;

export interface Link {
    updated: number | null; // ms, the last complete answer
    failure: string | null; // why the last round failed
}

let link: Link = { updated: null, failure: null };
const watchers = new Set<(l: Link) => void>();

function report(next: Link): void {
    link = next;
    for (const watcher of watchers) watcher(link);
}

export function useLink(): Link {
    const [value, set] = useState(link);
    useEffect(() => {
        set(link);
        watchers.add(set);
        return () => void watchers.delete(set);
    }, []);
    return value;
}

/** The present, advancing once a second while the tab is visible. */
export function useNow(period = 1000): number {
    const [now, set] = useState(Date.now());
    useEffect(() => {
        const timer = setInterval(() => document.hidden || set(Date.now()), period);
        return () => clearInterval(timer);
    }, [period]);
    return now;
}

export interface Polled<T> {
    data: T | null;
    error: ApiError | null;
}

/** The last answers, so that a page one comes back to is there at once, if they are still worth showing. */
const cache = new Map<string, { data: unknown; at: number }>();
const CACHE_AGE = 30_000;

function remember(key: string, data: unknown): void {
    for (const [k, entry] of cache) if (Date.now() - entry.at >= CACHE_AGE) cache.delete(k);
    cache.set(key, { data, at: Date.now() });
}

/** What one user or tenant was shown, the next must not see. */
let turn = 0;
watchSession((s) => {
    if (s.turn === turn) return;
    turn = s.turn;
    cache.clear();
    report({ updated: null, failure: null });
});

function cached<T>(key: string): T | null {
    const entry = cache.get(key);
    return entry && Date.now() - entry.at < CACHE_AGE ? (entry.data as T) : null;
}

/**
 * Loads now, and again `period` ms after each answer. `key` names what is loaded, uniquely: when it changes the
 * old request is dropped. The last good data stay while the server is away.
 */
export function usePoll<T>(load: (signal: AbortSignal) => Promise<T>, key: string, period = PERIOD): Polled<T> {
    const [state, set] = useState<Polled<T> & { key: string }>({ data: cached<T>(key), error: null, key });
    const latest = useRef(load);
    latest.current = load;
    useEffect(() => {
        const control = new AbortController();
        let timer: ReturnType<typeof setTimeout> | undefined;
        let busy = false;

        async function round(): Promise<void> {
            clearTimeout(timer);
            if (busy || document.hidden) return;
            busy = true;
            try {
                const data = await latest.current(AbortSignal.any([control.signal, AbortSignal.timeout(20_000)]));
                remember(key, data);
                set({ data, error: null, key });
                report({ updated: Date.now(), failure: null });
            } catch (cause) {
                if (control.signal.aborted) return;
                fail(cause);
            } finally {
                busy = false;
            }
            timer = setTimeout(round, period);
        }

        function fail(cause: unknown): void {
            const error = cause instanceof ApiError ? cause : new ApiError(0, String((cause as Error)?.message ?? cause));
            set((old) => ({ data: old.key === key ? old.data : null, error, key }));
            // A clear "no such thing" is an answer; anything else means the picture is getting old.
            if (error.status !== 404) report({ updated: link.updated, failure: error.message });
        }

        const woken = () => void (document.hidden || round());
        document.addEventListener('visibilitychange', woken);
        void round();
        return () => {
            control.abort();
            clearTimeout(timer);
            document.removeEventListener('visibilitychange', woken);
        };
    }, [key, period]);
    return state.key === key ? state : { data: cached<T>(key), error: null };
}
