"""What can be measured, each written once: intervals, ulps, leaks, roles of parameters, and the slow twins."""
