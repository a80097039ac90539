/** Draws a chart with uPlot, in the colours of the theme. */
import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import { theme } from "../lib/theme";
import { useStore } from "../lib/store";
import type { ChartProps, Series } from "./chart";

const HEIGHT = 180;

export default function Drawing({ times, series, format, height = HEIGHT }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const chosen = useStore(theme);
  const data = useMemo(() => [times, ...series.map((one) => one.values)] as uPlot.AlignedData, [times, series]);
  const latest = useRef(data);
  latest.current = data;
  // Only another shape needs another plot; new values are set.
  const shape = series.map((one) => `${one.label}/${one.kind}/${one.color}`).join();

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element, series, format, height), latest.current, element);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", draw);
    return () => {
      system.removeEventListener("change", draw);
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
    // `series` and `format` change with the shape.
  }, [shape, height, chosen]);

  useEffect(() => plot.current?.setData(data), [data]);
  return <div ref={box} aria-hidden="true" />;
}

function options(element: HTMLElement, series: Series[], format: (value: number) => string, height: number): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--ink-2"),
    font: `11px ${color("--sans")}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, space: 70 },
      { ...axis, size: 58, space: 34, values: (_, values) => values.map(format) },
    ],
    series: [
      { label: "Time", value: (_, at) => (at == null ? "–" : new Date(at * 1000).toLocaleString()) },
      ...series.map((one) => ({
        label: one.label,
        stroke: color(`--chart-${one.color}`),
        width: 1.5,
        points: { show: false },
        value: (_: uPlot, value: number | null) => (value == null ? "–" : format(value)),
        ...(one.kind && one.kind !== "line" && { fill: `${color(`--chart-${one.color}`)}${one.kind === "bars" ? "99" : "22"}` }),
        ...(one.kind === "bars" && { paths: uPlot.paths.bars!({ size: [0.8, 24] }), width: 0 }),
      })),
    ],
  };
}
