/** The form that registers or replaces a service of the gateway. */
import { useState } from "react";
import { api } from "../../api/client";
import { keys } from "../../api/queries";
import type { LoadBalancing, NewServiceBody, ServiceItem } from "../../api/types";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Check, Input, Select } from "../../ui/field";
import { FormDialog, type Fault } from "../../ui/form-dialog";

/** The registration of a service, without the fields that Ostler adds. */
function spec({ createdAt: _, updatedAt: _too, stats: _stats, health: _health, ...body }: ServiceItem): NewServiceBody {
  return body;
}

const emptyService: NewServiceBody = {
  name: "",
  basePath: "",
  instances: [{ host: "localhost", port: 8080, weight: 1 }],
  authentication: true,
};
const defaultHealthCheck: Required<NonNullable<NewServiceBody["healthCheck"]>> = {
  path: null,
  interval: null,
  timeout: 5000,
  healthyAfter: 2,
  unhealthyAfter: 3,
};
/** The rate limit of each caller that the form begins with. */
const DEFAULT_RATE_LIMIT = { windowMs: 60_000, max: 200 };

type Set = (change: Partial<NewServiceBody>) => void;

export function ServiceForm({ service, close }: { service: ServiceItem | null; close: () => void }) {
  const [draft, setDraft] = useState<NewServiceBody>(service ? spec(service) : emptyService);
  const set: Set = (change) => setDraft({ ...draft, ...change });
  const save = useAction(() => api.post("/api/gateway/services", draft), {
    refresh: [keys.gateway],
    done: service ? `${service.name} was updated` : "Service registered",
    onDone: close,
    quiet: true,
  });
  return (
    <FormDialog
      wide
      title={service ? `Edit ${service.name}` : "Register a service"}
      action={save}
      yes={service ? "Save" : "Register"}
      close={close}
    >
      {(fault) => (
        <>
          <div className="row even">
            <Input
              label="Name"
              required
              maxLength={63}
              pattern="[A-Za-z0-9._\-]+"
              disabled={!!service}
              value={draft.name}
              fault={fault("/name")}
              onChange={(event) => set({ name: event.target.value })}
            />
            <Input
              label="Path"
              required
              className="mono"
              placeholder="/api/chat"
              value={draft.basePath}
              fault={fault("/basePath")}
              hint="Requests to this path and below."
              onChange={(event) => set({ basePath: event.target.value })}
            />
          </div>
          <InstanceFields instances={draft.instances} fault={fault} onChange={(instances) => set({ instances })} />
          <div className="row even">
            <Input
              label="Health endpoint"
              className="mono"
              placeholder="/health"
              value={draft.healthEndpoint ?? ""}
              fault={fault("/healthEndpoint")}
              hint="Without one, health checks only connect."
              onChange={(event) => set({ healthEndpoint: event.target.value || null })}
            />
            <Select
              label="Load balancing"
              value={draft.loadBalancing ?? ""}
              onChange={(event) => set({ loadBalancing: (event.target.value || null) as LoadBalancing | null })}
            >
              <option value="">Gateway default</option>
              <option value="round-robin">Round robin</option>
              <option value="least-connections">Least connections</option>
              <option value="weighted">Weighted</option>
            </Select>
          </div>
          <Check
            label="Require a token or API key of this Ostler"
            checked={draft.authentication}
            onChange={(event) => set({ authentication: event.target.checked })}
          />
          <Check
            label="Strip the path prefix"
            hint="Instances get the path without that of the service."
            checked={!!draft.stripPrefix}
            onChange={(event) => set({ stripPrefix: event.target.checked })}
          />
          <Check
            label="Forward callers' credentials to instances"
            hint="Their Authorization and Cookie headers, which may be a key of this Ostler."
            checked={!!draft.passCredentials}
            onChange={(event) => set({ passCredentials: event.target.checked })}
          />
          <AdvancedFields draft={draft} set={set} fault={fault} />
        </>
      )}
    </FormDialog>
  );
}

function NumberInput({ label, hint, pointer, value, fault, least = 0, set }: {
  label: string;
  hint: string;
  pointer: string;
  value: number | null | undefined;
  fault: Fault;
  least?: number;
  set: (value: number | null) => void;
}) {
  return (
    <Input
      label={label}
      hint={hint}
      type="number"
      min={least}
      max={86_400_000}
      value={value ?? ""}
      fault={fault(pointer)}
      onChange={(event) => set(event.target.value === "" ? null : Number(event.target.value))}
    />
  );
}

/** Settings that few services need; an empty field follows the gateway. */
function AdvancedFields({ draft, set, fault }: { draft: NewServiceBody; set: Set; fault: Fault }) {
  const health = { ...defaultHealthCheck, ...draft.healthCheck };
  const limit = draft.rateLimit;
  const check = (change: Partial<typeof health>) => set({ healthCheck: { ...health, ...change } });
  return (
    <details>
      <summary>Advanced: limits, retries, connections, health checks</summary>
      <div className="stack">
        <div className="row even">
          <NumberInput
            label="Timeout (ms)"
            hint="For a whole request; empty for that of the gateway."
            pointer="/timeout"
            least={1}
            value={draft.timeout}
            fault={fault}
            set={(timeout) => set({ timeout })}
          />
          <NumberInput
            label="Retries on other instances"
            hint="If a request may safely be repeated."
            pointer="/retries"
            value={draft.retries ?? 2}
            fault={fault}
            set={(retries) => set({ retries: retries ?? 2 })}
          />
          <NumberInput
            label="Requests in flight per instance"
            hint="Empty for no limit."
            pointer="/maxConnections"
            least={1}
            value={draft.maxConnections}
            fault={fault}
            set={(maxConnections) => set({ maxConnections })}
          />
          <NumberInput
            label="Body limit (bytes)"
            hint="Empty for no limit."
            pointer="/maxBodyBytes"
            value={draft.maxBodyBytes}
            fault={fault}
            set={(maxBodyBytes) => set({ maxBodyBytes })}
          />
          <NumberInput
            label="Idle connections kept (ms)"
            hint="Set it below the time after which instances close one; 0 keeps none, empty is 30000."
            pointer="/keepAlive"
            value={draft.keepAlive}
            fault={fault}
            set={(keepAlive) => set({ keepAlive })}
          />
        </div>
        <div className="row even">
          <NumberInput
            label="Rate limit per caller"
            hint="Requests within the window; empty for no limit."
            pointer="/rateLimit/max"
            least={1}
            value={limit?.max}
            fault={fault}
            set={(max) => set({ rateLimit: max === null ? null : { ...DEFAULT_RATE_LIMIT, ...limit, max } })}
          />
          <NumberInput
            label="Rate limit window (ms)"
            hint="The span in which they are counted."
            pointer="/rateLimit/windowMs"
            least={1}
            value={limit?.windowMs}
            fault={fault}
            set={(windowMs) =>
              set({ rateLimit: windowMs === null ? null : { ...DEFAULT_RATE_LIMIT, ...limit, windowMs } })
            }
          />
        </div>
        <div className="row even">
          <Input
            label="Health check path"
            className="mono"
            value={health.path ?? ""}
            fault={fault("/healthCheck/path")}
            hint="In place of the health endpoint."
            onChange={(event) => check({ path: event.target.value || null })}
          />
          <NumberInput
            label="Health check interval (ms)"
            hint="Empty for that of the gateway. Until an instance is healthy, it is checked every second."
            pointer="/healthCheck/interval"
            least={1}
            value={health.interval}
            fault={fault}
            set={(interval) => check({ interval })}
          />
          <NumberInput
            label="Health check timeout (ms)"
            hint="An answer that takes longer has failed."
            pointer="/healthCheck/timeout"
            least={1}
            value={health.timeout}
            fault={fault}
            set={(timeout) => check({ timeout: timeout ?? defaultHealthCheck.timeout })}
          />
          <NumberInput
            label="Passed checks until healthy"
            hint="In a row, of an unhealthy instance."
            pointer="/healthCheck/healthyAfter"
            least={1}
            value={health.healthyAfter}
            fault={fault}
            set={(n) => check({ healthyAfter: n ?? defaultHealthCheck.healthyAfter })}
          />
          <NumberInput
            label="Failed checks until unhealthy"
            hint="In a row, of a healthy instance."
            pointer="/healthCheck/unhealthyAfter"
            least={1}
            value={health.unhealthyAfter}
            fault={fault}
            set={(n) => check({ unhealthyAfter: n ?? defaultHealthCheck.unhealthyAfter })}
          />
        </div>
      </div>
    </details>
  );
}

type Instance = NewServiceBody["instances"][number];

function InstanceFields({
  instances,
  fault,
  onChange,
}: {
  instances: Instance[];
  fault: Fault;
  onChange: (instances: Instance[]) => void;
}) {
  const set = (index: number, change: Partial<Instance>) =>
    onChange(instances.map((one, at) => (at === index ? { ...one, ...change } : one)));
  return (
    <fieldset className="field">
      <legend>Instances</legend>
      {instances.map((one, index) => (
        <div key={index} className="item">
          <Input
            label="Host"
            required
            className="mono"
            value={one.host}
            fault={fault(`/instances/${index}/host`)}
            onChange={(event) => set(index, { host: event.target.value })}
          />
          <Input
            label="Port"
            required
            type="number"
            min={1}
            max={65_535}
            value={one.port || ""}
            onChange={(event) => set(index, { port: Number(event.target.value) })}
          />
          <Input
            label="Weight"
            required
            type="number"
            min={0}
            max={1000}
            value={one.weight}
            onChange={(event) => set(index, { weight: Number(event.target.value) })}
          />
          <Button
            icon="close"
            look="quiet"
            label={`Remove instance ${index + 1}`}
            disabled={instances.length < 2}
            onClick={() => onChange(instances.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <div className="row">
        <Button
          icon="plus"
          look="compact"
          disabled={instances.length >= 256}
          onClick={() => onChange([...instances, { host: "localhost", port: 8080, weight: 1 }])}
        >
          Add an instance
        </Button>
      </div>
    </fieldset>
  );
}
