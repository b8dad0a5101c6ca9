"""The model layer: agno's Groq over the groq SDK, with one visible retry layer and a record of every call.

It knows nothing of cases. The same code calls the simulator and Groq itself; only the address and the key
differ.
"""

from target_app.provider._calls import CallRecord, CallScope, call_scope
from target_app.provider._groq import MeteredGroq
from target_app.provider._layer import ProviderLayer, request_params
from target_app.provider._prices import cost_usd
from target_app.provider._probe import ProviderProbe, ProviderState
from target_app.provider._retry import RetryPolicy
from target_app.provider._wire import Completion

__all__ = [
    "CallRecord",
    "CallScope",
    "Completion",
    "MeteredGroq",
    "ProviderLayer",
    "ProviderProbe",
    "ProviderState",
    "RetryPolicy",
    "call_scope",
    "cost_usd",
    "request_params",
]
