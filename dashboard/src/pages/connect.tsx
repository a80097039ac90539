/** Configurations of MCP clients that use Ostler, to copy. */
import { useState } from "react";
import { Link } from "wouter";
import { address } from "../api/client";
import { useServers } from "../api/queries";
import { clients, endpoint, flags, type Aim } from "../lib/clients";
import { shellWord } from "../lib/command";
import { inertLine } from "../lib/inert";
import { Choices, Copyable } from "../ui/button";
import { Card, PageHead } from "../ui/card";
import { Check, Select } from "../ui/field";

const names = [...clients.map(({ key, name }) => [key, name] as const), ["other", "Others"] as const];

export function Connect() {
  const servers = useServers().data ?? [];
  const [serverId, setServerId] = useState("");
  const [search, setSearch] = useState(false);
  const [chosen, setChosen] = useState("claude-code");
  const base = new URL(address("/"), location.href).href.replace(/\/$/, "");
  const aim: Aim = { base, serverId: serverId || null, search };
  const client = clients.find(({ key }) => key === chosen);
  return (
    <>
      <PageHead
        title="Connect a client"
        text="One entry in a client's configuration gives it the tools of all your servers."
      />
      <Card title="1. Servers">
        <div className="form">
          <Select label="Servers" value={serverId} onChange={(event) => setServerId(event.target.value)}>
            <option value="">All that you may use, combined</option>
            {servers.map((server) => (
              <option key={server.id} value={server.id}>
                Only {inertLine(server.name, 80)}
              </option>
            ))}
          </Select>
          {!serverId && (
            <Check
              label="Tool search: three tools that find and call the others"
              checked={search}
              onChange={(event) => setSearch(event.target.checked)}
              hint="For many servers: a long list of tools fills a model's context."
            />
          )}
        </div>
      </Card>
      <Card title="2. API key">
        <p>
          Each client needs an API key. <Link href="/keys">Create one</Link> with <code>mcp:read</code> and{" "}
          <code>mcp:execute</code>.
        </p>
      </Card>
      <Card
        title="3. Configuration"
        actions={<Choices label="Client" value={chosen} options={names} onChange={setChosen} />}
      >
        {client ? (
          <div className="stack">
            <p className="small muted">Add it to <span className="mono">{client.place}</span></p>
            <Copyable label={`Configuration of ${client.name}`} text={client.config(aim)} />
            <p>{client.then}</p>
            <p className="small muted">Or let Ostler write it, on the client's machine:</p>
            <Copyable
              label="Command"
              text={`ostler client-config ${client.key} ${flags(aim).map(shellWord).join(" ")} --write`}
            />
          </div>
        ) : (
          <Others aim={aim} />
        )}
      </Card>
    </>
  );
}

function Others({ aim }: { aim: Aim }) {
  return (
    <div className="stack">
      <p>
        Clients that speak Streamable HTTP, in any revision from 2024-11-05 to 2026-07-28, need the URL and a header:
      </p>
      <Copyable label="URL" text={endpoint(aim)} />
      <Copyable label="Header" text="Authorization: Bearer <your API key>" />
      <p>Clients that only launch programs run this, with the key in <code>OSTLER_API_KEY</code>:</p>
      <Copyable label="Program" text={`ostler connect ${flags(aim).map(shellWord).join(" ")}`} />
    </div>
  );
}
