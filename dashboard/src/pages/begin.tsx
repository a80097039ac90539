/** What stands where there is no server yet: three ways to begin. */
import { Link } from "wouter";
import { useMay } from "../api/queries";
import { to } from "../lib/links";
import { Card, Empty } from "../ui/card";
import { Icon, type IconName } from "../ui/icon";

const ways: [string, IconName, string, string][] = [
  ["demo", "play", "Try the built-in demo", "A small MCP server inside Ostler: nothing to install, ready in a second. Call its tools, make it crash, watch it come back."],
  ["paste", "copy", "Paste a configuration", "From Claude, Cursor, VS Code or any other client: every server in it is looked at before anything is added."],
  ["form", "edit", "Fill in a form", "A program of this machine, or the address of a server elsewhere."],
];

/** What stands where there will be none. */
export const noServers = <Empty title="MCP servers are switched off">This Ostler is a <Link href="/gateway">gateway</Link> alone.</Empty>;

export function Begin() {
  const may = useMay();
  if (!may("mcp:write")) {
    return (
      <Card flush>
        <Empty title="No servers yet">Servers that somebody shares with you appear here.</Empty>
      </Card>
    );
  }
  return (
    <section className="begin" aria-label="Three ways to begin">
      <h2>No servers yet. Three ways to begin:</h2>
      <div className="columns">
        {ways.map(([way, icon, title, text]) => (
          <Link key={way} href={to.newServer(way)} className="card way">
            <Icon name={icon} size={20} />
            <span className="strong">{title}</span>
            <span className="muted">{text}</span>
          </Link>
        ))}
      </div>
    </section>
  );
}
