// SPDX-License-Identifier: Apache-2.0
// What the hypervisor sees of a VM's inside, by whose leave, and who has looked.

import { useId, useState } from 'preact/hooks';
import type { ResourceDetail } from '../api';
import { bytes, duration } from '../format';
import * as source from '../inside';
import type { Look, May, Notice, Standing } from '../inside';
import { usePoll } from '../live';
import { useSession } from '../session';
import { Time } from './bits';
import { Field, HoldForm, value } from './hold';

const MESSAGES = 15;
const TOP = 8;

export function Inside({ vm }: { vm: ResourceDetail }) {
    const [turn, setTurn] = useState(0);
    const [said, say] = useState('');
    const id = useId();
    const { data } = usePoll(
        async (signal) => {
            const [may, seen, notices] = await Promise.all([
                source.may(vm.handle, signal), source.standing(vm.handle, signal), source.notices(vm.handle, signal),
            ]);
            return { may, seen, notices };
        },
        `inside ${vm.handle} ${turn}`,
        10_000,
    );
    if (!data) return null;
    const changed = (text: string) => {
        say(text);
        setTurn(turn + 1);
        document.getElementById(id)?.focus();
    };
    return (
        <section class="panel" aria-labelledby={id}>
            <h2 id={id} tabIndex={-1}>
                What the hypervisor sees
            </h2>
            {data.may.scope === 'none' ? <Closed vm={vm} changed={changed} /> : <Open vm={vm} may={data.may} seen={data.seen} changed={changed} />}
            <p role="status" class={said ? 'quiet' : ''}>
                {said}
            </p>
            <Looked list={data.notices} />
        </section>
    );
}

/** With nobody asked who they are, everybody is both. */
function useRights() {
    const { state, who } = useSession();
    return { owner: state === 'open' || (who?.may.includes('consent') ?? false), provider: state === 'open' || (who?.may.includes('admin') ?? false) };
}

function ScopeChoice({ most }: { most: readonly string[] }) {
    const id = useId();
    return (
        <p class="field">
            <label for={id}>How far</label>
            <select id={id} name="scope">
                {most.map((s) => (
                    <option key={s} value={s}>
                        {s}: {source.MEANS[s]}
                    </option>
                ))}
            </select>
        </p>
    );
}

function Closed({ vm, changed }: { vm: ResourceDetail; changed: (text: string) => void }) {
    const { owner, provider } = useRights();
    return (
        <>
            <p class="quiet">
                Nothing: nobody looks into its memory unless its owner consents, or the provider opens a warrant. Both are written down, and
                the owner is told of each use.
            </p>
            {owner && (
                <details>
                    <summary>Consent, as its owner</summary>
                    <HoldForm
                        button="Consent"
                        onSend={async (form) => {
                            await source.consent(vm.handle, value(form, 'scope'));
                            changed('Consented.');
                        }}
                    >
                        <ScopeChoice most={source.SCOPES} />
                    </HoldForm>
                </details>
            )}
            {provider && (
                <details>
                    <summary>Open a warrant, as the provider</summary>
                    <HoldForm
                        button="Open"
                        onSend={async (form) => {
                            await source.openWarrant(vm.handle, value(form, 'scope'), value(form, 'reason'));
                            changed('A warrant is open, and the owner told.');
                        }}
                    >
                        <ScopeChoice most={source.SCOPES} />
                        <Field label="Reason" name="reason" required hint="The owner reads it." />
                    </HoldForm>
                </details>
            )}
        </>
    );
}

function Open({ vm, may, seen, changed }: { vm: ResourceDetail; may: May; seen: Standing; changed: (text: string) => void }) {
    const [shown, show] = useState<Look | null>(null);
    return (
        <>
            <Collected seen={seen} />
            <p class="quiet">
                Up to {may.scope}, by a {may.grant?.kind}
                {may.grant?.expires && (
                    <>
                        {' '}
                        until <Time at={may.grant.expires} />
                    </>
                )}
                . <End vm={vm} may={may} changed={changed} />
            </p>
            {!may.running && <p class="quiet">It does not run: it has no memory to look into.</p>}
            {may.running && !may.collector && <p class="fault">The collector of its host does not answer.</p>}
            {may.running && may.collector && (
                <HoldForm button="Look now" onSend={async (form) => show(await source.look(vm.handle, may.scope, value(form, 'reason')))}>
                    <Field label="Reason" name="reason" hint="May be empty. The look is written down, and the owner told." />
                </HoldForm>
            )}
            <div aria-live="polite">{shown && <Shown look={shown} />}</div>
        </>
    );
}

function End({ vm, may, changed }: { vm: ResourceDetail; may: May; changed: (text: string) => void }) {
    const { owner, provider } = useRights();
    const warrant = may.grant?.kind === 'warrant';
    if (!(warrant ? provider : owner)) return null;
    const end = () =>
        (warrant ? source.closeWarrant(may.grant!.id) : source.revoke(vm.handle)).then(
            () => changed(warrant ? 'The warrant is closed.' : 'The consent is revoked.'),
            (cause: Error) => changed(`Not done: ${cause.message}.`),
        );
    return (
        <button type="button" class="small" onClick={() => void end()}>
            {warrant ? 'close the warrant' : 'revoke the consent'}
        </button>
    );
}

function Collected({ seen }: { seen: Standing }) {
    if (seen.up === null) return null;
    const state = !seen.up ? 'its memory cannot be read now' : seen.signs.length ? seen.signs.join('; ') : 'it runs, and gives no sign of trouble';
    return (
        <>
            <p class={seen.up && seen.signs.length === 0 ? '' : 'fault'}>Seen from outside, {state}.</p>
            {seen.programs.length > 0 && (
                <table class="plain">
                    <thead>
                        <tr>
                            <th scope="col">Processes by memory</th>
                            <th scope="col" class="num">
                                Resident
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {seen.programs.slice(0, TOP).map((p) => (
                            <tr key={p.name}>
                                <th scope="row">{p.name}</th>
                                <td class="num">{bytes(p.bytes)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
        </>
    );
}

function Shown({ look }: { look: Look }) {
    const top = [...(look.processes ?? [])].sort((a, b) => (b.rss_bytes ?? 0) - (a.rss_bytes ?? 0)).slice(0, TOP);
    return (
        <>
            <p>
                Kernel {look.kernel}
                {look.system && `, ${look.system.state}`}
                {look.system?.uptime_seconds !== undefined && `, up for ${duration(look.system.uptime_seconds)}`}
                {look.memory && `; ${bytes(look.memory.available_bytes)} of ${bytes(look.memory.total_bytes)} available`}, at <Time at={look.time} />
            </p>
            {top.length > 0 && (
                <table class="plain">
                    <thead>
                        <tr>
                            <th scope="col">Process</th>
                            <th scope="col" class="num">
                                PID
                            </th>
                            <th scope="col">State</th>
                            <th scope="col" class="num">
                                Resident
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {top.map((p) => (
                            <tr key={p.pid}>
                                <th scope="row">{p.name}</th>
                                <td class="num">{p.pid}</td>
                                <td>{p.state}</td>
                                <td class="num">{bytes(p.rss_bytes)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
            {look.messages && (
                <pre class="log" tabIndex={0} role="region" aria-label="Last messages of its kernel" ref={(e) => void (e && (e.scrollTop = e.scrollHeight))}>
                    {look.messages.slice(-MESSAGES).map((m) => `${m.time_seconds.toFixed(3).padStart(11)}  ${m.text}\n`)}
                </pre>
            )}
        </>
    );
}

function Looked({ list }: { list: Notice[] }) {
    if (list.length === 0) return null;
    return (
        <details>
            <summary>Who has looked, and what was allowed ({list.length === 20 ? 'the last 20' : list.length})</summary>
            <ul class="looked">
                {list.map((n) => (
                    <li key={n.id}>
                        <Time at={n.time} />: {n.text}
                    </li>
                ))}
            </ul>
        </details>
    );
}
