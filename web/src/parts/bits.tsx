// SPDX-License-Identifier: Apache-2.0
// The small things that every page is made of.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Event, Finding, Resource } from '../api';
import { ago, clock, longDuration, millis, utc } from '../format';
import { useNow } from '../live';

/** Shape and colour both say it, so neither alone has to. */
const GLYPHS: Record<string, [string, string]> = {
    running: ['●', 'good'],
    up: ['●', 'good'],
    active: ['●', 'good'],
    allocated: ['●', 'good'],
    blocked: ['◐', 'warn'],
    paused: ['❙❙', 'warn'],
    suspended: ['◑', 'idle'],
    shutdown: ['◒', 'idle'],
    shutoff: ['○', 'idle'],
    inactive: ['○', 'idle'],
    deleted: ['×', 'idle'],
    crashed: ['▲', 'bad'],
    down: ['▲', 'bad'],
};

export function State({ state, reason }: { state: string; reason?: string | null }) {
    const [glyph, tone] = GLYPHS[state] ?? ['?', 'unknown'];
    return (
        <span class={`state ${tone}`} title={reason ? `${state}: ${reason}` : undefined}>
            <i aria-hidden="true">{glyph}</i> {state}
        </span>
    );
}

/** An alarm's state: the word, with a shape of its own. */
const TAGS: Record<string, [string, string]> = {
    ALARM: ['▲', 'bad'],
    firing: ['▲', 'bad'],
    pending: ['◆', 'warn'],
    UNDETERMINED: ['◌', 'idle'],
    OK: ['●', 'good'],
    inactive: ['●', 'good'],
};

export function Tag({ state }: { state: string }) {
    const [glyph, tone] = TAGS[state] ?? ['?', 'idle'];
    return (
        <span class={`badge ${tone}`}>
            <i aria-hidden="true">{glyph}</i> {state}
        </span>
    );
}

export function Pager({ page, pages, onTurn, what }: { page: number; pages: number; onTurn: (page: number) => void; what: string }) {
    if (pages <= 1) return null;
    return (
        <nav class="pager" aria-label={`Pages of ${what}`}>
            <button type="button" disabled={page === 0} onClick={() => onTurn(page - 1)}>
                Previous
            </button>
            <span role="status">
                page {page + 1} of {pages}
            </span>
            <button type="button" disabled={page + 1 >= pages} onClick={() => onTurn(page + 1)}>
                Next
            </button>
        </nav>
    );
}

/** A time in the reader's zone, with UTC at hand. */
export function Time({ at }: { at: string | null | undefined }) {
    const ms = millis(at);
    if (ms === null) return <span class="unknown">unknown</span>;
    return (
        <time dateTime={new Date(ms).toISOString()} title={utc(ms)}>
            {clock(ms)}
        </time>
    );
}

/** "since 3 h" */
export function Ago({ at, suffix = '' }: { at: string | null | undefined; suffix?: string }) {
    const now = useNow();
    const ms = millis(at);
    if (ms === null) return <span class="unknown">unknown</span>;
    return (
        <time dateTime={new Date(ms).toISOString()} title={`${clock(ms)} (${utc(ms)}), ${longDuration((now - ms) / 1000)}`}>
            {ago(at, now)}
            {suffix}
        </time>
    );
}

export function Unknown({ why }: { why?: string }) {
    return (
        <abbr class="unknown" title={why ?? 'No figure has arrived.'}>
            unknown
        </abbr>
    );
}

export const href = (r: Pick<Resource, 'handle'>) =>
    r.handle.startsWith('vm:') || r.handle.startsWith('host:')
        ? `#/${r.handle.slice(0, r.handle.indexOf(':'))}/${encodeURI(r.handle)}`
        : null;

export function ResourceLink({ handle, name }: { handle: string; name: string | null }) {
    const to = href({ handle });
    return to ? <a href={to}>{name || handle}</a> : <span>{name || handle}</span>;
}

export function Copy({ text, label }: { text: string; label: string }) {
    const [done, set] = useState('');
    async function copy(): Promise<void> {
        try {
            await navigator.clipboard.writeText(text);
            set('copied');
        } catch {
            set('select and copy it by hand: the browser did not allow it');
        }
        setTimeout(() => set(''), 2000);
    }
    return (
        <span class="copy">
            <code>{text}</code>
            <button type="button" class="small" onClick={copy} aria-label={`Copy ${label}`}>
                copy
            </button>
            <span role="status">{done}</span>
        </span>
    );
}

export function Findings({ list }: { list: Finding[] }) {
    if (list.length === 0) return null;
    return (
        <section class="panel">
            <h2>Findings</h2>
            <ul class="findings">
                {list.map((f) => (
                    <li key={f.code} class={f.level}>
                        <p>
                            <b>{f.level === 'fail' ? 'Fault' : f.level === 'warn' ? 'Warning' : 'Note'}:</b> {f.text}
                        </p>
                        {f.remedy && <p class="remedy">{f.remedy}</p>}
                    </li>
                ))}
            </ul>
        </section>
    );
}

export function EventList({ list, named }: { list: Event[]; named?: boolean }) {
    if (list.length === 0) return <p class="quiet">Nothing has happened.</p>;
    return (
        <ol class="events">
            {list.map((e) => (
                <li key={e.id} class={tone(e)}>
                    <Time at={e.time} />
                    <span class="type">{e.type}</span>
                    <span class="text">
                        {named ? <Linked event={e} /> : said(e)}
                    </span>
                </li>
            ))}
        </ol>
    );
}

const said = (e: Event) => e.text || [e.what, e.detail].filter(Boolean).join(': ');

/** The sentence mostly begins with the name: that becomes the link. Else the link comes first. */
function Linked({ event }: { event: Event }) {
    const text = said(event);
    const rest = event.name && text.startsWith(event.name) ? text.slice(event.name.length) : ` ${text}`;
    return (
        <>
            <ResourceLink handle={event.handle} name={event.name} />
            {rest}
        </>
    );
}

function tone(e: Event): string {
    if (/crash|panick|failed|oom|lost|firing|raised/.test(`${e.what} ${e.detail ?? ''}`)) return 'bad';
    return e.type;
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
    return (
        <dl class="facts">
            {rows.map(([name, value]) => (
                <div key={name}>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    );
}

/** What could not be read, said plainly: an empty chart must not pass for a quiet machine. */
export function Problems({ list }: { list: string[] }) {
    if (list.length === 0) return null;
    return <p class="remedy">Part of the picture is missing. {[...new Set(list)].join('; ')}.</p>;
}

export function Loading({ error }: { error: { message: string } | null }) {
    if (error) return <p class="quiet">Nothing to show: {error.message}.</p>;
    return <p class="quiet loading">Reading…</p>;
}
