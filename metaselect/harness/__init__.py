"""Fine-tuning runs that make transfer gains (needs the harness extra)."""
