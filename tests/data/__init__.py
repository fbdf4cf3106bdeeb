"""Recorded traces of real soaks, and the recorder that makes them."""
