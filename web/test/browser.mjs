// SPDX-License-Identifier: Apache-2.0
// A headless Chromium that notes every fault: errors and warnings in the console, exceptions, requests to
// another host, answers of 400 and above. Steps are told as TAP.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export async function open(url, out) {
    const origin = new URL(url).origin;
    const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
    mkdirSync(out, { recursive: true });
    const browser = await chromium.launch({
        executablePath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: 'light' });
    const page = await context.newPage();
    const faults = [];
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && faults.push(`console: ${m.text()}`));
    page.on('pageerror', (e) => faults.push(`exception: ${e.message}`));
    page.on('request', (r) => {
        const to = r.url();
        if (!to.startsWith(origin) && !to.startsWith('data:')) faults.push(`request to another host: ${to}`);
    });
    page.on('response', (r) => r.status() >= 400 && faults.push(`${r.status()} for ${r.url()}`));
    const shot = (name) => page.screenshot({ path: join(out, name) });
    return { browser, context, page, faults, origin, shot, ...stepper(browser, faults, shot) };
}

function stepper(browser, faults, shot) {
    const steps = [];
    async function step(name, run) {
        const from = performance.now();
        const note = await run();
        steps.push(name);
        console.log(`ok ${steps.length} - ${name} (${Math.round(performance.now() - from)} ms)${note ? `: ${note}` : ''}`);
    }
    /** Runs all of it, tells how it ended, and closes the browser. */
    async function story(tell) {
        try {
            await tell();
            assert.deepEqual(faults, [], 'no error in the console, no failed request, no other host');
            console.log(`1..${steps.length}`);
        } catch (error) {
            console.log(`not ok ${steps.length + 1} - ${error.message}`);
            for (const fault of faults) console.log(`# ${fault}`);
            await shot('failed.png').catch(() => {});
            process.exitCode = 1;
        } finally {
            await browser.close();
        }
    }
    /** What happens meanwhile and is refused was meant to be. */
    async function expectingRefusals(run) {
        const before = faults.length;
        await run();
        faults.length = before;
    }
    return { step, story, expectingRefusals };
}

/** What can be pressed or filled in, and has no name for who hears it. */
export const nameless = (page) =>
    page.evaluate(() => {
        const name = (e) => e.getAttribute('aria-label') || [...(e.labels ?? [])].map((l) => l.textContent).join('') || e.textContent || e.title;
        return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')].filter((e) => !name(e).trim()).map((e) => e.outerHTML.slice(0, 100));
    });

/** Texts whose contrast with what lies behind them is below WCAG's AA (4.5, large ones 3). */
export const faint = (page) =>
    page.evaluate(() => {
        const pen = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
        const rgba = (css) => {
            pen.clearRect(0, 0, 1, 1);
            pen.fillStyle = css;
            pen.fillRect(0, 0, 1, 1);
            return [...pen.getImageData(0, 0, 1, 1).data];
        };
        const light = ([r, g, b]) => {
            const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
            return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const ground = (e) => {
            for (; e; e = e.parentElement) {
                const c = rgba(getComputedStyle(e).backgroundColor);
                if (c[3] > 250) return c;
            }
            return [255, 255, 255, 255];
        };
        const found = new Map();
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            const e = walk.currentNode.parentElement;
            if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('[aria-hidden=true], :disabled')) continue;
            const style = getComputedStyle(e);
            const [a, b] = [light(rgba(style.color)), light(ground(e))].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (b + 0.05);
            const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
            if (ratio < (large ? 3 : 4.5)) found.set(`${e.tagName.toLowerCase()}.${e.className}`, `${ratio.toFixed(2)} "${walk.currentNode.data.trim().slice(0, 30)}"`);
        }
        return [...found].map(([where, what]) => `${where} ${what}`);
    });
