/**
 * Makes foreign text (names, tool output, log lines) inert: control characters, terminal escapes, bidirectional
 * controls and invisible characters are replaced by their names.
 */
// Line feed and tab stay; joiners stay too, since scripts and emoji need them.
const ACTING = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b" +
    "\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb]|[\\u{e0000}-\\u{e0fff}]",
  "gu",
);

export function inert(text: string): string {
  return text.replace(ACTING, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0x1b) return "\u27e8ESC\u27e9";
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });
}

/** JSON with such characters as escapes: an equal value that is inert where it is displayed, edited or pasted. */
export function inertJson(value: unknown, indent?: number): string {
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, indent).replace(ACTING, (character) => character.split("").map(escape).join(""));
}

/** Inert text on one line, truncated to `most` characters. */
export function inertLine(text: string, most = 300): string {
  const line = inert(text.slice(0, most)).replace(/\s+/g, " ").trim();
  return text.length > most ? `${line}\u2026` : line;
}

/** True if an address may be a link: only the schemes `http` and `https` may. */
export function isWebAddress(text: string): boolean {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}

/** Levels of JSON that are displayed: deeper JSON overflows the stack, and its indentation grows quadratically. */
const DEEPEST = 100;

/** JSON for people to read, however deep it is nested. */
export function readableJson(value: unknown, indent?: number): string {
  return JSON.stringify(bounded(value, DEEPEST), null, indent) ?? "";
}

function bounded(value: unknown, levels: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) return "\u2026 nested too deep to display";
  if (Array.isArray(value)) return value.map((one) => bounded(one, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, bounded(one, levels - 1)]));
}
