// SPDX-License-Identifier: Apache-2.0
// Alarms of definitions, page by page: what, since when, why, and what was before.

import { useEffect, useRef, useState } from 'preact/hooks';
import * as source from '../alarms';
import type { Counts, DefinedAlarm, Filter } from '../alarms';
import { count } from '../format';
import { usePoll } from '../live';
import { Ago, Loading, Pager, ResourceLink, Tag, Time } from './bits';

const PAGE = 50;
const ENTRIES = 100;
const DIMENSIONS = 6;
const NO_RESOURCES = source.indexOf([], []);

export function DefinedAlarms({ all }: { all: Counts }) {
    const [filter, setFilter] = useState<Filter>({ state: '', severity: '' });
    const [wanted, setPage] = useState(0);
    const found = source.total(all, filter);
    const pages = Math.max(1, Math.ceil(found / PAGE));
    const page = Math.min(wanted, pages - 1);
    const section = useRef<HTMLElement>(null);
    const turn = (to: number) => {
        setPage(to);
        section.current?.scrollIntoView({ block: 'start' });
    };
    const choose = (next: Partial<Filter>) => {
        setFilter({ ...filter, ...next });
        setPage(0);
    };
    return (
        <section class="panel under-bar" ref={section} aria-labelledby="defined-alarms">
            <div class="tablehead">
                <h2 id="defined-alarms">
                    Alarms of definitions <span class="number">{source.total(all, { state: '', severity: '' }).toLocaleString('en')}</span>
                </h2>
                <Choice name="State" values={source.STATES} chosen={filter.state} onChoose={(state) => choose({ state })} n={(state) => source.total(all, { ...filter, state })} />
                <Choice
                    name="Severity"
                    values={source.SEVERITIES}
                    chosen={filter.severity}
                    onChoose={(severity) => choose({ severity })}
                    n={(severity) => source.total(all, { ...filter, severity })}
                />
                <span class="quiet" role="status">
                    {count(found, 'alarm')}
                </span>
            </div>
            <Table filter={filter} page={page} />
            <Pager page={page} pages={pages} onTurn={turn} what="alarms" />
        </section>
    );
}

interface ChoiceOf {
    name: string;
    values: readonly string[];
    chosen: string;
    onChoose: (value: string) => void;
    n: (value: string) => number;
}

function Choice({ name, values, chosen, onChoose, n }: ChoiceOf) {
    return (
        <label class="choice">
            {name}{' '}
            <select value={chosen} onChange={(e) => onChoose(e.currentTarget.value)}>
                {['', ...values].map((v) => (
                    <option key={v} value={v}>
                        {v || 'any'} ({n(v).toLocaleString('en')})
                    </option>
                ))}
            </select>
        </label>
    );
}

/** Reasons come after the list: one request for each alarm that is new or has changed. What fails is tried again
 *  with the next list. */
function useReasons(list: DefinedAlarm[] | null): void {
    const [, learnt] = useState(0);
    useEffect(() => {
        const control = new AbortController();
        source.learnReasons(list ?? [], control.signal).then(
            (any) => any && learnt((n) => n + 1),
            () => undefined,
        );
        return () => control.abort();
    }, [list]);
}

function Table({ filter, page }: { filter: Filter; page: number }) {
    const key = `${filter.state}/${filter.severity}/${page}`;
    const { data, error } = usePoll((signal) => source.alarms(filter, page * PAGE, PAGE, signal), `defined alarms ${key}`);
    const index = usePoll(source.resourceIndex, 'resources of alarms', 60_000).data ?? NO_RESOURCES;
    useReasons(data);
    if (!data) return <Loading error={error} />;
    if (data.length === 0) return <p class="quiet">None of these.</p>;
    return (
        <ol class="alarms defined">
            {data.map((a) => (
                <Alarm key={a.id} alarm={a} index={index} />
            ))}
        </ol>
    );
}

function Alarm({ alarm, index }: { alarm: DefinedAlarm; index: source.ResourceIndex }) {
    const [open, setOpen] = useState(false);
    const about = source.subject(alarm.metrics, index);
    const dimensions = source.dimensionsOf(alarm.metrics);
    const reason = source.knownReason(alarm);
    return (
        <li class={alarm.state}>
            <p>
                <Tag state={alarm.state} /> <span class="severity">{alarm.alarm_definition.severity}</span> <b>{alarm.alarm_definition.name}</b>
                {about && (
                    <>
                        {' '}
                        of <ResourceLink handle={about.handle} name={about.name} />
                    </>
                )}{' '}
                <span class="quiet">
                    for <Ago at={alarm.state_updated_timestamp} />
                    {alarm.lifecycle_state && `, ${alarm.lifecycle_state}`}
                </span>{' '}
                <button type="button" class="small" aria-expanded={open} onClick={() => setOpen(!open)} aria-label={`History of ${alarm.alarm_definition.name}`}>
                    history
                </button>
            </p>
            {reason && <p class="reason">{reason}</p>}
            <p class="labels">
                {[...new Set(alarm.metrics.map((m) => m.name))].map((name) => (
                    <code key={name}>{name}</code>
                ))}
                {dimensions.slice(0, DIMENSIONS).map((d) => (
                    <code key={d}>{d}</code>
                ))}
                {dimensions.length > DIMENSIONS && <span class="quiet">and {dimensions.length - DIMENSIONS} more</span>}
            </p>
            {open && <History key={alarm.state_updated_timestamp} alarm={alarm} />}
        </li>
    );
}

function History({ alarm }: { alarm: DefinedAlarm }) {
    const { data, error } = usePoll(
        async (signal) => {
            const all = await source.history(alarm, signal);
            return { newest: all.slice(0, ENTRIES), total: all.length };
        },
        `history ${alarm.id}`,
        60_000,
    );
    if (!data) return <Loading error={error} />;
    if (data.total === 0) return <p class="quiet">It has had no other state yet.</p>;
    return (
        <div class="history">
            <p class="quiet">The week before its last change, newest first{data.total > ENTRIES ? `; the newest ${ENTRIES} of ${data.total}` : ''}:</p>
            <ol>
                {data.newest.map((e) => (
                    <li key={e.id}>
                        <Time at={e.timestamp} /> <Tag state={e.new_state} /> <span class="quiet">after {e.old_state}.</span> {e.reason}
                    </li>
                ))}
            </ol>
        </div>
    );
}
