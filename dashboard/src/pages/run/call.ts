/** The state of tool calls on the run page: notifications, requests for input, results. */
import { useEffect, useRef, useState } from "react";
import { clientCapabilities, request, type McpNotification } from "../../api/mcp";
import { headersOf, isObject } from "../../lib/schema";
import type { Tool } from "../../api/types";
import type { InputRequest } from "./input";
import type { Answer } from "./content";

/** A call that was made on this page. */
export interface Run {
  key: number;
  at: number;
  parameters: unknown;
  took: number;
  answer?: Answer;
  error?: unknown;
}

export type State =
  | { step: "idle" }
  | { step: "running"; since: number }
  | { step: "input"; requests: Record<string, InputRequest>; answer: (responses: Record<string, unknown>) => void };

interface Reply extends Answer {
  resultType?: string;
  inputRequests?: Record<string, InputRequest>;
  requestState?: string;
}

/** Runs of every tool, newest first, for as long as the page is open. */
const runsByTool = new Map<string, readonly Run[]>();
const RUNS_MAX = 20;
const NOTIFICATIONS_MAX = 200;
/** Rounds of `input_required`, so that a server cannot keep a call open for ever. */
const ROUNDS_MAX = 20;
let lastKey = 0;

export function useCall(serverId: string, tool: Tool) {
  const key = `${serverId}\n${tool.name}`;
  const [runs, setRuns] = useState<readonly Run[]>(runsByTool.get(key) ?? []);
  const [state, setState] = useState<State>({ step: "idle" });
  const [notifications, setNotifications] = useState<readonly McpNotification[]>([]);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const finish = (run: Run) => {
    const next = [run, ...(runsByTool.get(key) ?? [])].slice(0, RUNS_MAX);
    runsByTool.set(key, next);
    setRuns(next);
    setState({ step: "idle" });
  };

  const start = async (parameters: unknown) => {
    const controller = new AbortController();
    abort.current?.abort();
    abort.current = controller;
    const [at, since, number] = [Date.now(), performance.now(), ++lastKey];
    setNotifications([]);
    const onNotification = (notification: McpNotification) =>
      setNotifications((notifications) => [...notifications.slice(1 - NOTIFICATIONS_MAX), notification]);
    const wait = (requests: Record<string, InputRequest>) =>
      new Promise<Record<string, unknown>>((answer, refuse) => {
        controller.signal.addEventListener("abort", () => refuse(controller.signal.reason as Error), { once: true });
        setState({ step: "input", requests, answer });
      });
    const end = (outcome: Pick<Run, "answer" | "error">) =>
      finish({ key: number, at, parameters, took: performance.now() - since, ...outcome });
    try {
      end({
        answer: await converse(serverId, tool, parameters, {
          onNotification,
          wait,
          signal: controller.signal,
          running: () => setState({ step: "running", since: at }),
        }),
      });
    } catch (error) {
      if (abort.current === controller)
        end({ error: controller.signal.aborted ? new Error("You cancelled the call.") : error });
    }
  };
  return { runs, state, notifications, start, cancel: () => abort.current?.abort() };
}

interface ConversationOptions {
  onNotification: (notification: McpNotification) => void;
  wait: (requests: Record<string, InputRequest>) => Promise<Record<string, unknown>>;
  signal: AbortSignal;
  running: () => void;
}

/** Sends a request until its result is complete: after `input_required`, again with the responses. */
async function converse(
  serverId: string,
  tool: Tool,
  parameters: unknown,
  { onNotification, wait, signal, running }: ConversationOptions,
): Promise<Answer> {
  let more: Record<string, unknown> = {};
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    running();
    const meta = {
      progressToken: crypto.getRandomValues(new Uint32Array(2)).join("-"),
      "io.modelcontextprotocol/logLevel": "info",
    };
    const reply = await request<Reply>(
      serverId,
      "tools/call",
      { name: tool.name, arguments: parameters, ...more, _meta: meta },
      {
        signal,
        onNotification,
        capabilities: clientCapabilities,
        argumentHeaders: headersOf(tool.inputSchema ?? {}, parameters),
      },
    );
    if (reply.resultType !== "input_required") return reply;
    const requests = isObject(reply.inputRequests) ? reply.inputRequests : {};
    more = {
      ...(Object.keys(requests).length && { inputResponses: await wait(requests) }),
      ...(reply.requestState !== undefined && { requestState: reply.requestState }),
    };
  }
  throw new Error(`the server required input ${ROUNDS_MAX} times without returning a result`);
}
