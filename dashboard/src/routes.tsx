/**
 * The pages. To add one: write `pages/<name>.tsx`, and give it a line here. Addresses are the part after `#`, so that
 * no path of a gateway service can ever be taken for a page; `params` are the parts that begin with a colon.
 */
import type { ComponentType } from "react";
import type { Permission } from "./api/types";
import type { IconName } from "./ui/icon";
import { Audit } from "./pages/audit";
import { CallPage } from "./pages/call";
import { CallsPage } from "./pages/calls";
import { Connect } from "./pages/connect";
import { GatewayPage } from "./pages/gateway";
import { Keys } from "./pages/keys";
import { Overview } from "./pages/overview";
import { ServerPage } from "./pages/server";
import { NewServer } from "./pages/new-server";
import { RunPage } from "./pages/run";
import { Secrets } from "./pages/secrets";
import { Servers } from "./pages/servers";
import { SystemPage } from "./pages/system";
import { Users } from "./pages/users";

export interface Page {
  path: string;
  page: ComponentType<{ params: Record<string, string> }>;
  /** In the navigation; pages without it are reached from others. */
  nav?: { name: string; icon: IconName; group: "work" | "manage" };
  /** The permission that the page requires. */
  needs?: Permission;
}

export const pages: Page[] = [
  { path: "/", page: Overview, nav: { name: "Overview", icon: "overview", group: "work" } },
  { path: "/servers", page: Servers, nav: { name: "Servers", icon: "servers", group: "work" }, needs: "mcp:read" },
  { path: "/servers/new/:way?/:entry?", page: NewServer, needs: "mcp:write" },
  { path: "/servers/:id/run/:tool/:call?", page: RunPage, needs: "mcp:read" },
  { path: "/servers/:id/:tab?", page: ServerPage, needs: "mcp:read" },
  { path: "/calls", page: CallsPage, nav: { name: "Calls", icon: "calls", group: "work" }, needs: "mcp:read" },
  { path: "/calls/:id", page: CallPage, needs: "mcp:read" },
  { path: "/connect", page: Connect, nav: { name: "Connect", icon: "connect", group: "work" }, needs: "mcp:read" },
  { path: "/keys", page: Keys, nav: { name: "API keys", icon: "keys", group: "work" } },
  { path: "/secrets", page: Secrets, nav: { name: "Secrets", icon: "secrets", group: "work" }, needs: "mcp:read" },
  {
    path: "/gateway",
    page: GatewayPage,
    nav: { name: "Gateway", icon: "gateway", group: "manage" },
    needs: "gateway:read",
  },
  { path: "/audit", page: Audit, nav: { name: "Audit", icon: "audit", group: "manage" }, needs: "audit:read" },
  { path: "/users", page: Users, nav: { name: "Users", icon: "users", group: "manage" }, needs: "users:manage" },
  { path: "/system", page: SystemPage, nav: { name: "System", icon: "system", group: "manage" } },
];

