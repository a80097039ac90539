/** What the processes of a server may reach and use. */
import { levels, limitNames, type Containment } from "../../lib/containment";
import { Area, Check, Input, Select } from "../../ui/field";

const networks = [
  ["full", "Any address"],
  ["none", "No network"],
  ["hosts", "These hosts only"],
] as const;

export function ContainmentFields({
  containment: of,
  fault,
  onChange,
}: {
  containment: Containment;
  fault: (pointer: string) => string | undefined;
  onChange: (containment: Containment) => void;
}) {
  const set = (change: Partial<Containment>) => onChange({ ...of, ...change });
  const listFault = (pointer: string, list: string) =>
    [pointer, ...list.split("\n").map((_, index) => `${pointer}/${index}`)].map(fault).find(Boolean);
  return (
    <details>
      <summary>Containment: files, network, limits</summary>
      <div className="stack">
        <Select
          label="Level"
          value={of.level}
          fault={fault("/sandbox/level")}
          hint={<span className={of.level === "none" ? "bad strong" : ""}>{levels[of.level || "standard"]}</span>}
          onChange={(event) => set({ level: event.target.value as Containment["level"] })}
        >
          <option value="">Default of this Ostler (standard, unless it is set otherwise)</option>
          <option value="standard">Standard</option>
          <option value="strict">Strict</option>
          <option value="none">None: not contained</option>
        </Select>
        <div className="row even">
          <Area
            label="Files and folders to read"
            className="mono"
            value={of.read}
            fault={listFault("/sandbox/paths/read", of.read)}
            hint="Absolute paths, one per line."
            onChange={(event) => set({ read: event.target.value })}
          />
          <Area
            label="Files and folders to change"
            className="mono"
            value={of.write}
            fault={listFault("/sandbox/paths/write", of.write)}
            hint="It may read them as well."
            onChange={(event) => set({ write: event.target.value })}
          />
        </div>
        <Check
          label="UNIX sockets"
          hint="For browsers and databases of this machine."
          checked={of.unixSockets}
          onChange={(event) => set({ unixSockets: event.target.checked })}
        />
        <div className="row even">
          <Select
            label="Network"
            value={of.network}
            onChange={(event) => set({ network: event.target.value as Containment["network"] })}
          >
            {networks.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </Select>
          {of.network === "hosts" && (
            <Area
              label="Hosts"
              className="mono"
              value={of.hosts}
              fault={listFault("/sandbox/network", of.hosts)}
              hint="One per line; *.example.com stands for all below it. Ports 80 and 443."
              onChange={(event) => set({ hosts: event.target.value })}
            />
          )}
        </div>
        <div className="row even">
          {limitNames.map(([key, name, unit]) => (
            <Input
              key={key}
              label={unit ? `${name}, in ${unit}` : name}
              type="number"
              min={1}
              placeholder="usual"
              value={of.limits[key]}
              fault={fault(`/limits/${key}`)}
              onChange={(event) => set({ limits: { ...of.limits, [key]: event.target.value } })}
            />
          ))}
        </div>
      </div>
    </details>
  );
}
