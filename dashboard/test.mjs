// What needs no browser: the sources are loaded as Vite builds them.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createServer } from "vite";

const vite = await createServer({
  appType: "custom",
  logLevel: "error",
  server: { middlewareMode: true, ws: false, watch: null },
});
after(() => vite.close());
const load = (path) => vite.ssrLoadModule(path);

test("foreign text cannot act", async () => {
  const { inert, inertJson, inertLine, isWebAddress } = await load("/src/lib/inert.ts");
  assert.equal(inert("\u001b[31mred\u001b[0m"), "⟨ESC⟩[31mred⟨ESC⟩[0m");
  assert.equal(inert("exe\u202egnp"), "exe⟨U+202E⟩gnp");
  assert.equal(inert("a\u0000\u0008\r\u009b\u200b\ufeff"), "a⟨U+0000⟩⟨U+0008⟩⟨U+000D⟩⟨U+009B⟩⟨U+200B⟩⟨U+FEFF⟩");
  assert.equal(inert("\u{e0041}\u{e007f}"), "⟨U+E0041⟩⟨U+E007F⟩");
  assert.equal(inert("line\n\ttab 👩‍🌾 بيت"), "line\n\ttab 👩‍🌾 بيت");
  const value = { "a\u202eb": ["\u{e0041}", "\u001b", "\u009b", "é"] };
  assert.equal(inertJson(value), '{"a\\u202eb":["\\udb40\\udc41","\\u001b","\\u009b","é"]}');
  assert.deepEqual(JSON.parse(inertJson(value)), value);
  assert.equal(inertLine(" two\n lines ", 40), "two lines");
  assert.equal(inertLine("x".repeat(500), 10), `${"x".repeat(10)}…`);
  assert.deepEqual(["https://a.example", "javascript:alert(1)", "data:text/html,x", "nothing"].map(isWebAddress), [
    true,
    false,
    false,
    false,
  ]);
});

test("JSON is shown however deep it is nested", async () => {
  const { readableJson } = await load("/src/lib/inert.ts");
  assert.equal(readableJson({ b: [1, null], a: "x" }, 1), JSON.stringify({ b: [1, null], a: "x" }, null, 1));
  const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  assert.ok(readableJson(deep, 2).length < 100_000 && readableJson(deep).includes("too deep"));
});

test("events are read however their bytes are cut", async () => {
  const { Parser } = await load("/src/lib/sse.ts");
  const text =
    ': open\n\nid: r-0\n\nevent: call\nid: r-1\ndata: {"a":\ndata: 1}\n\r\nevent: gap\rdata:x\r\r\nid: r-2\n\n';
  const expected = [
    { event: "call", data: '{"a":\n1}', id: "r-1" },
    { event: "gap", data: "x", id: "r-1" },
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new Parser();
    const events = [];
    for (let from = 0; from < text.length; from += size) events.push(...parser.feed(text.slice(from, from + size)));
    assert.deepEqual(events, expected, `in pieces of ${size}`);
    assert.equal(parser.lastId, "r-2");
  }
});

test("only what changed is sent, and no secret is shown", async () => {
  const { bodyOf, changesOf, differences, draftOf } = await load("/src/lib/draft.ts");
  const server = {
    name: "files",
    description: null,
    command: "npx",
    args: ["-y", ""],
    env: { TOKEN: "***", OLD: "***" },
    url: null,
    headers: {},
    isolation: "shared",
    sandbox: { level: null, paths: { read: ["/srv"], write: [] }, unixSockets: false, network: "full" },
    limits: { memoryMb: 512 },
    protocol: "auto",
    startTimeoutMs: 90_000,
    enabled: true,
    tools: { allow: [], deny: ["x"], descriptions: { a: "b" }, changes: "follow" },
  };
  const same = bodyOf(draftOf(server));
  assert.deepEqual(differences(server, same), []);
  const body = { ...same, args: ["-y", "more"], env: { TOKEN: "hunter2", NEW: "s3cret" } };
  assert.deepEqual(changesOf(server, body), { args: body.args, env: body.env });
  const shown = JSON.stringify(differences(server, body));
  assert.ok(!/hunter2|s3cret/.test(shown), shown);
  assert.ok(shown.includes("TOKEN = new value") && shown.includes("NEW = new value"), shown);
  const moved = bodyOf({ ...draftOf(server), kind: "address", url: "https://a.example/mcp" });
  assert.equal(changesOf(server, moved).url, "https://a.example/mcp");
  assert.ok(!("command" in changesOf(server, moved)));
  const oauth = { issuer: "https://a.example", scopes: ["read"], resource: "", clientId: "me", clientSecret: "***" };
  const shownOAuth = { ...oauth, tokenEndpoint: null, pkce: false };
  const remote = { ...server, command: "", url: "https://a.example/mcp", oauth: shownOAuth };
  const draft = draftOf(remote);
  const changed = (change) => bodyOf({ ...draft, oauth: { ...draft.oauth, ...change } });
  assert.deepEqual(differences(remote, bodyOf(draft)), []);
  const wider = changed({ scopes: ["read", "", "write"], clientSecret: "hunter2" });
  const sent = { ...oauth, scopes: ["read", "write"], clientSecret: "hunter2" };
  assert.deepEqual(changesOf(remote, wider), { oauth: sent });
  assert.deepEqual(differences(remote, wider)[0].after.slice(-2), ["scopes = read write", "clientSecret = new value"]);
  assert.ok(differences(remote, changed({ pkce: true }))[0].after.includes("clientSecret = unchanged"));
});

test("containment is sent as it was read, and shown in words", async () => {
  const { bodyOf, differences, draftOf, emptyDraft } = await load("/src/lib/draft.ts");
  const { grantWords, sandboxLines } = await load("/src/lib/containment.ts");
  const paths = { read: ["/srv/a"], write: ["/srv/b"] };
  const sandbox = { level: "strict", paths, unixSockets: true, network: ["a.example"] };
  const limits = { memoryMb: 256, processes: null, cpuPercent: null, openFiles: null, diskMb: null };
  const of = { args: [], env: {}, headers: {}, tools: { allow: [], deny: [], descriptions: {} } };
  const server = { name: "a", command: "b", url: null, sandbox, limits, ...of };
  const draft = draftOf(server);
  assert.deepEqual([bodyOf(draft).sandbox, bodyOf(draft).limits], [sandbox, limits]);
  const remote = bodyOf({ ...draft, kind: "address" });
  assert.deepEqual([remote.sandbox, remote.limits], [bodyOf(emptyDraft).sandbox, bodyOf(emptyDraft).limits]);
  assert.deepEqual(sandboxLines(sandbox).slice(1), [
    "read /srv/a", "read and change /srv/b", "UNIX sockets", "network: a.example",
  ]);
  const none = bodyOf({ ...draft, containment: { ...draft.containment, level: "none", network: "none" } });
  assert.deepEqual(differences(server, none).map(({ field }) => field), ["sandbox"]);
  assert.equal(grantWords({ kind: "write", path: "/srv/a" })[1], "/srv/a");
  assert.match(grantWords({ kind: "no-sandbox" })[0], /^Not contained/);
});

test("a flood of output stays within bounds, however long its lines are", async () => {
  const { LineBuffer } = await load("/src/lib/lines.ts");
  globalThis.window = { setTimeout: (show) => setTimeout(show, 0) };
  const kept = async (line, batches) => {
    const buffer = new LineBuffer();
    const shown = new Promise((resolve) => buffer.watch(resolve));
    for (let batch = 0; batch < batches; batch += 1)
      buffer.add(Array.from({ length: 1000 }, (_, index) => ({ seq: batch * 1000 + index, at: "", line })));
    await shown;
    return buffer.get();
  };
  const short = await kept("short", 40);
  assert.deepEqual([short.length, short[0].seq, short.at(-1).seq], [10_000, 30_000, 39_999]);
  const long = await kept("x".repeat(16_000), 5);
  assert.ok(long.length < 2000 && long.at(-1).seq === 4999, `${long.length} lines`);
});

test("names go into headers as the protocol says", async () => {
  const { headerValue } = await load("/src/lib/header.ts");
  assert.equal(headerValue("read_file"), "read_file");
  for (const text of ["naïve", " edge", "=?base64?eA==?=", ""]) {
    const [, code] = headerValue(text).match(/^=\?base64\?(.*)\?=$/) ?? assert.fail(text);
    assert.equal(Buffer.from(code, "base64").toString(), text);
  }
});

test("a configuration asks for what it does not say", async () => {
  const { variables, withoutInputs } = await load("/src/lib/variables.ts");
  const plain = withoutInputs(
    "${input:api-key} ${input:2nd} ${A} ${env:B} ${C:-d e} ${A:-x} ${OSTLER_DOLLAR:-$}{no} ${not a name}",
  );
  assert.ok(plain.startsWith("${API_KEY} ${_2ND} ${A}"), plain);
  assert.deepEqual(variables(plain), [
    { name: "API_KEY", otherwise: undefined }, { name: "_2ND", otherwise: undefined }, { name: "A", otherwise: "x" },
    { name: "B", otherwise: undefined }, { name: "C", otherwise: "d e" },
  ]);
});

test("what is saved has a harmless name", async () => {
  const { safeFileName } = await load("/src/lib/save.ts");
  assert.deepEqual(["../../.bashrc", "a\u202egnp.exe", "<b>.log", ""].map(safeFileName), [
    "_.._.bashrc",
    "a_gnp.exe",
    "_b_.log",
    "file",
  ]);
});

test("numbers and times read well", async () => {
  const { ago, bytes, decimal, millis, percent, span } = await load("/src/lib/format.ts");
  assert.deepEqual([decimal(0), decimal(0.03), decimal(0.06), decimal(12.4)], ["0", "< 0.1", "0.1", "12"]);
  assert.deepEqual(
    [millis(0.4), millis(7), millis(1240), millis(90_000), millis(null)],
    ["0.4 ms", "7 ms", "1.2 s", "1 min 30 s", "–"],
  );
  assert.deepEqual(
    [span(0), span(61_000), span(90_000_000), span(864_000_000)],
    ["0 s", "1 min 1 s", "1 d 1 h", "10 d"],
  );
  assert.deepEqual([bytes(0), bytes(999), bytes(1_500_000)], ["0 B", "999 B", "1.5 MB"]);
  assert.deepEqual([percent(0), percent(0.0004), percent(0.034), percent(0.5)], ["0 %", "< 0.1 %", "3.4 %", "50 %"]);
  assert.deepEqual([ago(0, 3000), ago(0, 130_000), ago(4000, 0)], ["just now", "2 min ago", "in 4 s"]);
});

test("a form is made of what a schema says", async () => {
  const { headersOf, initial, resolve, shape, variantOf, withMember } = await load("/src/lib/schema.ts");
  const root = {
    type: "object",
    required: ["name", "color", "size", "tags", "where", "shape"],
    properties: {
      name: { type: "string", "x-mcp-header": "Name" },
      color: { enum: ["red", "blue"] },
      size: { type: "integer", default: 3 },
      tags: { type: "array", items: { type: "string" }, minItems: 1 },
      where: { $ref: "#/$defs/place" },
      shape: {
        oneOf: [
          { title: "Round", type: "object", properties: { kind: { const: "circle" } }, required: ["kind"] },
          { $ref: "#/$defs/box" },
        ],
      },
      note: { anyOf: [{ type: "string" }, { type: "null" }] },
      child: { $ref: "#" },
    },
    $defs: {
      place: {
        type: "object",
        properties: { x: { type: "number", default: 1 }, deep: { type: "object", properties: {} } },
        required: ["deep"],
      },
      box: { type: "object", properties: { kind: { const: "box" } }, required: ["kind"] },
    },
  };
  const value = initial(root, root, true);
  assert.deepEqual(value, {
    name: "",
    color: "red",
    size: 3,
    tags: [""],
    where: { x: 1, deep: {} },
    shape: { kind: "circle" },
  });
  const { variants } = shape(resolve(root.properties.shape, root), root);
  assert.deepEqual(variants.map(({ word }) => word), ["Round", "box"]);
  assert.equal(variantOf({ kind: "box" }, variants), 1);
  assert.deepEqual(shape(resolve(root.properties.note, root), root), { kind: "text" });
  assert.equal(shape(resolve({ type: "object" }, root), root).kind, "json");
  assert.equal(shape(resolve({ $ref: "#/nowhere" }, root), root).kind, "json");
  const loop = { $ref: "#" };
  assert.deepEqual(initial(loop, loop, true), undefined);
  assert.deepEqual(headersOf(root, { name: "ada" }), [["Name", "ada"]]);
  const set = withMember({ a: 1, b: 2 }, "__proto__", 3);
  assert.equal(Object.getPrototypeOf(set), Object.prototype);
  assert.equal(JSON.stringify(withMember({ a: 1, b: 2 }, "a", undefined)), '{"b":2}');
});

test("a list of a server may hold anything", async () => {
  const { listed } = await load("/src/lib/listed.ts");
  assert.deepEqual(["many", null, {}].map(listed), [[], [], []]);
  const hints = { title: {}, readOnlyHint: true };
  const odd = { name: "odd", title: 7, annotations: hints, arguments: [null, { name: "a" }] };
  assert.deepEqual(listed([null, "x", {}, { name: 5 }, { uri: "a:b", toString: 1 }, odd]), [
    { uri: "a:b", toString: 1 },
    { name: "odd", annotations: { readOnlyHint: true }, arguments: [{ name: "a" }] },
  ]);
});

test("a call can be pasted into a shell", async () => {
  const { asCurl, asOstler } = await load("/src/lib/command.ts");
  const called = { base: "http://127.0.0.1:3010", serverId: "s", tool: "echo", parameters: { text: "it's $HOME `x`" } };
  assert.ok(asCurl(called).includes(`'{"toolName":"echo","parameters":{"text":"it'\\''s $HOME \`x\`"}}'`));
  assert.ok(asOstler(called).endsWith("| ostler connect --url http://127.0.0.1:3010 --server s"));
});

test("the line that says why a program ended is found", async () => {
  const { reasonIn } = await load("/src/lib/reason.ts");
  const node = [
    "file:///srv/index.js:3",
    "  throw new Error('DATABASE_URL is not set');",
    "        ^",
    "",
    "Error: DATABASE_URL is not set",
    "    at Object.<anonymous> (/srv/index.js:3:9)",
    "    at node:internal/main:1:1",
    "",
    "Node.js v20.20.2",
  ];
  assert.equal(reasonIn(node), "Error: DATABASE_URL is not set");
  const python = [
    "Traceback (most recent call last):",
    '  File "x.py", line 1, in <module>',
    "    import oats",
    "ModuleNotFoundError: No module named 'oats'",
  ];
  assert.equal(reasonIn(python), python[3]);
  assert.equal(reasonIn(["Usage: x [flags]", "", "give a folder", "or a file"]), "give a folder");
  assert.equal(reasonIn(["", " "]), undefined);
});

test("a server that is saved as a template asks for its secrets", async () => {
  const { templateOf } = await load("/src/lib/template.ts");
  const server = {
    name: "far",
    description: null,
    command: "",
    args: [],
    env: {},
    url: "https://a.example/mcp",
    headers: { "X-Key": "***", "X-Token": "${secret:T}", "X-Plain": "${file:/run/a}" },
    oauth: { clientId: "me", clientSecret: "***" },
    isolation: "shared",
    sandbox: { level: null, paths: { read: [], write: [] }, unixSockets: false, network: "full" },
    limits: {},
    protocol: "auto",
    enabled: true,
    tools: { allow: [], deny: ["x"], descriptions: {}, changes: "pin" },
  };
  const { parameters, server: made } = templateOf(server);
  assert.deepEqual(Object.keys(parameters), ["X-Key", "X-Token", "clientSecret"]);
  assert.deepEqual(made.headers, { "X-Key": "{X-Key}", "X-Token": "{X-Token}", "X-Plain": "${file:/run/a}" });
  assert.equal(made.oauth.clientSecret, "{clientSecret}");
  assert.ok(!("enabled" in made) && !("command" in made));
});
