// SPDX-License-Identifier: Apache-2.0
// Where the server wants to know who asks: a token, or a user's name and password.

import { useEffect, useRef, useState } from 'preact/hooks';
import { signIn, signInAs, useSession } from '../session';

type Way = 'password' | 'token';

export function LoginPage() {
    const { users, why } = useSession();
    const [chosen, choose] = useState<Way | null>(null);
    const [error, setError] = useState('');
    const [busy, setBusy] = useState(false);
    const [attempt, setAttempt] = useState(0);
    const form = useRef<HTMLFormElement>(null);
    const way = users ? (chosen ?? 'password') : 'token';
    const said = error || why || '';

    // To the first field, and after a refusal to the one that has to be typed again.
    useEffect(() => {
        const fields = [...(form.current?.querySelectorAll('input') ?? [])];
        const field = attempt > 0 ? fields.at(-1) : fields[0];
        field?.focus();
        field?.select();
    }, [way, attempt]);

    async function submit(e: Event): Promise<void> {
        e.preventDefault();
        const value = (name: string) => (form.current?.elements.namedItem(name) as HTMLInputElement).value;
        if (busy) return;
        setBusy(true);
        setError('');
        try {
            if (way === 'token') await signIn(value('token').trim());
            else await signInAs(value('user').trim(), value('password'));
        } catch (cause) {
            setError((cause as Error).message);
            setAttempt((n) => n + 1);
            setBusy(false);
        }
    }

    return (
        <section class="panel login" aria-labelledby="sign-in">
            <h1 id="sign-in">Sign in</h1>
            {users && (
                <div class="ranges" role="group" aria-label="With">
                    <Choice way="password" now={way} onChoose={choose} text="Name and password" />
                    <Choice way="token" now={way} onChoose={choose} text="Token" />
                </div>
            )}
            <form ref={form} onSubmit={submit} autocomplete="on">
                {way === 'token' ? <TokenField invalid={error !== ''} /> : <UserFields invalid={error !== ''} />}
                <div role="alert" id="login-error">
                    {said && <p class="fault">Not signed in: {said}.</p>}
                </div>
                <button type="submit" class="primary" aria-disabled={busy}>
                    {busy ? 'Asking…' : 'Sign in'}
                </button>
            </form>
        </section>
    );
}

function Choice({ way, now, onChoose, text }: { way: Way; now: Way; onChoose: (way: Way) => void; text: string }) {
    return (
        <button type="button" aria-pressed={way === now} onClick={() => onChoose(way)}>
            {text}
        </button>
    );
}

function TokenField({ invalid }: { invalid: boolean }) {
    return (
        <>
            <label for="token">Token</label>
            <input id="token" name="token" type="password" required autocomplete="off" spellcheck={false} aria-invalid={invalid} aria-describedby="token-help login-error" />
            <p class="quiet" id="token-help">
                Who keeps the server makes one with <code>auspex admin token add --role reader --tenant NAME</code>. A token of Keystone's does, too, where the
                server asks Keystone. It is forgotten when this tab is closed.
            </p>
        </>
    );
}

function UserFields({ invalid }: { invalid: boolean }) {
    return (
        <>
            <label for="user">Name</label>
            <input id="user" name="user" required autocomplete="username" autocapitalize="none" spellcheck={false} />
            <label for="password">Password</label>
            <input id="password" name="password" type="password" required autocomplete="current-password" aria-invalid={invalid} aria-describedby="user-help login-error" />
            <p class="quiet" id="user-help">
                Who keeps the server makes users with <code>auspex admin user add</code>. You are signed out after twelve hours, or when this tab is closed.
            </p>
        </>
    );
}
