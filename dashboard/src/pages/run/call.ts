/** One tool call after the other: what was said on the way, what is asked, what came of it. */
import { useEffect, useRef, useState } from "react";
import { answerable, ask, type Heard } from "../../api/mcp";
import { headersOf, isObject } from "../../lib/schema";
import type { Tool } from "../../api/types";
import type { InputRequest } from "./asked";
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
  | { step: "asked"; requests: Record<string, InputRequest>; answer: (responses: Record<string, unknown>) => void };

interface Reply extends Answer {
  resultType?: string;
  inputRequests?: Record<string, InputRequest>;
  requestState?: string;
}

/** Runs of every tool, newest first, for as long as the page is open. */
const past = new Map<string, readonly Run[]>();
const MOST_RUNS = 20;
const MOST_NOTES = 200;
/** A server that asks for ever is not worth talking to. */
const MOST_ROUNDS = 20;
let made = 0;

export function useCall(serverId: string, tool: Tool) {
  const key = `${serverId}\n${tool.name}`;
  const [runs, setRuns] = useState<readonly Run[]>(past.get(key) ?? []);
  const [state, setState] = useState<State>({ step: "idle" });
  const [notes, setNotes] = useState<readonly Heard[]>([]);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);

  const finish = (run: Run) => {
    const next = [run, ...(past.get(key) ?? [])].slice(0, MOST_RUNS);
    past.set(key, next);
    setRuns(next);
    setState({ step: "idle" });
  };

  const start = async (parameters: unknown) => {
    const controller = new AbortController();
    abort.current?.abort();
    abort.current = controller;
    const [at, since, number] = [Date.now(), performance.now(), ++made];
    setNotes([]);
    const heard = (note: Heard) => setNotes((notes) => [...notes.slice(1 - MOST_NOTES), note]);
    const wait = (requests: Record<string, InputRequest>) =>
      new Promise<Record<string, unknown>>((answer, refuse) => {
        controller.signal.addEventListener("abort", () => refuse(controller.signal.reason as Error), { once: true });
        setState({ step: "asked", requests, answer });
      });
    const end = (came: Pick<Run, "answer" | "error">) =>
      finish({ key: number, at, parameters, took: performance.now() - since, ...came });
    try {
      end({ answer: await converse(serverId, tool, parameters, { heard, wait, signal: controller.signal, running: () => setState({ step: "running", since: at }) }) });
    } catch (error) {
      if (abort.current === controller) end({ error: controller.signal.aborted ? new Error("You cancelled the call.") : error });
    }
  };
  return { runs, state, notes, start, cancel: () => abort.current?.abort() };
}

interface Ways {
  heard: (note: Heard) => void;
  wait: (requests: Record<string, InputRequest>) => Promise<Record<string, unknown>>;
  signal: AbortSignal;
  running: () => void;
}

/** Asks until the answer is whole: each time it is asked back, the same request goes again with answers. */
async function converse(serverId: string, tool: Tool, parameters: unknown, { heard, wait, signal, running }: Ways): Promise<Answer> {
  let more: Record<string, unknown> = {};
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    running();
    const meta = { progressToken: crypto.getRandomValues(new Uint32Array(2)).join("-"), "io.modelcontextprotocol/logLevel": "info" };
    const reply = await ask<Reply>(
      serverId,
      "tools/call",
      { name: tool.name, arguments: parameters, ...more, _meta: meta },
      { signal, heard, capabilities: answerable, mirrored: headersOf(tool.inputSchema ?? {}, parameters) },
    );
    if (reply.resultType !== "input_required") return reply;
    const requests = isObject(reply.inputRequests) ? reply.inputRequests : {};
    more = {
      ...(Object.keys(requests).length && { inputResponses: await wait(requests) }),
      ...(reply.requestState !== undefined && { requestState: reply.requestState }),
    };
  }
  throw new Error(`the server asked back ${MOST_ROUNDS} times without an answer`);
}
