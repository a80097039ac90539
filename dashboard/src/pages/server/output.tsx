/** Standard error of a server, live, and lines of its standard output that were no messages. */
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { LineBuffer } from "../../lib/lines";
import { count, moment, plural } from "../../lib/format";
import { inert } from "../../lib/inert";
import { save } from "../../lib/save";
import { useStore } from "../../lib/store";
import { Stream } from "../../live/stream";
import { useAddressState } from "../../ui/address";
import { Button } from "../../ui/button";
import { Card, Empty } from "../../ui/card";
import { Search } from "../../ui/field";
import { Badge } from "../../ui/state";
import type { OutputLine, Server } from "../../api/types";
import type { TabProps } from "./tab";

const ROW_HEIGHT = 19;
const SPARE_ROWS = 20;

export function Output({ details: { server } }: TabProps) {
  const [{ buffer, stream }, setSource] = useState<Source>(emptySource);
  useEffect(() => {
    const buffer = new LineBuffer();
    const stream = new Stream(`/api/mcp/${encodeURIComponent(server.id)}/output?follow=true`, (events) =>
      buffer.add(events.map((event) => JSON.parse(event.data) as OutputLine)),
    );
    setSource({ buffer, stream });
    return () => {
      stream.close();
      buffer.close();
    };
  }, [server.id]);
  return buffer && stream ? <Lines buffer={buffer} stream={stream} server={server} /> : null;
}

interface Source {
  buffer: LineBuffer | null;
  stream: Stream | null;
}

const emptySource: Source = { buffer: null, stream: null };

function Lines({ buffer, stream, server }: { buffer: LineBuffer; stream: Stream; server: Server }) {
  const latest = useSyncExternalStore(buffer.watch, buffer.get);
  const [paused, setPaused] = useState<readonly OutputLine[] | null>(null);
  const [{ search: words }, set] = useAddressState({ search: "" });
  const state = useStore(stream.state);
  const all = paused ?? latest;
  const matching = useMemo(() => {
    const wanted = words.trim().toLowerCase();
    return wanted ? all.filter(({ line }) => line.toLowerCase().includes(wanted)) : all;
  }, [all, words]);
  const waiting = paused ? newer(latest, paused) : 0;

  const download = () => {
    save(`${server.name}-stderr.log`, all.map(({ at, line }) => `${at} ${line}\n`).join(""));
  };

  return (
    <Card
      flush
      title={server.url === null ? "Standard error" : "Requests that failed"}
      actions={
        <>
          {state === "live" && !paused ? (
            <Badge tone="ok">Live</Badge>
          ) : (
            <Badge tone={paused ? "idle" : "warn"}>{paused ? "Paused" : state}</Badge>
          )}
          <span className="small muted">
            {words.trim() && `${count(matching.length)} of `}
            {plural(all.length, "line")}
            {waiting > 0 && `, ${count(waiting)} new`}
          </span>
          <Search label="Search these lines" value={words} onChange={(search) => set({ search })} />
          <Button
            icon={paused ? "play" : "pause"}
            aria-pressed={!!paused}
            onClick={() => setPaused(paused ? null : latest)}
          >
            {paused ? "Resume" : "Pause"}
          </Button>
          <Button icon="download" label="Download these lines" onClick={download} disabled={!all.length} />
        </>
      }
    >
      {matching.length ? (
        <View lines={matching} follow={!paused} />
      ) : (
        <Empty title={words.trim() ? "No matching lines" : "No output yet"} />
      )}
    </Card>
  );
}

function newer(latest: readonly OutputLine[], paused: readonly OutputLine[]): number {
  return Math.max(0, (latest.at(-1)?.seq ?? 0) - (paused.at(-1)?.seq ?? 0));
}

/** Only the lines in sight are in the document, however many there are. */
function View({ lines, follow }: { lines: readonly OutputLine[]; follow: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ top: 0, height: 480 });
  const stick = useRef(true);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const measure = () => setRange({ top: element.scrollTop, height: element.clientHeight });
    const scrolled = () => {
      stick.current = element.scrollTop + element.clientHeight >= element.scrollHeight - ROW_HEIGHT;
      measure();
    };
    const resized = new ResizeObserver(measure);
    resized.observe(element);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      resized.disconnect();
      element.removeEventListener("scroll", scrolled);
    };
  }, []);

  useEffect(() => {
    const element = box.current;
    if (element && follow && stick.current) element.scrollTop = element.scrollHeight;
  }, [lines, follow]);

  const first = Math.max(0, Math.floor(range.top / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(lines.length, Math.ceil((range.top + range.height) / ROW_HEIGHT) + SPARE_ROWS);
  return (
    <div className="output" ref={box} tabIndex={0} role="region" aria-label="Lines on standard error, newest last">
      <div className="output-all" style={{ height: lines.length * ROW_HEIGHT }}>
        <div className="output-seen" style={{ transform: `translateY(${first * ROW_HEIGHT}px)` }}>
          {lines.slice(first, last).map((line) => (
            <div key={line.seq}>
              <time dateTime={line.at}>{moment(line.at)}</time>
              {line.stream === "stdout" && <span className="muted">[stdout] </span>}
              <bdi className="foreign">{inert(line.line.slice(0, 4000)).replaceAll("\n", "\u240a")}</bdi>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
