/** A service of the gateway: registered, or replaced by the same with changes. */
import { useState, type FormEvent } from "react";
import { api, ApiError } from "../../api/client";
import { keys } from "../../api/queries";
import type { Service } from "../../api/types";
import { useAction } from "../../ui/action";
import { Button } from "../../ui/button";
import { Failed } from "../../ui/card";
import { Dialog } from "../../ui/dialog";
import { Check, Input, Select } from "../../ui/field";

/** A service without what only Ostler says of it. */
export function bodyOfService({ createdAt: _, updatedAt: _too, ...body }: Partial<Service>): Partial<Service> {
  return body;
}

const fresh: Partial<Service> = { name: "", basePath: "", instances: [{ host: "localhost", port: 8080, weight: 1 }], authentication: true };

export function ServiceForm({ service, close }: { service: Service | null; close: () => void }) {
  const [draft, setDraft] = useState<Partial<Service>>(service ?? fresh);
  const set = (field: string, value: unknown) => setDraft({ ...draft, [field]: value });
  const save = useAction(() => api.post("/api/gateway/services", bodyOfService(draft)), {
    refresh: [keys.gateway],
    done: service ? `${service.name} was changed` : "The service is registered",
    onDone: close,
    quiet: true,
  });
  const fault = (pointer: string) => (save.error instanceof ApiError ? save.error.at(pointer) : undefined);
  const text = (field: string) => (typeof draft[field] === "string" ? draft[field] : "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog wide title={service ? `Edit ${service.name}` : "Register a service"} onClose={close}>
      <form className="form" onSubmit={submit}>
        <div className="row even">
          <Input label="Name" required maxLength={63} pattern="[A-Za-z0-9._\-]+" disabled={!!service} value={text("name")} fault={fault("/name")}
            onChange={(event) => set("name", event.target.value)} />
          <Input label="Path" required className="mono" placeholder="/api/chat" value={text("basePath")} fault={fault("/basePath")}
            hint="Requests to it and all below it." onChange={(event) => set("basePath", event.target.value)} />
        </div>
        <Places instances={draft.instances ?? []} onChange={(instances) => set("instances", instances)} />
        <div className="row even">
          <Input label="Health endpoint" className="mono" placeholder="/health" value={text("healthEndpoint")} fault={fault("/healthEndpoint")}
            hint="Without one, checks only connect." onChange={(event) => set("healthEndpoint", event.target.value || null)} />
          <Select label="How an instance is chosen" value={text("loadBalancing")} onChange={(event) => set("loadBalancing", event.target.value || null)}>
            <option value="">As the gateway is set</option>
            <option value="round-robin">In turn</option>
            <option value="least-connections">The least busy</option>
            <option value="weighted">By weight</option>
          </Select>
          <Input label="Timeout in ms" type="number" min={1} max={86_400_000} value={typeof draft["timeout"] === "number" ? draft["timeout"] : ""} fault={fault("/timeout")}
            onChange={(event) => set("timeout", event.target.value ? Number(event.target.value) : null)} />
        </div>
        <Check label="Callers need a token or key of this Ostler" checked={draft["authentication"] !== false} onChange={(event) => set("authentication", event.target.checked)} />
        <Check label="Instances get the path without its beginning" checked={draft["stripPrefix"] === true} onChange={(event) => set("stripPrefix", event.target.checked)} />
        <Check label="Instances get the callers' credentials" checked={draft["passCredentials"] === true} onChange={(event) => set("passCredentials", event.target.checked)} />
        {save.isError && <Failed error={save.error} />}
        <div className="dialog-foot">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending}>{service ? "Save" : "Register"}</Button>
        </div>
      </form>
    </Dialog>
  );
}

type Instance = Service["instances"][number];

function Places({ instances, onChange }: { instances: Instance[]; onChange: (instances: Instance[]) => void }) {
  const set = (index: number, change: Partial<Instance>) => onChange(instances.map((one, at) => (at === index ? { ...one, ...change } : one)));
  return (
    <fieldset className="field">
      <legend>Instances</legend>
      {instances.map((one, index) => (
        <div key={index} className="item">
          <Input label="Host" required className="mono" value={one.host} onChange={(event) => set(index, { host: event.target.value })} />
          <Input label="Port" required type="number" min={1} max={65_535} value={one.port || ""} onChange={(event) => set(index, { port: Number(event.target.value) })} />
          <Input label="Weight" required type="number" min={0} max={1000} value={one.weight} onChange={(event) => set(index, { weight: Number(event.target.value) })} />
          <Button icon="close" look="quiet" label={`Remove instance ${index + 1}`} disabled={instances.length < 2} onClick={() => onChange(instances.filter((_, at) => at !== index))} />
        </div>
      ))}
      <div className="row">
        <Button icon="plus" look="compact" disabled={instances.length >= 256} onClick={() => onChange([...instances, { host: "localhost", port: 8080, weight: 1 }])}>Add an instance</Button>
        <span className="hint">A weight of 0 drains an instance.</span>
      </div>
    </fieldset>
  );
}
