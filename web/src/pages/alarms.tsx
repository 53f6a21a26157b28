// SPDX-License-Identifier: Apache-2.0
// What alarms: of definitions and of rules, what is held, and what watches.

import { useRef, useState } from 'preact/hooks';
import { counts, total } from '../alarms';
import * as api from '../api';
import { held, type Held } from '../held';
import { usePoll } from '../live';
import { Loading } from '../parts/bits';
import { DefinedAlarms } from '../parts/definedalarms';
import { Definitions } from '../parts/definitions';
import { Incidents } from '../parts/incidents';
import { MaintenanceList } from '../parts/maintenance';
import { Silences } from '../parts/silences';
import { RuleAlarms, Rules } from '../parts/rulealarms';
import { alarmHeadline } from '../words';

export function AlarmsPage() {
    const [turn, setTurn] = useState(0);
    const changed = () => setTurn((n) => n + 1);
    const kept = useRef<Held | null>(null);
    const holding = usePoll(held, `held ${turn}`).data ?? kept.current; // while it is read again, what there was
    kept.current = holding;
    const { data, error } = usePoll(async (signal) => {
        const [alerts, groups, defined] = await Promise.all([api.alerts(signal), api.rules(signal), counts(signal)]);
        return { alerts, groups, defined };
    }, 'alarms');
    if (!data) return <Loading error={error} />;
    const firing = data.alerts.filter((a) => a.state === 'firing').length;
    const inAlarm = total(data.defined, { state: 'ALARM', severity: '' });
    const undetermined = total(data.defined, { state: 'UNDETERMINED', severity: '' });
    return (
        <>
            <div role="status">
                <h1 class={`headline ${firing + inAlarm ? 'warn' : 'good'}`}>{alarmHeadline(firing + inAlarm, data.alerts.length - firing, undetermined)}</h1>
            </div>
            {holding && <Incidents list={holding.incidents} />}
            {data.defined.length > 0 && <DefinedAlarms all={data.defined} />}
            <RuleAlarms alerts={data.alerts} />
            {holding && (
                <div class="columns">
                    <Silences list={holding.silences} expired={holding.expired} changed={changed} />
                    <MaintenanceList list={holding.maintenance} changed={changed} />
                </div>
            )}
            <Definitions />
            <Rules groups={data.groups} />
        </>
    );
}
