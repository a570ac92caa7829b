"""The Python client: an asyncio SDK, bots, a swarm and a terminal view, all speaking the public protocol."""
