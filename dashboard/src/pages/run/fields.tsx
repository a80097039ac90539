/** A form for a JSON Schema. Its value is JSON, without the members that are left out. */
import { useEffect, useRef, useState } from "react";
import { inertJson, inertLine } from "../../lib/inert";
import {
  initial,
  isObject,
  resolve,
  same,
  shape,
  variantOf,
  withMember,
  type Schema,
  type Shape,
} from "../../lib/schema";
import { Button } from "../../ui/button";
import { Area, Check, Field, Input, Select } from "../../ui/field";
import { Text } from "../../ui/text";

interface Part {
  name: string;
  schema: Schema;
  root: Schema;
  required: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** The members of an object, without a frame. */
export function Fields({
  schema,
  value,
  onChange,
}: {
  schema: Schema;
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  const whole = resolve(schema, schema);
  const made = shape(whole, schema);
  if (made.kind === "object")
    return <Members properties={made.properties} root={schema} value={value} onChange={onChange} />;
  return <SchemaField name="Arguments" schema={schema} root={schema} required value={value} onChange={onChange} />;
}

function Members({
  properties,
  root,
  value,
  onChange,
}: Pick<Part, "root" | "value" | "onChange"> & { properties: [string, Schema, boolean][] }) {
  if (!properties.length) return <p className="muted">This tool takes no arguments.</p>;
  return (
    <>
      {properties.map(([name, schema, required]) => (
        <SchemaField
          key={name}
          name={name}
          schema={schema}
          root={root}
          required={required}
          value={isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined}
          onChange={(member) => onChange(withMember(value, name, member))}
        />
      ))}
    </>
  );
}

function SchemaField(part: Part) {
  const schema = resolve(part.schema, part.root);
  const made = shape(schema, part.root);
  const whole = { ...part, schema };
  switch (made.kind) {
    case "choice":
      return <Choice {...whole} options={made.options} />;
    case "multiple":
      return <MultipleChoice {...whole} options={made.options} />;
    case "variants":
      return <Variants {...whole} variants={made.variants} />;
    case "object":
      return <Nested {...whole} properties={made.properties} />;
    case "list":
      return <List {...whole} made={made} />;
    case "text":
      return <TextField {...whole} />;
    case "number":
      return <NumberField {...whole} />;
    case "boolean":
      return <BooleanField {...whole} />;
    case "null":
      return null;
    case "json":
      return (
        <Json
          label={label(whole)}
          hint={hint(schema)}
          required={part.required}
          value={part.value}
          onChange={part.onChange}
        />
      );
  }
}

function label({ name, schema, required }: Pick<Part, "name" | "schema" | "required">) {
  const title =
    typeof schema["title"] === "string" && schema["title"].toLowerCase() !== name.toLowerCase() ? schema["title"] : "";
  return (
    <>
      <span className="mono"><Text line most={80}>{name}</Text></span>
      {title && <span className="weak"> <Text line most={80}>{title}</Text></span>}
      {!required && <span className="weak"> optional</span>}
    </>
  );
}

function hint(schema: Schema) {
  return typeof schema["description"] === "string" ? <Text most={600} line>{schema["description"]}</Text> : undefined;
}

/** Empty means: leave it out, or `null` where it must be there and may be that. */
function empty({ schema, required }: Part): null | undefined {
  return required && schema["nullable"] ? null : undefined;
}

const whole = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
const types: Record<string, string> = { email: "email", uri: "url", url: "url", date: "date" };
const LONG_TEXT_NAMES = /content|text|body|message|prompt|code|query|sql|data|script|markdown|html/i;

function TextField(part: Part) {
  const { name, schema, required, value } = part;
  const text = typeof value === "string" ? value : "";
  const set = (next: string) => part.onChange(next === "" && !(required && !schema["nullable"]) ? empty(part) : next);
  const limits = { minLength: whole(schema["minLength"]), maxLength: whole(schema["maxLength"]) };
  const type = types[String(schema["format"])] ?? (schema["format"] === "password" ? "password" : "text");
  // Empty text is text; an empty address is none.
  const needed = required && !schema["nullable"] && ((limits.minLength ?? 0) > 0 || type !== "text");
  const around = { label: label(part), hint: hint(schema), required: needed, value: text, spellCheck: false };
  if (type === "text" && !schema["format"] && LONG_TEXT_NAMES.test(name)) {
    return <Area {...around} {...limits} rows={3} onChange={(event) => set(event.target.value)} />;
  }
  return <Input {...around} {...limits} type={type} onChange={(event) => set(event.target.value)} />;
}

function NumberField(part: Part) {
  const { schema, required, value } = part;
  return (
    <Input
      label={label(part)}
      hint={hint(schema)}
      type="number"
      step={schema["type"] === "integer" ? 1 : "any"}
      min={whole(schema["minimum"])}
      max={whole(schema["maximum"])}
      required={required && !schema["nullable"]}
      value={typeof value === "number" ? value : ""}
      onChange={(event) => part.onChange(event.target.value === "" ? empty(part) : Number(event.target.value))}
    />
  );
}

function BooleanField(part: Part) {
  const { schema, required, value } = part;
  if (required && !schema["nullable"]) {
    return (
      <Check
        label={label(part)}
        hint={hint(schema)}
        checked={value === true}
        onChange={(event) => part.onChange(event.target.checked)}
      />
    );
  }
  const options = [true, false].map((one) => ({ value: one, word: one ? "yes" : "no" }));
  return <Choice {...part} options={options} />;
}

function Choice(part: Part & { options: { value: unknown; word: string }[] }) {
  const { schema, required, value, options } = part;
  const at = value === undefined ? -1 : options.findIndex((option) => same(option.value, value));
  // What tells variants apart is settled by choosing one.
  if (required && "const" in schema && at === 0) return null;
  const bare = !required || schema["nullable"] || at < 0;
  return (
    <Select
      label={label(part)}
      hint={hint(schema)}
      required={required && !schema["nullable"]}
      value={at < 0 ? "" : at}
      onChange={(event) =>
        part.onChange(event.target.value === "" ? empty(part) : options[Number(event.target.value)]?.value)
      }
    >
      {bare && <option value="">{required && !schema["nullable"] ? "Choose one" : "–"}</option>}
      {options.map((option, index) => <option key={index} value={index}>{inertLine(option.word, 120)}</option>)}
    </Select>
  );
}

function MultipleChoice(part: Part & { options: { value: unknown; word: string }[] }) {
  const { schema, required, options } = part;
  const chosen = Array.isArray(part.value) ? part.value : [];
  const toggle = (value: unknown) => {
    const has = chosen.some((one) => same(one, value));
    const next = has ? chosen.filter((one) => !same(one, value)) : [...chosen, value];
    part.onChange(next.length || required ? next : undefined);
  };
  return (
    <fieldset className="field">
      <legend>{label(part)}</legend>
      {hint(schema) && <span className="hint">{hint(schema)}</span>}
      <div className="row">
        {options.map((option, index) => (
          <label key={index} className="check">
            <input
              type="checkbox"
              checked={chosen.some((one) => same(one, option.value))}
              onChange={() => toggle(option.value)}
            />
            <Text line most={120}>
              {option.word}
            </Text>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Variants(part: Part & { variants: { schema: Schema; word: string }[] }) {
  const { schema, root, required, value, variants } = part;
  const [chosen, setChosen] = useState<number | null>(null);
  const absent = value === undefined && !required;
  const at = chosen ?? variantOf(value, variants);
  const choose = (next: number | null) => {
    setChosen(next);
    part.onChange(next === null ? undefined : initial(variants[next]?.schema ?? {}, root, true));
  };
  const variant = variants[at];
  return (
    <fieldset className="field nested">
      <legend>{label(part)}</legend>
      <Select
        label="Type"
        hint={hint(schema)}
        value={absent && chosen === null ? "" : at}
        onChange={(event) => choose(event.target.value === "" ? null : Number(event.target.value))}
      >
        {!required && <option value="">–</option>}
        {variants.map(({ word }, index) => <option key={index} value={index}>{inertLine(word, 80)}</option>)}
      </Select>
      {variant && !(absent && chosen === null) && (
        <SchemaField
          key={at}
          name={part.name}
          schema={withMember(variant.schema, "description", ownDescription(variant.schema, schema))}
          root={root}
          required
          value={value}
          onChange={part.onChange}
        />
      )}
    </fieldset>
  );
}

/** The description of a variant, unless it repeats that of the whole. */
function ownDescription(variant: Schema, { description }: Schema): unknown {
  return variant["description"] === description ? undefined : variant["description"];
}

function Nested(part: Part & { properties: [string, Schema, boolean][] }) {
  const { name, schema, root, required, value } = part;
  if (value === undefined && !required) {
    return (
      <div className="field">
        <div className="row">
          <Button icon="plus" look="compact" onClick={() => part.onChange(initial(schema, root, true) ?? {})}>
            Add {inertLine(name, 60)}
          </Button>
          <span className="hint">{hint(schema)}</span>
        </div>
      </div>
    );
  }
  return (
    <fieldset className="field nested">
      <legend>{label(part)}</legend>
      {hint(schema) && <span className="hint">{hint(schema)}</span>}
      <Members properties={part.properties} root={root} value={value} onChange={part.onChange} />
      {!required && (
        <div>
          <Button icon="close" look="compact" onClick={() => part.onChange(undefined)}>
            Remove {inertLine(name, 60)}
          </Button>
        </div>
      )}
    </fieldset>
  );
}

function List(part: Part & { made: Extract<Shape, { kind: "list" }> }) {
  const { schema, root, required, made } = part;
  const items = Array.isArray(part.value) ? part.value : [];
  const set = (next: unknown[]) => part.onChange(next.length || required ? next : undefined);
  // A number that is not filled in yet has no JSON of its own.
  const fresh = () => initial(made.items, root, true) ?? null;
  return (
    <fieldset className="field nested">
      <legend>{label(part)}</legend>
      {hint(schema) && <span className="hint">{hint(schema)}</span>}
      {items.map((item, index) => (
        <div key={index} className="item">
          <SchemaField
            name={`${index + 1}`} schema={made.items} root={root} required value={item === null ? undefined : item}
            onChange={(value) => set(items.map((old, at) => (at === index ? value ?? null : old)))}
          />
          <Button icon="close" look="quiet" label={`Remove item ${index + 1}`} disabled={items.length <= made.least}
            onClick={() => set(items.filter((_, at) => at !== index))} />
        </div>
      ))}
      <div>
        <Button
          icon="plus"
          look="compact"
          disabled={items.length >= made.most}
          onClick={() => set([...items, fresh()])}
        >
          Add an item
        </Button>
      </div>
    </fieldset>
  );
}

/** A text area for JSON; invalid JSON keeps the form from being submitted. */
export function Json({ label: name, hint: more, required, value, rows = 4, onChange }: {
  label: React.ReactNode;
  hint?: React.ReactNode;
  required: boolean;
  value: unknown;
  rows?: number;
  onChange: (value: unknown) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => (value === undefined ? "" : inertJson(value, 2)));
  const fault = faultOf(text, required);
  useEffect(() => area.current?.setCustomValidity(fault ?? ""), [fault]);
  const change = (next: string) => {
    setText(next);
    if (!faultOf(next, required)) onChange(next.trim() ? JSON.parse(next) : undefined);
  };
  return (
    <Field label={name} hint={more} fault={text ? fault : undefined}>
      {(attributes) => (
        <textarea
          {...attributes}
          ref={area}
          className="mono"
          rows={rows}
          spellCheck={false}
          placeholder="JSON"
          value={text}
          onChange={(event) => change(event.target.value)}
        />
      )}
    </Field>
  );
}

function faultOf(text: string, required: boolean): string | undefined {
  if (!text.trim()) return required ? "JSON is required" : undefined;
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `Invalid JSON: ${error instanceof Error ? error.message : error}`;
  }
}
