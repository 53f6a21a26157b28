// SPDX-License-Identifier: Apache-2.0
// Alarms of rules in Prometheus's format, and the rules.

import type { Alert, Rule, RuleGroup } from '../api';
import { duration } from '../format';
import { alertTitle } from '../words';
import { Ago, href, Tag } from './bits';

const ORDER: Record<string, number> = { firing: 0, pending: 1 };
const SHOWN = 200;

export function RuleAlarms({ alerts }: { alerts: Alert[] }) {
    const sorted = [...alerts].sort((a, b) => (ORDER[a.state] ?? 2) - (ORDER[b.state] ?? 2));
    if (alerts.length === 0) return null;
    return (
        <section class="panel">
            <h2>
                Alarms of rules <span class="number">{alerts.length}</span>
            </h2>
            <ol class="alarms">
                {sorted.slice(0, SHOWN).map((a) => (
                    <Alarm key={JSON.stringify(a.labels)} alert={a} />
                ))}
            </ol>
            {alerts.length > SHOWN && <p class="quiet">And {alerts.length - SHOWN} more.</p>}
        </section>
    );
}

const HIDDEN = new Set(['alertname', 'handle', 'severity']);

function Alarm({ alert }: { alert: Alert }) {
    const handle = alert.labels['handle'];
    const to = handle ? href({ handle }) : null;
    const labels = Object.entries(alert.labels).filter(([k]) => !HIDDEN.has(k));
    const more = alert.annotations['summary'] ? alert.annotations['description'] : undefined;
    return (
        <li class={alert.state}>
            <p>
                <Tag state={alert.state} />{' '}
                <b>{to ? <a href={to}>{alertTitle(alert)}</a> : alertTitle(alert)}</b>{' '}
                <span class="quiet">
                    {alert.labels['alertname']}
                    {alert.labels['severity'] && `, ${alert.labels['severity']}`}, for <Ago at={alert.activeAt} />
                </span>
            </p>
            {more && <p>{more}</p>}
            <p class="labels">
                {labels.map(([k, v]) => (
                    <code key={k}>
                        {k}={v}
                    </code>
                ))}
                <code>value={alert.value}</code>
            </p>
        </li>
    );
}

export function Rules({ groups }: { groups: RuleGroup[] }) {
    return (
        <section class="panel">
            <h2>Rules</h2>
            {groups.length === 0 && (
                <p class="quiet">
                    No rules are loaded. Give the server a rules file in Prometheus's format: <code>--rules FILE</code>.
                </p>
            )}
            {groups.map((g) => (
                <div key={`${g.file} ${g.name}`}>
                    <h3>
                        {g.name} <span class="quiet">{g.file}</span>
                    </h3>
                    <ul class="rules">
                        {g.rules.map((r) => (
                            <RuleItem key={`${r.name} ${r.query}`} rule={r} />
                        ))}
                    </ul>
                </div>
            ))}
        </section>
    );
}

function RuleItem({ rule }: { rule: Rule }) {
    const broken = rule.health !== 'ok' && rule.health !== 'unknown';
    return (
        <li>
            <p>
                <b>{rule.name}</b>{' '}
                {rule.state && <Tag state={rule.state} />}{' '}
                {rule.duration ? <span class="quiet">for {duration(rule.duration)}</span> : null}
            </p>
            <code class="expr">{rule.query}</code>
            {broken && <p class="remedy">{rule.lastError ?? `its evaluation is ${rule.health}`}</p>}
        </li>
    );
}
