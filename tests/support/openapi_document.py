"""An OpenAPI document of a chat service, and what `harness init` makes of one."""

import json
from typing import Any

from harness.cli._sources import SecretKeeper, Source, read_openapi

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Chat", "version": "1"},
    "servers": [{"url": "https://{zone}.example/api/v2", "variables": {"zone": {"default": "eu"}}}],
    "security": [{"bearer": []}],
    "paths": {
        "/chats/{chat}/turns": {
            "parameters": [{"name": "chat", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "post": {
                "operationId": "addTurn",
                "summary": "Add a turn.",
                "parameters": [
                    {"name": "dry", "in": "query", "required": True, "schema": {"type": "boolean"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {"name": "X-Tenant", "in": "header", "required": True, "example": "t1"},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Turn"}}},
                },
                "responses": {
                    "201": {
                        "content": {
                            "application/json": {"schema": {"type": "object", "required": ["id", "text"]}}
                        }
                    }
                },
            },
            "delete": {"responses": {"204": {"description": "gone"}}},
        },
        "/old": {"get": {"deprecated": True}},
        "/upload": {
            "post": {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {}}}}}
        },
        "/login": {
            "post": {
                "security": [],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "required": ["user", "password"],
                                "properties": {
                                    "user": {"type": "string"},
                                    "password": {"type": "string", "format": "password"},
                                },
                            }
                        }
                    }
                },
            }
        },
        "/search": {"get": {"security": [{"key": []}]}},
        "/healthz": {"get": {"responses": {"200": {"description": "ok"}}}},
    },
    "components": {
        "schemas": {
            "Turn": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"required": ["text"], "properties": {"text": {"type": "string"}}},
                ]
            },
            "Base": {
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"enum": ["user", "agent"]},
                    "parent": {"$ref": "#/components/schemas/Turn"},
                    "id": {"type": "string", "readOnly": True},
                },
            },
        },
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "query", "name": "key"},
        },
    },
}


def openapi(document: Any = DOCUMENT, host: str | None = None, url: str | None = None) -> Source:
    keeper = SecretKeeper("chat")
    text = document if isinstance(document, str) else json.dumps(document)
    return keeper.cleaned(read_openapi(text, "api.json", url, host, keeper))
