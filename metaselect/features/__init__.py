"""What is known of an intermediate, a target, a language, and of their pairs."""
