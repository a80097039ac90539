/** Our own icons: 16 by 16, one stroke, the colour of the text. */

const paths = {
  overview: "M2.5 8.5h3l2-5 2.5 9 1.5-4h2",
  servers: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
  calls: "M3 4.5h10M3 8h6.5M3 11.5h8",
  gateway: "M3 8h3.5m0 0L10 3.5h3M6.5 8h6.5M6.5 8l3.5 4.5h3",
  audit: "M4 2.5h6l2.5 2.5v8.5H4zM6 7.5h4.5M6 10.5h3",
  users: "M8 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.5c.4-2.5 2.3-4 5-4s4.6 1.5 5 4",
  keys: "M6 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM7.8 8.2 13 3m-2 2 1.5 1.5",
  secrets: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  connect: "M6 4.5 4.5 6a2.8 2.8 0 0 0 4 4M10 11.5l1.5-1.5a2.8 2.8 0 0 0-4-4",
  system: "M2.5 4.5h5m3 0h3M2.5 11.5h3m3 0h5M9 3v3M7 10v3",
  play: "M5 3v10l8-5z",
  stop: "M4 4h8v8H4z",
  restart: "M13 8a5 5 0 1 1-1.5-3.5L13 6m0-3.5V6H9.5",
  plus: "M8 3v10M3 8h10",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5l3 3",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  check: "M3 8.5l3.5 3.5L13 4.5",
  warn: "M8 2.5 14 13.5H2zM8 6.5v3.5M8 12h.01",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.5V11M8 5h.01",
  sun:
    "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1" +
    "M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  moon: "M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z",
  auto: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12",
  logout: "M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  download: "M8 2.5v7.5M5 7.5l3 3 3-3M3 13.5h10",
  upload: "M8 10.5V3M5 5.5l3-3 3 3M3 13.5h10",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9",
  edit: "M3 13l.7-3L11 2.7l2.3 2.3L6 12.3zM9.5 4.2l2.3 2.3",
  tool: "M13.5 4.5a3.5 3.5 0 0 1-4.7 4L4.5 12.8a1.5 1.5 0 0 1-2.1-2.1L6.7 6.4a3.5 3.5 0 0 1 4.5-4.5L9 4.1 11.3 6.5z",
  horseshoe: "M3.5 13.5V7.5a4.5 4.5 0 0 1 9 0v6M2.5 13.5h2.5M11 13.5h2.5",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}
