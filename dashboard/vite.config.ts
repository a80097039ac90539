import { defineConfig } from "vite";

/** Where `npm run dev` finds a running Ostler. */
const ostler = "http://127.0.0.1:3010";

export default defineConfig({
  // Relative, so that the page also works where a host program mounts it under a prefix.
  base: "./",
  build: {
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      // Directives for servers that render React mean nothing in a browser.
      onLog: (level, log, report) => {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") report(level, log);
      },
      // No hashes in the names: the files are committed, and served with an ETag.
      output: {
        entryFileNames: "dashboard/app.js",
        chunkFileNames: "dashboard/[name].js",
        assetFileNames: "dashboard/app[extname]",
      },
    },
  },
  server: {
    proxy: Object.fromEntries(["/api", "/mcp", "/livez", "/readyz", "/openapi.json"].map((path) => [path, ostler])),
  },
});
