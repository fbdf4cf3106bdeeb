"""/metrics, as a scraper reads it."""

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

from tests.sidecar.http.conftest import Site

TEXT = "text/plain; version=0.0.4"
OPEN = "application/openmetrics-text; version=1.0.0"


def _samples(site: Site) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = site.client.get("/metrics", headers={"Accept": TEXT}).text
    families = parser.text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def _at(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_workers_are_labelled_by_slot(leaking: Site) -> None:
    """Base units; the pid is in the info alone."""
    samples = _samples(leaking)
    assert samples["floodmark_worker_uss_bytes", _at(service="web", worker="web-1")] > 50_000_000
    assert samples["floodmark_worker_fds", _at(service="web", worker="web-0")] == 9
    with_pid = {name for name, labels in samples if "pid" in dict(labels)}
    assert with_pid == {"floodmark_worker_info"}


def test_maps_and_their_evictions_are_told_by_cause(leaking: Site) -> None:
    """What was not measured is absent and not zero."""
    samples = _samples(leaking)
    locks, seen = ({"service": "web", "worker": "web-1", "map": name} for name in ("locks", "seen"))
    assert samples["floodmark_map_entries", _at(**locks)] == 159_000
    assert ("floodmark_map_max_entries", _at(**locks)) not in samples
    assert samples["floodmark_map_max_entries", _at(**seen)] == 50
    assert samples["floodmark_map_evictions_total", _at(**seen, cause="size")] == 159
    assert samples["floodmark_map_evictions_total", _at(**seen, cause="expired")] == 2


def test_a_map_that_repeats_work_or_nears_its_bound_can_alert(leaking: Site) -> None:
    """A processed-set that forgets too soon, and a size past `warn_at`, are counters of their own."""
    samples = _samples(leaking)
    locks, seen = ({"service": "web", "worker": "web-1", "map": name} for name in ("locks", "seen"))
    assert samples["floodmark_map_evicted_before_ttl_total", _at(**seen)] == 79
    assert samples["floodmark_map_warnings_total", _at(**seen)] == 1
    assert ("floodmark_map_warnings_total", _at(**locks)) not in samples


def test_the_slope_is_told_with_its_interval(leaking: Site) -> None:
    """Low, estimate and high are in order, and the verdict is a number too."""
    samples = _samples(leaking)
    low, slope, high = (
        samples[f"floodmark_leak_slope_bytes_per_hour{suffix}", _at(service="web")] for suffix in ("_low", "", "_high")
    )
    assert 0 < low <= slope <= high
    assert samples["floodmark_leak_climbing", _at(service="web")] == 1


@pytest.mark.parametrize("accept", [TEXT, OPEN, "", "*/*"])
def test_both_formats_are_well_formed(leaking: Site, accept: str) -> None:
    """The scraper chooses; each format parses whole, with one family a name."""
    answer = leaking.client.get("/metrics", headers={"Accept": accept})
    is_open = answer.headers["content-type"].startswith("application/openmetrics-text")
    assert is_open == (accept == OPEN)
    parse = open_parser.text_string_to_metric_families if is_open else parser.text_string_to_metric_families
    names = [family.name for family in parse(answer.text)]
    assert len(names) == len(set(names)) > 20


def test_captures_that_were_lost_can_alert(leaking: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a worker refused are counted beside those that were written."""
    counts = {("web", "census", "refused"): 3, ("web", "trace", "written"): 1}
    monkeypatch.setattr(type(leaking.state.captures), "counts", counts)
    samples = _samples(leaking)
    assert samples["floodmark_captures_total", _at(service="web", kind="census", outcome="refused")] == 3
    assert samples["floodmark_captures_total", _at(service="web", kind="trace", outcome="written")] == 1


def test_nothing_watched_is_no_error(site: Site) -> None:
    """The sidecar's own metrics are always there."""
    assert ("floodmark_store_bytes", frozenset()) in _samples(site)
