"""A copy of the bundled service in which nothing that leaks has its name any more."""

import re
import shutil
from pathlib import Path
from typing import Final

from .running import SCENARIOS

_CLASSES: Final = {"EventListener": "Doorbell", "Scanner": "Lookout", "Scheduler": "Foreman"}
_ATTRIBUTES: Final = {
    "event_listener.py": {"processed": "rung_before"},
    "scanner.py": {"processed": "spotted"},
    "scheduler.py": {"move_locks": "gates", "pending_inference": "in_hand"},
}

NAMES: Final = {
    "rung_before": "image_pipeline/event_listener.py",
    "spotted": "image_pipeline/scanner.py",
    "gates": "image_pipeline/scheduler.py",
    "in_hand": "image_pipeline/scheduler.py",
}
"""The four attributes' new names, and where each is made."""


def renamed_copy(target: Path) -> Path:
    """Make the copy below `target` and return its plan, that of the leaky variant.

    The bounded variant is left out: the leaky one must not need it.
    """
    package = target / "image_pipeline"
    package.mkdir(parents=True)
    for source in sorted((SCENARIOS / "image_pipeline").iterdir()):
        if source.suffix == ".py" and source.name != "bounded.py":
            text = source.read_text()
            for old, new in _CLASSES.items():
                text = text.replace(old, new)
            for old, new in _ATTRIBUTES.get(source.name, {}).items():
                text = re.sub(rf"\b{old}\b", new, text)
            (package / source.name).write_text(text)
    return Path(shutil.copy(SCENARIOS / "image_pipeline" / "leaky.toml", package / "renamed.toml"))
