"""A simulator of Groq's chat completions.

Real wire format, seeded latency from named profiles, and answers that follow from the prompt.
"""

from target_app.inference._app import InferenceApp
from target_app.inference._profile import ModelProfile, Profile, ProfileError, load_profile, parse_profile

__all__ = ["InferenceApp", "ModelProfile", "Profile", "ProfileError", "load_profile", "parse_profile"]
