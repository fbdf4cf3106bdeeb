"""What can be set about the service."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

Variant = Literal["leaky", "bounded"]

_VARIABLE = "IMAGE_PIPELINE_SETTINGS"


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's settings; times are seconds.

    `processed_bound` must be more than the images one finder can meet while a file may lie in the input folder
    (`abandon` seconds), or a file would be found twice; `pending_ttl` must be more than `abandon`, so that the flag of
    a lost image outlives its file.
    """

    variant: Variant = "leaky"
    failures: float = 0.05
    processed_bound: int = 1_500
    pending_ttl: float = 10.0
    archive_limit: int = 300
    scan_every: float = 0.25
    settle: float = 0.5
    abandon: float = 8.0
    inference_workers: int = 2
    move_workers: int = 2
    backlog: int = 500

    def to_environment(self) -> dict[str, str]:
        """The variable that carries these settings to a worker process."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings a parent process left in the environment, or the defaults."""
        return cls(**json.loads(environ.get(_VARIABLE, "{}")))
