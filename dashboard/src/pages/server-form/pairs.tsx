/** Names with values, as many as are wanted. */
import type { Pair } from "../../lib/draft";
import { Button } from "../../ui/button";

export function Pairs({
  label,
  what,
  hint,
  pairs,
  fault,
  onChange,
}: {
  label: string;
  what: string;
  hint: string;
  pairs: Pair[];
  fault: string | undefined;
  onChange: (pairs: Pair[]) => void;
}) {
  const set = (index: number, pair: Pair) => onChange(pairs.map((old, at) => (at === index ? pair : old)));
  return (
    <fieldset className="field">
      <legend>{label}</legend>
      {pairs.map(([name, value], index) => (
        <div className="pair" key={index}>
          <input
            className="mono"
            aria-label={`Name of ${what} ${index + 1}`}
            placeholder="NAME"
            value={name}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => set(index, [event.target.value, value])}
          />
          <input
            className="mono"
            aria-label={`Value of ${name || `${what} ${index + 1}`}`}
            value={value}
            autoComplete="off"
            spellCheck={false}
            onFocus={(event) => event.target.select()}
            onChange={(event) => set(index, [name, event.target.value])}
          />
          <Button
            icon="close"
            look="quiet"
            label={`Remove ${name || `${what} ${index + 1}`}`}
            onClick={() => onChange(pairs.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <div className="row">
        <Button icon="plus" look="compact" onClick={() => onChange([...pairs, ["", ""]])}>Add a {what}</Button>
        <span className="hint">{hint}</span>
      </div>
      {fault && <span className="fault">{fault}</span>}
    </fieldset>
  );
}
