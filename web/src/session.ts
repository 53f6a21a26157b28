// SPDX-License-Identifier: Apache-2.0
// Who looks: the token that goes with every request, where the server asks for one, and whose things
// are shown. Without `--auth` nothing of it is seen.
//
// The token is kept in sessionStorage: it ends with the tab, and no other tab, page or later user of
// the browser finds it. A reload keeps it, which a variable would not; a cookie would be sent by
// requests that other sites' pages make.

import { useEffect, useState } from 'preact/hooks';

export interface Who {
    name: string;
    tenant: string;
    roles: string[];
    may: string[];
    expires: string | null;
}

/** 'unknown' until the server has said whether it asks; 'open': it does not. */
export interface Session {
    state: 'unknown' | 'open' | 'out' | 'in';
    who: Who | null;
    users: boolean; // the server knows users with passwords
    why: string | null; // why one is out again
    tenant: string; // whose things are shown; only another's is said in requests
    turn: number; // another one whenever what is shown is another's
}

interface Answer {
    asked: boolean;
    users: boolean;
    who: Who | null;
    why: string | null;
}

const TOKEN = 'auspex.token';
const TENANT = 'auspex.tenant';

let session: Session = { state: 'unknown', who: null, users: false, why: null, tenant: '', turn: 0 };
const watchers = new Set<(s: Session) => void>();

function become(next: Partial<Session>): void {
    session = { ...session, ...next };
    for (const watcher of [...watchers]) watcher(session);
}

/** Calls back at every change, until the returned function is called. */
export function watchSession(watcher: (s: Session) => void): () => void {
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
}

export function useSession(): Session {
    const [value, set] = useState(session);
    useEffect(() => {
        set(session);
        return watchSession(set);
    }, []);
    return value;
}

export const currentToken = () => sessionStorage.getItem(TOKEN);
export const hasToken = () => currentToken() !== null;

function keep(key: string, value: string | null): void {
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
}

export function credentials(token: string | null, tenant: string | null): Record<string, string> {
    return { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(tenant ? { 'X-Scope-OrgID': tenant } : {}) };
}

/** What every request of a page has in its head. */
export const headers = () => credentials(currentToken(), sessionStorage.getItem(TENANT));

async function ask<T>(path: string, options: RequestInit): Promise<T> {
    let response: Response;
    try {
        response = await fetch(`auspex/v1/${path}`, { cache: 'no-store', signal: AbortSignal.timeout(20_000), ...options });
    } catch {
        throw new Error('the server does not answer');
    }
    const body = (await response.json().catch(() => null)) as (T & { error?: { message?: string } }) | null;
    if (!response.ok || !body) throw new Error(body?.error?.message ?? `the server answered ${response.status}`);
    return body;
}

const whoami = (token: string | null) => ask<Answer>('whoami', { headers: credentials(token, null) });

/** Finds out whether one is known; with `why` it is said why one has to sign in again. */
export async function look(why: string | null = null): Promise<void> {
    const token = currentToken();
    try {
        const a = await whoami(token);
        if (token !== currentToken()) return; // signed in or out meanwhile
        if (!a.asked) become({ state: 'open', who: null });
        else if (a.who && !a.who.may.includes('read')) leave('these credentials send data, and see nothing', a.users);
        else if (a.who) enter(a.who, a.users);
        else leave(why ?? (token ? a.why : null), a.users);
    } catch {
        // The pages tell that the server is away, and that they may not see.
        if (session.state === 'unknown') become({ state: 'open' });
        setTimeout(() => void look(why), 5000);
    }
}

function enter(who: Who, users: boolean): void {
    const chosen = who.may.includes('other_tenant') ? sessionStorage.getItem(TENANT) : null;
    keep(TENANT, chosen);
    become({ state: 'in', who, users, why: null, tenant: chosen ?? who.tenant, turn: session.turn + 1 });
}

function leave(why: string | null, users = session.users): void {
    keep(TOKEN, null);
    keep(TENANT, null);
    become({ state: 'out', who: null, users, why, tenant: '', turn: session.turn + 1 });
}

/** The server does not take the token that a request had: it is of no use any more. */
export function refused(token: string | null, why: string): void {
    if (token !== currentToken() || session.state === 'out') return;
    leave(token ? why : null);
    void look(why);
}

export async function signIn(token: string): Promise<void> {
    const a = await whoami(token);
    if (!a.who) throw new Error(a.why ?? 'the token is not valid');
    if (!a.who.may.includes('read')) throw new Error('this token sends data, and sees nothing: it is for agents');
    keep(TOKEN, token);
    enter(a.who, a.users);
}

export async function signInAs(user: string, password: string): Promise<void> {
    const body = JSON.stringify({ user, password });
    const { token } = await ask<{ token: string }>('login', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
    await signIn(token);
}

/** Ends the login on the server, too; a token of the keeper's is only forgotten. */
export async function signOut(): Promise<void> {
    const token = currentToken();
    leave(null);
    await ask('logout', { method: 'POST', headers: credentials(token, null), keepalive: true }).catch(() => null);
}

export const isTenant = (name: string) => /^[A-Za-z0-9._@-]{1,150}$/.test(name);

/** Whose things are shown from now on; empty: one's own. */
export function chooseTenant(name: string): void {
    if (!session.who) return;
    const other = name && name !== session.who.tenant ? name : null;
    keep(TENANT, other);
    become({ tenant: other ?? session.who.tenant, turn: session.turn + 1 });
}
