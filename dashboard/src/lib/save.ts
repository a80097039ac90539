/** Saves bytes as a file. Whatever they are, a browser only ever saves them; names are made harmless. */
export function save(name: string, content: BlobPart): void {
  const href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  Object.assign(document.createElement("a"), { href, download: harmless(name) }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

export function harmless(name: string): string {
  return name.replace(/[^\w.-]+/g, "_").replace(/^\.+/, "").slice(0, 100) || "file";
}
