"""False statements, a file for each checker: none may be accepted; true ones of their shape stay accepted."""
