"""The benchmark: chains through mcc against the same chains written by hand in C."""
