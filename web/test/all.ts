// SPDX-License-Identifier: Apache-2.0
// What session.mjs looks at, as one bundle.
export * as alarms from '../src/alarms';
export * as api from '../src/api';
export * as session from '../src/session';
