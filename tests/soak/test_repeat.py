"""The main job several times: the table that is written down."""

from floodmark_soak.repeat import Attempt, table

LEAKY = {
    "verdict": "climbing",
    "slope_bytes_per_hour": {"estimate": 300 * 1024**2, "low": 290 * 1024**2, "high": 310 * 1024**2},
    "culprits": [{"where": "image_pipeline/scanner.py:91"}],
    "captures": {"taken": 10, "refused": [], "worst_stall_seconds": 0.0031},
}


def test_a_row_tells_both_verdicts_the_culprits_and_the_cost() -> None:
    """Where it was measured stands above; a stranger can run the same command."""
    text = table([Attempt(0, 310.0, LEAKY, {"verdict": "steady"})], command="make soak-five", commit="a1b2c3d")

    for fact in ("make soak-five", "- commit: a1b2c3d", "- machine: ", "- date: "):
        assert fact in text
    assert "| 0 | climbing | +300 MiB/h (+290 MiB/h to +310 MiB/h) | image_pipeline/scanner.py:91 | steady |" in text
    assert "3.1 ms" in text


def test_a_run_without_a_result_is_a_row_all_the_same() -> None:
    """What fell short is written down as it is."""
    assert "| 6 | no result | - | - | no result | - | - |" in table(
        [Attempt(6, 3.0, {}, {})], command="x", commit="a1b2c3d"
    )
