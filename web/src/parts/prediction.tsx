// SPDX-License-Identifier: Apache-2.0
// A prediction in words, with what it rests on; or why there is none.

import type { Prediction } from '../api';
import { useNow } from '../live';
import { evidence, range, verdict, what } from '../words';
import { Facts, ResourceLink, Time } from './bits';

const RANK = { exhaust: 0, abstain: 1, steady: 2 };

export function Predictions({ list }: { list: Prediction[] }) {
    const now = useNow();
    const sorted = [...list].sort((a, b) => RANK[a.verdict] - RANK[b.verdict]);
    return (
        <section class="panel predictions">
            <h2>Forecast</h2>
            {list.length === 0 && <p class="quiet">None has been made yet: it needs some minutes of samples.</p>}
            {sorted.map((p) => (
                <article key={`${p.resource} ${p.part}`} class={p.verdict}>
                    <h3>
                        {what(p)} <span class="verdict">{{ exhaust: 'runs out', steady: 'steady', abstain: 'cannot tell' }[p.verdict]}</span>
                    </h3>
                    <p class="claim">{verdict(p, now)}</p>
                    <p class="reason">{p.reason}</p>
                    {p.verdict === 'exhaust' && p.at && (
                        <p class="when">
                            Between <Time at={p.at['0.05']} /> and {p.at['0.95'] ? <Time at={p.at['0.95']} /> : 'an end not in sight'}, with 90&nbsp;%
                            confidence.
                        </p>
                    )}
                    <details open={p.verdict === 'exhaust'}>
                        <summary>What it rests on</summary>
                        <Facts
                            rows={[
                                ...evidence(p),
                                ['Made', <Time at={p.made_at} />],
                                ...(p.evidence.query ? ([['From', <code>{p.evidence.query}</code>]] as [string, preact.JSX.Element][]) : []),
                            ]}
                        />
                    </details>
                </article>
            ))}
        </section>
    );
}

/** The fleet's risks, most urgent first. */
export function Risks({ list }: { list: Prediction[] }) {
    const now = useNow();
    const shown = list.slice(0, 8);
    return (
        <section class="panel risks" aria-labelledby="risks">
            <h2 id="risks">
                Risks <span class="number">{list.length}</span>
            </h2>
            {list.length === 0 && <p class="quiet">Nothing is foreseen to run out.</p>}
            <ol>
                {shown.map((p) => (
                    <li key={`${p.handle} ${p.resource} ${p.part}`}>
                        <ResourceLink handle={p.handle} name={p.name} /> <span class="what">{what(p)}</span>{' '}
                        <span class="when">{range(p, now)}</span>
                    </li>
                ))}
            </ol>
            {list.length > shown.length && <p class="quiet">and {list.length - shown.length} more, by urgency in the table: sort by risk</p>}
        </section>
    );
}
