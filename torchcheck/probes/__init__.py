"""One file for each thing that is measured; `torchcheck.data.Task.probe` names the functions."""
