"""How much the inference simulator can carry: completions and streams per second of its own CPU.

    make bench            or            .venv/bin/python benchmarks/simulator.py

Named alternative: a FastAPI application that reads the request and answers one fixed body, with nothing
behind it; the usual way to fake a provider. Both get the same requests (triage, opinion and synthesis of
every case of the corpus) over eight connections, answer without delay, and run in uvicorn. Each pair measures
both, in alternating order; the figure is the median of the pairs, the spread their range.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastapi
import psutil
import uvicorn

ROOT = Path(__file__).parents[1]
PATH = "/openai/v1/chat/completions"
PAIRS = 5
CONNECTIONS = 8
PER_CONNECTION = {False: 400, True: 200}
SYSTEMS = (
    ("openai/gpt-oss-120b", "You are the triage physician.", ("complexity", "rationale")),
    ("openai/gpt-oss-20b", "You are a specialist in cardiology.", ("assessment", "disposition")),
    ("openai/gpt-oss-120b", "You are the attending physician.", ("summary", "disposition")),
)


def main() -> None:
    """Print one table."""
    print(f"{'what':41} {'against':25} {'ours /s':>8} {'other /s':>8} {'ratio':>6}  spread")
    with serving("-m", "target_app.inference", "--port", "0", "--speed-factor", "0") as ours:
        for stream in (False, True):
            with serving(str(Path(__file__)), "twin", json.dumps(answer_of(ours[0], stream))) as other:
                report(stream, ours, other)


def report(stream: bool, ours: tuple[int, int], other: tuple[int, int]) -> None:
    """Measure the pairs of one row and print it."""
    pairs = []
    for turn in range(PAIRS + 1):
        order = (ours, other) if turn % 2 else (other, ours)
        rates = {server: per_cpu_second(*server, stream=stream) for server in order}
        pairs.append((rates[ours], rates[other]))
    pairs = pairs[1:]  # the first one warms up both
    ratios = [a / b for a, b in pairs]
    what = "streams" if stream else "non-streaming completions"
    print(
        f"{what + ' per CPU-second':41} {'FastAPI, one fixed body':25} "
        f"{statistics.median(a for a, _ in pairs):8.0f} {statistics.median(b for _, b in pairs):8.0f} "
        f"{statistics.median(ratios):6.2f}  {min(ratios):.2f}-{max(ratios):.2f}",
        flush=True,
    )


def per_cpu_second(port: int, pid: int, *, stream: bool) -> float:
    """Requests answered per second of the server's user and system time."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    asyncio.run(_load(port, stream=stream))
    after = process.cpu_times()
    spent_s = after.user + after.system - before.user - before.system
    return CONNECTIONS * PER_CONNECTION[stream] / spent_s


def requests(stream: bool) -> list[bytes]:
    """HTTP requests of every case in three roles, ready to be sent."""
    lines = (ROOT / "locustfiles" / "data" / "cases.jsonl").read_text("utf-8").splitlines()
    return [_http(_body(role, json.loads(line)["request"], stream)) for line in lines for role in SYSTEMS]


def _body(role: tuple[str, str, tuple[str, ...]], case: dict[str, Any], stream: bool) -> bytes:
    model, system, fields = role
    measured = {**case.get("vital_signs", {}), **case.get("labs", {})}
    values = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in measured.items())
    schema = {
        "type": "object",
        "properties": {field: {"type": "string"} for field in fields},
        "required": list(fields),
        "additionalProperties": False,
    }
    body = {
        "model": model,
        "stream": stream,
        "reasoning_effort": "low",
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": f"Chief complaint: {case['chief_complaint']}\nLabs: {values}"},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    }
    return json.dumps(body).encode()


def _http(body: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer bench\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def _load(port: int, *, stream: bool) -> None:
    wanted = requests(stream)
    await asyncio.gather(
        *(_connection(port, wanted[place * 7 :] + wanted, stream) for place in range(CONNECTIONS))
    )


async def _connection(port: int, wanted: list[bytes], stream: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(PER_CONNECTION[stream]):
        writer.write(wanted[number % len(wanted)])
        await _answer(reader)
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer, which has to be a 200. Reads as little of HTTP as it can."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    if length := re.search(rb"content-length: (\d+)", head):
        return await reader.readexactly(int(length[1]))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


def answer_of(port: int, stream: bool) -> dict[str, Any]:
    """One answer of the simulator, for the twin to repeat."""

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(requests(stream)[0])
        body = await _answer(reader)
        writer.close()
        return body

    return {
        "body": asyncio.run(ask()).decode(),
        "type": "text/event-stream" if stream else "application/json",
    }


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a child that prints its address in its first line."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert address, "the server did not start"
            yield int(address[1]), process.pid
        finally:
            process.terminate()


def twin(answer: dict[str, str]) -> None:
    """Serve the fixed answer, until a signal."""
    app = fastapi.FastAPI()
    content = answer["body"].encode()

    @app.post(PATH)
    async def complete(body: dict[str, Any]) -> fastapi.Response:
        if not body["stream"]:
            return fastapi.Response(content, media_type=answer["type"])

        async def parts() -> Any:
            yield content

        return fastapi.responses.StreamingResponse(parts(), media_type=answer["type"])

    config = uvicorn.Config(
        app,
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        port=0,
    )
    sock = config.bind_socket()
    sock.listen()
    print(f"127.0.0.1:{sock.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    if sys.argv[1:2] == ["twin"]:
        twin(json.loads(sys.argv[2]))
    else:
        main()
