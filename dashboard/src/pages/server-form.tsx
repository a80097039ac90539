/** The fields of a server's configuration. */
import { ApiError } from "../api/client";
import type { Draft } from "../lib/draft";
import { Choices } from "../ui/button";
import { Area, Check, Input, Select } from "../ui/field";
import { ContainmentFields } from "./server-form/containment";
import { OAuthFields } from "./server-form/oauth";
import { Pairs } from "./server-form/pairs";

const SECRET = "Stored encrypted and never shown again. ${secret:NAME} stands for one of the owner's secrets.";

export function ServerForm({
  draft,
  onChange,
  error,
}: {
  draft: Draft;
  onChange: (draft: Draft) => void;
  error: unknown;
}) {
  const set = <K extends keyof Draft>(key: K, value: Draft[K]) => onChange({ ...draft, [key]: value });
  const fault = (pointer: string) => (error instanceof ApiError ? error.at(pointer) : undefined);
  return (
    <>
      <div className="row even">
        <Input
          label="Name"
          required
          maxLength={128}
          value={draft.name}
          fault={fault("/name")}
          onChange={(event) => set("name", event.target.value)}
        />
        <Input
          label="Description"
          maxLength={2000}
          value={draft.description}
          fault={fault("/description")}
          onChange={(event) => set("description", event.target.value)}
        />
      </div>
      <Choices
        label="Type of server"
        value={draft.kind}
        options={[["program", "Local program"], ["address", "Remote server"]]}
        onChange={(kind) => set("kind", kind)}
      />
      {draft.kind === "program" ? (
        <>
          <Input
            label="Program" required className="mono" value={draft.command} fault={fault("/command")}
            hint="A path, or a name found on PATH: npx, uvx, docker, /opt/mcp/server. It runs without a shell."
            onChange={(event) => set("command", event.target.value)}
          />
          <Area
            label="Arguments"
            className="mono"
            value={draft.args}
            fault={fault("/args")}
            hint="One per line, without quotes. Anyone on this machine can read them: put secrets into the environment."
            onChange={(event) => set("args", event.target.value)}
          />
          <Pairs
            label="Environment"
            what="variable"
            hint={SECRET}
            pairs={draft.env}
            fault={fault("/env")}
            onChange={(env) => set("env", env)}
          />
          <Input
            label="Working directory" className="mono" value={draft.cwd} fault={fault("/cwd")}
            hint="An absolute path, which it may then read and change. Empty for a folder of its own."
            onChange={(event) => set("cwd", event.target.value)}
          />
        </>
      ) : (
        <>
          <Input
            label="URL"
            required
            type="url"
            className="mono"
            placeholder="https://mcp.example.org/mcp"
            value={draft.url}
            fault={fault("/url")}
            onChange={(event) => set("url", event.target.value)}
          />
          <Pairs
            label="Headers"
            what="header"
            hint={SECRET}
            pairs={draft.headers}
            fault={fault("/headers")}
            onChange={(headers) => set("headers", headers)}
          />
        </>
      )}
      <Select
        label="Process isolation"
        value={draft.isolation}
        onChange={(event) => set("isolation", event.target.value as Draft["isolation"])}
        hint="Only a process of one user or one session may send requests to its client (elicitation, sampling)."
      >
        <option value="shared">One process for all users</option>
        <option value="per-user">One process per user</option>
        <option value="per-session">One process per session</option>
      </Select>
      {draft.kind === "address" ? (
        <OAuthFields oauth={draft.oauth} fault={fault} onChange={(oauth) => set("oauth", oauth)} />
      ) : (
        <ContainmentFields
          containment={draft.containment}
          fault={fault}
          onChange={(containment) => set("containment", containment)}
        />
      )}
      <details>
        <summary>Advanced: start and protocol</summary>
        <div className="row even">
          <Input
            label="Time to become ready, in seconds"
            type="number"
            min={1}
            max={86400}
            step="any"
            placeholder="60, or 180 for launchers"
            value={draft.startTimeout}
            fault={fault("/startTimeoutMs")}
            hint="For a server that loads or downloads something first."
            onChange={(event) => set("startTimeout", event.target.value)}
          />
          <Select
            label="Protocol"
            value={draft.protocol}
            hint="Automatic asks the server; choose one if it answers in an era that it does not serve."
            onChange={(event) => set("protocol", event.target.value as Draft["protocol"])}
          >
            <option value="auto">Automatic</option>
            <option value="legacy">Legacy: 2025-11-25 and before</option>
            <option value="modern">Modern: 2026-07-28</option>
          </Select>
          {draft.kind === "program" && (
            <Select
              label="Package launcher"
              value={draft.launcher}
              hint="For npx, uvx and the like: installed once and run without them, or fetched by them at each start."
              onChange={(event) => set("launcher", event.target.value as Draft["launcher"])}
            >
              <option value="">As usual here</option>
              <option value="replace">Replace: install its package once</option>
              <option value="follow">Follow: replace, and update it by itself</option>
              <option value="keep">Keep: run it as it is</option>
            </Select>
          )}
        </div>
      </details>
      <details>
        <summary>Advanced: visible tools and their descriptions</summary>
        <div className="row even">
          <Area
            label="Allow"
            className="mono"
            value={draft.allow}
            fault={fault("/tools/allow")}
            hint="One name per line; * matches any text. Empty allows all."
            onChange={(event) => set("allow", event.target.value)}
          />
          <Area
            label="Deny"
            className="mono"
            value={draft.deny}
            fault={fault("/tools/deny")}
            hint="Such as read_* or delete_file."
            onChange={(event) => set("deny", event.target.value)}
          />
        </div>
        <Pairs
          label="Descriptions"
          what="tool"
          hint="In place of the server's own, where Ostler lists the tools of all servers together."
          pairs={draft.descriptions}
          fault={fault("/tools/descriptions")}
          onChange={(descriptions) => set("descriptions", descriptions)}
        />
        <Check
          label="Follow changes of its tools"
          hint="For a server that changes them by plan. Otherwise tools that came or changed wait to be accepted."
          checked={draft.changes === "follow"}
          onChange={(event) => set("changes", event.target.checked ? "follow" : "pin")}
        />
      </details>
      <Check
        label="Enabled: starts now and with Ostler"
        checked={draft.enabled}
        onChange={(event) => set("enabled", event.target.checked)}
      />
    </>
  );
}
