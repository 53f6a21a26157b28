// SPDX-License-Identifier: Apache-2.0
// The sentences and figures that people read, checked word by word: node test/words.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import { load } from './load.mjs';

const { bytes, percent, duration, longDuration } = await load('format.ts');
const { alarmHeadline, range, shortRange, stateOfThings, verdict } = await load('words.ts');
const { grid, gridTimes } = await load('history.ts');
const { parseMatchers, showMatcher } = await load('held.ts');

const now = Date.parse('2026-11-22T03:00:00Z');
const at = (s) => (s === null ? null : new Date(now + s * 1000).toISOString());

function foresee(low, middle, high, more = {}) {
    return {
        handle: 'vm:1', name: 'web1', kind: 'exhaustion', resource: 'memory', part: '', verdict: 'exhaust', made_at: at(0),
        seconds: { 0.05: low, 0.5: middle, 0.95: high }, at: { 0.05: at(low), 0.5: at(middle), 0.95: at(high) },
        evidence: { unit: 'bytes', horizon_seconds: 1920 }, reason: '', ...more,
    };
}

test('unknown reads unknown, zero reads zero', () => {
    assert.equal(bytes(null), 'unknown');
    assert.equal(bytes(NaN), 'unknown');
    assert.equal(bytes(0), '0 B');
    assert.equal(percent(null), 'unknown');
    assert.equal(percent(0), '0 %');
});

test('bytes are in IEC units with three figures', () => {
    assert.equal(bytes(1536), '1.50 KiB');
    assert.equal(bytes(1023.9 * 1024), '1.00 MiB');
    assert.equal(bytes(812 * 2 ** 20), '812 MiB');
    assert.equal(bytes(2 ** 34), '16.0 GiB');
});

test('matchers are read as amtool writes them', () => {
    const read = (text) => parseMatchers(text).map(showMatcher).join(' ');
    assert.equal(read('alertname="cpu \\"high\\"", host!~web.* a=b'), 'alertname="cpu \\"high\\"" host!~"web.*" a="b"');
    assert.equal(read('disk=~"\\d+\\n",x!=""'), 'disk=~"\\\\d+\\n" x!=""');
    assert.deepEqual(parseMatchers('x!=""'), [{ name: 'x', value: '', isEqual: false, isRegex: false }]);
    for (const bad of ['', 'alertname', '1x=2', 'a="b', 'a=b "c"']) assert.throws(() => parseMatchers(bad), /expected/, bad);
});

test('durations', () => {
    assert.equal(duration(45), '45 s');
    assert.equal(duration(720), '12 min');
    assert.equal(longDuration(4800), '1 h 20 min');
    assert.equal(longDuration(86400 * 3 + 60), '3 d');
});

test('a forecast is a range, in one unit, with the likeliest', () => {
    assert.equal(range(foresee(480, 600, 840), now), 'in 8–14 min, most likely 10');
    assert.equal(shortRange(foresee(480, 600, 840), now), '8–14 min');
    assert.equal(range(foresee(40, 50, 70), now), 'in 40–70 s, most likely 50');
    assert.equal(range(foresee(3 * 86400, 4 * 86400, 9 * 86400), now), 'in 3–9 days, most likely 4');
});

test('an end that is not within sight is said to be so', () => {
    assert.equal(range(foresee(1080, 1320, null), now), 'in 18 min at the earliest, most likely 22');
    assert.equal(range(foresee(1080, null, null), now), 'in 18 min at the earliest');
    assert.equal(shortRange(foresee(1080, 1320, null), now), '18 min or later');
});

test('a forecast ages with the clock', () => {
    assert.equal(range(foresee(480, 600, 840), now + 300_000), 'in 3–9 min, most likely 5');
    assert.equal(range(foresee(480, 600, 840), now + 900_000), 'about now');
});

test('an abstention makes no promise', () => {
    assert.equal(verdict({ ...foresee(null, null, null), verdict: 'abstain', seconds: null, at: null }, now), 'No forecast for memory.');
});

test('the state of things, worst first', () => {
    const calm = { vms: 14, hosts: 2, hostsDown: 0, crashed: 0, firing: 0, risks: [] };
    const say = (f) => stateOfThings({ ...calm, ...f }, now);
    assert.equal(say({}), '14 VMs: nothing is foreseen to run out, no alarm is firing.');
    assert.equal(say({ vms: 0, hosts: 0 }), 'Nothing reports here yet.');
    const risks = [foresee(480, 600, 840), foresee(480, 900, 1840, { handle: 'vm:2' }), foresee(90000, 95000, 99000, { handle: 'vm:3' })];
    assert.equal(say({ risks }), '2 of 14 VMs will run out of memory within the hour and 1 shortage is foreseen later.');
    assert.equal(say({ hostsDown: 1, risks: risks.slice(0, 1) }), '1 of 2 hosts is down and 1 of 14 VMs will run out of memory within the hour.');
    assert.equal(say({ vms: 1, risks: risks.slice(0, 1) }), 'The only VM will run out of memory within the hour.');
    assert.equal(say({ firing: 1 }), '1 alarm is firing; nothing is foreseen to run out.');
});

test('the grid of a chart stays put between two polls, and bridges no gap', () => {
    const first = grid(900, now);
    const next = grid(900, now + 1000);
    assert.equal(first.step, 5);
    assert.equal(first.lookback, '15s');
    assert.equal((next.start - first.start) % first.step, 0);
    assert.equal(gridTimes(first).at(-1), first.end);
    assert.equal(grid(86400, now).step, 360);
});

test('how many alarms there are', () => {
    assert.equal(alarmHeadline(0, 0, 0), 'No alarm is firing.');
    assert.equal(alarmHeadline(1, 2, 0), 'One alarm is firing, 2 pending.');
    assert.equal(alarmHeadline(335, 0, 666), '335 alarms are firing, 666 undetermined.');
});
