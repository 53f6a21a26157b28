// SPDX-License-Identifier: Apache-2.0
// Silences: which notifications are held by their labels. They are made and ended here, too.

import { count } from '../format';
import * as source from '../held';
import type { Silence } from '../held';
import { useSession } from '../session';
import { Time } from './bits';
import { Field, HoldForm, HoldPanel, HowLong, More, useEnding, useMayChange, value } from './hold';

const SHOWN = 100;
const HEADING = 'silences';

export function Silences({ list, expired, changed }: { list: Silence[]; expired: number; changed: () => void }) {
    const may = useMayChange();
    const { said, say, end } = useEnding(HEADING, changed);
    return (
        <HoldPanel id={HEADING} title="Silences" n={list.length} said={said}>
            {list.length === 0 && <p class="quiet">Nothing is silenced.</p>}
            <ul class="holds">
                {list.slice(0, SHOWN).map((s) => (
                    <Item key={s.id} silence={s} onEnd={may ? () => end(`the silence of ${named(s)}`, () => source.expire(s.id)) : null} />
                ))}
            </ul>
            <More n={list.length - SHOWN} of="silence" />
            {expired > 0 && <p class="quiet">{count(expired, 'silence')} ended within the last five days.</p>}
            {may && (
                <details>
                    <summary>New silence</summary>
                    <Form
                        onDone={(text) => {
                            say(`Silenced: ${text}.`);
                            changed();
                        }}
                    />
                </details>
            )}
        </HoldPanel>
    );
}

const named = (s: Silence) => s.matchers.map(source.showMatcher).join(', ');

function Item({ silence, onEnd }: { silence: Silence; onEnd: (() => void) | null }) {
    const pending = silence.status.state === 'pending';
    return (
        <li>
            <span class="labels">
                {silence.matchers.map((m) => (
                    <code key={source.showMatcher(m)}>{source.showMatcher(m)}</code>
                ))}
            </span>
            <span>
                {pending && (
                    <>
                        from <Time at={silence.startsAt} />{' '}
                    </>
                )}
                until <Time at={silence.endsAt} />
            </span>
            <span class="quiet">
                {silence.comment}
                {silence.createdBy && ` (${silence.createdBy})`}
            </span>
            {onEnd && (
                <button type="button" class="small" onClick={onEnd} aria-label={`End the silence of ${named(silence)}`}>
                    end
                </button>
            )}
        </li>
    );
}

function Form({ onDone }: { onDone: (text: string) => void }) {
    const { who } = useSession();
    async function send(form: HTMLFormElement): Promise<void> {
        const matchers = source.parseMatchers(value(form, 'matchers'));
        await source.silence(matchers, Number(value(form, 'seconds')), value(form, 'comment'), who?.name || 'dashboard');
        onDone(matchers.map(source.showMatcher).join(', '));
    }
    return (
        <HoldForm button="Silence" onSend={send}>
            <Field
                label="Alarms with"
                name="matchers"
                required
                placeholder={'alertname="cpu high" hostname=~"web.*"'}
                hint="Labels of alarms: alertname, severity, alarm_id, and the dimensions of their metrics; with = != =~ !~."
            />
            <HowLong />
            <Field label="Why" name="comment" required />
        </HoldForm>
    );
}
