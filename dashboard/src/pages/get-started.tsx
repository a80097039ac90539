/** The empty state of pages about servers: four ways to add the first one. */
import { Link } from "wouter";
import { useMay } from "../api/queries";
import { to } from "../lib/links";
import { Card, Empty } from "../ui/card";
import { Icon, type IconName } from "../ui/icon";

const ways: [string, IconName, string, string][] = [
  [
    "catalogue",
    "search",
    "Pick from the catalogue",
    "GitHub, Notion, files, databases, browsers: pick one, paste its token, and it runs.",
  ],
  [
    "demo",
    "play",
    "Try the built-in demo",
    "A small MCP server inside Ostler, with nothing to install. Call its tools, make it crash and watch it restart.",
  ],
  [
    "paste",
    "copy",
    "Paste a configuration",
    "From Claude, Cursor, VS Code or another client. A preview comes before anything is added.",
  ],
  ["form", "edit", "Fill in a form", "A local program, or the URL of a remote server."],
];

/** The empty state where MCP servers are disabled. */
export const noServers = (
  <Empty title="MCP servers are disabled">
    This Ostler runs the <Link href="/gateway">gateway</Link> only.
  </Empty>
);

export function GetStarted() {
  const may = useMay();
  if (!may("mcp:write")) {
    return (
      <Card flush>
        <Empty title="No servers yet">Servers shared with you appear here.</Empty>
      </Card>
    );
  }
  return (
    <section className="begin" aria-label="Four ways to start">
      <h2>No servers yet. Four ways to start:</h2>
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
