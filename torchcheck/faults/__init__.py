"""Modules and optimizers broken in one named way each, one file a family; a claim's check must notice its fault."""
