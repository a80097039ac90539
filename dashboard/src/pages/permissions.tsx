/** Permissions in words. */
import type { Permission, Role } from "../api/types";

export const permissions: [Permission, string][] = [
  ["mcp:read", "see servers and calls"],
  ["mcp:write", "make and change servers"],
  ["mcp:execute", "call tools"],
  ["mcp:manage", "all servers of everybody"],
  ["gateway:read", "see the gateway"],
  ["gateway:manage", "change the gateway"],
  ["users:manage", "manage accounts"],
  ["audit:read", "read the audit log"],
];

export const roles: [Role, string][] = [
  ["admin", "Admin: everything"],
  ["developer", "Developer: servers and tools"],
  ["executor", "Executor: calls tools"],
  ["viewer", "Viewer: looks only"],
];
