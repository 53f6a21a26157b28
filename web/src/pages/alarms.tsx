// SPDX-License-Identifier: Apache-2.0
// What fires, what is pending, and the rules that watch.

import * as api from '../api';
import type { Alert, Rule } from '../api';
import { duration } from '../format';
import { usePoll } from '../live';
import { Ago, href, Loading } from '../parts/bits';
import { alertTitle } from '../words';

const ORDER: Record<string, number> = { firing: 0, pending: 1 };

export function AlarmsPage() {
    const { data, error } = usePoll(async (signal) => {
        const [alerts, groups] = await Promise.all([api.alerts(signal), api.rules(signal)]);
        return { alerts, groups };
    }, 'alarms');
    if (!data) return <Loading error={error} />;
    const alerts = [...data.alerts].sort((a, b) => (ORDER[a.state] ?? 2) - (ORDER[b.state] ?? 2));
    const firing = alerts.filter((a) => a.state === 'firing').length;
    return (
        <>
            <div role="status">
                <h1 class={`headline ${firing ? 'warn' : 'good'}`}>
                    {firing === 0 ? 'No alarm is firing' : firing === 1 ? 'One alarm is firing' : `${firing} alarms are firing`}
                    {alerts.length > firing ? `, ${alerts.length - firing} pending.` : '.'}
                </h1>
            </div>
            {alerts.length > 0 && (
                <section class="panel">
                    <h2>Alarms</h2>
                    <ol class="alarms">
                        {alerts.map((a) => (
                            <Alarm key={JSON.stringify(a.labels)} alert={a} />
                        ))}
                    </ol>
                </section>
            )}
            <section class="panel">
                <h2>Rules</h2>
                {data.groups.length === 0 && (
                    <p class="quiet">
                        No rules are loaded. Give the server a rules file in Prometheus's format: <code>--rules FILE</code>.
                    </p>
                )}
                {data.groups.map((g) => (
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
        </>
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
                <span class={`badge ${alert.state === 'firing' ? 'bad' : 'warn'}`}>{alert.state}</span>{' '}
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

function RuleItem({ rule }: { rule: Rule }) {
    const broken = rule.health !== 'ok' && rule.health !== 'unknown';
    return (
        <li>
            <p>
                <b>{rule.name}</b>{' '}
                {rule.state && <span class={`badge ${rule.state === 'firing' ? 'bad' : rule.state === 'pending' ? 'warn' : 'good'}`}>{rule.state}</span>}{' '}
                {rule.duration ? <span class="quiet">for {duration(rule.duration)}</span> : null}
            </p>
            <code class="expr">{rule.query}</code>
            {broken && <p class="remedy">{rule.lastError ?? `its evaluation is ${rule.health}`}</p>}
        </li>
    );
}
