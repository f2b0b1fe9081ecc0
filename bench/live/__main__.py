"""`python -m bench.live`, which is `make bench-live`."""

from bench.live.run import main

main()
