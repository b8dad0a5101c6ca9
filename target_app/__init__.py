"""The bundled service under test: a medical-case assistant of agno agents behind FastAPI.

Importing the package turns agno's telemetry off. agno reads the variable again at every run, and only the
string "true" means on; setting it here puts it in place before any module of ours can import agno, in every
worker process and in every test.
"""

import os

os.environ["AGNO_TELEMETRY"] = "false"
