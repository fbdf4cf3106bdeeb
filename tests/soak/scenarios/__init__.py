"""Tests of the bundled scenarios, and applications that soak runs are tried on."""
