// SPDX-License-Identifier: Apache-2.0
// What alarms: of definitions and of rules, and what watches.

import { counts, total } from '../alarms';
import * as api from '../api';
import { usePoll } from '../live';
import { Loading } from '../parts/bits';
import { DefinedAlarms } from '../parts/definedalarms';
import { Definitions } from '../parts/definitions';
import { RuleAlarms, Rules } from '../parts/rulealarms';
import { alarmHeadline } from '../words';

export function AlarmsPage() {
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
            {data.defined.length > 0 && <DefinedAlarms all={data.defined} />}
            <RuleAlarms alerts={data.alerts} />
            <Definitions />
            <Rules groups={data.groups} />
        </>
    );
}
