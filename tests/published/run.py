#!/usr/bin/env python3
"""Starts the published servers of servers.json in Ostler, each with one real call, and prints a table.

Usage: run.py OSTLER [--level LEVEL] [--only NAME,...] [--warm]

OSTLER is the program. Needs npx and uvx on PATH, git and Chromium, and the registries of npm and PyPI: so it is no part
of the suite. With --warm each is restarted and called once more. Run it as root and as an ordinary user.
The exit code is the number of servers that failed.
"""

import argparse
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile

HERE = pathlib.Path(__file__).parent
READY_SECONDS = 600


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<html><body><p>hay</p></body></html>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Ostler:
    """A running Ostler with data of its own, as its first admin."""

    def __init__(self, program, folder, level):
        limits = {f"RATE_LIMIT_{name}": "100000/60s" for name in ("API", "SERVER_CREATE", "CHANGE", "TOOL_EXECUTE")}
        env = os.environ | limits | {"OSTLER_PORT": "0", "MCP_SANDBOX": level, "RUST_LOG": "warn"}
        self.log = open(folder / "ostler.log", "wb")
        streams = {"stdout": subprocess.PIPE, "stderr": self.log}
        self.process = subprocess.Popen([program, "serve"], cwd=folder, env=env, **streams)
        line = self.process.stdout.readline().decode()
        self.address = line.removeprefix("listening on ").strip()
        if not self.address:
            sys.exit((folder / "ostler.log").read_text())
        words = (folder / "data/first-admin.txt").read_text().split("password: ")[1].split()
        self.token = None
        self.token = self.ask("POST", "/api/auth/login", {"email": "admin@localhost", "password": words[0]})[1]["token"]

    def ask(self, method, path, body=None):
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=READY_SECONDS) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def filled(value, places):
    if isinstance(value, str):
        for name, place in places.items():
            value = value.replace("{" + name + "}", place)
        return value
    if isinstance(value, list):
        return [filled(item, places) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, places) for name, item in value.items()}
    return value


def registration(server, places):
    launcher = "npx" if "npx" in server else "uvx"
    args = filled(server[launcher], places)
    body = {"name": server["name"], "command": launcher, "args": (["-y"] if launcher == "npx" else []) + args}
    body |= {"env": filled(server.get("env", {}), places), "startTimeoutMs": READY_SECONDS * 1000}
    body |= filled(server.get("server", {}), places)
    if server.get("grant"):
        body.setdefault("sandbox", {})["paths"] = {"write": [places["work"]]}
    return body


def wait_ready(ostler, identity):
    """Waits until it is ready or given up; returns its state."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        state = ostler.ask("GET", f"/api/mcp/{identity}")[1]["runtimeStatus"]
        if state["status"] in ("running", "failed", "stopped"):
            break
        time.sleep(0.2)
    return state


def call(ostler, identity, server, places):
    """What is wrong with the answer; empty where nothing is."""
    if server["tool"] is None:
        status, answer = ostler.ask("GET", f"/api/mcp/{identity}/tools")
        return "" if status == 200 else json.dumps(answer)[:300]
    body = {"toolName": server["tool"], "parameters": filled(server["parameters"], places)}
    status, answer = ostler.ask("POST", f"/api/mcp/{identity}/execute", body)
    text = json.dumps(answer, ensure_ascii=False)
    return "" if status == 200 and server["expect"] in text else f"{status} {text[-1500:]}"


def attempt(ostler, server, places, warm):
    """Seconds to ready, cold and warm, and what went wrong."""
    times = []
    begin = time.monotonic()
    status, made = ostler.ask("POST", "/api/mcp", registration(server, places))
    if status != 201:
        return times, f"registration: {status} {json.dumps(made)[:300]}"
    identity = made["id"]
    for again in range(1 + warm):
        if again:
            begin = time.monotonic()
            ostler.ask("POST", f"/api/mcp/{identity}/restart")
        state = wait_ready(ostler, identity)
        if state["status"] != "running":
            return times, f"{state['status']}: {state.get('lastError') or json.dumps(state)[:400]}"
        times.append(time.monotonic() - begin)
        if wrong := call(ostler, identity, server, places):
            return times, wrong
    ostler.ask("POST", f"/api/mcp/{identity}/stop")
    return times, ""


def workbook(file):
    """An empty workbook (ECMA-376) with one sheet."""
    package, office = (f"http://schemas.openxmlformats.org/{kind}/2006" for kind in ("package", "officeDocument"))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    relation = (
        '<Relationships xmlns="{}/relationships"><Relationship Id="r" Type="{}/relationships/{}" Target="{}"/>'
        "</Relationships>"
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType='
        f'"{kind}.sheet.main+xml"/><Override PartName="/xl/sheet.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": relation.format(package, office, "officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}/relationships"><sheets>'
        '<sheet name="a" sheetId="1" r:id="r"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relation.format(package, office, "worksheet", "sheet.xml"),
        "xl/sheet.xml": f'<worksheet xmlns="{main}"><dimension ref="A1"/><sheetData/></worksheet>',
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def furnish(work):
    """Files that the servers are called about."""
    work.mkdir()
    (work / "note.txt").write_text("oats\n")
    (work / "lint.js").write_text("var a = 1;\n")
    (work / "wide.cpp").write_text("int  main( ){return 0;}\n")
    (work / "eslint.config.js").write_text("export default [{rules: {'no-unused-vars': 'warn'}}];\n")
    (work / "drawing.drawio").write_text(
        '<mxfile><diagram name="Page-1"><mxGraphModel><root><mxCell id="0"/></root></mxGraphModel></diagram></mxfile>'
    )
    workbook(work / "negokaz.xlsx")
    (work / "graph.jsonl").touch()
    (work / "some.db").touch()
    (work / "alchemy.db").touch()
    (work / "page.pdf").write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\ntrailer<</Root 1 0 R>>\n"
    )
    subprocess.run(["git", "init", "-q", str(work)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ostler")
    parser.add_argument("--level", default="standard")
    parser.add_argument("--only", default="")
    parser.add_argument("--warm", action="store_true")
    given = parser.parse_args()
    servers = json.loads((HERE / "servers.json").read_text())
    if given.only:
        servers = [server for server in servers if server["name"] in given.only.split(",")]
    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    failures = 0
    with tempfile.TemporaryDirectory(prefix="ostler-published-") as name:
        folder = pathlib.Path(name)
        furnish(folder / "work")
        places = {
            "work": str(folder / "work"),
            "page": f"http://127.0.0.1:{page.server_port}/",
            "chromium": shutil.which("chromium") or "chromium",
        }
        ostler = Ostler(os.path.abspath(given.ostler), folder, given.level)
        print(f"{'server':22} {'cold s':>7} {'warm s':>7}  {given.level}, uid {os.getuid()}", flush=True)
        try:
            for server in servers:
                times, wrong = attempt(ostler, server, places, given.warm)
                columns = "".join(f"{seconds:8.1f}" for seconds in times)
                print(f"{server['name']:22} {columns:15}  {wrong or 'ok'}", flush=True)
                failures += bool(wrong)
        finally:
            ostler.stop()
    print(f"{len(servers) - failures} of {len(servers)}")
    return failures


if __name__ == "__main__":
    sys.exit(main())
