"""The little HTTP that joining needs: POST a JSON object over a kept connection, get one back."""

import asyncio
import json
from typing import Any

from attrs import define


class HttpError(Exception):
    """The server answered with something else than 200 and JSON."""


@define
class Poster:
    """One kept connection to one server."""

    host: str
    port: int
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer's JSON object. Raises HttpError."""
        if self.writer is None or self.reader is None or self.reader.at_eof():
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = answer.split(b" ", 2)[1]
        text = await self._body(self.reader, answer.lower())
        if b"connection: close" in answer.lower():
            self.close()
        if status != b"200":
            raise HttpError(f"expected 200 from {path}, got {status.decode()}: {text[:200].decode('utf-8', 'replace')}")
        found: dict[str, Any] = json.loads(text)
        return found

    def close(self) -> None:
        """Lets go of the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def _body(self, reader: asyncio.StreamReader, head: bytes) -> bytes:
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                return await reader.readexactly(int(value))
            if name == b"transfer-encoding" and value.strip() == b"chunked":
                return await self._chunks(reader)
        return await reader.read()

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        out = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            out += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return out
