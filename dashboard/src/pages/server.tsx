/** The page of a server: its actions, and its tabs. */
import { useEffect, type ComponentType } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { api, ApiError } from "../api/client";
import { keys, useMay, useOwns, useServer } from "../api/queries";
import type { ServerDetails } from "../api/types";
import { to } from "../lib/links";
import { commandLine, isUp } from "../lib/servers";
import { useAction } from "../ui/action";
import { Button } from "../ui/button";
import { Empty, Failed, Loaded, Note, PageHead } from "../ui/card";
import { confirm } from "../ui/dialog";
import { HealthBadge, Uncontained } from "../ui/state";
import { Text } from "../ui/text";
import { Calls } from "./calls";
import { Configuration } from "./server/configuration";
import { Output } from "./server/output";
import { Prompts } from "./server/prompts";
import { Resources } from "./server/resources";
import { Shares } from "./server/shares";
import { State } from "./server/state";
import type { TabProps } from "./server/tab";
import { Timeline } from "./server/timeline";
import { Tools } from "./server/tools";
import { UsageTab } from "./server/usage";

const tabs: [key: string, name: string, tab: ComponentType<TabProps>][] = [
  ["", "State", State],
  ["tools", "Tools", Tools],
  ["output", "Output", Output],
  ["calls", "Calls", ({ details }) => <Calls of={details.server.id} />],
  ["timeline", "Timeline", Timeline],
  ["resources", "Resources", Resources],
  ["prompts", "Prompts", Prompts],
  ["usage", "Usage", UsageTab],
  ["configuration", "Configuration", Configuration],
  ["shares", "Shares", Shares],
];

export function ServerPage({ params }: { params: Record<string, string> }) {
  const id = params["id"] ?? "";
  const server = useServer(id);
  const gone = server.error instanceof ApiError && server.error.problem.code === "server_not_found";
  if (gone) {
    return (
      <>
        <PageHead title="Server not found" crumb={<Link href="/servers">Servers</Link>} />
        <Empty title="It was removed, or is not shared with you" />
      </>
    );
  }
  if (server.isError && !server.data)
    return (
      <>
        <PageHead title="Server not available" crumb={<Link href="/servers">Servers</Link>} />
        <Failed error={server.error} retry={() => void server.refetch()} />
      </>
    );
  return (
    <Loaded query={server}>
      {({ details, etag }) => <Page key={id} details={details} etag={etag} tab={params["tab"] ?? ""} />}
    </Loaded>
  );
}

function Page({ details, etag, tab }: TabProps & { tab: string }) {
  const { server, runtimeStatus } = details;
  const [, , Tab] = tabs.find(([key]) => key === tab) ?? tabs[0]!;
  useEffect(() => {
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab]);
  return (
    <>
      <PageHead
        crumb={<Link href="/servers">Servers</Link>}
        title={<Text line>{server.name}</Text>}
        text={server.description ? <Text>{server.description}</Text> : undefined}
      >
        <Uncontained level={server.sandbox.level} />
        <HealthBadge health={server.healthStatus} status={runtimeStatus.status} />
        <Actions details={details} />
      </PageHead>
      <div className="small muted mono cut"><Text line>{commandLine(server)}</Text></div>
      <nav className="tabs" aria-label="About this server">
        {tabs.map(([key, name]) => (
          <Link key={key} href={to.server(server.id, key)} aria-current={key === tab ? "page" : undefined}>
            {name}
            {key === "tools" && details.waitingTools > 0 && ` (${details.waitingTools} to accept)`}
          </Link>
        ))}
      </nav>
      {runtimeStatus.status === "unauthorized" && tab && (
        <Note tone="warn">
          It requires authorization: see its <Link href={to.server(server.id)}>state</Link>.
        </Note>
      )}
      {runtimeStatus.fault && (
        <Note tone="warn">
          It runs, but <Text>{runtimeStatus.fault}</Text>. Ostler asks again.
        </Note>
      )}
      <Tab details={details} etag={etag} />
    </>
  );
}

const done = { start: "is ready", stop: "is stopped", restart: "is ready again" };

function Actions({ details: { server, runtimeStatus } }: { details: ServerDetails }) {
  const may = useMay();
  const owns = useOwns(server);
  const client = useQueryClient();
  const [, go] = useLocation();
  const refresh = [keys.server(server.id), keys.servers, keys.overview];
  const act = useAction((what: keyof typeof done) => api.post(`/api/mcp/${server.id}/${what}`), {
    refresh,
    done: (_, what) => `${server.name} ${done[what]}`,
  });
  const remove = useAction(() => api.delete(`/api/mcp/${server.id}`), {
    done: `${server.name} was removed`,
    onDone: () => {
      go("/servers");
      client.removeQueries({ queryKey: keys.server(server.id) });
      void client.invalidateQueries({ queryKey: keys.servers });
    },
  });
  const confirmRemoval = async () => {
    const text = "Its process is stopped at once. Its calls stay in the database, but are no longer shown.";
    if (await confirm({ title: `Remove ${server.name}?`, text, yes: "Remove", danger: true })) remove.mutate();
  };
  if (!may("mcp:write")) return null;
  const up = isUp(runtimeStatus.status);
  return (
    <>
      {up && (
        <Button icon="restart" busy={act.isPending} onClick={() => act.mutate("restart")}>
          Restart
        </Button>
      )}
      <Button
        icon={up ? "stop" : "play"}
        look={up ? "" : "primary"}
        busy={act.isPending}
        onClick={() => act.mutate(up ? "stop" : "start")}
      >
        {up ? "Stop" : "Start"}
      </Button>
      {owns && (
        <Button
          icon="trash"
          look="quiet danger"
          label="Remove this server"
          busy={remove.isPending}
          onClick={() => void confirmRemoval()}
        />
      )}
    </>
  );
}
