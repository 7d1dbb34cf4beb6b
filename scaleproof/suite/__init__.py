"""What turns claims into results: the registry, the judge, the runner."""
