"""The yardstick of culprit naming: tiny services that leak in a known place, and what is to be said of each."""
