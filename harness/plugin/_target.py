"""The service under test, asked before a run: whether it answers, and what it says of itself."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from locust.env import Environment

from harness.config import split_credentials
from harness.engine import Access
from harness.errors import TargetUnreachableError, UserError
from harness.runs import TargetRecord

INFO_TIMEOUT_S = 5.0


def host_of(environment: Environment) -> str:
    """The service's address: `--host`, else the first user class that names one, else empty."""
    hosts = [environment.host, *(user_class.host for user_class in environment.user_classes)]
    return next((host.rstrip("/") for host in hosts if host), "")


def public_url(url: str) -> str:
    """The address without a user name or password in it."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, query="", fragment="").geturl()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer too; followed, it could carry secret headers to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def ask_target(url: str, access: Access | None = None) -> TargetRecord:
    """What the service says of itself at `GET /info`; any HTTP answer at all proves it alive.

    `access` holds the headers and the TLS files that the load will use. Raises
    TargetUnreachableError when nothing answers, and UserError for TLS files that are of no use.
    """
    access = access or Access()
    address, authorization = split_credentials(url)
    headers = {**({"Authorization": authorization} if authorization else {}), **access.headers}
    # No proxy, as the load itself uses none.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), NoRedirect()]
    if address.startswith("https://"):
        handlers.append(urllib.request.HTTPSHandler(context=access.tls.context()))
    request = urllib.request.Request(f"{address}/info", headers=headers)  # noqa: S310 - http(s) alone
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=INFO_TIMEOUT_S) as response:
            document = json.loads(response.read())
    except urllib.error.HTTPError:
        return TargetRecord(url=public_url(url))
    except http.client.InvalidURL as error:
        raise UserError(f"--host {public_url(url)}: not an address ({error})") from error
    except ValueError:
        return TargetRecord(url=public_url(url))
    except OSError as error:
        raise TargetUnreachableError(_no_answer(url, error)) from error
    except http.client.HTTPException as error:
        raise TargetUnreachableError(
            f"what listens at {public_url(url)} does not speak HTTP ({type(error).__name__}); "
            "name the service with --host"
        ) from error
    return target_record(url, document)


def target_record(url: str, document: Any) -> TargetRecord:
    """From the document of `GET /info`; a provider itself has what others have under `provider` on top."""
    provider = document.get("provider", document) if isinstance(document, dict) else None
    if not isinstance(provider, dict):
        return TargetRecord(url=public_url(url))
    mode = provider.get("mode")
    models = provider.get("models")
    return TargetRecord(
        url=public_url(url),
        provider_mode=mode if mode in {"simulated", "live"} else "unknown",
        profile=str(provider["profile"]) if provider.get("profile") else None,
        models={str(k): str(v) for k, v in models.items()} if isinstance(models, dict) else {},
        prompts_hash=str(document.get("prompts_hash", "unknown")),
        version=str(document.get("version", "unknown")),
    )


def _no_answer(url: str, error: OSError) -> str:
    """What to say of a connection that fails."""
    reason = getattr(error, "reason", error)
    if isinstance(error, ssl.SSLError) or isinstance(reason, ssl.SSLError):
        return (
            f"no TLS connection to {public_url(url)} ({_tls_reason(error, reason)}); set ca_file, or "
            "client_cert and client_key, in the user class"
        )
    text = getattr(reason, "strerror", None) or str(reason)
    return f"the service at {public_url(url)} does not answer ({text}); start it, or name another with --host"


def _tls_reason(*errors: BaseException) -> str:
    """OpenSSL's words without its file and line."""
    for error in errors:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {error.verify_message}"
    reasons = (getattr(error, "reason", None) for error in errors)
    words = next((reason for reason in reasons if isinstance(reason, str)), "handshake failed")
    return words.lower().replace("_", " ")
