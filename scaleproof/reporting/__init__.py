"""The run record and what people read of it; knows nothing but the record."""
