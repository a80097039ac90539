/** The timeline of a server: standard error, lines that were no messages, lifecycle events and calls. */
import { Link } from "wouter";
import { keys, usePages } from "../../api/queries";
import type { TimelineItem } from "../../api/types";
import { to } from "../../lib/links";
import { Card, Empty, Paged } from "../../ui/card";
import { Search } from "../../ui/field";
import { useAddressState } from "../../ui/address";
import { Dot, type Tone } from "../../ui/state";
import { Moment, Text } from "../../ui/text";
import type { TabProps } from "./tab";

const kinds = [
  ["stderr", "Standard error"], ["stdout", "Stray output"], ["ostler", "Lifecycle"], ["call", "Calls"],
] as const;
const tones: Record<string, Tone> = { warn: "warn", error: "bad" };

/** Milliseconds between refreshes: no live event announces a line of standard error. */
const REFRESH_INTERVAL_MS = 15_000;

export function Timeline({ details: { server } }: TabProps) {
  const [{ search: words, hide }, set, settled] = useAddressState({ search: "", hide: "" });
  const hidden = hide.split(",").filter(Boolean);
  const selected = kinds.map(([kind]) => kind).filter((kind) => !hidden.includes(kind));
  const { pages, items } = usePages<TimelineItem>(keys.timeline(server.id), `/api/mcp/${server.id}/timeline`, {
    limit: 100,
    kinds: selected.join(","),
    search: settled.search.trim(),
    every: REFRESH_INTERVAL_MS,
  });
  const toggle = (kind: string) =>
    set({ hide: (hidden.includes(kind) ? hidden.filter((one) => one !== kind) : [...hidden, kind]).join() });
  return (
    <Card
      flush
      title="Timeline"
      actions={
        <>
          {kinds.map(([kind, name]) => (
            <label key={kind} className="check small">
              <input
                type="checkbox"
                checked={!hidden.includes(kind)}
                disabled={selected.length === 1 && selected[0] === kind}
                onChange={() => toggle(kind)}
              />
              {name}
            </label>
          ))}
          <Search label="Search the timeline" most={200} value={words} onChange={(search) => set({ search })} />
        </>
      }
    >
      <Paged
        pages={pages}
        none={pages.hasNextPage ? "No matches so far" : words ? "No matches" : "No entries yet"}
        absent={<Empty title="Timelines are disabled">This Ostler keeps none.</Empty>}
      >
        {items.length > 0 && (
          <ol className="timeline" aria-label="Newest first">
            {items.map((item, index) => (
              <li key={`${item.at}/${index}`} className={`is-${item.kind}`}>
                <span className="muted nowrap"><Moment at={item.at} /></span>
                <span className="row muted">
                  <Dot tone={tones[item.level ?? ""] ?? "idle"} />
                  {item.kind}{item.level && <span className="unseen">, {item.level}</span>}
                </span>
                <span className="break">
                  <Text line most={2000}>{item.text}</Text>
                  {item.callId && <> <Link href={to.call(item.callId)}>call</Link></>}
                </span>
              </li>
            ))}
          </ol>
        )}
      </Paged>
    </Card>
  );
}
