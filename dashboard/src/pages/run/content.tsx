/** The result of a tool: text, images, audio, resources, links. All of it is foreign text. */
import { useMutation } from "@tanstack/react-query";
import { request } from "../../api/mcp";
import { inertLine, isWebAddress, readableJson } from "../../lib/inert";
import { bytes } from "../../lib/format";
import { save } from "../../lib/save";
import { Button, Copy } from "../../ui/button";
import { Failed, Note } from "../../ui/card";
import { Code, Text } from "../../ui/text";

export interface Block {
  type: string;
  text?: string;
  data?: string;
  mimeType?: string;
  uri?: string;
  name?: string;
  title?: string;
  description?: string;
  resource?: { uri: string; mimeType?: string; text?: string; blob?: string };
}

export interface Answer {
  content?: Block[];
  structuredContent?: unknown;
  isError?: boolean;
}

/** Characters of a text that are shown; the copy button has all of them. */
const TEXT_CHARACTERS_MAX = 200_000;

export function AnswerView({ answer, serverId }: { answer: Answer; serverId: string }) {
  const blocks = Array.isArray(answer.content) ? answer.content : [];
  return (
    <div className="stack">
      {answer.isError && <Note tone="bad">The tool reported an error.</Note>}
      {blocks.map((block, index) => <BlockView key={index} block={block} serverId={serverId} />)}
      {answer.structuredContent !== undefined && (
        <details open={!blocks.length}>
          <summary>Structured content</summary>
          <Long text={readableJson(answer.structuredContent, 2)} label="Structured content as JSON" />
        </details>
      )}
      {!blocks.length && answer.structuredContent === undefined && <p className="muted">The result is empty.</p>}
      <details>
        <summary>Full result</summary>
        <Long text={readableJson(answer, 2)} label="Full result as JSON" />
      </details>
    </div>
  );
}

export function BlockView({ block, serverId }: { block: Block; serverId: string }) {
  const data = typeof block.data === "string" && /^[A-Za-z0-9+/=\s]*$/.test(block.data) ? block.data : null;
  const mime = typeof block.mimeType === "string" ? block.mimeType : "";
  if (block.type === "text" && typeof block.text === "string") return <Long text={readable(block.text)} label="Text" />;
  if (block.type === "image" && data !== null && /^image\/[\w.+-]+$/.test(mime)) {
    return <img className="picture" src={`data:${mime};base64,${data}`} alt={`Image from the tool, ${mime}`} />;
  }
  if (block.type === "audio" && data !== null && /^audio\/[\w.+-]+$/.test(mime)) {
    return <audio controls src={`data:${mime};base64,${data}`} aria-label={`Audio from the tool, ${mime}`} />;
  }
  if (block.type === "resource_link" && typeof block.uri === "string")
    return <ResourceLink block={block} uri={block.uri} serverId={serverId} />;
  if (block.type === "resource" && block.resource) return <Resource resource={block.resource} />;
  return <Long text={readableJson(block, 2)} label={inertLine(`Content of the type ${block.type}`, 80)} />;
}

/** JSON on one line is easier to read on many. */
function readable(text: string): string {
  if (text.length > TEXT_CHARACTERS_MAX || !/^\s*[[{]/.test(text) || text.includes("\n")) return text;
  try {
    return readableJson(JSON.parse(text), 2);
  } catch {
    return text;
  }
}

export function Long({ text, label }: { text: string; label: string }) {
  return (
    <div className="copyable">
      <Code label={label}>{text.slice(0, TEXT_CHARACTERS_MAX)}</Code>
      <Copy text={text} label={`Copy: ${label}`} />
      {text.length > TEXT_CHARACTERS_MAX && (
        <p className="small muted">
          Only the first {bytes(TEXT_CHARACTERS_MAX)} of {bytes(text.length)} are shown.
        </p>
      )}
    </div>
  );
}

function ResourceLink({ block, uri, serverId }: { block: Block; uri: string; serverId: string }) {
  const read = useMutation({
    mutationFn: () => request<{ contents: NonNullable<Block["resource"]>[] }>(serverId, "resources/read", { uri }),
  });
  return (
    <div className="stack">
      <div className="row">
        <span className="tag">Resource</span>
        <span className="strong"><Text line>{String(block.title ?? block.name ?? uri)}</Text></span>
        <Address uri={uri} />
        <Button look="compact" busy={read.isPending} onClick={() => read.mutate()}>Read it</Button>
      </div>
      {typeof block.description === "string" && <p className="small muted"><Text>{block.description}</Text></p>}
      {read.isError && <Failed error={read.error} />}
      {read.data?.contents?.map((resource, index) => <Resource key={index} resource={resource} />)}
    </div>
  );
}

function Address({ uri }: { uri: string }) {
  if (!isWebAddress(uri))
    return (
      <span className="mono small break">
        <Text line>{uri}</Text>
      </span>
    );
  return (
    <a className="mono small break" href={uri} target="_blank" rel="noopener noreferrer">
      <Text line>{uri}</Text>
    </a>
  );
}

function Resource({ resource: { uri, mimeType, text, blob } }: { resource: NonNullable<Block["resource"]> }) {
  const data =
    typeof blob === "string"
      ? { type: mimeType?.split("/")[0] ?? "", data: blob, ...(mimeType && { mimeType }) }
      : null;
  return (
    <div className="stack">
      <div className="row small">
        <span className="tag">Resource</span>
        <span className="mono break">
          <Text line>{String(uri)}</Text>
        </span>
      </div>
      {typeof text === "string" && <Long text={text} label={inertLine(`Resource ${uri}`, 120)} />}
      {data && ["image", "audio"].includes(data.type) && <BlockView block={data} serverId="" />}
      {data && <Save name={String(uri).split("/").pop() || "resource"} data={data.data} />}
    </div>
  );
}

function Save({ name, data }: { name: string; data: string }) {
  const raw = () => Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return (
    <div>
      <Button icon="download" look="compact" onClick={() => save(name, raw())}>
        Save {bytes(Math.floor((data.length * 3) / 4))}
      </Button>
    </div>
  );
}
