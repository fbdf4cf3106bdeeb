"""/healthz and /readyz: how the sidecar itself is."""

import time
from dataclasses import dataclass
from pathlib import Path

from floodmark_sidecar.store import StoreStatus
from tests.sidecar.http.conftest import MakeSite, Site, now_reading


def test_a_sidecar_that_reads_is_well(leaking: Site) -> None:
    """Version, pid, uptime and the age of the newest reading."""
    now_reading(leaking)
    health = leaking.get("/healthz")
    assert (health["status"], health["problems"]) == ("ok", [])
    assert set(health) == {"status", "version", "pid", "uptime_seconds", "last_reading_age_seconds", "problems"}
    assert 0 <= health["last_reading_age_seconds"] < 10


def test_a_sidecar_that_does_not_read_fails(leaking: Site) -> None:
    """A watched service runs, and the newest reading is old."""
    answer = leaking.client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert answer.json()["problems"] == ["no service was read in the last 4 intervals"]


def test_a_service_that_has_ended_is_no_fault_of_the_sidecar(leaking: Site) -> None:
    """There is nothing left to read."""
    leaking.looks.roots = {"web": (100, False)}
    assert leaking.get("/healthz")["status"] == "ok"


@dataclass
class _Full:
    def status(self) -> StoreStatus:
        return StoreStatus(1, 2, "there is no room on the disk for the store h.db", 3, 0)


def test_a_full_disk_is_said_and_the_sidecar_goes_on(leaking: Site) -> None:
    """Degraded is not dead: a restart would not make room, and what is there is served."""
    now_reading(leaking)
    object.__setattr__(leaking.state, "store", _Full())
    health = leaking.get("/healthz")
    assert health["status"] == "degraded"
    assert health["problems"] == ["there is no room on the disk for the store h.db"]
    assert leaking.get("/api/v1/growth")["t"]
    assert "floodmark_store_failed_writes_total 3.0" in leaking.client.get("/metrics").text


def test_a_folder_that_cannot_be_kept_within_its_limits_is_said(leaking: Site, tmp_path: Path) -> None:
    """Degraded, and counted: the disk fills up."""
    now_reading(leaking)
    retention = leaking.state.captures.retention
    assert retention is not None
    (tmp_path / "captures").rmdir()
    retention.apply()
    health = leaking.get("/healthz")
    assert health["status"] == "degraded"
    assert health["problems"] == ["the folder for captures cannot be read: No such file or directory"]
    assert "floodmark_capture_files_stuck 0.0" in leaking.client.get("/metrics").text


def test_readiness_waits_for_every_watched_service(make_site: MakeSite) -> None:
    """Ready when each was read once."""
    site = make_site()
    assert site.get("/readyz") == {"ready": True, "waiting_for": []}
    site.looks.roots = {"web": (1, True)}
    answer = site.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "waiting_for": ["web"]})


def test_uptime_counts(site: Site) -> None:
    """It is seconds since the sidecar began."""
    object.__setattr__(site.state, "started", time.time() - 100)
    assert 100 <= site.get("/healthz")["uptime_seconds"] < 130
