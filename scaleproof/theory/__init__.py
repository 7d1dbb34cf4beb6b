"""What theory predicts: closed forms, constants with enclosures, rounding models; no torch."""
