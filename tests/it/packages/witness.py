# A server that writes down what it was started with.
import json, os, stat, sys


def kind(descriptor):
    mode = os.fstat(descriptor).st_mode
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "other"


def witness():
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().split("\n") if ":\t" in line)
    umask = os.umask(0)
    return {
        "argv": [os.path.basename(sys.argv[0])] + sys.argv[1:],
        "env": dict(os.environ),
        "cwd": os.getcwd(),
        "umask": umask,
        "ignored": status["SigIgn"],
        "blocked": status["SigBlk"],
        "descriptors": [kind(descriptor) for descriptor in range(3)],
    }


def called(tool, arguments):
    if tool == "exit":
        os._exit(arguments["code"])
    if tool == "signal":
        os.kill(os.getpid(), arguments["signal"])
    return {"content": [{"type": "text", "text": json.dumps(witness())}]}


def main():
    for line in sys.stdin:
        message = json.loads(line)
        method, parameters = message.get("method"), message.get("params", {})
        if "id" not in message:
            continue
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        if method == "initialize":
            answer["result"] = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "witness", "version": "1"},
            }
        elif method == "tools/list":
            names = ["witness", "exit", "signal"]
            answer["result"] = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]}
        elif method == "tools/call":
            answer["result"] = called(parameters["name"], parameters.get("arguments", {}))
        elif method == "ping":
            answer["result"] = {}
        else:
            answer["error"] = {"code": -32601, "message": "no such method"}
        print(json.dumps(answer), flush=True)
