"""The part of floodmark that runs inside a foreign service: standard library only, quiet, and easily switched off.

`start` and `stop` are for a service that loads the agent in code; `environment` is for those who start services.
"""

from floodmark_sidecar.agent._environment import environment
from floodmark_sidecar.agent._lifecycle import start, stop

__all__ = ["environment", "start", "stop"]
