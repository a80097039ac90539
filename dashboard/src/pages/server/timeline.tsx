/** What a server wrote, what Ostler said about it and what was called, on one line of time. */
import { useState } from "react";
import { Link } from "wouter";
import { keys, usePages } from "../../api/queries";
import type { TimelineItem } from "../../api/types";
import { to } from "../../lib/links";
import { Card, Empty, Paged } from "../../ui/card";
import { Search } from "../../ui/field";
import { useSettled } from "../../ui/settled";
import { Dot, type Tone } from "../../ui/state";
import { Moment, Text } from "../../ui/text";
import type { TabProps } from "./tab";

const kinds = [["stderr", "Its output"], ["ostler", "Ostler"], ["call", "Calls"]] as const;
const tones: Record<string, Tone> = { warn: "warn", error: "bad" };

/** What it writes has no events of its own here; to follow that, there is the output. */
const EVERY = 15_000;

export function Timeline({ details: { server } }: TabProps) {
  const [words, setWords] = useState("");
  const [off, setOff] = useState<readonly string[]>([]);
  const shown = kinds.map(([kind]) => kind).filter((kind) => !off.includes(kind));
  const { pages, items } = usePages<TimelineItem>(
    keys.timeline(server.id),
    `/api/mcp/${server.id}/timeline`,
    { limit: 100, kinds: shown.join(","), search: useSettled(words.trim()), every: EVERY },
  );
  const toggle = (kind: string) => setOff(off.includes(kind) ? off.filter((one) => one !== kind) : [...off, kind]);
  return (
    <Card
      flush
      title="Timeline"
      actions={
        <>
          {kinds.map(([kind, name]) => (
            <label key={kind} className="check small">
              <input type="checkbox" checked={!off.includes(kind)} disabled={shown.length === 1 && shown[0] === kind} onChange={() => toggle(kind)} />
              {name}
            </label>
          ))}
          <Search label="Search the timeline" most={200} value={words} onChange={setWords} />
        </>
      }
    >
      <Paged
        pages={pages}
        none={pages.hasNextPage ? "Nothing so far" : words ? "Nothing matches" : "Nothing yet"}
        absent={<Empty title="Timelines are switched off">This Ostler was told to keep none.</Empty>}
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
                  {item.callId && <> <Link href={to.call(item.callId)}>the call</Link></>}
                </span>
              </li>
            ))}
          </ol>
        )}
      </Paged>
    </Card>
  );
}
