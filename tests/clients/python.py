"""Does with the official Python client what it is told as JSON, and prints what it saw as JSON."""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import CreateMessageResult, ElicitResult, TextContent


async def elicited(_context, params):
    return ElicitResult(action="accept", content={"name": "Ada"})


async def sampled(_context, params):
    content = TextContent(type="text", text="what a model would say")
    return CreateMessageResult(role="assistant", content=content, model="none")


def server(target):
    if "url" in target:
        client = create_mcp_http_client(headers={"Authorization": f"Bearer {target['token']}"})
        return streamable_http_client(target["url"], http_client=client)
    return StdioServerParameters(command=target["command"], args=target["args"], env=target["env"])


async def visit(target, mode):
    callbacks = {"elicitation_callback": elicited, "sampling_callback": sampled} if target.get("asked") else {}
    async with Client(server(target), mode=mode, **callbacks) as client:
        listed, cursor = [], None
        while True:
            page = await client.list_tools(cursor=cursor) if cursor else await client.list_tools()
            listed += [tool.name for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                break
        if target.get("lists"):
            await client.list_prompts()
            await client.list_resources()
            await client.list_resource_templates()
        texts = []
        for tool, arguments in target["calls"]:
            result = await client.call_tool(tool, arguments)
            texts.append("\n".join(part.text for part in result.content if part.type == "text"))
        return {"version": client.protocol_version, "tools": listed, "texts": texts}


async def main():
    told = json.loads(sys.argv[1])
    print(json.dumps([await visit(target, told["mode"]) for target in told["targets"]]))


asyncio.run(main())
