// SPDX-License-Identifier: Apache-2.0
// Looks into a VM from its page, by keyboard alone: consents as its owner, looks, revokes.
//
//   node test/inside.mjs URL OUTDIR     VM: the handle of a VM that nobody may look into yet
import assert from 'node:assert/strict';
import { open } from './browser.mjs';

const [url, out] = process.argv.slice(2);
const { page, context, step, story } = await open(url, out);
const panel = page.getByRole('region', { name: 'What the hypervisor sees' });
const press = (target) => target.focus().then(() => page.keyboard.press('Enter'));

async function shots(name) {
    await page.setViewportSize({ width: 1360, height: 2400 }); // the bar on top does not lie over it then
    await panel.scrollIntoViewIfNeeded();
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        await panel.screenshot({ path: `${out}/${name}-${colorScheme}.png` });
    }
    await page.emulateMedia({ colorScheme: 'light' });
}

await story(async () => {
    await step('without consent there is nothing, and it says who could allow it', async () => {
        await page.goto(`${url}/#/vm/${process.env.VM}`);
        await panel.getByText('Nothing: nobody looks into its memory').waitFor();
        assert.equal(await panel.getByRole('button', { name: 'Look now' }).count(), 0);
        await shots('closed');
    });
    await step('the owner consents', async () => {
        await press(panel.getByText('Consent, as its owner'));
        await panel.getByLabel('How far').first().selectOption('diagnosis');
        await press(panel.getByRole('button', { name: 'Consent', exact: true }));
        await panel.getByText('Up to diagnosis, by a consent').waitFor();
        assert.match(await panel.getByRole('status').innerText(), /Consented/);
    });
    await step('what is seen is shown', async () => {
        await panel.getByText('Seen from outside, it runs').waitFor({ timeout: 30000 });
        await panel.getByLabel('Reason').fill('ticket 4711');
        await page.keyboard.press('Enter');
        await panel.getByRole('region', { name: 'Last messages of its kernel' }).waitFor({ timeout: 20000 });
        assert.match(await panel.innerText(), /Kernel \d+\.\d+.*running/);
        await panel.getByText('Who has looked').waitFor({ timeout: 15000 });
        await press(panel.getByText('Who has looked'));
        await shots('open');
    });
    await step('and no more when the consent is revoked', async () => {
        await press(panel.getByRole('button', { name: 'revoke the consent' }));
        await panel.getByText('Nothing: nobody looks into its memory').waitFor();
    });
    await context.close();
});
