// SPDX-License-Identifier: Apache-2.0
// Everything that happened, newest first, page by page. The first page is live.

import { useState } from 'preact/hooks';
import * as api from '../api';
import { PERIOD, usePoll } from '../live';
import { EventList, Loading } from '../parts/bits';

const PAGE = 100;

export function EventsPage() {
    // The `before` of each page up to this one; empty on the first.
    const [trail, setTrail] = useState<number[]>([]);
    const before = trail.at(-1);
    const { data, error } = usePoll(
        (signal) => api.events(before === undefined ? { limit: PAGE } : { before, limit: PAGE }, signal),
        `events ${before ?? ''}`,
        before === undefined ? PERIOD : 60_000,
    );
    const oldest = data?.at(-1)?.id;
    return (
        <>
            <h1 class="headline">Events</h1>
            <section class="panel">
                {data ? <EventList list={data} named /> : <Loading error={error} />}
                <p class="pager">
                    <button type="button" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>
                        Newer
                    </button>
                    <span>{before === undefined ? 'newest, live' : `page ${trail.length + 1}`}</span>
                    <button type="button" disabled={!data || data.length < PAGE || oldest === undefined} onClick={() => setTrail([...trail, oldest!])}>
                        Older
                    </button>
                </p>
            </section>
        </>
    );
}
