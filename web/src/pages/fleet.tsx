// SPDX-License-Identifier: Apache-2.0
// The first page: one sentence on the state of things, what is at risk, the hosts, the VMs.

import { useState } from 'preact/hooks';
import type { Alert } from '../api';
import { loadFleet, type Fleet, type Host } from '../fleet';
import { bytes, count, percent } from '../format';
import { useNow, usePoll } from '../live';
import { Share } from '../parts/bars';
import { Ago, href, Loading, Problems, State, Unknown } from '../parts/bits';
import { Risks } from '../parts/prediction';
import { VmTable } from '../parts/vmtable';
import { alertTitle, shortRange, stateOfThings, what } from '../words';

export function FleetPage() {
    const { data: fleet, error } = usePoll(loadFleet, 'fleet');
    const now = useNow(10_000);
    if (!fleet) return <Loading error={error} />;
    const firing = fleet.alerts.filter((a) => a.state === 'firing');
    const facts = {
        vms: fleet.vms.length,
        hosts: fleet.hosts.length,
        hostsDown: fleet.hosts.filter((h) => h.resource.state !== 'up').length,
        crashed: fleet.vms.filter((v) => v.resource.state === 'crashed').length,
        firing: firing.length + fleet.inAlarm,
        risks: fleet.risks,
    };
    const tone = facts.hostsDown || facts.crashed ? 'bad' : facts.risks.length || facts.firing ? 'warn' : facts.hosts ? 'good' : '';
    return (
        <>
            <div role="status">
                <h1 class={`headline ${tone}`}>{stateOfThings(facts, now)}</h1>
            </div>
            {fleet.vms.length === 0 && <FirstSteps hosts={fleet.hosts.length} />}
            <Problems list={fleet.problems} />
            {(fleet.hosts.length > 0 || fleet.vms.length > 0) && (
                <div class="columns">
                    <Risks list={fleet.risks} />
                    <Firing alerts={firing} inAlarm={fleet.inAlarm} pending={fleet.alerts.length - firing.length} />
                    {fleet.hosts.length === 1 && <HostCard host={fleet.hosts[0]!} />}
                </div>
            )}
            {fleet.hosts.length > 1 && <Hosts fleet={fleet} />}
            {fleet.vms.length > 0 && <VmTable vms={fleet.vms} />}
        </>
    );
}

function Firing({ alerts, inAlarm, pending }: { alerts: Alert[]; inAlarm: number; pending: number }) {
    const shown = alerts.slice(0, 8);
    return (
        <section class="panel" aria-labelledby="firing">
            <h2 id="firing">
                Alarms firing <span class="number">{alerts.length + inAlarm}</span>
            </h2>
            {inAlarm > 0 && (
                <p>
                    <a href="#/alarms">{count(inAlarm, 'alarm')} of definitions</a>
                </p>
            )}
            {alerts.length + inAlarm === 0 && <p class="quiet">{pending > 0 ? `None; ${pending} pending.` : 'None.'}</p>}
            <ol>
                {shown.map((a) => (
                    <li key={JSON.stringify(a.labels)}>
                        <a href={a.labels['handle'] ? (href({ handle: a.labels['handle'] }) ?? '#/alarms') : '#/alarms'}>{alertTitle(a)}</a>{' '}
                        <span class="when">
                            since <Ago at={a.activeAt} />
                        </span>
                    </li>
                ))}
            </ol>
            {alerts.length > shown.length && (
                <p class="quiet">
                    and <a href="#/alarms">{alerts.length - shown.length} more</a>
                </p>
            )}
        </section>
    );
}

const FIRST_HOSTS = 8;
const names = new Intl.Collator(undefined, { numeric: true });

/** Down before at risk before the rest; each by name. */
const worstFirst = (a: Host, b: Host) => rank(a) - rank(b) || names.compare(a.resource.name, b.resource.name);
const rank = (h: Host) => (h.resource.state !== 'up' ? 0 : h.risk ? 1 : 2);

function Hosts({ fleet }: { fleet: Fleet }) {
    const [all, setAll] = useState(false);
    const sorted = [...fleet.hosts].sort(worstFirst);
    const shown = all ? sorted : sorted.slice(0, FIRST_HOSTS);
    return (
        <section aria-labelledby="hosts">
            <div class="tablehead">
                <h2 id="hosts">
                    Hosts <span class="number">{fleet.hosts.length}</span>
                </h2>
                {sorted.length > FIRST_HOSTS && (
                    <button type="button" class="small" aria-expanded={all} onClick={() => setAll(!all)}>
                        {all ? `show ${FIRST_HOSTS}` : 'show all'}
                    </button>
                )}
            </div>
            <ul class="cards">
                {shown.map((h) => (
                    <li key={h.resource.handle}>
                        <HostCard host={h} />
                    </li>
                ))}
            </ul>
        </section>
    );
}

function HostCard({ host }: { host: Host }) {
    const { resource: r, memoryTotal, memoryAvailable, committed } = host;
    const used = memoryTotal !== null && memoryAvailable !== null ? (memoryTotal - memoryAvailable) / memoryTotal : null;
    const over = committed !== null && memoryTotal !== null && committed > memoryTotal;
    return (
        <a class="card" href={href(r)!}>
            <span class="title">
                <b>{r.name}</b> <State state={r.state} reason={r.reason} />
            </span>
            <span class="row">
                <span class="label">CPU</span>
                <Share value={host.cpu} />
            </span>
            <span class="row">
                <span class="label">Memory</span>
                <Share value={used} label={`${percent(used)} of ${bytes(memoryTotal)}`} />
            </span>
            <span class="foot">
                <span class={over ? 'over' : ''} title="The sum of what its VMs are assigned, against the memory that it has">
                    {committed === null || memoryTotal === null ? (
                        <>
                            committed <Unknown />
                        </>
                    ) : (
                        `committed ${bytes(committed)} (${percent(committed / memoryTotal)})`
                    )}
                </span>
                <span>
                    {host.vms === null ? <>VMs <Unknown why="Its hypervisor could not be asked." /></> : `${host.running} of ${host.vms} VMs running`}
                </span>
            </span>
            {host.risk && (
                <span class="risktag">
                    {what(host.risk)} <b>{shortRange(host.risk, Date.now())}</b>
                </span>
            )}
        </a>
    );
}

function FirstSteps({ hosts }: { hosts: number }) {
    return (
        <section class="panel first">
            <h2>{hosts === 0 ? 'No collector reports yet' : 'No VM is seen here'}</h2>
            <ol>
                <li>
                    Run <code>auspex doctor</code>: it tells what is missing for full sight (libvirt, rights, guest statistics) and the remedy for
                    each.
                </li>
                {hosts === 0 && (
                    <li>
                        Run <code>auspex run</code> on the hypervisor: server and collector together. A collector alone is <code>auspex host</code>.
                    </li>
                )}
                <li>
                    Or look around first: <code>./run --demo</code> boots small guests on this machine, one of which leaks memory, and their forecast
                    appears here within minutes.
                </li>
            </ol>
            <p class="quiet">This page looks again every five seconds; nothing needs to be reloaded.</p>
        </section>
    );
}
