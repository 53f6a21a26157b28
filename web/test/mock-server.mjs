// SPDX-License-Identifier: Apache-2.0
// A server with made-up VMs that answers the dashboard's questions in the shapes of docs/api.md: for
// working on the pages, and for their test with many VMs.
//
//   node test/mock-server.mjs [--port 8071] [--vms 500] [--dist web/dist]
//
// Its PromQL is just what the dashboard asks: one selector, perhaps inside rate() and sum().
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const option = (name, fallback) => {
    const i = process.argv.indexOf(`--${name}`);
    return i < 0 ? fallback : process.argv[i + 1];
};
const VMS = Number(option('vms', '14'));
const PORT = Number(option('port', '8071'));
const DIST = option('dist', join(here, '..', 'dist'));
const GiB = 2 ** 30;
const MiB = 2 ** 20;
const started = Date.now();
const iso = (ms) => new Date(ms).toISOString();
const secondsNow = () => Date.now() / 1000;

/** The same "random" number in [0, 1) for the same words, at every run. */
function chance(...words) {
    let h = 2166136261;
    for (const c of words.join('/')) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
    h ^= h >>> 15;
    h = Math.imul(h, 0x2c1b3c6d);
    h ^= h >>> 12;
    return (h >>> 0) / 2 ** 32;
}

/** Wanders between 0 and 1 over time, smoothly. */
const wander = (seed, t) =>
    0.5 + 0.25 * Math.sin(t / 47 + chance(seed, 'a') * 7) + 0.15 * Math.sin(t / 311 + chance(seed, 'b') * 7) + 0.1 * Math.sin(t / 13 + chance(seed, 'c') * 7);

const HOSTS = VMS === 0 ? 0 : Math.max(1, Math.round(VMS / 30));
const hosts = Array.from({ length: HOSTS }, (_, i) => ({
    handle: `host:9f2c${String(i).padStart(4, '0')}`,
    name: `hv${i + 1}`,
    up: !(HOSTS > 3 && i === 3),
    memory: (i % 2 ? 64 : 32) * GiB,
    cpus: i % 2 ? 32 : 16,
}));

const NAMES = ['web', 'db', 'cache', 'build', 'mail', 'batch', 'auth', 'queue'];
const vms = Array.from({ length: VMS }, (_, i) => makeVm(i));

function makeVm(i) {
    const uuid = `5c1e${String(i).padStart(4, '0')}-7d0a-4b6e-9c51-${Math.floor(chance('uuid', i) * 2 ** 47).toString(16).padStart(12, '0')}`;
    const state = i % 29 === 7 ? 'shutoff' : i % 97 === 11 ? 'crashed' : i % 61 === 5 ? 'paused' : 'running';
    const leak = state === 'running' && (i % 41 === 1 || i % 53 === 4);
    return {
        i, uuid, state, leak,
        handle: `vm:${uuid}`,
        name: `${NAMES[i % NAMES.length]}${Math.floor(i / NAMES.length) + 1}`,
        host: hosts[i % HOSTS],
        vcpus: 1 << Math.floor(chance('vcpus', i) * 4),
        assigned: 2 ** Math.floor(chance('mem', i) * 4) * GiB,
        told: i % 11 !== 3, // its balloon driver answers
        agent: ['connected', 'disconnected', 'none'][i % 3],
        since: started - 60e3 - chance('since', i) * 40 * 86400e3,
        fullAt: started / 1000 + 420 + chance('full', i) * 5400,
    };
}

function available(vm, t) {
    const rest = vm.assigned * 0.93;
    if (!vm.leak) return rest * (0.25 + 0.4 * wander(vm.uuid, t));
    const slope = (rest * 0.7) / 5400;
    return Math.min(rest * 0.8, Math.max(rest * 0.01, (vm.fullAt - t) * slope) + rest * 0.004 * wander(vm.uuid, t * 9));
}

const on = (vm) => (vm.state === 'running' || vm.state === 'paused') && vm.host.up;
const busy = (vm, t) => (vm.state === 'paused' ? 0 : Math.max(0, wander(`cpu${vm.uuid}`, t) * chance('busy', vm.i)));
const guest = (f) => (vm, t) => (vm.told ? f(vm, t) : null);

/** Value of a gauge, or rate of a counter, of a VM at a time; null = no such series. */
const VM_SERIES = {
    vm_memory_maximum_bytes: (vm) => vm.assigned,
    vm_memory_assigned_bytes: (vm) => vm.assigned,
    vm_memory_guest_visible_bytes: guest((vm) => vm.assigned * 0.96),
    vm_memory_guest_available_bytes: guest(available),
    vm_memory_guest_used_bytes: guest((vm, t) => vm.assigned * 0.96 - available(vm, t)),
    vm_memory_resident_bytes: (vm, t) => vm.assigned * (0.55 + 0.08 * wander(`rss${vm.uuid}`, t)) + 90 * MiB,
    vm_memory_age_seconds: guest((vm, t) => (vm.i % 37 === 9 ? 340 : 1 + 4 * ((t / 5) % 1))),
    vm_vcpus: (vm) => vm.vcpus,
    vm_cpu_seconds_total: (vm, t) => busy(vm, t) * vm.vcpus,
    vm_cpu_delay_seconds_total: (vm, t) => 0.02 * vm.vcpus * wander(`delay${vm.uuid}`, t),
    libvirt_domain_block_stats_read_bytes_total: (vm, t) => 3e6 * wander(`r${vm.uuid}`, t) ** 4,
    libvirt_domain_block_stats_write_bytes_total: (vm, t) => 9e6 * wander(`w${vm.uuid}`, t) ** 4,
    libvirt_domain_interface_stats_receive_bytes_total: (vm, t) => 6e5 * wander(`rx${vm.uuid}`, t) ** 3,
    libvirt_domain_interface_stats_transmit_bytes_total: (vm, t) => 2e5 * wander(`tx${vm.uuid}`, t) ** 3,
};
const FILESYSTEMS = { '/': 40 * GiB, '/var/lib/libvirt': 900 * GiB, '/boot': 512 * MiB };
const idle = (h, t) => 0.9 - 0.55 * wander(h.handle, t);
const HOST_SERIES = {
    node_cpu_seconds_total: (h, t, q) => (/iowait/.test(q) ? 0.03 * wander(`io${h.handle}`, t) : /steal/.test(q) ? 0 : idle(h, t)),
    node_memory_MemTotal_bytes: (h) => h.memory,
    node_memory_MemAvailable_bytes: (h, t) => h.memory * (0.15 + 0.3 * wander(`m${h.handle}`, t)),
    node_load1: (h, t) => h.cpus * (1 - idle(h, t)),
    node_pressure_cpu_waiting_seconds_total: (h, t) => 0.2 * wander(`pc${h.handle}`, t) ** 3,
    node_pressure_memory_waiting_seconds_total: (h, t) => 0.02 * wander(`pm${h.handle}`, t) ** 3,
    node_pressure_io_waiting_seconds_total: (h, t) => 0.1 * wander(`pi${h.handle}`, t) ** 3,
    node_disk_read_bytes_total: (h, t) => 4e7 * wander(`dr${h.handle}`, t) ** 3,
    node_disk_written_bytes_total: (h, t) => 8e7 * wander(`dw${h.handle}`, t) ** 3,
    node_network_receive_bytes_total: (h, t) => 3e7 * wander(`nr${h.handle}`, t) ** 3,
    node_network_transmit_bytes_total: (h, t) => 1e7 * wander(`nt${h.handle}`, t) ** 3,
};

/** A figure comes with the name of its source, and some from two. */
function sources(name) {
    if (/^vm_memory_(guest|age)/.test(name)) return [{ source: 'balloon' }];
    if (name === 'vm_memory_resident_bytes') return [{ source: 'libvirt' }, { source: 'process' }];
    return name.startsWith('vm_memory') ? [{ source: 'libvirt' }] : [{}];
}

/** A hole of two minutes some way back, in every series: gaps are to be seen as gaps. */
const inGap = (t) => t > started / 1000 - 420 && t < started / 1000 - 300;

function evaluate(query, times) {
    const handle = /handle="([^"]+)"/.exec(query)?.[1];
    const pattern = /__name__=~"([^"]+)"/.exec(query)?.[1] ?? /([a-z_]\w*)\{/.exec(query)?.[1] ?? /\(([a-z_]\w*)\[/.exec(query)?.[1] ?? '';
    const name = new RegExp(`^(?:${pattern})$`);
    const keep = query.startsWith('{');
    const out = [];
    const emit = (labels, value) => {
        const values = times.filter((t) => !inGap(t)).map((t) => [t, value(t)]).filter(([, v]) => v !== null);
        if (values.length > 0) out.push({ metric: labels, values: values.map(([t, v]) => [t, String(v)]) });
    };
    const labels = (n, more) => ({ ...(keep ? { __name__: n } : {}), ...more });
    for (const [n, value] of Object.entries(VM_SERIES))
        if (name.test(n))
            for (const vm of vms)
                if (on(vm) && (!handle || vm.handle === handle)) for (const source of sources(n)) emit(labels(n, { handle: vm.handle, vm: vm.name, ...source }), (t) => value(vm, t));
    for (const [n, value] of Object.entries(HOST_SERIES))
        if (name.test(n))
            for (const h of hosts)
                if (h.up && (!handle || h.handle === handle))
                    emit(labels(n, { handle: h.handle }), (t) => (query.startsWith('1 -') ? 1 - value(h, t, query) : value(h, t, query)));
    const part = /node_filesystem_(size|avail)_bytes/.exec(query)?.[1];
    if (part)
        for (const [mount, size] of Object.entries(FILESYSTEMS))
            emit({ mountpoint: mount }, () => (part === 'size' ? size : size * (0.1 + 0.8 * chance(mount, handle))));
    return out;
}

function prediction(vm, now) {
    const base = { handle: vm.handle, name: vm.name, kind: 'exhaustion', resource: 'memory', part: '', made_at: iso(now - 2000), seconds: null, at: null };
    const level = vm.told ? available(vm, now / 1000) : null;
    const evidence = {
        query: `vm_memory_guest_available_bytes{handle="${vm.handle}"}`,
        window_seconds: 480, samples: 96, p_value: 0.41, slope_per_second: 210.5, level, capacity: vm.assigned * 0.96, unit: 'bytes', horizon_seconds: 1920,
    };
    if (!vm.told)
        return {
            ...base, verdict: 'abstain', reason: 'The guest does not tell its available memory, so its trend cannot be seen.',
            evidence: { ...evidence, window_seconds: 0, samples: 0, p_value: null, slope_per_second: null, level: null, horizon_seconds: null },
        };
    if (!vm.leak) return { ...base, verdict: 'steady', reason: 'The trend is no more than chance would give (p = 0.41).', evidence };
    const left = Math.max(0, vm.fullAt - now / 1000);
    const seconds = { 0.05: left * 0.82, 0.5: left, 0.95: vm.i % 53 === 4 ? null : left * 1.35 };
    const at = Object.fromEntries(Object.entries(seconds).map(([q, s]) => [q, s === null ? null : iso(now - 2000 + s * 1000)]));
    const slope = -(vm.assigned * 0.93 * 0.7) / 5400;
    return {
        ...base, verdict: 'exhaust', seconds, at,
        evidence: { ...evidence, p_value: 0.000003, slope_per_second: slope },
        reason: `Available memory falls by ${Math.round(-slope / 1024)} KiB/s, steadily over the last 8 minutes.`,
    };
}

const allPredictions = () => vms.filter(on).map((vm) => prediction(vm, Date.now()));

function vmResource(vm) {
    const findings = vm.told
        ? []
        : [{ level: 'warn', code: 'balloon-period', text: 'The domain has no balloon statistics period: what the guest uses is not known.',
             remedy: `virsh dommemstat ${vm.name} --period 5 --live, or start Auspex with --set-balloon-period 5` }];
    return {
        handle: vm.handle, kind: 'vm', name: vm.name, tenant: 'default', host: vm.host.handle,
        state: vm.host.up ? vm.state : 'unknown', reason: { running: 'booted', crashed: 'panicked', paused: 'user', shutoff: 'shutdown' }[vm.state],
        since: iso(vm.since), first_seen: iso(vm.since - 3600e3), last_seen: iso(Date.now() - 1500), gone: null,
        attributes: {
            uuid: vm.uuid, hypervisor: 'libvirt', type: 'kvm', vcpus: vm.vcpus, memory_bytes: vm.assigned, balloon_period_seconds: vm.told ? 5 : 0,
            balloon_driver: vm.told, guest_agent: vm.agent, disks: [{ device: 'vda', source: `/var/lib/libvirt/images/${vm.name}.qcow2` }],
            interfaces: [{ device: `vnet${vm.i}`, mac: '52:54:00:12:34:56', network: 'default' }], findings,
        },
    };
}

function hostResource(h) {
    return {
        handle: h.handle, kind: 'host', name: h.name, tenant: 'default', host: null, state: h.up ? 'up' : 'down', reason: h.up ? 'reports' : 'silent',
        since: iso(started - 5e7), first_seen: iso(started - 9e7), last_seen: iso(h.up ? Date.now() - 1500 : started - 3e5), gone: null,
        attributes: {
            hostname: h.name, kernel: '6.1.0-26-amd64', os: 'Debian GNU/Linux 12 (bookworm)', cpus: h.cpus, memory_bytes: h.memory, boot_time: iso(started - 5e7),
            collectors: [{ name: 'host', up: true, error: null }, { name: 'libvirt', up: h.up, error: h.up ? null : 'connection refused' }],
            interval_seconds: 5, version: '0.1.0', findings: [],
        },
    };
}

const EVENTS = 260;
function eventList(handle) {
    if (VMS === 0) return [];
    return Array.from({ length: EVENTS }, (_, k) => {
        const vm = vms[Math.floor(chance('event', k) * VMS)];
        const crash = k % 23 === 4;
        return {
            id: EVENTS - k, time: iso(started - k * 190e3 - 5000), handle: vm.handle, name: vm.name, type: 'lifecycle',
            what: crash ? 'crashed' : 'started', detail: crash ? 'panicked' : 'booted', text: crash ? `${vm.name} crashed: its kernel panicked` : `${vm.name} started: booted`,
        };
    }).filter((e) => !handle || e.handle === handle);
}

function alerts() {
    const out = vms.filter((vm) => vm.leak && on(vm)).map((vm) => ({
        labels: { alertname: 'MemoryRunsOut', handle: vm.handle, vm: vm.name, severity: 'page' },
        annotations: { summary: `${vm.name} will run out of memory within the hour` },
        state: vm.i % 2 ? 'firing' : 'pending', activeAt: iso(started - 240e3), value: '612.5',
    }));
    return out;
}

const DEFINITION = { id: 'd1', name: 'queue long', description: '', expression: 'max(queue.length) > 5', match_by: ['queue'], severity: 'LOW',
    actions_enabled: true, alarm_actions: ['m1'], ok_actions: [], undetermined_actions: [] };
const definedAlarms = Array.from({ length: VMS ? Math.max(70, VMS) : 0 }, (_, i) => ({
    id: `a${i}`, alarm_definition: DEFINITION, state: i % 3 ? 'OK' : 'ALARM', lifecycle_state: null, link: null,
    state_updated_timestamp: iso(started - 60_000 * i),
    metrics: [{ name: 'queue.length', dimensions: { queue: `q${i}`, resource_id: vms[i % VMS].uuid } }],
}));

/** Alarms of definitions: the worst first. */
function defined(path, q) {
    const list = definedAlarms.filter((a) => (!q.get('state') || a.state === q.get('state')) && (!q.get('severity') || q.get('severity') === 'LOW'));
    if (path === 'alarms') return { elements: page(list.sort((a, b) => a.state.localeCompare(b.state)), q) };
    if (path === 'alarms/count')
        return { columns: ['count', 'state', 'severity'], counts: ['ALARM', 'OK'].map((s) => [definedAlarms.filter((a) => a.state === s).length, s, 'LOW']) };
    if (path === 'alarm-definitions') return { elements: VMS ? [DEFINITION] : [] };
    if (path === 'notification-methods') return { elements: VMS ? [{ id: 'm1', name: 'ops', type: 'EMAIL' }] : [] };
    const alarm = definedAlarms.find((a) => path === `alarms/${a.id}/state-history`);
    return alarm ? { elements: [{ id: '1', old_state: 'UNDETERMINED', new_state: alarm.state, reason: 'It was so.', timestamp: alarm.state_updated_timestamp }] } : null;
}

const pathOf = (url) => decodeURIComponent(url.pathname);
const page = (list, params) => list.slice(Number(params.get('offset') ?? 0)).slice(0, Number(params.get('limit') ?? 100));
const found = (r, handle) => ({ ...r, events: eventList(handle).slice(0, 50), predictions: allPredictions().filter((p) => p.handle === handle) });

function answer(url) {
    const path = pathOf(url);
    const q = url.searchParams;
    if (path === '/api/v2/silences') return [];
    if (path === '/auspex/v1/maintenance') return { maintenance: [] };
    if (path === '/auspex/v1/incidents') return { incidents: [], total: 0 };
    if (path === '/auspex/v1/resources') {
        const list = q.get('kind') === 'vm' ? vms.map(vmResource) : hosts.map(hostResource);
        return { resources: page(list, q), total: list.length };
    }
    if (/^\/auspex\/v1\/resources\/vm:[^/]+\/inspect$/.test(path)) return { scope: 'none', running: true, collector: true, text: 'nothing allows it' };
    if (path.startsWith('/auspex/v1/resources/')) {
        const handle = path.slice('/auspex/v1/resources/'.length);
        const vm = vms.find((v) => v.handle === handle);
        const host = hosts.find((h) => h.handle === handle);
        return vm ? found(vmResource(vm), handle) : host ? found(hostResource(host), handle) : null;
    }
    if (path === '/auspex/v1/predictions') {
        const list = allPredictions().sort((a, b) => (a.seconds?.[0.5] ?? 1e12) - (b.seconds?.[0.5] ?? 1e12));
        return { predictions: q.get('all') ? list : list.filter((p) => p.verdict === 'exhaust') };
    }
    if (path === '/auspex/v1/events') {
        const before = Number(q.get('before') ?? Infinity);
        return { events: eventList(q.get('handle')).filter((e) => e.id < before).slice(0, Number(q.get('limit') ?? 100)) };
    }
    if (path === '/api/v1/alerts') return { status: 'success', data: { alerts: alerts() } };
    if (path === '/api/v1/rules') {
        const rule = { type: 'alerting', name: 'MemoryRunsOut', query: 'auspex_exhaustion_seconds{resource="memory",quantile="0.5"} < 3600', duration: 60,
            labels: { severity: 'page' }, annotations: {}, state: VMS ? 'firing' : 'inactive', health: 'ok', alerts: alerts() };
        return { status: 'success', data: { groups: [{ name: 'forecasts', file: '/etc/auspex/rules.yml', interval: 5, rules: [rule] }] } };
    }
    if (path === '/auspex/v1/whoami') return { asked: false, users: false, who: null, why: null };
    if (path.startsWith('/v2.0/')) return defined(path.slice('/v2.0/'.length), q);
    if (path === '/auspex/v1/inspection/notices') return { notices: [] };
    if (path === '/api/v1/query') {
        const result = evaluate(q.get('query'), [secondsNow()]).map(({ metric, values }) => ({ metric, value: values[0] }));
        return { status: 'success', data: { resultType: 'vector', result } };
    }
    if (path === '/api/v1/query_range') {
        const [start, end, step] = ['start', 'end', 'step'].map((k) => Number(q.get(k)));
        const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step);
        return { status: 'success', data: { resultType: 'matrix', result: evaluate(q.get('query'), times) } };
    }
    return null;
}

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };

async function file(path, response) {
    const name = path === '/' ? 'index.html' : path.slice(1);
    if (!/^[a-z]+\.(html|js|css|svg)$/.test(name)) return false;
    const body = await readFile(join(DIST, name)).catch(() => null);
    if (!body) return false;
    response.writeHead(200, { 'Content-Type': TYPES[name.split('.')[1]] }).end(body);
    return true;
}

createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    if (await file(url.pathname, response)) return;
    const body = answer(url);
    response.writeHead(body ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body ?? { error: { code: 'not_found', message: `no such thing: ${pathOf(url)}` } }));
}).listen(PORT, '127.0.0.1', () => console.log(`${VMS} VMs at http://127.0.0.1:${PORT}/`));
