"""The bundled services, and what a run over both variants ends with."""

import pytest

from floodmark_sidecar.errors import UsageError, first_of
from floodmark_soak._builtin import builtin_plan, proof


def test_an_unknown_service_is_told_what_there_is() -> None:
    """The hint names the bundled services."""
    with pytest.raises(UsageError, match="no bundled service 'nope'") as caught:
        builtin_plan("nope", "leaky")

    assert "image-pipeline" in caught.value.hint


def test_an_unknown_variant_is_told_what_there_is() -> None:
    """The hint names the variants of that service."""
    with pytest.raises(UsageError, match="no variant 'nope'") as caught:
        builtin_plan("image-pipeline", "nope")

    assert caught.value.hint == "it has bounded and leaky"


@pytest.mark.parametrize(
    ("leaky", "bounded", "expected"),
    [
        (1, 0, 0),
        (0, 0, 7),
        (3, 0, 7),
        (1, 1, 1),
        (1, 3, 3),
        (0, 1, 1),
        (3, 3, 7),
        (4, 0, 4),
        (1, 4, 4),
        (5, 1, 1),
        (6, 1, 6),
        (1, 130, 130),
        (0, 5, 5),
    ],
)
def test_both_variants_together_prove_the_gate(leaky: int, bounded: int, expected: int) -> None:
    """Zero exactly when the leak was caught and its absence was seen; else the first of the documented order."""
    assert proof({"leaky": leaky, "bounded": bounded}) == expected


def test_an_interrupted_proof_is_interrupted() -> None:
    """With one variant run and stopped there is nothing else to say."""
    assert proof({"leaky": 130}) == 130


def test_the_order_of_exit_codes_is_the_documented_one() -> None:
    """Each code wins over all that come after it."""
    order = [130, 6, 1, 4, 5, 7, 3, 2, 0]
    for index, code in enumerate(order):
        assert first_of(order[index:]) == code
