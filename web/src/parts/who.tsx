// SPDX-License-Identifier: Apache-2.0
// Who is signed in, whose things are shown, and the way out.

import { useEffect, useState } from 'preact/hooks';
import { chooseTenant, hasToken, isTenant, signOut, useSession } from '../session';

export function Who() {
    const { who, tenant } = useSession();
    if (!who) return null;
    return (
        <div class="who" role="group" aria-label="Signed in">
            <span class="name">
                <b>{who.name || 'a token'}</b> <span class="quiet">{who.roles.join(', ')}</span>
            </span>
            {who.may.includes('other_tenant') ? <TenantChoice tenant={tenant} own={who.tenant} /> : <span class="quiet">of {tenant}</span>}
            {hasToken() && (
                <button type="button" onClick={() => void signOut()}>
                    Sign out
                </button>
            )}
        </div>
    );
}

function TenantChoice({ tenant, own }: { tenant: string; own: string }) {
    const [name, setName] = useState(tenant);
    const [wrong, setWrong] = useState(false);
    useEffect(() => setName(tenant), [tenant]);
    function submit(e: Event): void {
        e.preventDefault();
        const wanted = name.trim() || own;
        setWrong(!isTenant(wanted));
        if (!isTenant(wanted)) return;
        setName(wanted);
        chooseTenant(wanted);
    }
    return (
        <form class="tenant" onSubmit={submit}>
            <label for="tenant">Tenant</label>
            <input
                id="tenant"
                value={name}
                aria-invalid={wrong}
                aria-describedby="tenant-fault"
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                title={`Whose things are shown: a tenant's name and Enter. Empty: ${own}, your own.`}
                onInput={(e) => setName(e.currentTarget.value)}
            />
            <span role="alert" id="tenant-fault">
                {wrong && <span class="fault">no tenant's name: letters, digits and . _ @ -</span>}
            </span>
        </form>
    );
}
