"""Locust's own command line with a writing pace that suits a run of any length.

Run as `python -P -m floodmark_soak._locust`, never imported: locust replaces half the standard library in its process.
"""

import os
import sys

from locust import stats
from locust.main import main

_every = float(os.environ["FLOODMARK_LOAD_EVERY"])
stats.CSV_STATS_INTERVAL_SEC = _every
stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0
# The history in memory serves locust's own charts, which are never drawn here; it grows by an entry each time.
stats.HISTORY_STATS_INTERVAL_SEC = 3600
sys.argv[0] = "locust"
main()
