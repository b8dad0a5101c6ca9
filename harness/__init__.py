"""Load-testing and benchmarking harness for LLM-agent services, built on Locust."""

__version__ = "0.1.0"
