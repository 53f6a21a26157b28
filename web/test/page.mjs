// SPDX-License-Identifier: Apache-2.0
// Opens the dashboard in headless Chromium and does what a person would:
//
//   node test/page.mjs URL OUTDIR [--vms N]
//
// Fails on an error in the console, a request to another host, a chart without ink, a key that does not
// work. Leaves fleet-light.png, fleet-dark.png, vm.png, vm-dark.png, host.png and narrow.png in OUTDIR.
// With --vms it waits until N VMs are listed (and with 100 or more, measures).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { faint, open } from './browser.mjs';

const [url, out] = process.argv.slice(2);
if (!url || !out) {
    console.error('usage: node test/page.mjs URL OUTDIR [--vms N]');
    process.exit(2);
}
const flag = process.argv.indexOf('--vms');
const wanted = flag < 0 ? 1 : Number(process.argv[flag + 1]);
const { page, faults, origin, shot, step, story, expectingRefusals } = await open(url, out);

const rows = () => page.locator('table.vms tbody tr');
const current = () => page.evaluate(() => document.activeElement?.closest('tr')?.querySelector('a.row')?.textContent ?? null);

/** Painted pixels in each chart's canvas: an empty one has axes and grid, lines add theirs. Read from a
 *  copy: Chromium warns in the console when a canvas that is drawn to is read back often. */
const inks = () =>
    page.evaluate(() =>
        [...document.querySelectorAll('figure.chart')].map((figure) => {
            const { width, height } = figure.querySelector('canvas');
            const copy = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d', { willReadFrequently: true });
            copy.drawImage(figure.querySelector('canvas'), 0, 0);
            const { data } = copy.getImageData(0, 0, width, height);
            let painted = 0;
            for (let i = 3; i < data.length; i += 4) if (data[i] !== 0) painted++;
            return { title: figure.querySelector('h3').textContent, painted, empty: figure.querySelector('.empty') !== null };
        }),
    );

async function chartsDrawn(required) {
    await page.waitForFunction((n) => document.querySelectorAll('figure.chart canvas').length >= n, required.length, { timeout: 20_000 });
    await page.waitForFunction(
        (titles) => titles.every((t) => [...document.querySelectorAll('figure.chart')].some((f) => f.querySelector('h3').textContent.startsWith(t) && !f.querySelector('.empty'))),
        required, { timeout: 60_000 },
    );
    await page.waitForTimeout(300);
    const list = await inks();
    for (const title of required) {
        const chart = list.find((c) => c.title.startsWith(title));
        assert.ok(chart && chart.painted > 500, `the chart "${title}" is blank: ${JSON.stringify(chart)}`);
    }
    return list.map((c) => `${c.title.split(/[ ,]/)[0]} ${c.painted} px${c.empty ? ' (no data)' : ''}`).join(', ');
}

async function openFleet() {
    await page.goto(`${url.replace(/#.*/, '')}#/`);
    await page.waitForFunction((n) => document.querySelectorAll('table.vms tbody tr').length >= n, wanted, { timeout: 60_000 });
}

await story(async () => {
    await step('the fleet is listed', async () => {
        await openFleet();
        assert.match(await page.locator('h1').innerText(), /\w+.*\./, 'there is a sentence on the state of things');
        assert.ok((await page.locator('a.card').count()) >= 1, 'there is a host');
        return `${await rows().count()} VMs, "${await page.locator('h1').innerText()}"`;
    });

    await step('light and dark', async () => {
        await shot('fleet-light.png');
        assert.deepEqual(await faint(page), [], 'contrast, light');
        const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
        const light = await ground();
        await page.locator('button.theme').click(); // light, by choice
        await page.locator('button.theme').click(); // dark
        assert.notEqual(await ground(), light, 'dark has another ground');
        await page.reload();
        await rows().first().waitFor();
        assert.notEqual(await ground(), light, 'the choice was kept');
        await page.waitForTimeout(500);
        await shot('fleet-dark.png');
        assert.deepEqual(await faint(page), [], 'contrast, dark');
        await page.locator('button.theme').click(); // as the system has it
        assert.equal(await ground(), light);
    });

    await step('the table has its semantics', async () => {
        const sorted = page.locator('th[aria-sort=ascending]');
        assert.equal(await sorted.count(), 1);
        await page.locator('thead th.name button').click();
        assert.equal(await page.locator('thead th.name').getAttribute('aria-sort'), 'ascending');
        await page.locator('thead th.name button').click();
        assert.equal(await page.locator('thead th.name').getAttribute('aria-sort'), 'descending');
        await page.locator('thead th.name button').click();
        assert.equal(await page.locator('tbody a.row[tabindex="0"]').count(), 1, 'one row is in the tab order');
    });

    const name = await rows().first().locator('a.row').innerText();
    const total = await rows().count();

    await step('keys: filter, move, open, back', async () => {
        await page.locator('h1').click();
        await page.keyboard.press('/');
        assert.equal(await page.evaluate(() => document.activeElement?.id), 'filter');
        await page.keyboard.type('no-such-vm-anywhere');
        await page.waitForFunction(() => document.querySelectorAll('table.vms tbody tr').length === 0);
        await page.keyboard.press('Escape');
        await page.waitForFunction((n) => document.querySelectorAll('table.vms tbody tr').length === n, total);
        await page.keyboard.type(name);
        await page.keyboard.press('ArrowDown');
        assert.equal(await current(), name, 'down from the filter goes to the first match');
        await page.keyboard.press('/');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await page.keyboard.press('j');
        const first = await current();
        assert.notEqual(first, null, 'j enters the table');
        if (total > 1) {
            await page.keyboard.press('j');
            const second = await current();
            assert.notEqual(second, first, 'j moves on');
            await page.keyboard.press('ArrowUp');
            assert.equal(await current(), first, 'and the arrow back');
        }
        await page.keyboard.press('Enter');
        await page.locator('.pagehead').waitFor();
        await page.keyboard.press('Escape');
        await rows().first().waitFor();
        assert.equal(await current(), first, 'back on the row that was opened');
    });

    if (total >= 100) await step('quick with many', measure);

    await step("a VM's page", async () => {
        // A running one that has figures; the one most at risk when there is one.
        await page.locator('th.risk button').click();
        const running = rows().filter({ has: page.locator('.state.good') }).filter({ hasNot: page.locator('td.cpu .unknown') }).first().locator('a.row');
        const label = await running.innerText();
        await running.click();
        await page.locator('.pagehead h1').waitFor();
        assert.ok((await page.locator('.pagehead h1').innerText()).startsWith(label));
        const drawn = await chartsDrawn(['Memory', 'CPU']);
        assert.match(await page.locator('.copy code').innerText(), /^vm:/);
        await page.mouse.move(500, 400);
        await shot('vm.png');
        assert.deepEqual(await faint(page), [], 'contrast');
        return `${label}: ${drawn}`;
    });

    await step('the stretch of time', async () => {
        await page.getByRole('button', { name: '1 h', exact: true }).click();
        await page.locator('.ranges [aria-pressed=true]', { hasText: '1 h' }).waitFor();
        await chartsDrawn(['Memory']);
        await page.getByRole('button', { name: '15 min', exact: true }).click();
    });

    await step("a VM's page, dark", async () => {
        await page.emulateMedia({ colorScheme: 'dark' });
        await chartsDrawn(['Memory', 'CPU']);
        await shot('vm-dark.png');
        assert.deepEqual(await faint(page), [], 'contrast');
        await page.emulateMedia({ colorScheme: 'light' });
    });

    await step("a host's page", async () => {
        await page.goto(`${origin}/#/`);
        await page.locator('a.card').filter({ has: page.locator('.state.good') }).first().click();
        const drawn = await chartsDrawn(['CPU', 'Memory']);
        await shot('host.png');
        return drawn;
    });

    await step('alarms and events', async () => {
        await page.goto(`${origin}/#/alarms`);
        await page.getByRole('heading', { name: 'Rules', exact: true }).waitFor();
        await shot('alarms.png');
        await page.goto(`${origin}/#/events`);
        await page.locator('.pager').waitFor();
        await shot('events.png');
    });

    await step('narrow', async () => {
        await page.setViewportSize({ width: 360, height: 780 });
        for (const at of ['#/events', '#/alarms', '#/']) {
            await page.goto(`${origin}/${at}`);
            await page.locator('main h1').waitFor();
            await page.waitForTimeout(400);
            const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            assert.ok(over <= 0, `${at} is ${over} px too wide`);
        }
        await page.screenshot({ path: join(out, 'narrow.png') });
    });

    await step('a server that is away is told, and its return', async () => {
        await page.setViewportSize({ width: 1360, height: 900 });
        const before = faults.length;
        await page.route('**/api/**', (r) => r.abort());
        await page.route('**/auspex/**', (r) => r.abort());
        await page.locator('.trouble').waitFor({ timeout: 15_000 });
        assert.ok((await rows().count()) > 0, 'the last picture stays');
        await shot('away.png');
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        await page.locator('.trouble').waitFor({ state: 'detached', timeout: 15_000 });
        faults.length = before; // the refused requests were meant
    });

    await step('an unknown handle is told', async () => {
        await expectingRefusals(async () => {
            await page.goto(`${origin}/#/vm/vm:no-such-vm`);
            await page.getByText('Nothing to show').waitFor();
        });
        await page.goto('about:blank');
    });
});

/** What a person feels: the first list, a key in the filter, a sort, a step down, a live update. */
async function measure() {
    await page.reload();
    const timing = await page.evaluate(
        () =>
            new Promise((resolve) => {
                const look = () =>
                    document.querySelectorAll('table.vms tbody tr').length > 0 ? requestAnimationFrame(() => resolve(performance.now())) : requestAnimationFrame(look);
                look();
            }),
    );
    const frame = (act) =>
        page.evaluate(`(async () => {
            const paint = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
            await paint();
            const from = performance.now();
            ${act};
            await paint();
            await paint();
            return performance.now() - from;
        })()`);
    const input = (v) => `const f = document.getElementById('filter'); f.value = ${JSON.stringify(v)}; f.dispatchEvent(new Event('input', {bubbles: true}))`;
    const filter = await frame(input('web'));
    const clear = await frame(input(''));
    const sort = await frame("document.querySelector('th.memory button').click()");
    await page.locator('h1').click();
    const move = await frame("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))");
    const ms = (v) => `${Math.round(v)} ms`;
    assert.ok(filter < 500 && clear < 500 && sort < 500 && move < 300, `too slow: filter ${ms(filter)}, clear ${ms(clear)}, sort ${ms(sort)}, move ${ms(move)}`);
    return `listed ${ms(timing)} after the start of loading; filter ${ms(filter)}, clear ${ms(clear)}, sort ${ms(sort)}, move ${ms(move)}`;
}
