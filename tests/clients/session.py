"""A session of the official Python client, of either version: lists, then calls what each line of its input says."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import mcp
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


@asynccontextmanager
async def connected(url, token):
    http_client = create_mcp_http_client(headers={"Authorization": f"Bearer {token}"})
    wire = streamable_http_client(url, http_client=http_client)
    if hasattr(mcp, "Client"):
        async with mcp.Client(wire, mode="legacy") as client:
            yield client
        return
    async with wire as (read, write, _), mcp.ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def main():
    told = json.loads(sys.argv[1])
    async with connected(told["url"], told["token"]) as client:
        print(json.dumps([tool.name for tool in (await client.list_tools()).tools]), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            result = await client.call_tool(call["name"], call["arguments"])
            print(json.dumps(result.content[0].text), flush=True)


asyncio.run(main())
