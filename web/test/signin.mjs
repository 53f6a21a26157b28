// SPDX-License-Identifier: Apache-2.0
// Signs in to a server that asks who comes, every way there is, and looks at its alarms:
//
//   node test/signin.mjs URL OUTDIR
//
// In the environment: TOKEN (a provider's, whose tenant has the VM VM_UUID, an alarm of the definition
// DEFINITION, which is not in ALARM, and 1,000 more alarms), AGENT (a token that sees nothing), READER, NAME and PASSWORD
// (a member of that tenant), OTHER (another tenant, with a VM named as it).
import assert from 'node:assert/strict';
import { faint, nameless, open } from './browser.mjs';

const [url, out] = process.argv.slice(2);
const { TOKEN, AGENT, READER, NAME, PASSWORD, OTHER, DEFINITION, VM_UUID } = process.env;
const { page, context, origin, shot, step, story, expectingRefusals, faults } = await open(url, out);

const button = (name) => page.getByRole('button', { name, exact: true });
/** The focus follows what is drawn a moment later. */
const focusOn = (id) => page.waitForFunction((wanted) => document.activeElement?.id === wanted, id, { timeout: 5000 });
const stored = () => page.evaluate(() => ({ session: { ...sessionStorage }, local: { ...localStorage }, cookie: document.cookie }));
const alertText = () => page.locator('#login-error').innerText();
const atLogin = () => page.getByRole('heading', { name: 'Sign in' }).waitFor();
const signedIn = () => page.locator('.who').waitFor();

async function typeToken(token) {
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.keyboard.press('Enter');
}

async function typePassword(password) {
    await page.getByLabel('Name', { exact: true }).fill(NAME);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.keyboard.press('Enter');
}

async function refusedWith(pattern, field) {
    await page.locator('#login-error .fault').filter({ hasText: pattern }).waitFor();
    await focusOn(field); // the field has the focus again
    assert.equal(await page.locator(`#${field}`).getAttribute('aria-invalid'), 'true');
    const kept = await stored();
    assert.deepEqual([kept.session, kept.cookie], [{}, ''], 'nothing is kept of what was wrong');
}

const sent = [];
page.on('request', (r) => sent.push(r));
const asked = () => sent.map((r) => new URL(r.url()).pathname).filter((p) => /^\/(api|auspex|v2.0)\//.test(p));

async function post(value) {
    const metric = { name: 'demo.load', dimensions: { resource_id: VM_UUID, service: 'shop' }, value, timestamp: Date.now() };
    const answer = await fetch(`${origin}/v2.0/metrics`, { method: 'POST', body: JSON.stringify(metric), headers: { 'X-Auth-Token': AGENT, 'Content-Type': 'application/json' } });
    assert.equal(answer.status, 204, await answer.text());
}

await story(async () => {
    await step('who is not known is asked', async () => {
        await page.goto(`${origin}/#/alarms`);
        await atLogin();
        assert.deepEqual([...new Set(asked())], ['/auspex/v1/whoami'], 'nothing else is asked for');
        await focusOn('user');
        assert.equal(await page.getByRole('navigation').count(), 0);
        assert.deepEqual(await faint(page), [], 'contrast');
        await shot('login.png');
        await button('Token').click();
        await focusOn('token');
        assert.equal(await page.locator('#token').getAttribute('type'), 'password');
        await shot('login-token.png');
    });

    await step('a wrong token, one that sees nothing', async () => {
        await typeToken('axt_wrong');
        await refusedWith(/not valid/, 'token');
        await shot('login-refused.png');
        assert.deepEqual(await faint(page), [], 'contrast');
        await typeToken(AGENT);
        await refusedWith(/sees nothing/, 'token');
    });

    await step('a right token', async () => {
        await typeToken(TOKEN);
        await signedIn();
        await focusOn('main'); // keys and readers go on there
        assert.match(await page.locator('.who').innerText(), /provider/);
        await page.getByRole('heading', { name: 'Definitions', exact: true }).waitFor();
        assert.ok(page.url().endsWith('#/alarms'), 'where one wanted to go');
        const kept = await stored();
        assert.equal(kept.session['auspex.token'], TOKEN);
        assert.ok(!JSON.stringify([kept.local, kept.cookie]).includes('axt_'), 'in no other place');
        await page.reload();
        await signedIn();
        const other = await context.newPage();
        await other.goto(`${origin}/`);
        await other.getByRole('heading', { name: 'Sign in' }).waitFor();
        await other.close();
    });

    await step('alarms of definitions, page by page', async () => {
        await page.locator('.defined > li').first().waitFor();
        const at = async (act) => {
            const first = await page.locator('.defined > li').first().innerText();
            const from = performance.now();
            await act();
            await page.waitForFunction((text) => document.querySelector('.defined > li')?.innerText !== text, first);
            return performance.now() - from;
        };
        assert.equal(await page.locator('.defined > li').count(), 50);
        await page.waitForFunction(() => document.querySelectorAll('.defined .reason').length >= 50, undefined, { timeout: 20_000 });
        await shot('alarms-many.png');
        const all = await page.locator('#defined-alarms').innerText();
        const next = await at(() => page.getByRole('navigation', { name: 'Pages of alarms' }).getByRole('button', { name: 'Next' }).click());
        const filter = await at(() => page.getByLabel('Severity').selectOption('CRITICAL'));
        await page.waitForFunction(() => document.querySelectorAll('.defined > li').length === 1);
        assert.match(await page.locator('.defined > li').innerText(), new RegExp(DEFINITION));
        assert.ok(next < 3000 && filter < 3000, `too slow: ${next}, ${filter}`);
        return `${all}; next page after ${Math.round(next)} ms, filter ${Math.round(filter)} ms`;
    });

    await step('an alarm goes to ALARM', async () => {
        const alarm = page.locator('.defined > li').filter({ hasText: DEFINITION });
        assert.match(await alarm.innerText(), /UNDETERMINED|OK/);
        await post(99);
        await alarm.locator('.badge', { hasText: 'ALARM' }).waitFor({ timeout: 15_000 });
        assert.equal(await alarm.locator('.badge i').innerText(), '▲', 'the state has a shape, too');
        await alarm.locator('.reason', { hasText: 'demo.load' }).waitFor({ timeout: 15_000 });
        assert.match(await page.locator('h1').innerText(), /alarm.* firing/);
        await alarm.getByRole('button', { name: /History/ }).click();
        await alarm.locator('.history li').first().waitFor();
        assert.match(await alarm.locator('.history li').first().innerText(), /ALARM[^]*after (UNDETERMINED|OK)/);
        await shot('alarms-history.png');
        await page.getByLabel('State').selectOption('ALARM');
        await alarm.waitFor();
        const definition = page.locator('.rules > li').filter({ hasText: DEFINITION });
        assert.match(await definition.innerText(), /CRITICAL[^]*demo.load[^]*At ALARM tells[^]*ops \(WEBHOOK\)/);
        await shot('alarms-defined.png');
        assert.deepEqual(await faint(page), [], 'contrast, light');
        await page.emulateMedia({ colorScheme: 'dark' });
        await shot('alarms-defined-dark.png');
        assert.deepEqual(await faint(page), [], 'contrast, dark');
        await page.emulateMedia({ colorScheme: 'light' });
        await page.goto(`${origin}/#/`);
        await page.locator('[aria-labelledby=firing]').getByText('335 alarms of definitions').waitFor();
        assert.match(await page.locator('h1').innerText(), /335 alarms are firing/);
        await page.goto(`${origin}/#/alarms`);
        await page.getByLabel('Severity').selectOption('CRITICAL');
        const link = alarm.getByRole('link');
        assert.equal(await link.getAttribute('href'), `#/vm/vm:${VM_UUID}`, 'what it is about');
    });

    const heading = (name) => page.getByRole('heading', { name: new RegExp(`^${name}`) });
    const panel = (name) => page.getByRole('region', { name: new RegExp(`^${name}`) });
    const status = (name, pattern) => panel(name).getByRole('status').filter({ hasText: pattern }).waitFor();
    const server = async (path) => (await fetch(`${origin}/${path}`, { headers: { 'X-Auth-Token': TOKEN } })).json();
    const type = (text) => page.keyboard.type(text);
    const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

    await step('an incident', async () => {
        const incident = panel('Incidents').locator('li').filter({ has: page.getByRole('link', { name: 'shop1', exact: true }) });
        await incident.waitFor({ timeout: 15_000 });
        await incident.getByText('1 alarm').focus();
        await press('Enter');
        await incident.getByText(DEFINITION).waitFor();
    });

    await step('a silence, by keys alone', async () => {
        await panel('Silences').getByText('Nothing is silenced').waitFor();
        await panel('Silences').getByText('New silence').focus();
        await press('Enter', 'Tab');
        await type('alertname=');
        await press('Tab', 'ArrowDown', 'Tab'); // how long: one more than the usual
        await type('it is <b>known</b>');
        await expectingRefusals(async () => {
            await press('Enter');
            await panel('Silences').getByRole('alert').filter({ hasText: /Not done:/ }).waitFor(); // it matches all, the server says
            await page.waitForTimeout(200);
        });
        assert.equal(await page.evaluate(() => document.activeElement.value), 'alertname=', 'the field has the focus');
        await press('End');
        await type('"queue long", queue=~"q0.*"');
        await press('Enter');
        await status('Silences', /Silenced: alertname="queue long", queue=~"q0\.\*"/);
        await panel('Silences').getByText('it is <b>known</b>').waitFor();
        assert.equal(await panel('Silences').getByLabel('For').inputValue(), '7200', 'as it was before');
        assert.equal(await panel('Silences').getByLabel('Why').inputValue(), '');
        const [made] = await server('api/v2/silences');
        assert.deepEqual(made.matchers.map((m) => [m.name, m.value, m.isEqual, m.isRegex]), [['alertname', 'queue long', true, false], ['queue', 'q0.*', true, true]]);
        assert.equal(Math.round((Date.parse(made.endsAt) - Date.now()) / 3_600_000), 8);
        assert.match(made.createdBy, /./);
    });

    await step('maintenance', async () => {
        await panel('Maintenance').getByText('New maintenance').click();
        await panel('Maintenance').getByLabel('Host or VM').fill('nobody');
        await panel('Maintenance').getByRole('button', { name: 'Begin' }).click();
        await panel('Maintenance').getByRole('alert').filter({ hasText: /no host or VM "nobody"/ }).waitFor();
        await panel('Maintenance').getByLabel('Host or VM').fill('shop1');
        await panel('Maintenance').getByLabel('Why').fill('new disk');
        await panel('Maintenance').getByRole('button', { name: 'Begin' }).click();
        await status('Maintenance', /In maintenance: shop1/);
        const { maintenance } = await server('auspex/v1/maintenance');
        assert.deepEqual(maintenance.map((m) => [m.resource, m.state, m.comment]), [[`vm:${VM_UUID}`, 'active', 'new disk']]);
        assert.equal(await panel('Maintenance').getByRole('link', { name: 'shop1' }).getAttribute('href'), `#/vm/vm:${VM_UUID}`);
        await heading('Silences').scrollIntoViewIfNeeded();
        await shot('held.png');
        assert.deepEqual(await faint(page), [], 'contrast, light');
        await page.emulateMedia({ colorScheme: 'dark' });
        await shot('held-dark.png');
        assert.deepEqual(await faint(page), [], 'contrast, dark');
        await page.emulateMedia({ colorScheme: 'light' });
        assert.deepEqual(await nameless(page), [], 'what readers of the screen would find without a name');
    });

    await step('both end', async () => {
        for (const [name, what] of [['Silences', /^End the silence of alertname="queue long"/], ['Maintenance', /^End the maintenance of shop1/]]) {
            await page.getByRole('button', { name: what }).focus();
            await press('Enter');
            await status(name, /^Ended:/);
            await panel(name).locator('.holds > li').waitFor({ state: 'detached' });
            await focusOn(name.toLowerCase()); // not lost with the button
        }
        assert.equal((await server('api/v2/silences'))[0].status.state, 'expired');
        await panel('Silences').getByText('1 silence ended within').waitFor();
        assert.deepEqual((await server('auspex/v1/maintenance')).maintenance, []);
    });

    await step('narrow', async () => {
        await page.setViewportSize({ width: 360, height: 780 });
        await page.waitForTimeout(400);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${over} px too wide`);
        await shot('alarms-narrow.png');
        await page.setViewportSize({ width: 1360, height: 900 });
    });

    await step("another tenant's things", async () => {
        await page.goto(`${origin}/#/`);
        await page.locator('table.vms').getByText('shop1').waitFor();
        const tenant = page.getByLabel('Tenant');
        await tenant.fill('no|tenant');
        await tenant.press('Enter');
        await page.locator('#tenant-fault .fault').waitFor();
        await tenant.fill(OTHER);
        await tenant.press('Enter');
        await page.locator('table.vms').getByText(OTHER).waitFor();
        assert.equal(await page.locator('table.vms').getByText('shop1').count(), 0, 'nothing of before is left');
        await focusOn('tenant'); // the focus stays
        await shot('tenant.png');
        await page.getByLabel('Tenant').fill('');
        await page.getByLabel('Tenant').press('Enter');
        await page.locator('table.vms').getByText('shop1').waitFor();
    });

    await step('who may only read has nothing to press', async () => {
        await button('Sign out').click();
        await button('Token').click();
        await typeToken(READER);
        await signedIn();
        await page.goto(`${origin}/#/alarms`);
        await panel('Silences').getByText('Nothing is silenced').waitFor();
        assert.equal(await page.getByText(/New silence|New maintenance/).count(), 0);
    });

    await step('signing out', async () => {
        await button('Sign out').click();
        await atLogin();
        assert.deepEqual((await stored()).session, {});
        assert.equal(await page.locator('.who').count(), 0);
        assert.equal(await page.getByText('shop1').count(), 0);
        await focusOn('user');
    });

    await step('a wrong password, a right one, and the end of its login', async () => {
        await expectingRefusals(async () => {
            await typePassword('not the password');
            await refusedWith(/password is wrong/, 'password');
            await page.waitForTimeout(200); // the console tells a refusal a moment later
        });
        await typePassword(PASSWORD);
        await signedIn();
        assert.match(await page.locator('.who').innerText(), new RegExp(`${NAME}\\s+member`));
        assert.equal(await page.getByLabel('Tenant').count(), 0, 'a member has no choice');
        const token = (await stored()).session['auspex.token'];
        await button('Sign out').click();
        await atLogin();
        const known = async () => (await (await fetch(`${origin}/auspex/v1/whoami`, { headers: { Authorization: `Bearer ${token}` } })).json()).who;
        for (let i = 0; i < 50 && (await known()); i++) await page.waitForTimeout(100);
        assert.equal(await known(), null, 'the login has ended on the server, too');
    });

    await step('a token that ends meanwhile', async () => {
        await typePassword(PASSWORD);
        await signedIn();
        const token = (await stored()).session['auspex.token'];
        await expectingRefusals(async () => {
            await fetch(`${origin}/auspex/v1/logout`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
            await atLogin();
            assert.match(await alertText(), /not valid/);
            assert.deepEqual((await stored()).session, {}, 'it is dropped');
            await page.waitForTimeout(200);
        });
    });

    await step('no secret in an address', async () => {
        for (const r of sent)
            for (const secret of [TOKEN, AGENT, PASSWORD]) assert.ok(!r.url().includes(secret), r.url());
        await page.goto('about:blank');
        return `${sent.length} requests`;
    });
    assert.equal(faults.length, 0);
});
