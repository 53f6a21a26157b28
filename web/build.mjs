// SPDX-License-Identifier: Apache-2.0
// Bundles the dashboard: node build.mjs OUT [--dev]. OUT gets index.html, app.js, app.css, favicon.svg, and
// each of them compressed beside it.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const source = join(dirname(fileURLToPath(import.meta.url)), 'src');
const out = resolve(process.argv[2] ?? 'dist');
const dev = process.argv.includes('--dev');

await mkdir(out, { recursive: true });
await build({
    entryPoints: { app: join(source, 'main.tsx') },
    bundle: true,
    minify: !dev,
    sourcemap: dev ? 'inline' : false,
    format: 'iife',
    target: ['es2022'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'eof',
    outdir: out,
    logLevel: 'warning',
});
for (const name of ['index.html', 'favicon.svg'])
    await copyFile(join(source, name), join(out, name));
for (const name of ['index.html', 'app.js', 'app.css', 'favicon.svg'])
    await writeFile(join(out, `${name}.gz`), gzipSync(await readFile(join(out, name)), { level: 9 }));
