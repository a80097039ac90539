/**
 * Text that is not ours (names, tool output, log lines) as text that does nothing: controls, terminal escapes and characters
 * that turn the direction of writing or cannot be seen are shown by name in place of acting.
 */
// Line feed and tab stay; joiners stay too, since scripts and emoji need them.
const ACTING = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200e\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb]|[\\u{e0000}-\\u{e0fff}]",
  "gu",
);

export function inert(text: string): string {
  return text.replace(ACTING, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0x1b) return "\u27e8ESC\u27e9";
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });
}

/** JSON in which such characters are escapes: the same value, and nothing acts where it is shown, edited or pasted. */
export function inertJson(value: unknown, indent?: number): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, indent).replace(ACTING, (character) => character.split("").map(escape).join(""));
}

/** The same on one line and at most `most` characters long. */
export function inertLine(text: string, most = 300): string {
  const line = inert(text.slice(0, most)).replace(/\s+/g, " ").trim();
  return text.length > most ? `${line}\u2026` : line;
}

/** Whether an address may be shown as a link: only the web's own schemes. */
export function isWebAddress(text: string): boolean {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}

/** Levels of JSON that are shown; far deeper ones could not be written at all, and indented they grow by the square. */
const DEEPEST = 100;

/** JSON for people to read, however deep it is nested. */
export function shownJson(value: unknown, indent?: number): string {
  return JSON.stringify(bounded(value, DEEPEST), null, indent) ?? "";
}

function bounded(value: unknown, levels: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) return "\u2026 nested too deep to be shown";
  if (Array.isArray(value)) return value.map((one) => bounded(one, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, bounded(one, levels - 1)]));
}
