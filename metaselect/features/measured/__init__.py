"""What is measured of tasks and languages with an encoder and data, where cards say nothing."""
