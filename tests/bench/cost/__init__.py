"""What floodmark costs a service under load, beside what others cost it: `make bench-cost`."""
