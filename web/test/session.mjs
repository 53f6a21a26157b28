// SPDX-License-Identifier: Apache-2.0
// Who is signed in, and alarms of definitions, against a server that is made up: node test/session.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import { load } from './load.mjs';

class Storage {
    #held = new Map();
    getItem = (k) => this.#held.get(k) ?? null;
    setItem = (k, v) => void this.#held.set(k, v);
    removeItem = (k) => void this.#held.delete(k);
    get keys() {
        return [...this.#held.keys()];
    }
}

const answers = new Map(); // 'METHOD path' -> [status, body] or a function of the request
const asked = [];
globalThis.sessionStorage = new Storage();
globalThis.fetch = async (path, options = {}) => {
    const what = `${options.method ?? 'GET'} ${path.replace(/\?.*/, '')}`;
    asked.push({ what, path, ...options });
    const made = answers.get(what);
    if (!made) throw new TypeError('no such server');
    const [status, body] = typeof made === 'function' ? made(options) : made;
    return { ok: status < 400, status, statusText: '', json: async () => body };
};

// One bundle: what is remembered of the session must be the same for all.
const { alarms, api, session } = await load('../test/all.ts');

const person = (more = {}) => ({ name: 'eve', tenant: 'acme', roles: ['member'], may: ['read', 'write'], expires: null, ...more });
const provider = person({ name: 'pam', roles: ['provider'], may: ['read', 'other_tenant'] });
let seen;
session.watchSession((s) => (seen = s));

function known(tokens) {
    answers.set('GET auspex/v1/whoami', ({ headers }) => {
        const who = tokens[headers.Authorization?.replace('Bearer ', '')] ?? null;
        return [200, { asked: true, users: true, who, why: who ? null : 'the token is not valid' }];
    });
}

test('a server that asks nobody shows nothing of it', async () => {
    answers.set('GET auspex/v1/whoami', [200, { asked: false, users: false, who: person({ name: 'anybody' }), why: null }]);
    await session.look();
    assert.deepEqual([seen.state, seen.who], ['open', null]);
    assert.deepEqual(session.headers(), {});
});

test('a wrong token is not kept, nor is one that sees nothing', async () => {
    known({ agent: person({ may: ['write'] }) });
    await session.look();
    assert.deepEqual([seen.state, seen.why, seen.users], ['out', null, true]);
    await assert.rejects(session.signIn('wrong'), /not valid/);
    await assert.rejects(session.signIn('agent'), /sees nothing/);
    assert.deepEqual(sessionStorage.keys, []);
    assert.equal(seen.state, 'out');
});

test('a right token goes with every request, never in the address', async () => {
    known({ right: person() });
    const before = seen.turn;
    await session.signIn('right');
    assert.deepEqual([seen.state, seen.who.name, seen.tenant], ['in', 'eve', 'acme']);
    assert.notEqual(seen.turn, before, 'what is shown is another picture');
    answers.set('GET auspex/v1/status', [200, { version: '1' }]);
    await api.status(new AbortController().signal);
    assert.equal(asked.at(-1).headers.Authorization, 'Bearer right');
    assert.ok(asked.every((a) => !a.path.includes('right')));
});

test('a 401 ends it, and says why; one for an old token does not', async () => {
    answers.set('GET auspex/v1/status', [401, { error: { code: 'unauthorized', message: 'the token has expired' } }]);
    session.refused('an old one', 'late');
    assert.equal(seen.state, 'in');
    known({});
    await assert.rejects(api.status(new AbortController().signal), /expired/);
    await new Promise((done) => setTimeout(done, 10));
    assert.deepEqual([seen.state, seen.why], ['out', 'the token has expired']);
    assert.deepEqual(sessionStorage.keys, []);
});

test('a 401 whose body is lost ends it, and says why all the same', async () => {
    known({ right: person() });
    await session.signIn('right');
    const cut = globalThis.fetch;
    globalThis.fetch = async (path, options) => (path.includes('status') ? { ok: false, status: 401, statusText: 'Unauthorized', json: () => Promise.reject(new Error('left')) } : cut(path, options));
    known({});
    await assert.rejects(api.status(new AbortController().signal));
    await new Promise((done) => setTimeout(done, 10));
    globalThis.fetch = cut;
    assert.equal(seen.state, 'out');
    assert.match(seen.why, /not valid any more/);
});

test('only who may chooses a tenant; signing out forgets it', async () => {
    known({ eve: person(), pam: provider });
    await session.signIn('eve');
    sessionStorage.setItem('auspex.tenant', 'other');
    await session.look();
    assert.deepEqual(session.headers(), { Authorization: 'Bearer eve' });
    await session.signIn('pam');
    session.chooseTenant('other');
    assert.deepEqual([seen.tenant, session.headers()], ['other', { Authorization: 'Bearer pam', 'X-Scope-OrgID': 'other' }]);
    session.chooseTenant('');
    assert.deepEqual([seen.tenant, session.headers()], ['acme', { Authorization: 'Bearer pam' }]);
    session.chooseTenant('other');
    answers.set('POST auspex/v1/logout', [200, { ended: false }]);
    await session.signOut();
    assert.equal(asked.at(-1).headers.Authorization, 'Bearer pam', 'the server is told which');
    assert.deepEqual([seen.state, sessionStorage.keys], ['out', []]);
    assert.ok(session.isTenant('a.b-C_1@x') && !session.isTenant('a|b') && !session.isTenant(''));
});

test('a password is sent once, and kept nowhere', async () => {
    known({ made: person() });
    answers.set('POST auspex/v1/login', ({ body }) => (body.includes('sesame') ? [200, { token: 'made' }] : [401, { error: { message: 'wrong' } }]));
    await assert.rejects(session.signInAs('eve', 'guess'), /wrong/);
    await session.signInAs('eve', 'sesame');
    assert.equal(seen.state, 'in');
    assert.deepEqual(sessionStorage.keys.map((k) => sessionStorage.getItem(k)), ['made']);
});

test('counts of alarms, by any order of columns', async () => {
    answers.set('GET v2.0/alarms/count', [200, { columns: ['count', 'severity', 'state'], counts: [[2, 'LOW', 'OK'], [3, 'HIGH', 'ALARM'], [1, 'LOW', 'ALARM']] }]);
    const all = await alarms.counts(new AbortController().signal);
    assert.equal(alarms.total(all, { state: '', severity: '' }), 6);
    assert.equal(alarms.total(all, { state: 'ALARM', severity: '' }), 4);
    assert.equal(alarms.total(all, { state: 'ALARM', severity: 'LOW' }), 1);
    answers.set('GET v2.0/alarms/count', [200, { columns: ['count', 'state', 'severity'], counts: [[0, null, null]] }]);
    assert.deepEqual(await alarms.counts(new AbortController().signal), []);
});

test('what an alarm is about: the VM before its host, and no guess', () => {
    const one = (handle, name) => ({ handle, name });
    const index = alarms.indexOf([one('vm:u1', 'web'), one('vm:u2', 'twin'), one('vm:u3', 'twin')], [one('host:h', 'hv1')]);
    const of = (...dimensions) => alarms.subject(dimensions.map((d) => ({ name: 'm', dimensions: d })), index)?.handle ?? null;
    assert.equal(of({ hostname: 'hv1', resource_id: 'u1' }), 'vm:u1');
    assert.equal(of({ hostname: 'hv1' }), 'host:h');
    assert.equal(of({ vm: 'web' }), 'vm:u1');
    assert.equal(of({ vm: 'twin' }), null);
    assert.equal(of({ hostname: 'elsewhere' }, { handle: 'vm:u3' }), 'vm:u3');
    assert.equal(of({ resource_id: 'gone' }), null);
});

test('reasons are asked for once, and again when the state changes', async () => {
    const alarm = { id: 'a1', state: 'ALARM', state_updated_timestamp: '2026-11-22T03:00:00.000Z' };
    const entry = (id, new_state, reason) => ({ id, new_state, reason });
    answers.set('GET v2.0/alarms/a1/state-history', [200, { elements: [entry('1', 'ALARM', 'too much'), entry('2', 'OK', 'well')] }]);
    const signal = new AbortController().signal;
    assert.equal(await alarms.learnReasons([alarm], signal), true);
    assert.equal(alarms.knownReason(alarm), 'too much');
    assert.match(asked.at(-1).path, /start_time=2026-11-22T03%3A00%3A00.000Z/);
    const n = asked.length;
    assert.equal(await alarms.learnReasons([alarm], signal), false);
    assert.equal(asked.length, n);
    await alarms.learnReasons([{ ...alarm, state: 'OK' }], signal);
    assert.equal(alarms.knownReason({ ...alarm, state: 'OK' }), 'well');
});

test('a long history is read to its end, newest first', async () => {
    const all = Array.from({ length: 1500 }, (_, i) => ({ id: String(i + 1) }));
    answers.set('GET v2.0/alarms/a2/state-history', () => {
        const q = new URLSearchParams(asked.at(-1).path.split('?')[1]);
        return [200, { elements: all.filter((e) => Number(e.id) > Number(q.get('offset') ?? 0)).slice(0, Number(q.get('limit'))) }];
    });
    const got = await alarms.history({ id: 'a2', state_updated_timestamp: '2026-11-22T03:00:00.000Z' }, new AbortController().signal);
    assert.deepEqual([got.length, got[0].id, got.at(-1).id], [1500, '1500', '1']);
});
