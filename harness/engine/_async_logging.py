"""Logging's locks, fit for native threads beside gevent's hub.

A process that forks holds the lock of `logging` meanwhile. gevent's own fork, in a native thread, may
not come back (groq's SDK starts a subprocess there, to learn the platform), and the next `getLogger`
on the asyncio loop would wait for ever, with all its users. Locks of the operating system that are made
here are not the ones that a fork holds. They do not keep greenlets of one thread apart, and need not:
those change places only where a handler waits for something.
"""

import logging
from typing import Any, Final

from gevent import monkey

_NativeRLock: Final[Any] = monkey.get_original("_thread", "RLock")


def use_native_locks() -> None:
    """Give the logging module, every handler there is and every one to come locks of the operating system."""
    module: Any = logging
    module._lock = _NativeRLock()
    for reference in list(module._handlerList):
        handler = reference()
        if handler is not None:
            handler.lock = _NativeRLock()
    module.Handler.createLock = _create_lock


def _create_lock(handler: Any) -> None:
    handler.lock = _NativeRLock()
    module: Any = logging
    module._register_at_fork_reinit_lock(handler)
