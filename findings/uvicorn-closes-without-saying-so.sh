#!/usr/bin/env bash
# uvicorn 0.54.0 with `--timeout-keep-alive 0`, and with 1, asked once on an HTTP/1.1 connection; h11 0.16.0 and
# httptools 0.7.1 below it.
#
# Expected: a server that will not keep the connection says `Connection: close` in its response (RFC 9112, 9.6: it
#   SHOULD).
# Seen: with 0, no response has the field, and the connection ends right after each. With 1 it is kept.
# What it means: a proxy that takes such a connection for kept loses requests that may not be repeated (13 of 400 POSTs
#   here, with a pool). 0 reads like "no keep-alive", and is worse than any small number. Ostler sends a POST on a used
#   connection only once the instance was seen to keep one open.
set -euo pipefail

folder="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet uvicorn==0.54.0 h11==0.16.0 httptools==0.7.1

cat >app.py <<'PY'
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
PY
cat >client.py <<'PY'
import socket, sys, time

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.settimeout(5)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    response = b""
    while not response.endswith(b"ok"):
        response += connection.recv(4096)
    print("says close" if b"connection: close" in response.lower() else "says nothing", end=", ")
    connection.settimeout(0.5)
    try:
        print("ends" if connection.recv(1) == b"" else "sends more")
    except TimeoutError:
        print("is kept")
PY

for http in h11 httptools; do
    for seconds in 0 1; do
        port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
        python/bin/uvicorn app:app --http "$http" --port "$port" --timeout-keep-alive "$seconds" --log-level error & server=$!
        until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
        found="$(python3 client.py "$port")"
        kill "$server"
        wait "$server" 2>/dev/null || true
        printf '%s, --timeout-keep-alive %s: %s\n' "$http" "$seconds" "$found"
        case "$seconds" in
            0) [[ "$found" == 'says nothing, ends' ]] ;;
            1) [[ "$found" == 'says nothing, is kept' ]] ;;
        esac
    done
done
