// SPDX-License-Identifier: Apache-2.0
// Bars: a VM's memory with all its truths in one strip, and plain shares.

import { isStale, type Memory } from '../fleet';
import { bytes, duration, percent } from '../format';
import { Unknown } from './bits';

const share = (part: number, whole: number) => `${Math.min(100, Math.max(0, (part / whole) * 100)).toFixed(1)}%`;

/**
 * The strip is what the VM is assigned; filled is what the guest uses by its own account (hatched when
 * unknown); the tick is what the VM's process holds of the host's memory, which may lie beyond.
 */
export function MemoryBar({ memory, why }: { memory: Memory; why: string }) {
    const { assigned, used, resident } = memory;
    if (assigned === null && used === null && resident === null) return <Unknown why={why} />;
    const whole = Math.max(assigned ?? 0, resident ?? 0, used ?? 0) || 1;
    const base = assigned ?? whole;
    return (
        <div class="memory">
            <div class="strip" aria-hidden="true">
                <div class="room" style={{ width: share(base, whole) }}>
                    {used === null ? <div class="hatched" /> : <div class={`fill ${level(used / base)}`} style={{ width: share(used, base) }} />}
                </div>
                {resident !== null && <div class="tick" style={{ left: share(resident, whole) }} />}
            </div>
            <div class="figures">
                <span title="What the guest uses by its own account, out of what it is assigned">
                    {used === null ? <Unknown why={why} /> : bytes(used)} / {assigned === null ? <Unknown /> : bytes(assigned)}
                    {used !== null && isStale(memory) && <b class="stale"> {duration(memory.age ?? 0)} old</b>}
                </span>
                <span class="resident" title="What the VM's process holds of the host's memory">
                    host {resident === null ? <Unknown why="The process of this VM could not be read on its host." /> : bytes(resident)}
                </span>
            </div>
        </div>
    );
}

export function Share({ value, label }: { value: number | null; label?: string }) {
    return (
        <div class="share">
            <div class="strip" aria-hidden="true">
                {value === null ? <div class="hatched" /> : <div class={`fill ${level(value)}`} style={{ width: share(value, 1) }} />}
            </div>
            <span>{value === null ? <Unknown /> : (label ?? percent(value))}</span>
        </div>
    );
}

const level = (v: number) => (v >= 0.95 ? 'bad' : v >= 0.85 ? 'warn' : '');
