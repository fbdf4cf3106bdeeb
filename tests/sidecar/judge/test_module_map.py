"""The map of the judge's modules in the docstring of its package."""

import re
from pathlib import Path

from floodmark_sidecar import judge


def test_the_map_names_every_module_and_no_other() -> None:
    """Who opens the package finds each of its modules told of, and none that is not there."""
    assert judge.__doc__ is not None
    named = set(re.findall(r"`(_\w+)`", judge.__doc__))

    assert named == {file.stem for file in Path(judge.__file__).parent.glob("_*.py")} - {"__init__"}
