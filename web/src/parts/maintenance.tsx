// SPDX-License-Identifier: Apache-2.0
// What is down on purpose: alarms of it, and of all that is on it, tell nobody meanwhile.

import { useId } from 'preact/hooks';
import { resources, type Resource } from '../api';
import { indexOf } from '../alarms';
import * as source from '../held';
import type { Maintenance as Work } from '../held';
import { usePoll } from '../live';
import { ResourceLink, Time } from './bits';
import { Field, HoldForm, HoldPanel, HowLong, More, useEnding, useMayChange, value } from './hold';

const SHOWN = 100;
const OFFERED = 500;
const HEADING = 'maintenance';

interface Known {
    list: Resource[];
    byHandle: Map<string, Resource>;
}

async function known(signal: AbortSignal): Promise<Known> {
    const [hosts, vms] = await Promise.all([resources('host', signal), resources('vm', signal)]);
    return { list: [...hosts, ...vms], byHandle: indexOf(vms, hosts).byHandle };
}

export function MaintenanceList({ list, changed }: { list: Work[]; changed: () => void }) {
    const may = useMayChange();
    const { said, say, end } = useEnding(HEADING, changed);
    const { data } = usePoll(known, 'resources for maintenance', 60_000);
    const nameOf = (handle: string) => data?.byHandle.get(handle)?.name ?? handle;
    return (
        <HoldPanel id={HEADING} title="Maintenance" n={list.length} said={said}>
            {list.length === 0 && <p class="quiet">Nothing is down on purpose.</p>}
            <ul class="holds">
                {list.slice(0, SHOWN).map((m) => (
                    <Item key={m.id} work={m} name={nameOf(m.resource)} onEnd={may ? () => end(`the maintenance of ${nameOf(m.resource)}`, () => source.endMaintenance(m.id)) : null} />
                ))}
            </ul>
            <More n={list.length - SHOWN} of="maintenance" />
            {may && (
                <details>
                    <summary>New maintenance</summary>
                    <Form
                        offered={data?.list ?? []}
                        onDone={(text) => {
                            say(`In maintenance: ${text}.`);
                            changed();
                        }}
                    />
                </details>
            )}
        </HoldPanel>
    );
}

function Item({ work, name, onEnd }: { work: Work; name: string; onEnd: (() => void) | null }) {
    return (
        <li>
            <ResourceLink handle={work.resource} name={name} />
            <span>
                {work.state === 'pending' && (
                    <>
                        from <Time at={work.starts} />{' '}
                    </>
                )}
                until <Time at={work.ends} />
            </span>
            <span class="quiet">{work.comment}</span>
            {onEnd && (
                <button type="button" class="small" onClick={onEnd} aria-label={`End the maintenance of ${name}`}>
                    end
                </button>
            )}
        </li>
    );
}

/** A handle as it is, or that of the one resource of this name. */
function handleOf(word: string, offered: Resource[]): string {
    const found = offered.filter((r) => r.handle === word || r.name === word);
    if (found.length > 1) throw new Error(`${found.length} resources are called "${word}": give the handle, which their pages show`);
    if (found.length === 0 && !word.includes(':')) throw new Error(`there is no host or VM "${word}"`);
    return found[0]?.handle ?? word;
}

function Form({ offered, onDone }: { offered: Resource[]; onDone: (text: string) => void }) {
    const list = useId();
    async function send(form: HTMLFormElement): Promise<void> {
        const word = value(form, 'resource');
        await source.maintain(handleOf(word, offered), Number(value(form, 'seconds')), value(form, 'comment'));
        onDone(word);
    }
    return (
        <HoldForm button="Begin" onSend={send}>
            <Field label="Host or VM" name="resource" required list={list} hint="For a host, all that is on it, too." />
            <datalist id={list}>
                {offered.slice(0, OFFERED).map((r) => (
                    <option key={r.handle} value={r.name || r.handle}>
                        {r.kind}
                    </option>
                ))}
            </datalist>
            <HowLong />
            <Field label="Why" name="comment" />
        </HoldForm>
    );
}
