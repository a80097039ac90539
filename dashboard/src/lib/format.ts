/** Numbers and times for people. */

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number): string {
  return Math.abs(value) < 100_000 ? whole.format(value) : short.format(value);
}

export function decimal(value: number): string {
  if (value > 0 && value < 0.05) return "< 0.1";
  return value < 10 ? value.toFixed(value === Math.round(value) ? 0 : 1) : count(Math.round(value));
}

/** A share of one, as a percentage. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** Milliseconds of a call or a wait: `7 ms`, `1.2 s`, `3 min`. */
export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "< 1 ms";
  if (value < 1000) return `${decimal(value)} ms`;
  if (value < 60_000) return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} s`;
  return span(value);
}

/** A longer time in its two largest units: `3 d 4 h`. */
export function span(ms: number): string {
  const units: [string, number][] = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];
  const first = units.findIndex(([, size]) => ms >= size);
  if (first < 0) return "0 s";
  const [name, size] = units[first]!;
  const major = `${Math.floor(ms / size)} ${name}`;
  const next = units[first + 1];
  if (!next || ms / size >= 10) return major;
  const rest = Math.floor((ms % size) / next[1]);
  return rest ? `${major} ${rest} ${next[0]}` : major;
}

export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (value >= 1000 && power < units.length - 1) {
    value /= 1000;
    power += 1;
  }
  return `${power ? decimal(value) : value} ${units[power]}`;
}

/** A relative time: `just now`, `4 min ago`, `in 3 s`. */
export function ago(at: number, now: number): string {
  const passed = now - at;
  if (passed < -1500) return `in ${span(-passed)}`;
  if (passed < 5000) return "just now";
  return `${span(passed).split(" ").slice(0, 2).join(" ")} ago`;
}

/** A moment of today as a time, of another day with its date. */
export function moment(at: number | string): string {
  const time = new Date(at);
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return time.toDateString() === new Date().toDateString() ? clock : `${time.toLocaleDateString()} ${clock}`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
