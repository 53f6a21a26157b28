// SPDX-License-Identifier: Apache-2.0
// What alarms are defined, and whom they tell.

import { useState } from 'preact/hooks';
import * as source from '../alarms';
import type { Definition, Method } from '../alarms';
import { usePoll } from '../live';
import { Facts, Loading } from './bits';

const PAGE = 50;

export function Definitions() {
    const [page, setPage] = useState(0);
    const { data, error } = usePoll(
        async (signal) => {
            const [list, methods] = await Promise.all([source.definitions(page * PAGE, PAGE + 1, signal), source.methods(signal)]);
            return { list, methods: new Map(methods.map((m) => [m.id, m])) };
        },
        `definitions ${page}`,
        30_000,
    );
    const more = (data?.list.length ?? 0) > PAGE;
    return (
        <section class="panel">
            <h2>Definitions</h2>
            {!data && <Loading error={error} />}
            {data?.list.length === 0 && page === 0 && (
                <p class="quiet">
                    No alarms are defined. <code>POST /v2.0/alarm-definitions</code> or <code>monasca alarm-definition-create</code> defines one.
                </p>
            )}
            <ul class="rules">
                {data?.list.slice(0, PAGE).map((d) => <Item key={d.id} definition={d} methods={data.methods} />)}
            </ul>
            {(page > 0 || more) && (
                <nav class="pager" aria-label="Pages of definitions">
                    <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
                        Previous
                    </button>
                    <span role="status">page {page + 1}</span>
                    <button type="button" disabled={!more} onClick={() => setPage(page + 1)}>
                        Next
                    </button>
                </nav>
            )}
        </section>
    );
}

const TELLS: [string, (d: Definition) => string[]][] = [
    ['At ALARM tells', (d) => d.alarm_actions],
    ['At OK tells', (d) => d.ok_actions],
    ['At UNDETERMINED tells', (d) => d.undetermined_actions],
];

function Item({ definition, methods }: { definition: Definition; methods: Map<string, Method> }) {
    const named = (id: string) => {
        const m = methods.get(id);
        return m ? `${m.name} (${m.type})` : id;
    };
    const rows = TELLS.filter(([, of]) => of(definition).length > 0).map(([title, of]): [string, string] => [title, of(definition).map(named).join(', ')]);
    if (definition.match_by.length > 0) rows.unshift(['An alarm for each', definition.match_by.join(', ')]);
    return (
        <li>
            <p>
                <b>{definition.name}</b> <span class="severity">{definition.severity}</span>{' '}
                <span class="quiet">
                    {definition.description}
                    {definition.actions_enabled ? '' : ' It tells nobody: its actions are switched off.'}
                    {definition.actions_enabled && rows.every(([title]) => !title.startsWith('At ')) && ' It tells nobody: it has no actions.'}
                </span>
            </p>
            <code class="expr">{definition.expression}</code>
            <Facts rows={rows} />
        </li>
    );
}
