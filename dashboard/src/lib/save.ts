/** Saves bytes as a file: the media type keeps browsers from opening it, and its name has no special characters. */
export function save(name: string, content: BlobPart): void {
  const href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  Object.assign(document.createElement("a"), { href, download: safeFileName(name) }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

export function safeFileName(name: string): string {
  return name.replace(/[^\w.-]+/g, "_").replace(/^\.+/, "").slice(0, 100) || "file";
}
