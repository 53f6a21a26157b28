// SPDX-License-Identifier: Apache-2.0
// Which page the address names: #/ (the fleet), #/vm/HANDLE, #/host/HANDLE, #/alarms, #/events.

export interface Route {
    page: string;
    handle: string;
}

export function route(): Route {
    const [, page = '', rest = ''] = /^#\/([^/]*)\/?(.*)$/.exec(location.hash) ?? [];
    let handle = rest;
    try {
        handle = decodeURIComponent(rest);
    } catch {
        // a stray % sign: take it as it is
    }
    return { page, handle };
}

let now = route();
let before: string | null = null;

addEventListener('hashchange', () => {
    before = now.page;
    now = route();
});

/** The page that was shown before this one; null at first. */
export const previousPage = () => before;

/** To where one came from, or to the fleet when the address was opened directly. */
export function goBack(): void {
    if (before === null) location.hash = '#/';
    else history.back();
}
