"""The claims, one file a source family, and what carries them: plan, prove, predict, measure, judge."""
