"""What tasks and languages are: facts, each with its source."""
