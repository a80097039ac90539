/** A chart over time, drawn by ourselves: a library for it would be a fifth of the whole script. */
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";

export interface Series {
  label: string;
  /** As long as the times; `null` is a gap. */
  values: readonly (number | null)[];
  /** One of the three colours for charts; 3 is for what is wrong. */
  color: 1 | 2 | 3;
  /** `line` by default. */
  kind?: "line" | "area" | "bars";
}

export interface ChartProps {
  /** The accessible name: the subject of the chart, and its main figures. */
  label: string;
  /** Seconds since 1970, ascending. */
  times: readonly number[];
  series: readonly Series[];
  format: (value: number) => string;
  height?: number;
}

const LEFT = 52;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

export function Chart({ label, times, series, format, height = 190 }: ChartProps) {
  const id = useId();
  const [box, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const top = useMemo(
    () => ceiling(Math.max(0, ...series.flatMap((one) => one.values.map((value) => value ?? 0)))),
    [series],
  );
  const [first, last] = [times[0] ?? 0, times.at(-1) ?? 1];
  // The first and the last bar have half of their width beyond their moments.
  const margin = series.some(({ kind }) => kind === "bars") ? (width - LEFT - RIGHT) / (2 * times.length || 1) : 0;
  const [left, plotted] = [LEFT + margin, width - LEFT - RIGHT - 2 * margin];
  const x = (time: number) => left + ((time - first) / (last - first || 1)) * plotted;
  const y = (value: number) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
  const point = (event: PointerEvent) => {
    const pointed = event.clientX - event.currentTarget.getBoundingClientRect().left;
    setAt(nearest(times, first + ((pointed - left) / (plotted || 1)) * (last - first)));
  };
  const step = (event: KeyboardEvent) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    setAt(Math.min(times.length - 1, Math.max(0, (at ?? times.length) + move)));
  };
  const shown = at !== null && at < times.length ? at : null;
  return (
    <figure className="chart">
      <figcaption className="row small" aria-hidden="true">
        {series.map((one) => (
          <span key={one.label} className={`key is-${one.color}`}>
            {one.label}
            {shown !== null && <strong>{one.values[shown] == null ? "–" : format(one.values[shown])}</strong>}
          </span>
        ))}
        {shown !== null && <span className="muted">{new Date(times[shown]! * 1000).toLocaleString()}</span>}
      </figcaption>
      <div ref={box}>
        <svg
          width={width}
          height={height}
          role="img"
          aria-labelledby={id}
          tabIndex={0}
          onPointerMove={point}
          onPointerLeave={() => setAt(null)}
          onKeyDown={step}
          onBlur={() => setAt(null)}
        >
          <title id={id}>{label}</title>
          {[0, 0.5, 1].map((part) => (
            <g key={part} className="scale">
              <line x1={LEFT} x2={width - RIGHT} y1={y(top * part)} y2={y(top * part)} />
              <text x={LEFT - 8} y={y(top * part) + 4} textAnchor="end">{format(top * part)}</text>
            </g>
          ))}
          {marks(first, last, width).map((time) => (
            <text
              key={time}
              className="scale"
              x={x(time)}
              y={height - 5}
              textAnchor={x(time) > width - 40 ? "end" : "middle"}
            >
              {clock(time, last - first)}
            </text>
          ))}
          {series.map((one) => (
            <SeriesPath key={one.label} series={one} times={times} x={x} y={y} />
          ))}
          {shown !== null && (
            <line className="cursor" x1={x(times[shown]!)} x2={x(times[shown]!)} y1={TOP} y2={height - BOTTOM} />
          )}
        </svg>
      </div>
    </figure>
  );
}

type Scale = (value: number) => number;

function SeriesPath({
  series: { values, color, kind = "line" },
  times,
  x,
  y,
}: {
  series: Series;
  times: readonly number[];
  x: Scale;
  y: Scale;
}) {
  const place = (index: number) => `${x(times[index]!).toFixed(1)} ${y(values[index]!).toFixed(1)}`;
  if (kind === "bars") {
    // A single bar of many is still seen.
    const wide = Math.max(3, ((x(times.at(-1) ?? 0) - x(times[0] ?? 0)) / Math.max(1, times.length - 1)) * 0.7);
    const bars = values.map((value, index) =>
      value ? `M${x(times[index]!) - wide / 2} ${y(0)}V${y(value)}h${wide}V${y(0)}z` : "",
    );
    return <path className={`bars is-${color}`} d={bars.join("")} />;
  }
  const runs = unbroken(values);
  const lines = runs.map(
    ([from, to]) => `M${Array.from({ length: to - from }, (_, index) => place(from + index)).join("L")}`,
  );
  const areas = runs.map(
    ([from, to], index) => `${lines[index]}L${x(times[to - 1]!)} ${y(0)}L${x(times[from]!)} ${y(0)}z`,
  );
  return (
    <>
      {kind === "area" && <path className={`area is-${color}`} d={areas.join("")} />}
      <path className={`line is-${color}`} d={lines.join("")} />
    </>
  );
}

/** Ranges of values without a gap: the first index, and the one after the last. */
function unbroken(values: readonly (number | null)[]): [number, number][] {
  const runs: [number, number][] = [];
  values.forEach((value, index) => {
    if (value == null) return;
    const run = runs.at(-1);
    if (run && run[1] === index) run[1] = index + 1;
    else runs.push([index, index + 1]);
  });
  return runs;
}

/** The next round number: 1, 2 or 5 with noughts. */
function ceiling(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((digit) => digit * power).find((value) => value >= most) ?? most;
}

/** Round moments of local time, as many as there is room for. */
function marks(first: number, last: number, width: number): number[] {
  const most = Math.max(2, Math.floor(width / 110));
  const sizes = [10, 60, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];
  const size = sizes.find((size) => (last - first) / size <= most) ?? 2_592_000;
  const shift = new Date(first * 1000).getTimezoneOffset() * 60;
  const found: number[] = [];
  for (let time = Math.ceil((first - shift) / size) * size + shift; time <= last; time += size) found.push(time);
  return found;
}

function clock(time: number, length: number): string {
  const at = new Date(time * 1000);
  return length > 2 * 86_400
    ? at.toLocaleDateString([], { day: "numeric", month: "short" })
    : at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", ...(length < 600 && { second: "2-digit" }) });
}

function nearest(times: readonly number[], wanted: number): number | null {
  if (!times.length) return null;
  const after = times.findIndex((time) => time >= wanted);
  if (after <= 0) return after === 0 ? 0 : times.length - 1;
  return wanted - times[after - 1]! < times[after]! - wanted ? after - 1 : after;
}

function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const resized = new ResizeObserver(() => setWidth(Math.max(160, element.clientWidth)));
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  return [box, width];
}
