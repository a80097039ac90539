/** The list of servers: searched, sorted, started and stopped, one or many at once. */
import { memo, useCallback, useDeferredValue, useMemo, useState } from "react";
import { Link } from "wouter";
import { api, ApiError } from "../api/client";
import { keys, useMay, useServers } from "../api/queries";
import type { ServerItem } from "../api/types";
import { count, plural } from "../lib/format";
import { inertLine } from "../lib/inert";
import { to } from "../lib/links";
import { byUrgency, commandLine, faultOf, forEach, group, isUp, matches, type Group } from "../lib/servers";
import { useAddressState } from "../ui/address";
import { useAction } from "../ui/action";
import { Button, ButtonLink, Choices } from "../ui/button";
import { Card, Empty, Loaded, PageHead } from "../ui/card";
import { Search } from "../ui/field";
import { Icon } from "../ui/icon";
import { HealthBadge, Uncontained } from "../ui/state";
import { Ago, Text } from "../ui/text";
import { toast } from "../ui/toast";
import { GetStarted, noServers } from "./get-started";
import { Export } from "./servers/export";

type Column = "name" | "state" | "calls" | "restarts" | "used";
type Act = "start" | "stop" | "restart";

const groups = [
  ["all", "All"], ["healthy", "Healthy"], ["degraded", "Degraded"], ["down", "Down"], ["off", "Stopped"],
] as const;
const columns = [
  ["name", "Name"], ["state", "State"], ["calls", "Calls"], ["restarts", "Restarts"], ["used", "Last call"],
] as const;
const orders = [["ascending", ""], ["descending", ""]] as const;

/** The part of the table that is shown, as it is in the address. */
interface View {
  search: string;
  state: Group | "all";
  sort: Column;
  order: "ascending" | "descending";
  /** The number of the first row, or nothing for 0. */
  from: string;
}

const firstView: View = { search: "", state: "all", sort: "name", order: "ascending", from: "" };

/** Rows on one page of the table. */
const PAGE_ROWS = 50;

const compare: Record<Column, (a: ServerItem, b: ServerItem) => number> = {
  name: (a, b) => a.name.localeCompare(b.name),
  state: byUrgency,
  calls: (a, b) => b.totalCalls - a.totalCalls,
  restarts: (a, b) => b.runtimeStatus.restarts - a.runtimeStatus.restarts,
  used: (a, b) => (b.lastUsedAt ?? "").localeCompare(a.lastUsedAt ?? ""),
};

export function Servers() {
  const may = useMay();
  const servers = useServers();
  const [exporting, setExporting] = useState(false);
  return (
    <>
      <PageHead title="Servers">
        {!!servers.data?.length && <Button icon="download" onClick={() => setExporting(true)}>Export</Button>}
        {may("mcp:write") && (
          <>
            <ButtonLink to={to.newServer("paste")} icon="upload">Import</ButtonLink>
            <ButtonLink to={to.newServer()} icon="plus" look="primary">Add a server</ButtonLink>
          </>
        )}
      </PageHead>
      <Loaded query={servers} absent={noServers}>
        {(items) => (items.length ? <Table items={items} /> : <GetStarted />)}
      </Loaded>
      {exporting && <Export close={() => setExporting(false)} />}
    </>
  );
}

function Table({ items }: { items: ServerItem[] }) {
  const may = useMay();
  const [view, set] = useAddressState<View>(firstView, { state: groups, sort: columns, order: orders });
  const from = Number(view.from) || 0;
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());

  const acting = useAction(({ id, act }: { id: string; act: Act }) => api.post(`/api/mcp/${id}/${act}`), {
    refresh: [keys.servers],
  });
  const { mutate } = acting;
  const change = useCallback((id: string, act: Act) => mutate({ id, act }), [mutate]);
  const busy = acting.isPending ? acting.variables.id : null;

  const search = useDeferredValue(view.search);
  const found = useMemo(() => {
    const list = items.filter(
      (item) => (view.state === "all" || group(item.healthStatus) === view.state) && matches(item, search),
    );
    list.sort(compare[view.sort]);
    return view.order === "descending" ? list.reverse() : list;
  }, [items, search, view.state, view.sort, view.order]);
  const first = Math.min(from, Math.floor(Math.max(0, found.length - 1) / PAGE_ROWS) * PAGE_ROWS);
  const seen = found.slice(first, first + PAGE_ROWS);
  const selected = found.filter((item) => chosen.has(item.id));
  const turn = (row: number) => set({ from: row ? `${row}` : "" });
  const toggle = useCallback((id: string) => {
    setChosen((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  const toggleAll = () =>
    setChosen(selected.length === found.length ? new Set() : new Set(found.map((item) => item.id)));

  return (
    <Card
      flush
      title={
        <span>
          {found.length === items.length
            ? plural(items.length, "server")
            : `${count(found.length)} of ${count(items.length)}`}
        </span>
      }
      actions={
        <>
          <Choices
            label="State"
            value={view.state}
            onChange={(state) => set({ state, from: "" })}
            options={groups}
          />
          <Search label="Search servers" value={view.search} onChange={(search) => set({ search, from: "" })} />
        </>
      }
    >
      {selected.length > 0 && <Bulk items={selected} clear={() => setChosen(new Set())} />}
      <div className="table-wrap">
        <table className="table servers">
          <thead>
            <tr>
              {may("mcp:write") && (
                <th scope="col" className="is-box">
                  <input
                    type="checkbox"
                    aria-label="Select all matching servers"
                    checked={selected.length > 0 && selected.length === found.length}
                    ref={(box) => {
                      if (box) box.indeterminate = selected.length > 0 && selected.length < found.length;
                    }}
                    onChange={toggleAll}
                  />
                </th>
              )}
              <Head by="name" view={view} set={set}>Name</Head>
              <Head by="state" view={view} set={set}>State</Head>
              <th scope="col" className="num wide-only is-number">Tools</th>
              <Head by="calls" view={view} set={set} numeric>Calls</Head>
              <Head by="restarts" view={view} set={set} numeric>Restarts</Head>
              <Head by="used" view={view} set={set} wide>Last call</Head>
              {may("mcp:write") && <th scope="col" className="is-acts"><span className="unseen">Actions</span></th>}
            </tr>
          </thead>
          <tbody>
            {seen.map((item) => (
              <Row
                key={item.id}
                item={item}
                write={may("mcp:write")}
                chosen={chosen.has(item.id)}
                toggle={toggle}
                busy={busy === item.id}
                change={change}
              />
            ))}
          </tbody>
        </table>
      </div>
      {!found.length && <Empty title="No matching servers" />}
      {found.length > PAGE_ROWS && (
        <nav className="card-body row" aria-label="Pagination">
          <Button disabled={first === 0} onClick={() => turn(first - PAGE_ROWS)}>
            Previous
          </Button>
          <Button disabled={first + PAGE_ROWS >= found.length} onClick={() => turn(first + PAGE_ROWS)}>
            Next
          </Button>
          <span className="small muted">
            {count(first + 1)} to {count(first + seen.length)} of {count(found.length)}
          </span>
        </nav>
      )}
    </Card>
  );
}

function Head({
  by,
  view,
  set,
  numeric = false,
  wide = false,
  children,
}: {
  by: Column;
  view: View;
  set: (change: Partial<View>) => void;
  numeric?: boolean;
  wide?: boolean;
  children: string;
}) {
  const isSorted = view.sort === by;
  const next = isSorted && view.order === "ascending" ? "descending" : "ascending";
  return (
    <th
      scope="col"
      className={
        numeric ? "num wide-only is-number" : wide ? "wide-only is-time" : by === "state" ? "is-state" : undefined
      }
      aria-sort={isSorted ? view.order : undefined}
    >
      <button type="button" onClick={() => set({ sort: by, order: next })}>
        {children}
        {isSorted && <Icon name={view.order === "descending" ? "up" : "down"} size={12} />}
      </button>
    </th>
  );
}

const Row = memo(function Row({
  item,
  write,
  chosen,
  toggle,
  busy,
  change,
}: {
  item: ServerItem;
  write: boolean;
  chosen: boolean;
  toggle: (id: string) => void;
  busy: boolean;
  change: (id: string, act: Act) => void;
}) {
  const { runtimeStatus: state } = item;
  const up = isUp(state.status);
  const reason = faultOf(item);
  return (
    <tr>
      {write && (
        <td>
          <input
            type="checkbox"
            aria-label={inertLine(`Select ${item.name}`)}
            checked={chosen}
            onChange={() => toggle(item.id)}
          />
        </td>
      )}
      <td>
        <Link href={to.server(item.id)} className="main-link"><Text line>{item.name}</Text></Link>
        <div className="tiny muted mono cut row-line"><Text line most={120}>{commandLine(item)}</Text></div>
      </td>
      <td>
        <HealthBadge health={item.healthStatus} status={state.status} /> <Uncontained level={item.sandbox.level} />
        {reason && <div className="tiny muted cut row-line"><Text line most={120}>{reason}</Text></div>}
      </td>
      <td className="num wide-only">{state.tools ?? "–"}</td>
      <td className="num wide-only">{count(item.totalCalls)}</td>
      <td className="num wide-only">{state.restarts ? <span className="warn strong">{state.restarts}</span> : 0}</td>
      <td className="wide-only nowrap"><Ago at={item.lastUsedAt} /></td>
      {write && (
        <td className="num">
          {up && (
            <Button
              icon="restart"
              look="quiet compact"
              label={`Restart ${item.name}`}
              busy={busy}
              onClick={() => change(item.id, "restart")}
            />
          )}
          <Button
            icon={up ? "stop" : "play"}
            look="quiet compact"
            label={`${up ? "Stop" : "Start"} ${item.name}`}
            busy={busy}
            onClick={() => change(item.id, up ? "stop" : "start")}
          />
        </td>
      )}
    </tr>
  );
});

/** Actions on all selected servers. */
function Bulk({ items, clear }: { items: ServerItem[]; clear: () => void }) {
  const [left, setLeft] = useState(0);
  const run = useAction(
    async (act: Act) => {
      setLeft(items.length);
      const failed = await forEach(items, async (item) => {
        await whenAllowed(() => api.post(`/api/mcp/${item.id}/${act}`));
        setLeft((left) => left - 1);
      });
      if (failed.length) {
        const names = failed
          .slice(0, 3)
          .map(({ item }) => item.name)
          .join(", ");
        toast.failed(
          failed[0]?.error,
          `${plural(failed.length, "server")} failed (${names}${failed.length > 3 ? ", …" : ""})`,
        );
      }
      return items.length - failed.length;
    },
    {
      refresh: [keys.servers],
      done: (done, act) =>
        `${plural(done, "server")} ${{ start: "started", stop: "stopped", restart: "restarted" }[act]}`,
    },
  );
  return (
    <div className="card-head bulk" role="group" aria-label="Selected servers">
      <span className="strong">
        {plural(items.length, "server")} selected{run.isPending && `, ${count(left)} remaining`}
      </span>
      <Button icon="play" busy={run.isPending} onClick={() => run.mutate("start")}>
        Start
      </Button>
      <Button icon="stop" busy={run.isPending} onClick={() => run.mutate("stop")}>
        Stop
      </Button>
      <Button icon="restart" busy={run.isPending} onClick={() => run.mutate("restart")}>
        Restart
      </Button>
      <Button look="quiet" icon="close" label="Clear the selection" onClick={clear} />
    </div>
  );
}

/** Waits and tries again when the rate limit is exceeded. */
async function whenAllowed(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 429) throw error;
    await new Promise((resolve) => setTimeout(resolve, error.retryAfter ?? 5000));
    return whenAllowed(act);
  }
}
