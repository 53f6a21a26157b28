// SPDX-License-Identifier: Apache-2.0
// A time chart: uPlot with our colours, a legend that is a list, gaps that stay gaps, and a forecast's
// band drawn forward from now to the times at which the level reaches zero.

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { clock } from './format';
import { cssColor, useShade } from './theme';

export interface Line {
    label: string;
    color: string; // a variable of the style sheet
    dash?: number[];
    fill?: boolean;
    hint?: string; // what the figure is and where it comes from
}

/** Times in seconds since the epoch. A high of null means "not within sight". */
export interface Band {
    from: number;
    level: number;
    low: number;
    middle: number | null;
    high: number | null;
    color: string;
}

export interface ChartProps {
    title: string;
    lines: Line[];
    times: number[];
    values: (number | null)[][]; // one array per line
    span: [number, number];
    format: (v: number | null) => string;
    ceiling?: number | null; // the axis reaches at least here
    band?: Band | null;
    unit?: 'bytes' | 'plain';
    empty?: string;
}

const HEIGHT = 190;
const BINARY = Array.from({ length: 60 }, (_, i) => 2 ** i);

function last(values: (number | null)[] | undefined): number | null {
    for (let i = (values?.length ?? 0) - 1; i >= 0; i--) if (values![i] !== null) return values![i]!;
    return null;
}

function paintBand(u: uPlot, band: Band): void {
    const { ctx } = u;
    const x = (t: number) => u.valToPos(t, 'x', true);
    const y = (v: number) => u.valToPos(v, 'y', true);
    const edge = u.scales['x']!.max!;
    const color = cssColor(band.color);
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    ctx.beginPath();
    ctx.moveTo(x(band.from), y(band.level));
    ctx.lineTo(x(band.low), y(0));
    if (band.high === null) {
        ctx.lineTo(x(edge), y(0));
        ctx.lineTo(x(edge), y(band.level));
    } else ctx.lineTo(x(band.high), y(0));
    ctx.closePath();
    ctx.globalAlpha = 0.22;
    ctx.fillStyle = color;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.strokeStyle = color;
    if (band.middle !== null) {
        ctx.beginPath();
        ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.lineWidth = 1.75 * devicePixelRatio;
        ctx.moveTo(x(band.from), y(band.level));
        ctx.lineTo(x(band.middle), y(0));
        ctx.stroke();
    }
    ctx.restore();
}

function paintNow(u: uPlot, now: number, color: string): void {
    const { ctx } = u;
    const x = Math.round(u.valToPos(now, 'x', true));
    if (x > u.bbox.left + u.bbox.width) return;
    ctx.save();
    ctx.strokeStyle = color;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
    ctx.restore();
}

export function Chart(props: ChartProps) {
    const host = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | null>(null);
    const current = useRef(props);
    const [cursor, setCursor] = useState<number | null>(null);
    const shade = useShade();
    current.current = props;
    const shape = props.lines.map((l) => l.label).join('|');

    useEffect(() => {
        const box = host.current!;
        plot.current = new uPlot(options(box.clientWidth, current, setCursor), data(current.current), box);
        const observer = new ResizeObserver(() => {
            if (box.clientWidth > 0) plot.current?.setSize({ width: box.clientWidth, height: HEIGHT });
        });
        observer.observe(box);
        return () => {
            observer.disconnect();
            plot.current?.destroy();
            plot.current = null;
        };
    }, [shape, shade]);

    useEffect(() => {
        plot.current?.setData(data(props));
    }, [props.times, props.values, props.span[0], props.span[1], props.band?.low, props.band?.high]);

    const at = (i: number) => (cursor === null ? last(props.values[i]) : (props.values[i]?.[cursor] ?? null));
    const blank = props.values.every((v) => last(v) === null);
    const summary = props.lines.map((l, i) => `${l.label} ${props.format(last(props.values[i]))}`).join(', ');
    const moment = cursor === null ? null : props.times[cursor];
    return (
        <figure class="chart">
            <figcaption>
                <h3>{props.title}</h3>
                <span class="moment">{moment === null || moment === undefined ? '' : clock(moment * 1000)}</span>
                <ul class="legend">
                    {props.lines.map((line, i) => (
                        <li key={line.label} title={line.hint}>
                            <Swatch line={line} />
                            {line.label} <b>{props.format(at(i))}</b>
                        </li>
                    ))}
                    {props.band && (
                        <li title="From now to when the level is expected to reach zero: 90 % range, and the middle">
                            <svg class="swatch" viewBox="0 0 18 8" aria-hidden="true">
                                <rect class="stroke-risk" width="18" height="8" />
                            </svg>
                            forecast
                        </li>
                    )}
                </ul>
            </figcaption>
            <div class="plot" ref={host} role="img" aria-label={`${props.title}: ${blank ? 'no data' : summary}`} />
            {blank && <p class="empty">{props.empty ?? 'No data in this stretch of time.'}</p>}
        </figure>
    );
}

function Swatch({ line }: { line: Line }) {
    return (
        <svg class="swatch" viewBox="0 0 18 8" aria-hidden="true">
            <line x1="0" y1="4" x2="18" y2="4" style={{ stroke: `var(${line.color})` }} stroke-width="2.5" stroke-dasharray={line.dash?.join(' ')} />
        </svg>
    );
}

function data(p: ChartProps): uPlot.AlignedData {
    return [p.times, ...p.values] as uPlot.AlignedData;
}

function options(width: number, now: { current: ChartProps }, setCursor: (i: number | null) => void): uPlot.Options {
    const text = cssColor('--muted');
    const grid = { stroke: cssColor('--grid'), width: 1 };
    const rule = cssColor('--rule');
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const props = now.current;
    return {
        width: Math.max(width, 200),
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'auspex', scales: ['x', null] }, drag: { x: false, y: false }, points: { size: 6 } },
        scales: {
            x: { time: true, range: () => now.current.span },
            y: { range: (_u, _min, max) => [0, Math.max(max ?? 0, now.current.ceiling ?? 0, now.current.band?.level ?? 0) * 1.06 || 1] },
        },
        axes: [
            { stroke: text, font, grid, ticks: { ...grid, size: 4 }, size: 28, values: hours },
            {
                stroke: text, font, grid, ticks: { show: false }, size: 68, gap: 6,
                ...(props.unit === 'bytes' ? { incrs: BINARY.flatMap((b) => [b, b * 1.5]) } : {}),
                values: (_u, splits) => splits.map((v) => round(now.current.format(v))),
            },
        ],
        series: [
            {},
            ...props.lines.map((line) => ({
                label: line.label,
                stroke: cssColor(line.color),
                width: 1.75,
                spanGaps: false,
                points: { show: false, filter: lonely },
                ...(line.dash ? { dash: line.dash } : {}),
                ...(line.fill ? { fill: cssColor(`${line.color}-soft`) } : {}),
            })),
        ],
        hooks: {
            setCursor: [(u) => setCursor(u.cursor.idx ?? null)],
            draw: [
                (u) => {
                    const { band } = now.current;
                    if (!band) return;
                    paintNow(u, band.from, rule);
                    paintBand(u, band);
                },
            ],
        },
    };
}

/** Points are drawn only where a sample stands alone between gaps: a line would not show it. */
function lonely(u: uPlot, series: number, _show: unknown, _hide: unknown): number[] | null {
    const values = u.data[series] as (number | null)[];
    const alone: number[] = [];
    for (let i = 0; i < values.length; i++)
        if (values[i] != null && values[i - 1] == null && values[i + 1] == null) alone.push(i);
    return alone.length > 0 ? alone : null;
}

/** "8.00 GiB" -> "8 GiB": marks of an axis are round figures. */
const round = (text: string) => text.replace(/(\.\d*?)0+(?= )/, '$1').replace(/\.(?= )/, '');

const MINUTES = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });

function hours(_u: uPlot, splits: number[]): string[] {
    return splits.map((t) => MINUTES.format(t * 1000));
}
