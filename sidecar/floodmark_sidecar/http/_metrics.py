"""`/metrics`: one custom collector on a registry of its own, read from the newest sample of each service."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from floodmark_sidecar.http._state import State

_WORKER: Final = (
    ("uss_bytes", "Memory that only this worker uses."),
    ("swap_bytes", "Memory of the worker that is swapped out."),
    ("rss_bytes", "Resident memory, shared pages included."),
    ("pss_bytes", "Resident memory, shared pages divided among those who share them."),
    ("fds", "Open file descriptors."),
    ("threads", "Threads."),
    ("children", "Child processes that run."),
    ("zombies", "Child processes that ended and that it has not waited for."),
    ("tasks", "Asyncio tasks."),
    ("python_blocks", "Memory blocks that the interpreter has allocated."),
    ("heap_used_bytes", "C heap in use."),
    ("heap_free_bytes", "C heap that is free but kept."),
    ("mmap_bytes", "C heap in mappings of its own."),
)
_EVICTIONS: Final = ("expired", "size")
_SLOPES: Final = (("estimate", ""), ("low", "_low"), ("high", "_high"))


class _Collector:
    """Turns the newest samples into metrics. Pids are in `floodmark_worker_info` alone: slots stay, pids do not."""

    def __init__(self, state: State) -> None:
        self._state = state

    def describe(self) -> Iterable[Metric]:
        """Return nothing: names depend on what is watched."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family."""
        yield from self._of_workers()
        yield from self._of_maps()
        yield from self._of_slopes()
        yield from self._of_sidecar()

    def _of_workers(self) -> Iterator[Metric]:
        rows = [
            (sample.service, life, reading)
            for sample in self._state.seen.latest.values()
            for life, reading in sample.rows
        ]
        for name, text in _WORKER:
            family = GaugeMetricFamily(f"floodmark_worker_{name}", text, labels=("service", "worker"))
            for service, life, reading in rows:
                value = getattr(reading, name)
                if value is not None:
                    family.add_metric((service, life.worker), value)
            yield family
        requests = CounterMetricFamily(
            "floodmark_worker_requests", "Requests the worker has served.", labels=("service", "worker")
        )
        info = InfoMetricFamily(
            "floodmark_worker", "The process that holds the worker's slot now.", labels=("service", "worker")
        )
        for service, life, reading in rows:
            if reading.requests_total is not None:
                requests.add_metric((service, life.worker), reading.requests_total)
            about = {"pid": str(life.pid), "life": str(life.life), "agent": life.agent, "python": life.python or ""}
            info.add_metric((service, life.worker), about)
        yield requests
        yield info

    def _of_maps(self) -> Iterator[Metric]:
        labels = ("service", "worker", "map")
        entries = GaugeMetricFamily("floodmark_map_entries", "Entries of a registered map.", labels=labels)
        bound = GaugeMetricFamily(
            "floodmark_map_max_entries", "Bound of a registered map, if it has one.", labels=labels
        )
        size = GaugeMetricFamily("floodmark_map_bytes", "Bytes of a registered map, if it weighs them.", labels=labels)
        adds = CounterMetricFamily("floodmark_map_adds", "Entries added to a registered map.", labels=labels)
        evictions = CounterMetricFamily(
            "floodmark_map_evictions", "Entries a registered map dropped by itself.", labels=(*labels, "cause")
        )
        too_soon = CounterMetricFamily(
            "floodmark_map_evicted_before_ttl",
            "Entries a registered map gave up for room although their time was not over.",
            labels=labels,
        )
        warnings = CounterMetricFamily(
            "floodmark_map_warnings", "Times a registered map grew past its warn_at.", labels=labels
        )
        for sample in self._state.seen.latest.values():
            for life, reading in sample.rows:
                for found in reading.maps:
                    at = (sample.service, life.worker, found.name)
                    entries.add_metric(at, found.entries)
                    for family, value in (
                        (bound, found.maxsize),
                        (size, found.bytes),
                        (adds, found.adds),
                        (too_soon, found.evicted_before_ttl),
                        (warnings, found.warnings),
                    ):
                        if value is not None:
                            family.add_metric(at, value)
                    for cause in _EVICTIONS:
                        if cause in found.removals:
                            evictions.add_metric((*at, cause), found.removals[cause])
        yield from (entries, bound, size, adds, evictions, too_soon, warnings)

    def _of_slopes(self) -> Iterator[Metric]:
        families = {
            key: GaugeMetricFamily(
                f"floodmark_leak_slope_bytes_per_hour{suffix}",
                f"Growth of the service's memory, {key}.",
                labels=("service",),
            )
            for key, suffix in _SLOPES
        }
        climbing = GaugeMetricFamily("floodmark_leak_climbing", "1 while the verdict is climbing.", labels=("service",))
        for service, sample in self._state.seen.latest.items():
            assessment = self._state.assessments.cached(service)
            if assessment is None or not sample.rows:
                continue
            climbing.add_metric((service,), assessment.verdict.verdict == "climbing")
            slope = assessment.verdict.as_dict().get("slope_bytes_per_hour") or {}
            for key, family in families.items():
                if slope.get(key) is not None:
                    family.add_metric((service,), slope[key])
        yield from (*families.values(), climbing)

    def _of_sidecar(self) -> Iterator[Metric]:
        status, age = self._state.store.status(), self._state.last_reading_age
        yield GaugeMetricFamily("floodmark_store_bytes", "Store on disk, WAL included.", value=status.size_bytes)
        yield GaugeMetricFamily("floodmark_store_max_bytes", "Cap of the store.", value=status.cap_bytes)
        yield CounterMetricFamily("floodmark_store_failed_writes", "Writes that were lost.", value=status.failed)
        yield CounterMetricFamily(
            "floodmark_store_pruned_readings", "Readings deleted to stay under the cap.", value=status.pruned
        )
        captures = CounterMetricFamily(
            "floodmark_captures",
            "Captures that were asked for, by what came of them.",
            labels=("service", "kind", "outcome"),
        )
        for labels, count in self._state.captures.counts.items():
            captures.add_metric(labels, count)
        yield captures
        if self._state.captures.retention is not None:
            kept = self._state.captures.retention.status
            yield GaugeMetricFamily("floodmark_capture_files", "Capture files that are kept.", value=kept.files)
            yield GaugeMetricFamily("floodmark_capture_bytes", "Capture files on disk.", value=kept.bytes)
            yield GaugeMetricFamily(
                "floodmark_capture_files_stuck",
                "Capture files that should make room and cannot be removed.",
                value=kept.stuck,
            )
        if age is not None:
            yield GaugeMetricFamily("floodmark_last_reading_age_seconds", "Age of the newest reading.", value=age)


class Metrics:
    """Writes the metrics of one sidecar in whichever exposition format the scraper accepts."""

    def __init__(self, state: State) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(state))

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return (body, content type)."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type
