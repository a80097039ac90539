/** Buttons, and links that look like them. */
import { useEffect, useRef, useState, type ButtonHTMLAttributes, type ReactNode } from "react";
import { Link } from "wouter";
import { inert, inertLine } from "../lib/inert";
import { Icon, type IconName } from "./icon";

interface Look {
  icon?: IconName;
  /** The accessible name and tooltip, for a button without text. */
  label?: string;
  /** Of `primary`, `danger`, `quiet`, `compact`. */
  look?: string;
  children?: ReactNode;
}

/** A label may contain foreign text, so it is made inert. */
const labelAttributes = (label: string | undefined) =>
  label && { "aria-label": inertLine(label), title: inertLine(label) };

const classes = (look: string | undefined, iconOnly: boolean) =>
  ["button", look, iconOnly && "icon"].filter(Boolean).join(" ");

export function Button({
  icon,
  label,
  look,
  busy = false,
  children,
  ...rest
}: Look & { busy?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      {...rest}
      className={classes(look, !children)}
      {...labelAttributes(label)}
      aria-busy={busy || undefined}
      disabled={busy || rest.disabled}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function ButtonLink({ to, icon, label, look, children }: Look & { to: string }) {
  return (
    <Link href={to} className={classes(look, !children)} {...labelAttributes(label)}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  );
}

/** Copies `text`, and says that it did. */
export function Copy({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [done, setDone] = useState<"" | "Copied" | "Select and copy manually">("");
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = () => {
    const value = typeof text === "string" ? text : text();
    // Only pages from this machine or by HTTPS may write to the clipboard.
    const written = navigator.clipboard?.writeText(value) ?? Promise.reject(new Error("no clipboard"));
    written.then(
      () => setDone("Copied"),
      () => setDone("Select and copy manually"),
    );
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setDone(""), 2500);
  };
  return (
    <>
      <Button icon={done === "Copied" ? "check" : "copy"} look="quiet compact" label={done || label} onClick={copy} />
      <span className="unseen" role="status">{done}</span>
    </>
  );
}

/** Text to copy, in a box: what is copied is the text itself, names in it and all. */
export function Copyable({ text, label }: { text: string; label: string }) {
  return (
    <div className="copyable">
      <pre className="code" tabIndex={0} role="group" aria-label={label}>
        <bdi className="foreign">{inert(text)}</bdi>
      </pre>
      <Copy text={text} label={`Copy: ${label}`} />
    </div>
  );
}

/** One of a few: a row of buttons. */
export function Choices<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <div className="choices" role="group" aria-label={label}>
      {options.map(([key, word]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChange(key)}>
          {word}
        </button>
      ))}
    </div>
  );
}
