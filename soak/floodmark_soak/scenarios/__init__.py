"""Services that come with floodmark, each with its load and its plans.

A scenario is an ordinary application: it is started from this folder by its own command (``python -m image_pipeline``)
and knows nothing of the soak runner.
"""
