/** The line of a program's last words that names why it ended. */

const FAULT = /error|exception|panicked|fatal|failed|cannot|can't|not found|not set|missing|required|denied|refused/i;
/** Frames of stack traces, and what programs say after the reason. */
const FRAME = /^\s*(at |File "|\^|~|\d+:|in <)|^Node\.js v|^\s*Traceback|^npm (error|ERR!) (A complete log|code)/;

/** The last line that speaks of a fault, else the first of the last paragraph, else none. */
export function reasonIn(lines: readonly string[]): string | undefined {
  const telling = lines.filter((line) => line.trim() && !FRAME.test(line));
  const fault = telling.findLast((line) => FAULT.test(line));
  if (fault) return fault;
  const end = lines.findLastIndex((line) => line.trim());
  const start = lines.findLastIndex((line, index) => index < end && !line.trim());
  return lines.slice(start + 1, end + 1).find((line) => telling.includes(line)) ?? telling.at(-1);
}
