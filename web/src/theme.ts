// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the system has it; kept in this browser.

import { useEffect, useState } from 'preact/hooks';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'auspex-theme';
const dark = matchMedia('(prefers-color-scheme: dark)');
const watchers = new Set<() => void>();

function stored(): Theme {
    try {
        const v = localStorage.getItem(KEY);
        return v === 'light' || v === 'dark' ? v : 'auto';
    } catch {
        return 'auto'; // storage is off in this browser
    }
}

let theme = stored();

function apply(): void {
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    for (const watcher of watchers) watcher();
}

export function setTheme(next: Theme): void {
    theme = next;
    try {
        localStorage.setItem(KEY, next);
    } catch {
        // not kept, still applied
    }
    apply();
}

export const currentTheme = () => theme;

/** What is on the screen: "light" or "dark"; the caller renders again when it changes. */
export function useShade(): 'light' | 'dark' {
    const shade = () => (theme === 'auto' ? (dark.matches ? 'dark' : 'light') : theme);
    const [value, set] = useState(shade());
    useEffect(() => {
        const update = () => set(shade());
        watchers.add(update);
        return () => void watchers.delete(update);
    }, []);
    return value;
}

/** A colour of the style sheet as the canvas needs it: resolved. */
export function cssColor(variable: string): string {
    const probe = document.createElement('span');
    probe.style.color = `var(${variable})`;
    document.body.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
}

dark.addEventListener('change', apply);
apply();
