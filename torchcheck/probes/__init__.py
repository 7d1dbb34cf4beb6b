"""One file for each thing that is measured; `torchcheck.task.Task.probe` names the functions."""
