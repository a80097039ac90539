/** A chart over time; what draws it is loaded when the first one is shown. */
import { lazy, Suspense } from "react";

export interface Series {
  label: string;
  values: (number | null)[];
  /** `line` where nothing is said. */
  kind?: "line" | "bars" | "area";
  /** One of the three colours for charts; 3 is for what is wrong. */
  color: 1 | 2 | 3;
}

export interface ChartProps {
  /** Said by screen readers in place of the picture: what it shows, and the figures that matter. */
  label: string;
  /** Seconds since 1970, ascending. */
  times: number[];
  series: Series[];
  format: (value: number) => string;
  height?: number;
}

const Drawing = lazy(() => import("./drawing"));

export function Chart(props: ChartProps) {
  return (
    <figure className="chart" role="img" aria-label={props.label}>
      <Suspense fallback={null}>
        <Drawing {...props} />
      </Suspense>
    </figure>
  );
}
