"""The soak runner: starts a service, loads it, judges whether its memory keeps climbing."""
