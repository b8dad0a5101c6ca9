"""A simulator of Groq's chat completions.

Real wire format, seeded latency from named profiles, rate limits and faults on request, and answers that
follow from the prompt.
"""

from target_app.inference._app import InferenceApp
from target_app.inference._faults import FaultError
from target_app.inference._limits import LimitsError
from target_app.inference._profile import ModelProfile, Profile, ProfileError, load_profile, parse_profile
from target_app.inference._server import server_config

__all__ = [
    "FaultError",
    "InferenceApp",
    "LimitsError",
    "ModelProfile",
    "Profile",
    "ProfileError",
    "load_profile",
    "parse_profile",
    "server_config",
]
