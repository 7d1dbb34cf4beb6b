"""What a sound variant has, kind by kind, and the check that tells whether yours has it."""
