"""Small faults in modules and theory, each of which some claim or unit test has to notice."""
