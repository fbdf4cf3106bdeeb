"""Leaks that packages had once, as services under load: what is said of the leaky version, and of the fixed one."""
