"""Does with the official Python client, version 1, what it is told as JSON, and prints what it saw as JSON."""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def visit(target):
    headers = {"Authorization": f"Bearer {target['token']}"}
    async with streamablehttp_client(target["url"], headers=headers) as (reader, writer, _):
        async with ClientSession(reader, writer) as client:
            await client.initialize()
            listed = await client.list_tools()
            if target.get("lists"):
                await client.list_prompts()
                await client.list_resources()
                await client.list_resource_templates()
            texts = []
            for tool, arguments in target["calls"]:
                result = await client.call_tool(tool, arguments)
                texts.append("\n".join(part.text for part in result.content if part.type == "text"))
            return {"tools": [tool.name for tool in listed.tools], "texts": texts}


async def main():
    told = json.loads(sys.argv[1])
    print(json.dumps([await visit(target) for target in told["targets"]]))


asyncio.run(main())
