"""The load of the bundled service. With ``CONTROL_CLOSE=1`` each image comes over a connection of its own.

Cameras that keep their connections all go over to the other worker when theirs ends, and stay there: each worker is idle
for the first half of its life. With new connections the workers share the load.
"""

import os

from floodmark_soak.scenarios.image_pipeline import locustfile


class Camera(locustfile.Camera):
    """One of several cameras that share the rate evenly."""

    default_headers = {"Connection": "close"} if os.environ.get("CONTROL_CLOSE") == "1" else None
