/** Resource usage of a server's process tree. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../../api/client";
import type { UsageHistory } from "../../api/types";
import { bytes, count } from "../../lib/format";
import { Card, Empty, Loaded } from "../../ui/card";
import { Chart } from "../../ui/chart";
import { Ago } from "../../ui/text";
import type { TabProps } from "./tab";

/** Two digits that count: an idle server needs a thousandth of a core. */
const cores = (value: number) => `${value < 0.001 ? 0 : Number(value.toPrecision(2))}`;

export function UsageTab({ details: { server } }: TabProps) {
  const usage = useQuery({
    queryKey: ["usage", server.id],
    queryFn: ({ signal }) => api.get<UsageHistory>(`/api/mcp/${server.id}/usage`, signal),
    // Sampled every ten seconds; nothing announces a sample. A hidden page does not ask.
    refetchInterval: 15_000,
    refetchIntervalInBackground: false,
  });
  return (
    <Loaded query={usage}>
      {(data) =>
        data.now || data.samples.length ? (
          <Figures usage={data} />
        ) : (
          <Card flush>
            <Empty title="No running processes" />
          </Card>
        )
      }
    </Loaded>
  );
}

function Figures({ usage: { now, samples } }: { usage: UsageHistory }) {
  const times = useMemo(() => samples.map((sample) => Date.parse(sample.at) / 1000), [samples]);
  const cpu = useMemo(
    () => [{ label: "Cores", values: samples.map((sample) => sample.cpu), kind: "area" as const, color: 1 as const }],
    [samples],
  );
  const memory = useMemo(
    () => [
      { label: "Memory", values: samples.map((sample) => sample.memory), kind: "area" as const, color: 2 as const },
    ],
    [samples],
  );
  return (
    <>
      {now && (
        <>
          <dl className="figures">
            <div className="figure"><dt>CPU</dt><dd>{cores(now.cpu)} <small>cores</small></dd></div>
            <div className="figure"><dt>Memory</dt><dd>{bytes(now.memory)}</dd></div>
            <div className="figure"><dt>Open files</dt><dd>{count(now.descriptors)}</dd></div>
            <div className="figure"><dt>Processes</dt><dd>{count(now.processes)}</dd></div>
          </dl>
          <p className="tiny muted">Measured <Ago at={now.at} />.</p>
        </>
      )}
      {samples.length > 1 && (
        <div className="columns">
          <Card title="CPU, in cores">
            <Chart label={`CPU: ${now ? cores(now.cpu) : "none"} now`} times={times} series={cpu} format={cores} />
          </Card>
          <Card title="Memory">
            <Chart
              label={`Memory: ${now ? bytes(now.memory) : "none"} now`}
              times={times}
              series={memory}
              format={bytes}
            />
          </Card>
        </div>
      )}
    </>
  );
}
