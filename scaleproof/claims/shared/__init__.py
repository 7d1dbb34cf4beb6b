"""What claims of several families share."""
