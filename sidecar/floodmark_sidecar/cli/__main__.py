"""`python -m floodmark_sidecar.cli`: the command line without its script."""

import sys

from floodmark_sidecar.cli import main

sys.exit(main())
