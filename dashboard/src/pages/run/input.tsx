/** Input that a server requires during a call: elicitation, sampling and roots, answered by hand. */
import { useEffect, useRef, useState, type FormEvent } from "react";
import { isWebAddress } from "../../lib/inert";
import { initial, isObject, type Schema } from "../../lib/schema";
import { Button } from "../../ui/button";
import { Card, Note } from "../../ui/card";
import { Area } from "../../ui/field";
import { Text } from "../../ui/text";
import { BlockView, Long, type Block } from "./content";
import { Fields } from "./fields";

export interface InputRequest {
  method: string;
  params?: Record<string, unknown>;
}

interface Question {
  params: Record<string, unknown>;
  serverId: string;
  answer: (result: unknown) => void;
}

/** Presents one request after the other; `answer` gets all responses together. */
export function InputRequests({ requests, serverId, answer, cancel }: {
  requests: Record<string, InputRequest>;
  serverId: string;
  answer: (responses: Record<string, unknown>) => void;
  cancel: () => void;
}) {
  const [responses, setResponses] = useState<Record<string, unknown>>({});
  const group = useRef<HTMLDivElement>(null);
  const open = Object.entries(requests).filter(([key]) => !Object.hasOwn(responses, key));
  const [current] = open;
  // Screen readers announce the request when it gets the focus.
  useEffect(() => group.current?.focus(), [current?.[0]]);
  if (!current) return null;
  const [key, { method, params = {} }] = current;
  const respond = (result: unknown) => {
    const all = { ...responses, [key]: result };
    setResponses(all);
    if (open.length === 1) answer(all);
  };
  const question = { params, serverId, answer: respond };
  return (
    <Card title="Input required" actions={<Button look="compact" onClick={cancel}>Cancel the call</Button>}>
      <div className="stack" role="group" aria-label="Request of the server" tabIndex={-1} ref={group} key={key}>
        {open.length > 1 && <p className="small muted">{open.length} requests are open.</p>}
        {method === "elicitation/create" &&
          (params["mode"] === "url" ? <UrlElicitation {...question} /> : <FormElicitation {...question} />)}
        {method === "sampling/createMessage" && <Sampling {...question} />}
        {method === "roots/list" && <Roots {...question} />}
        {!["elicitation/create", "sampling/createMessage", "roots/list"].includes(method) && (
          <Note tone="warn">The server sent <Text line>{method}</Text>, which this page does not support.</Note>
        )}
      </div>
    </Card>
  );
}

function Message({ params }: { params: Record<string, unknown> }) {
  return typeof params["message"] === "string" ? <p className="break"><Text>{params["message"]}</Text></p> : null;
}

function FormElicitation({ params, answer }: Question) {
  const schema: Schema = isObject(params["requestedSchema"])
    ? params["requestedSchema"]
    : { type: "object", properties: {} };
  const [content, setContent] = useState<unknown>(() => initial(schema, schema, true) ?? {});
  const submit = (event: FormEvent) => {
    event.preventDefault();
    answer({ action: "accept", content });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Message params={params} />
      <Fields schema={schema} value={content} onChange={setContent} />
      <p className="small muted">Do not enter passwords or keys here.</p>
      <div className="row">
        <Button type="submit" look="primary">Send</Button>
        <Button onClick={() => answer({ action: "decline" })}>Decline</Button>
        <Button look="quiet" onClick={() => answer({ action: "cancel" })}>Dismiss</Button>
      </div>
    </form>
  );
}

function UrlElicitation({ params, answer }: Question) {
  const url = String(params["url"] ?? "");
  const safe = isWebAddress(url);
  return (
    <>
      <Message params={params} />
      <p>The server asks you to visit:</p>
      <p className="mono break"><Text>{url}</Text></p>
      {safe ? (
        <p>
          <a href={url} target="_blank" rel="noopener noreferrer">
            Open it at <Text>{new URL(url).host}</Text> in a new tab
          </a>
        </p>
      ) : (
        <Note tone="warn">This is not a web address, so it is not shown as a link.</Note>
      )}
      <div className="row">
        <Button look="primary" disabled={!safe} onClick={() => answer({ action: "accept" })}>I have visited it</Button>
        <Button onClick={() => answer({ action: "decline" })}>Decline</Button>
        <Button look="quiet" onClick={() => answer({ action: "cancel" })}>Dismiss</Button>
      </div>
    </>
  );
}

function Sampling({ params, serverId, answer }: Question) {
  const [text, setText] = useState("");
  const messages = Array.isArray(params["messages"])
    ? (params["messages"] as { role?: string; content?: unknown }[])
    : [];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    answer({ role: "assistant", content: { type: "text", text }, model: "by-hand", stopReason: "endTurn" });
  };
  return (
    <form className="form" onSubmit={submit}>
      <p>The server requests a completion from a language model. Write the response of the model.</p>
      {typeof params["systemPrompt"] === "string" && <Long text={params["systemPrompt"]} label="System prompt" />}
      {messages.map(({ role, content }, index) => (
        <div key={index} className="stack">
          <span className="small strong">{role === "assistant" ? "Assistant" : "User"}</span>
          {(Array.isArray(content) ? content : [content]).filter(isObject).map((block, at) => (
            <BlockView key={at} block={block as unknown as Block} serverId={serverId} />
          ))}
        </div>
      ))}
      <Area label="Response" required rows={4} value={text} onChange={(event) => setText(event.target.value)} />
      <div><Button type="submit" look="primary">Send</Button></div>
    </form>
  );
}

function Roots({ answer }: Question) {
  const [text, setText] = useState("");
  const roots = text.split("\n").map((line) => line.trim()).filter(Boolean).map((uri) => ({ uri }));
  const wrong = roots.find(({ uri }) => !uri.startsWith("file://"));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    answer({ roots });
  };
  return (
    <form className="form" onSubmit={submit}>
      <p>The server asks for its roots: the folders that it may work in.</p>
      <Area label="Folders" className="mono" value={text} hint="One per line, such as file:///srv/files; may be empty."
        fault={wrong && `${wrong.uri} does not begin with file://`} onChange={(event) => setText(event.target.value)} />
      <div><Button type="submit" look="primary" disabled={!!wrong}>Send</Button></div>
    </form>
  );
}
