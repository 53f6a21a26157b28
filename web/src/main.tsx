// SPDX-License-Identifier: Apache-2.0
// The frame around every page: which page, the keys that work everywhere, how fresh the picture is.

import 'uplot/dist/uPlot.min.css';
import './app.css';
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { duration } from './format';
import { useLink, useNow } from './live';
import { AlarmsPage } from './pages/alarms';
import { EventsPage } from './pages/events';
import { FleetPage } from './pages/fleet';
import { HostPage } from './pages/host';
import { LoginPage } from './pages/login';
import { VmPage } from './pages/vm';
import { Loading } from './parts/bits';
import { Who } from './parts/who';
import { goBack, route, type Route } from './router';
import { look, useSession } from './session';
import { currentTheme, setTheme, type Theme } from './theme';

const TITLES: Record<string, string> = { '': 'Fleet', alarms: 'Alarms', events: 'Events', vm: 'VM', host: 'Host' };

function Page({ page, handle }: Route) {
    switch (page) {
        case '':
            return <FleetPage />;
        case 'vm':
            return <VmPage key={handle} handle={handle} />;
        case 'host':
            return <HostPage key={handle} handle={handle} />;
        case 'alarms':
            return <AlarmsPage />;
        case 'events':
            return <EventsPage />;
        default:
            return (
                <p class="quiet">
                    There is no such page. <a href="#/">Back to the fleet</a>
                </p>
            );
    }
}

function App() {
    const [at, setAt] = useState(route());
    const main = useRef<HTMLElement>(null);
    const { state, turn } = useSession();
    const out = state === 'out';

    useEffect(() => {
        const follow = () => {
            setAt(route());
            scrollTo(0, 0);
            main.current?.focus({ preventScroll: true });
        };
        addEventListener('hashchange', follow);
        return () => removeEventListener('hashchange', follow);
    }, []);
    useEffect(() => {
        document.title = `${out ? 'Sign in' : (TITLES[at.page] ?? 'Auspex')} · Auspex`;
    }, [at, out]);
    useEffect(() => void look(), []);
    const wasOut = useRef(false);
    useEffect(() => {
        if (wasOut.current && !out) main.current?.focus({ preventScroll: true }); // the field that had it is gone
        wasOut.current = out;
    }, [out]);
    useEffect(() => {
        const onKey = (e: KeyboardEvent) => {
            if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
            if ((e.target as HTMLElement).matches('input, textarea, select')) return;
            if (e.key === '/') {
                const filter = document.getElementById('filter');
                if (!filter) return;
                filter.focus();
                e.preventDefault();
            } else if (e.key === 'Escape' && at.page !== '') goBack();
        };
        document.addEventListener('keydown', onKey);
        return () => document.removeEventListener('keydown', onKey);
    }, [at]);

    return (
        <>
            <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
                Skip to the content
            </a>
            <Bar page={at.page} out={out} />
            {!out && <Trouble />}
            <main id="main" ref={main} tabIndex={-1}>
                {out ? <LoginPage /> : state === 'unknown' ? <Loading error={null} /> : <Page key={turn} {...at} />}
            </main>
            <footer>
                {!out && (
                    <p>
                        Keys: <kbd>/</kbd> filter, <kbd>j</kbd> <kbd>k</kbd> or arrows move, <kbd>Enter</kbd> opens, <kbd>Esc</kbd> back.
                    </p>
                )}
                {state === 'open' && ( // a link cannot show a token
                    <p>
                        The server's own <a href="metrics">metrics</a>
                    </p>
                )}
            </footer>
        </>
    );
}

function Bar({ page, out }: { page: string; out: boolean }) {
    const link = (to: string, name: string, pages: string[]) => (
        <a href={to} aria-current={pages.includes(page) ? 'page' : undefined}>
            {name}
        </a>
    );
    return (
        <header class="bar">
            <a class="brand" href="#/">
                <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
                    <rect width="32" height="32" rx="7" fill="#12424a" />
                    <path d="M4 21c5 0 7-9 12-9s4 4 6 4 3-2 6-6" fill="none" stroke="#f4f1e8" stroke-width="2.6" stroke-linecap="round" />
                    <path d="M22 16l7-9v14z" fill="#f0a63a" opacity=".85" />
                </svg>
                Auspex
            </a>
            {out ? (
                <span class="space" />
            ) : (
                <>
                    <nav aria-label="Pages">
                        {link('#/', 'Fleet', ['', 'vm', 'host'])}
                        {link('#/alarms', 'Alarms', ['alarms'])}
                        {link('#/events', 'Events', ['events'])}
                    </nav>
                    <Who />
                    <Freshness />
                </>
            )}
            <ThemeButton />
        </header>
    );
}

function Freshness() {
    const { updated, failure } = useLink();
    const now = useNow();
    if (updated === null) return <span class="fresh">{failure ? 'no answer' : 'reading…'}</span>;
    const age = Math.max(0, (now - updated) / 1000);
    return <span class={`fresh ${failure || age > 15 ? 'old' : ''}`}>updated {duration(age)} ago</span>;
}

function Trouble() {
    const { updated, failure } = useLink();
    return (
        <div role="alert">
            {failure && (
                <p class="trouble">
                    <b>The picture is not live:</b> {failure}. {updated === null ? 'Nothing has been read yet.' : 'What you see is the last that was read.'}{' '}
                    Trying again every five seconds.
                </p>
            )}
        </div>
    );
}

const NEXT: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const SYMBOL: Record<Theme, string> = { auto: '◐', light: '☀', dark: '☾' };

function ThemeButton() {
    const [theme, set] = useState(currentTheme());
    const turn = () => {
        setTheme(NEXT[theme]);
        set(NEXT[theme]);
    };
    return (
        <button type="button" class="theme" onClick={turn} title={`Colours: ${theme}. Click for ${NEXT[theme]}.`} aria-label={`Colours: ${theme}`}>
            {SYMBOL[theme]}
        </button>
    );
}

render(<App />, document.getElementById('app')!);
