// SPDX-License-Identifier: Apache-2.0
// The VMs as a table: sorted by any column, filtered by words, walked by keys. Plain rows, each drawn
// again only when something that it shows has changed: quick with hundreds, and found by the browser's
// own search.

import { Component } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { isStale, live, whyUnknown, type Vm } from '../fleet';
import { ago, bytes, clock, duration, millis, percent, UNKNOWN, utc } from '../format';
import { useNow } from '../live';
import { previousPage } from '../router';
import { secondsLeft, shortRange, what } from '../words';
import { MemoryBar } from './bars';
import { href, State, Unknown } from './bits';

type Column = 'name' | 'state' | 'host' | 'cpu' | 'memory' | 'risk' | 'since';

const COLUMNS: { id: Column; title: string; hint?: string }[] = [
    { id: 'name', title: 'Name' },
    { id: 'state', title: 'State' },
    { id: 'host', title: 'Host' },
    { id: 'cpu', title: 'CPU', hint: 'Share of its vCPUs over the last minute' },
    { id: 'memory', title: 'Memory', hint: 'Used as the guest sees it / assigned; and resident on the host. Sorted by the used share' },
    { id: 'risk', title: 'Risk', hint: 'What is foreseen to run out, and in how long' },
    { id: 'since', title: 'Since', hint: 'How long it has been in this state' },
];

/** Outlives the page, so that coming back from a VM finds the table as it was. */
const view = { filter: '', sort: 'risk' as Column, down: false, handle: '', openedAt: '' };

const memoryShare = (v: Vm) => (v.memory.used !== null && v.memory.assigned ? v.memory.used / v.memory.assigned : -1);
const STATES = ['crashed', 'unknown', 'blocked', 'paused', 'shutdown', 'running', 'suspended', 'shutoff', 'deleted'];

function compare(column: Column, now: number): (a: Vm, b: Vm) => number {
    const risk = (v: Vm) => (v.risk ? (secondsLeft(v.risk, '0.5', now) ?? 1e12) : Infinity);
    const by: Record<Column, (a: Vm, b: Vm) => number> = {
        name: byName,
        state: (a, b) => STATES.indexOf(a.resource.state) - STATES.indexOf(b.resource.state),
        host: (a, b) => a.hostName.localeCompare(b.hostName),
        cpu: (a, b) => (b.cpu ?? -1) - (a.cpu ?? -1),
        memory: (a, b) => memoryShare(b) - memoryShare(a),
        risk: (a, b) => (risk(a) === risk(b) ? 0 : risk(a) - risk(b)),
        since: (a, b) => (millis(b.resource.since) ?? 0) - (millis(a.resource.since) ?? 0),
    };
    return (a, b) => by[column](a, b) || byName(a, b);
}

const names = new Intl.Collator(undefined, { numeric: true });
const byName = (a: Vm, b: Vm) => names.compare(a.resource.name, b.resource.name);

const matches = (v: Vm, words: string[]) => {
    const text = `${v.resource.name} ${v.resource.state} ${v.hostName} ${v.resource.handle}`.toLowerCase();
    return words.every((w) => text.includes(w));
};

export function VmTable({ vms }: { vms: Vm[] }) {
    const [filter, setFilter] = useState(view.filter);
    const [sort, setSort] = useState({ column: view.sort, down: view.down });
    const [current, setCurrent] = useState(view.handle);
    const now = useNow(10_000);
    const body = useRef<HTMLTableSectionElement>(null);
    Object.assign(view, { filter, sort: sort.column, down: sort.down, handle: current });

    const shown = useMemo(() => {
        const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
        const list = vms.filter((v) => matches(v, words)).sort(compare(sort.column, now));
        return sort.down ? list.reverse() : list;
    }, [vms, filter, sort, now]);
    const index = Math.max(0, shown.findIndex((v) => v.resource.handle === current));

    const focusRow = (i: number) => body.current?.querySelectorAll<HTMLElement>('a.row')[i]?.focus();
    function move(to: number): void {
        const i = Math.min(shown.length - 1, Math.max(0, to));
        const vm = shown[i];
        if (!vm) return;
        setCurrent(vm.resource.handle);
        focusRow(i);
    }

    useEffect(() => {
        if (previousPage() === 'vm' && view.openedAt === location.hash && shown.length > 0) focusRow(index);
    }, []);

    function onKey(e: KeyboardEvent): void {
        if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
        const target = e.target as HTMLElement;
        const typing = target.matches('input, textarea, select');
        const inside = body.current?.contains(document.activeElement) ?? false;
        const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[e.key];
        const arrow = e.key.length > 1;
        if (typing && !(e.key === 'ArrowDown' && target.id === 'filter')) return;
        if (step !== undefined && (!arrow || inside || typing)) move(inside ? index + step : index);
        else if (inside && e.key === 'Home') move(0);
        else if (inside && e.key === 'End') move(shown.length - 1);
        else return;
        e.preventDefault();
    }
    // Keys may come quicker than effects run: the listener always calls what was drawn last.
    const handler = useRef(onKey);
    handler.current = onKey;
    useEffect(() => {
        const listen = (e: KeyboardEvent) => handler.current(e);
        document.addEventListener('keydown', listen);
        return () => document.removeEventListener('keydown', listen);
    }, []);

    const toggle = (column: Column) => setSort((s) => ({ column, down: s.column === column ? !s.down : false }));
    return (
        <section aria-labelledby="vms">
            <div class="tablehead">
                <h2 id="vms">
                    VMs <span class="number">{vms.length}</span>
                </h2>
                <input
                    id="filter"
                    type="search"
                    placeholder="Filter by name, state, host   /"
                    aria-label="Filter VMs by name, state or host"
                    value={filter}
                    onInput={(e) => setFilter(e.currentTarget.value)}
                    onKeyDown={(e) => {
                        if (e.key !== 'Escape') return;
                        e.preventDefault();
                        if (filter) setFilter('');
                        else e.currentTarget.blur();
                    }}
                />
                <span class="quiet" role="status">
                    {filter ? `${shown.length} of ${vms.length} shown` : ''}
                </span>
            </div>
            <div class="scroll">
                <table class="vms">
                    <thead>
                        <tr>
                            {COLUMNS.map((c) => (
                                <th
                                    key={c.id}
                                    scope="col"
                                    class={c.id}
                                    aria-sort={sort.column !== c.id ? 'none' : sort.down ? 'descending' : 'ascending'}
                                >
                                    <button type="button" title={c.hint} onClick={() => toggle(c.id)}>
                                        {c.title}
                                        <i aria-hidden="true">{sort.column === c.id ? (sort.down ? '▾' : '▴') : ''}</i>
                                    </button>
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody ref={body}>
                        {shown.map((vm, i) => (
                            <Row key={vm.resource.handle} vm={vm} now={now} current={i === index} onFocus={setCurrent} />
                        ))}
                    </tbody>
                </table>
                {shown.length === 0 && <p class="quiet">{vms.length === 0 ? 'No VM is known here.' : 'No VM matches the filter.'}</p>}
            </div>
        </section>
    );
}

interface RowProps {
    vm: Vm;
    now: number;
    current: boolean;
    onFocus: (handle: string) => void;
}

/** All that a row shows, as one string: when it is the same, the row need not be drawn again. */
function signature({ vm, now, current }: RowProps): string {
    const { resource: r, memory: m } = vm;
    return [
        current, r.name, r.state, r.reason, r.since, ago(r.since, now), vm.hostName, percent(vm.cpu), vm.judged,
        vm.risk && `${what(vm.risk)} ${shortRange(vm.risk, now)}`,
        bytes(m.used), bytes(m.assigned), bytes(m.resident), m.used === null ? whyUnknown(r) : isStale(m) ? duration(m.age ?? 0) : '',
    ].join('\u0000');
}

class Row extends Component<RowProps> {
    override shouldComponentUpdate(next: RowProps): boolean {
        return signature(next) !== signature(this.props);
    }

    override render({ vm, now, current, onFocus }: RowProps) {
        const r = vm.resource;
        return (
            <tr class={vm.risk ? 'atrisk' : undefined}>
                <th scope="row" class="name">
                    <a class="row" href={href(r)!} tabIndex={current ? 0 : -1} onFocus={() => onFocus(r.handle)} onClick={() => (view.openedAt = location.hash)}>
                        {r.name}
                    </a>
                </th>
                <td class="state">
                    <State state={r.state} reason={r.reason} />
                </td>
                <td class="host">{vm.hostName}</td>
                <td class="cpu">
                    {vm.cpu !== null ? percent(vm.cpu) : live(r.state) ? <Unknown why="No CPU time has arrived in the last minute." /> : '–'}
                </td>
                <td class="memory">{live(r.state) ? <MemoryBar memory={vm.memory} why={whyUnknown(r)} /> : '–'}</td>
                <td class="risk">
                    <Risk vm={vm} now={now} />
                </td>
                <td class="since">{r.since ? <Since at={r.since} now={now} /> : UNKNOWN}</td>
            </tr>
        );
    }
}

function Risk({ vm, now }: { vm: Vm; now: number }) {
    if (vm.risk)
        return (
            <span class="risktag">
                {what(vm.risk)} <b>{shortRange(vm.risk, now)}</b>
            </span>
        );
    if (vm.judged === 'steady') return <span class="quiet">steady</span>;
    if (vm.judged === 'off') return <span class="quiet">–</span>;
    return (
        <abbr class="unknown" title="No forecast can be made yet; the VM's page says why.">
            can't tell
        </abbr>
    );
}

function Since({ at, now }: { at: string; now: number }) {
    const ms = millis(at);
    if (ms === null) return <>{UNKNOWN}</>;
    return (
        <time dateTime={at} title={`${clock(ms)} (${utc(ms)})`}>
            {ago(at, now)}
        </time>
    );
}
