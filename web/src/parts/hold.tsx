// SPDX-License-Identifier: Apache-2.0
// What the lists of what is held have in common: how long, a form that says what went wrong, the way out of one.

import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { count } from '../format';
import { useSession } from '../session';

export const DURATIONS: [number, string][] = [
    [1800, '30 minutes'],
    [3600, '1 hour'],
    [7200, '2 hours'],
    [8 * 3600, '8 hours'],
    [86400, '1 day'],
    [7 * 86400, '1 week'],
];

const USUAL = 7200; // also after the form was sent

/** Whoever may change something here; with nobody asked, everybody. */
export function useMayChange(): boolean {
    const { state, who } = useSession();
    return state === 'open' || (who?.may.includes('define') ?? false);
}

export const value = (form: HTMLFormElement, name: string) => (form.elements.namedItem(name) as HTMLInputElement).value.trim();

export function HowLong() {
    const id = useId();
    return (
        <p class="field">
            <label for={id}>For</label>
            <select id={id} name="seconds">
                {DURATIONS.map(([seconds, text]) => (
                    <option key={seconds} value={seconds} ref={(o) => void (o && (o.defaultSelected = seconds === USUAL))}>
                        {text}
                    </option>
                ))}
            </select>
        </p>
    );
}

interface FieldOf {
    label: string;
    name: string;
    hint?: string;
    list?: string;
    required?: boolean;
    start?: string;
    placeholder?: string;
}

export function Field({ label, name, hint, list, required, start, placeholder }: FieldOf) {
    const id = useId();
    return (
        <p class="field">
            <label for={id}>{label}</label>
            <input
                id={id}
                name={name}
                list={list}
                required={required}
                defaultValue={start}
                placeholder={placeholder}
                aria-describedby={hint ? `${id}-hint` : undefined}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
            />
            {hint && (
                <span class="quiet" id={`${id}-hint`}>
                    {hint}
                </span>
            )}
        </p>
    );
}

interface HoldFormOf {
    button: string;
    children: ComponentChildren;
    onSend: (form: HTMLFormElement) => Promise<void>;
}

/** Sends once at a time. What the server says against it stands below, and is read out. */
export function HoldForm({ button, children, onSend }: HoldFormOf) {
    const [fault, setFault] = useState('');
    const [busy, setBusy] = useState(false);
    async function submit(e: Event): Promise<void> {
        e.preventDefault();
        const form = e.currentTarget as HTMLFormElement;
        if (busy) return;
        setBusy(true);
        setFault('');
        try {
            await onSend(form);
            form.reset();
        } catch (cause) {
            setFault((cause as Error).message);
            form.querySelector('input')?.focus();
        }
        setBusy(false);
    }
    return (
        <form class="hold" onSubmit={(e) => void submit(e)}>
            {children}
            <button type="submit" aria-disabled={busy}>
                {busy ? 'Asking…' : button}
            </button>
            <div role="alert">{fault && <p class="fault">Not done: {fault}.</p>}</div>
        </form>
    );
}

interface PanelOf {
    id: string;
    title: string;
    n: number;
    said: string;
    children: ComponentChildren;
}

/** A panel whose heading takes the focus when what had it is gone. */
export function HoldPanel({ id, title, n, said, children }: PanelOf) {
    return (
        <section class="panel under-bar" aria-labelledby={id}>
            <h2 id={id} tabIndex={-1}>
                {title} <span class="number">{n}</span>
            </h2>
            {children}
            <p role="status" class={said ? 'quiet' : ''}>
                {said}
            </p>
        </section>
    );
}

/** Ends one of a list: tells what came of it, and leaves the focus in the panel. */
export function useEnding(heading: string, changed: () => void): { said: string; say: (text: string) => void; end: (what: string, act: () => Promise<unknown>) => void } {
    const [said, say] = useState('');
    const under = useRef(new Set<string>());
    const end = (what: string, act: () => Promise<unknown>) => {
        if (under.current.has(what)) return;
        under.current.add(what);
        act().then(
            () => {
                say(`Ended: ${what}.`);
                changed();
                document.getElementById(heading)?.focus();
            },
            (cause: Error) => say(`${what} is not ended: ${cause.message}.`),
        ).finally(() => under.current.delete(what));
    };
    return { said, say, end };
}

export function More({ n, of }: { n: number; of: string }) {
    return n > 0 ? <p class="quiet">And {count(n, of)} more.</p> : null;
}
