"""A small agent-like service that knows nothing of the harness, run as a process.

    python tests/support/chat_service.py --port 8123 --token TOKEN [--cert F --key F --client-ca F]

A chat over FastAPI, with its own OpenAPI document and a bearer token. It gives no Server-Timing
and no /info. GET /seen tells how many requests of each kind were let in.
"""

import argparse
import asyncio
import ssl
from collections import Counter
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

SEEN: Counter[str] = Counter()
TOKEN = ""


class Question(BaseModel):
    session: str = Field(examples=["s-1"])
    message: str = Field(min_length=1)
    temperature: float = Field(default=0.2, ge=0, le=2)


class Reply(BaseModel):
    answer: str
    tokens: int


def let_in(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> None:
    if credentials.credentials != TOKEN:
        raise HTTPException(401, "wrong token")


app = FastAPI(title="Chat Desk", version="2.0")
GUARD = [Depends(let_in)]


@app.post("/v1/chat", dependencies=GUARD, summary="Ask the agent")
async def ask(question: Question) -> Reply:
    SEEN["ask"] += 1
    await asyncio.sleep(0.02)
    return Reply(answer=f"You said: {question.message}", tokens=7)


@app.get("/v1/chat/{session_id}", dependencies=GUARD, summary="What was said")
async def history(session_id: str, limit: int = 10) -> dict[str, Any]:
    SEEN["history"] += 1
    return {"session": session_id, "limit": limit, "turns": []}


@app.delete("/v1/chat/{session_id}", dependencies=GUARD, status_code=204)
async def forget(session_id: str) -> None:
    SEEN["forget"] += 1


@app.get("/healthz")
async def healthz() -> dict[str, bool]:
    return {"ok": True}


@app.get("/seen", include_in_schema=False)
async def seen() -> dict[str, int]:
    return SEEN


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    options = parser.parse_args()
    TOKEN = options.token
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        timeout_keep_alive=60,
        ssl_certfile=options.cert,
        ssl_keyfile=options.key,
        ssl_ca_certs=options.client_ca,
        ssl_cert_reqs=ssl.CERT_REQUIRED if options.client_ca else ssl.CERT_NONE,
    )
