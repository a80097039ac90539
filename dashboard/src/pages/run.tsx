/** Runs a tool from a form made of its schema. */
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { Link } from "wouter";
import { address, api, ApiError } from "../api/client";
import { RpcError, type McpNotification } from "../api/mcp";
import { keys, useMay, useServer, useTools } from "../api/queries";
import type { Tool, ToolCall } from "../api/types";
import { asCurl, asOstler } from "../lib/command";
import { millis } from "../lib/format";
import { inertLine, readableJson } from "../lib/inert";
import { decoded, to } from "../lib/links";
import { initial, isObject } from "../lib/schema";
import { Button, Choices, Copyable } from "../ui/button";
import { Card, Empty, Failed, Loaded, Note, PageHead } from "../ui/card";
import { confirm } from "../ui/dialog";
import { Badge } from "../ui/state";
import { Code, Moment, Text, useNow } from "../ui/text";
import { InputRequests } from "./run/input";
import { useCall, type Run } from "./run/call";
import { AnswerView, Long } from "./run/content";
import { Fields, Json } from "./run/fields";
import { Hints } from "./server/tools";

export function RunPage({ params }: { params: Record<string, string> }) {
  const [id, name, call] = [params["id"] ?? "", decoded(params["tool"] ?? ""), params["call"]];
  const server = useServer(id);
  const tools = useTools(server.data?.details.server);
  const recorded = useQuery({
    queryKey: [...keys.calls, "one", call],
    queryFn: ({ signal }) => api.get<ToolCall>(`/api/calls/${encodeURIComponent(call ?? "")}`, signal),
    enabled: !!call,
    staleTime: Infinity,
  });
  const tool = tools.data?.find((one) => one.name === name);
  return (
    <>
      <Head id={id} name={name} tool={tool} />
      {server.isError ? (
        <Failed error={server.error} />
      ) : (
        <Loaded query={tools}>
          {() => {
            if (!tool)
              return (
                <Empty title="Tool not found">
                  <Link href={to.server(id, "tools")}>Tools of this server</Link>
                </Empty>
              );
            if (call && recorded.isPending) return null;
            return (
              <>
                {recorded.isError && <Failed error={recorded.error} />}
                {recorded.data?.parametersExcerpt && (
                  <Note tone="info">The arguments of that call were too long to be recorded in full.</Note>
                )}
                <Runner key={`${id} ${name} ${call}`} serverId={id} tool={tool} preset={recorded.data?.parameters} />
              </>
            );
          }}
        </Loaded>
      )}
    </>
  );
}

function Head({ id, name, tool }: { id: string; name: string; tool: Tool | undefined }) {
  const server = useServer(id).data?.details.server;
  return (
    <PageHead
      crumb={
        <>
          <Link href="/servers">Servers</Link> /{" "}
          <Link href={to.server(id, "tools")}>
            <Text line most={60}>
              {server?.name ?? "…"}
            </Text>
          </Link>
        </>
      }
      title={
        <span className="mono">
          <Text line>{name}</Text>
        </span>
      }
      text={tool?.description ? <Text>{tool.description}</Text> : undefined}
    >
      {tool && <Hints tool={tool} />}
    </PageHead>
  );
}

function Runner({ serverId, tool, preset }: { serverId: string; tool: Tool; preset: unknown }) {
  const may = useMay();
  const schema = tool.inputSchema ?? { type: "object" };
  const [value, setValue] = useState<unknown>(() => (isObject(preset) ? preset : initial(schema, schema, true) ?? {}));
  const [mode, setMode] = useState<"form" | "json">("form");
  // A new key mounts the form again, with the values that were filled in from elsewhere.
  const [version, setVersion] = useState(0);
  const { runs, state, notifications, start, cancel } = useCall(serverId, tool);
  const [selected, setSelected] = useState<number | null>(null);
  const run = runs.find((one) => one.key === selected) ?? runs[0];
  const busy = state.step !== "idle";
  const go = async (parameters: unknown) => {
    if (!(await confirmed(tool))) return;
    setSelected(null);
    await start(parameters);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void go(value ?? {});
  };
  const fill = (parameters: unknown) => {
    setValue(parameters);
    setVersion(version + 1);
  };
  return (
    <div className="columns">
      <div className="stack loose">
        <Card
          title="Arguments"
          actions={
            <Choices
              label="Input mode"
              value={mode}
              options={[
                ["form", "Form"],
                ["json", "JSON"],
              ]}
              onChange={setMode}
            />
          }
        >
          <form className="form" onSubmit={submit}>
            {mode === "form" ? (
              <Fields key={version} schema={schema} value={value} onChange={setValue} />
            ) : (
              <Json
                key={version}
                label="Arguments as JSON"
                required={false}
                rows={12}
                value={value}
                onChange={setValue}
              />
            )}
            <div className="row">
              <Button type="submit" icon="play" look="primary" disabled={busy || !may("mcp:execute")}>Run</Button>
              {busy && <Button icon="stop" onClick={cancel}>Cancel</Button>}
              <Button look="quiet" onClick={() => fill(initial(schema, schema, true) ?? {})}>Reset</Button>
            </div>
            {!may("mcp:execute") && <Note>Running tools requires the permission <code>mcp:execute</code>.</Note>}
          </form>
        </Card>
        <CommandLine serverId={serverId} tool={tool} parameters={value ?? {}} />
      </div>
      <div className="stack loose">
        {state.step === "input" && (
          <InputRequests requests={state.requests} serverId={serverId} answer={state.answer} cancel={cancel} />
        )}
        {state.step === "running" && <Running since={state.since} notifications={notifications} />}
        {state.step === "idle" && run && (
          <RunResult run={run} serverId={serverId} notifications={run === runs[0] ? notifications : []} />
        )}
        {state.step === "idle" && !run && (
          <Card title="Result">
            <Empty title="Not run yet">The result of the tool appears here.</Empty>
          </Card>
        )}
        {runs.length > 0 && (
          <RunHistory
            runs={runs}
            current={run?.key}
            show={setSelected}
            fill={fill}
            again={(one) => void go(one.parameters)}
            busy={busy}
          />
        )}
      </div>
    </div>
  );
}

/** Asks for confirmation before a destructive tool runs. */
async function confirmed({ name, annotations }: Tool): Promise<boolean> {
  if (annotations?.readOnlyHint || !annotations?.destructiveHint) return true;
  const text = (
    <p>
      The server marks this tool as destructive: it may delete or overwrite data. It runs with the current arguments.
    </p>
  );
  return confirm({ title: `Run ${inertLine(name, 80)}?`, text, yes: "Run it", danger: true });
}

function Running({ since, notifications }: { since: number; notifications: readonly McpNotification[] }) {
  const now = useNow(1000);
  const progress = notifications.findLast((notification) => notification.method === "notifications/progress")?.params;
  const [done, total] = [Number(progress?.["progress"]), Number(progress?.["total"])];
  return (
    <Card title="Running" actions={<span className="small muted">{millis(Math.max(1, now - since))}</span>}>
      <div className="stack" role="status">
        {progress ? (
          <>
            <progress aria-label="Progress" value={total > 0 ? done : undefined} max={total > 0 ? total : undefined} />
            <p className="small">
              {total > 0 ? `${done} of ${total}` : done}{" "}
              {typeof progress["message"] === "string" && <Text line>{progress["message"]}</Text>}
            </p>
          </>
        ) : (
          <progress aria-label="Progress" />
        )}
        <LogMessages notifications={notifications} />
      </div>
    </Card>
  );
}

/** Log messages of the server during the call. */
function LogMessages({ notifications }: { notifications: readonly McpNotification[] }) {
  const messages = notifications.filter((notification) => notification.method === "notifications/message");
  if (!messages.length) return null;
  const line = ({ params = {} }: McpNotification) =>
    `${params["level"] ?? ""} ${typeof params["data"] === "string" ? params["data"] : readableJson(params["data"])}`;
  return (
    <details open>
      <summary className="small">Log messages</summary>
      <Code label="Log messages">{messages.map(line).join("\n")}</Code>
    </details>
  );
}

function RunResult({
  run,
  serverId,
  notifications,
}: {
  run: Run;
  serverId: string;
  notifications: readonly McpNotification[];
}) {
  const good = run.answer && !run.answer.isError;
  return (
    <Card
      title="Result"
      actions={
        <>
          <Badge tone={good ? "ok" : "bad"}>{good ? "Succeeded" : "Failed"}</Badge>
          <span className="small muted">{millis(Math.round(run.took))}</span>
        </>
      }
    >
      <div className="stack" aria-live="polite">
        {run.answer ? (
          <AnswerView key={run.key} answer={run.answer} serverId={serverId} />
        ) : (
          <CallError error={run.error} />
        )}
        <LogMessages notifications={notifications} />
      </div>
    </Card>
  );
}

function CallError({ error }: { error: unknown }) {
  if (error instanceof ApiError || !(error instanceof RpcError)) return <Failed error={error} />;
  return (
    <>
      <Note tone="bad">
        <p>
          <Text>{error.message}</Text>
        </p>
        <p className="tiny muted">
          error <code>{error.code}</code>
        </p>
      </Note>
      {error.data !== undefined && <Long text={readableJson(error.data, 2)} label="Error details" />}
    </>
  );
}

function RunHistory({ runs, current, show, fill, again, busy }: {
  runs: readonly Run[];
  current: number | undefined;
  show: (key: number) => void;
  fill: (parameters: unknown) => void;
  again: (run: Run) => void;
  busy: boolean;
}) {
  return (
    <Card title="Runs on this page" flush>
      <ul className="list">
        {runs.map((run) => (
          <li key={run.key} className="row">
            <Badge tone={run.answer && !run.answer.isError ? "ok" : "bad"}>{millis(Math.round(run.took))}</Badge>
            <button
              type="button"
              className="linkish"
              aria-current={run.key === current || undefined}
              onClick={() => show(run.key)}
            >
              <Moment at={run.at} />
            </button>
            <span className="grow mono tiny muted cut">
              <Text line most={160}>
                {readableJson(run.parameters)}
              </Text>
            </span>
            <Button look="quiet compact" icon="edit" label="Use these arguments" onClick={() => fill(run.parameters)} />
            <Button look="quiet compact" icon="restart" label="Run again" disabled={busy} onClick={() => again(run)} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function CommandLine({ serverId, tool, parameters }: { serverId: string; tool: Tool; parameters: unknown }) {
  const base = new URL(address("/"), location.href).href.replace(/\/$/, "");
  const called = { base, serverId, tool: tool.name, parameters };
  return (
    <details className="small">
      <summary>Command line</summary>
      <div className="stack">
        <p className="muted">
          Requires an API key in <code>OSTLER_API_KEY</code>; <Link href="/keys">create one</Link>.
        </p>
        <Copyable label="As curl" text={asCurl(called)} />
        <Copyable label="As ostler" text={asOstler(called)} />
      </div>
    </details>
  );
}
