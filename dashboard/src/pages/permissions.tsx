/** Descriptions of permissions and roles. */
import type { Permission, Role } from "../api/types";

export const permissions: [Permission, string][] = [
  ["mcp:read", "see servers and calls"],
  ["mcp:write", "create and change servers"],
  ["mcp:execute", "call tools"],
  ["mcp:manage", "manage the servers of all users"],
  ["gateway:read", "see the gateway"],
  ["gateway:manage", "change the gateway"],
  ["users:manage", "manage accounts"],
  ["audit:read", "read the audit log"],
];

export const roles: [Role, string][] = [
  ["admin", "Admin: everything"],
  ["developer", "Developer: servers and tools"],
  ["executor", "Executor: calls tools"],
  ["viewer", "Viewer: read-only"],
];
