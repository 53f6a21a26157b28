// SPDX-License-Identifier: Apache-2.0
// Incidents: alarms that have one root. A dead host is one, not one for each of its VMs.

import { count } from '../format';
import type { Incident } from '../held';
import { Ago, ResourceLink, State, Tag } from './bits';
import { More } from './hold';

const SHOWN = 50;
const ALARMS = 20;

export function Incidents({ list }: { list: Incident[] }) {
    if (list.length === 0) return null;
    return (
        <section class="panel" aria-labelledby="incidents">
            <h2 id="incidents">
                Incidents <span class="number">{list.length}</span>
            </h2>
            <ol class="holds incidents">
                {list.slice(0, SHOWN).map((i) => (
                    <Item key={i.id} incident={i} />
                ))}
            </ol>
            <More n={list.length - SHOWN} of="incident" />
        </section>
    );
}

function Item({ incident }: { incident: Incident }) {
    const { root, name, state, alarms } = incident;
    return (
        <li>
            <span>
                <b>
                    <ResourceLink handle={root} name={name} />
                </b>{' '}
                {state && <State state={state} />}
            </span>
            <span class="quiet">
                for <Ago at={incident.since} />
                {incident.held > 0 && `, ${count(incident.held, 'notification')} held`}
            </span>
            <details>
                <summary>{count(incident.alarm_count, 'alarm')}</summary>
                <ul>
                    {alarms.slice(0, ALARMS).map((a) => (
                        <li key={a.id}>
                            <Tag state={a.state} /> {a.name}
                        </li>
                    ))}
                </ul>
                <More n={incident.alarm_count - Math.min(ALARMS, alarms.length)} of="alarm" />
            </details>
        </li>
    );
}
