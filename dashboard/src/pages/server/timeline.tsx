/** What a server wrote, what Ostler said about it and what was called, on one line of time. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Link } from "wouter";
import { api, isAbsent, query as queryString } from "../../api/client";
import type { List, TimelineItem } from "../../api/types";
import { to } from "../../lib/links";
import { Button } from "../../ui/button";
import { Card, Empty, Failed, Loading, More } from "../../ui/card";
import { Search } from "../../ui/field";
import { Moment, Text } from "../../ui/text";
import type { TabProps } from "../server";

const kinds = [["stderr", "Its output"], ["ostler", "Ostler"], ["call", "Calls"]] as const;

export function Timeline({ details: { server } }: TabProps) {
  const [words, setWords] = useState("");
  const [off, setOff] = useState<readonly string[]>([]);
  const search = useDeferredValue(words.trim());
  const wanted = kinds.map(([kind]) => kind).filter((kind) => !off.includes(kind)).join(",");
  const timeline = useInfiniteQuery({
    queryKey: ["timeline", server.id, search, wanted],
    queryFn: ({ pageParam, signal }) =>
      api.get<List<TimelineItem>>(`/api/mcp/${server.id}/timeline${queryString({ search, kinds: wanted, before: pageParam, limit: 100 })}`, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    enabled: wanted !== "",
  });
  const items = timeline.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card
      flush
      title="Timeline"
      actions={
        <>
          {kinds.map(([kind, name]) => (
            <label key={kind} className="check small">
              <input type="checkbox" checked={!off.includes(kind)} onChange={() => setOff(off.includes(kind) ? off.filter((one) => one !== kind) : [...off, kind])} />
              {name}
            </label>
          ))}
          <Search label="Search the timeline" value={words} onChange={setWords} />
          <Button icon="restart" label="Look again" busy={timeline.isFetching} onClick={() => void timeline.refetch()} />
        </>
      }
    >
      {timeline.isError && !isAbsent(timeline.error) && <Failed error={timeline.error} retry={() => void timeline.refetch()} />}
      {isAbsent(timeline.error) ? (
        <Empty title="This Ostler keeps no timeline" />
      ) : timeline.isLoading ? (
        <Loading />
      ) : items.length ? (
        <ol className="timeline" aria-label="Newest first">
          {items.map((item, index) => (
            <li key={`${item.at}/${index}`} className={`is-${item.kind}`}>
              <span className="muted nowrap"><Moment at={item.at} /></span>
              <span className="tag">{item.level ?? item.kind}</span>
              <span className="break">
                <Text>{item.text}</Text>
                {item.callId && <> <Link href={to.call(item.callId)}>the call</Link></>}
              </span>
            </li>
          ))}
        </ol>
      ) : (
        <Empty title={search ? "Nothing matches" : "Nothing yet"} />
      )}
      <More query={timeline} />
    </Card>
  );
}
